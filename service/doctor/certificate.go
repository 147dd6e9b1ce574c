package doctor

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"playtoken/service"
)

// week is how long before its end a certificate is a problem: renewals begin weeks
// earlier.
const week = 7 * 24 * time.Hour

// certificate examines the certificate of the service, where it has one.
func (d examination) certificate(context.Context) []Finding {
	set := d.service.Settings
	if set.TLS.Cert == "" {
		return nil
	}
	read, err := service.OpenCertificate(set.TLS)
	if err != nil {
		return one(failure(CertificateUnusable, err, Data{}))
	}
	until := Data{Until: read.Expires()}
	if time.Until(until.Until) < week {
		return one(newFinding(CertificateEndsSoon, "ends at "+moment(until.Until), until))
	}
	if public, err := url.Parse(set.PublicURL); err == nil && public.Hostname() != "" {
		if err := read.Leaf().VerifyHostname(public.Hostname()); err != nil {
			return one(newFinding(CertificateOtherHost, fmt.Sprintf("is not for %s", public.Hostname()), until))
		}
	}
	return one(newFinding(CertificateGood, "lasts until "+moment(until.Until), until))
}
