package service

import (
	"fmt"
	"time"

	"playtoken/httpserver"
	"playtoken/reload"
	"playtoken/settings"
)

// OpenTLS returns the certificate that the settings name, nil if they name none.
// The reloader reads its files again as they change, and watch gets what tells when
// the one in use ends. Errors: settings.Error.
func OpenTLS(set settings.TLS, files *reload.Reloader, watch func(expires func() time.Time) error) (*httpserver.Certificate, error) {
	if set.Cert == "" {
		return nil, nil
	}
	certificate, err := OpenCertificate(set)
	if err != nil {
		return nil, settings.Error{fmt.Errorf("PLAYTOKEN_TLS_CERT: %w", err)}
	}
	files.Add("PLAYTOKEN_TLS_CERT", certificate.Look)
	return certificate, watch(certificate.Expires)
}

// OpenCertificate reads the certificate that the settings name.
func OpenCertificate(set settings.TLS) (*httpserver.Certificate, error) {
	return httpserver.OpenCertificate(httpserver.CertificateFiles{Cert: set.Cert, Key: set.Key, ClientCA: set.ClientCA})
}
