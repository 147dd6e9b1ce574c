package cloudfront

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"playtoken/platforms/jwtkeys"
	"playtoken/signer"
	"playtoken/store"
)

// form is what the tokens of one account are. It is safe for concurrent use.
type form struct {
	urls     signer.URLs // templates
	resource string      // template: what a token opens
	canned   bool        // the policy is not sent: CloudFront makes it of the URL
	sha1     bool
	cookies  bool
	back     time.Duration // the policy begins so long before it is signed; 0: no start
	bits     int           // of an address that a policy names
	maxTTL   time.Duration
}

var _ signer.Form = (*form)(nil)

// schemes by kind of key, over SHA-1 and over SHA-256.
var schemes = map[store.Kind][2]signer.Scheme{
	store.RSA2048:   {signer.RSASHA1, signer.RS256},
	store.ECDSAP256: {signer.ECDSASHA1, signer.ECDSASHA256},
}

// Statement implements [signer.Form].
func (f *form) Statement(req signer.Request, kind store.Kind, issued, expires time.Time) (signer.Statement, error) {
	scheme, ok := f.scheme(kind)
	if !ok {
		return signer.Statement{}, fmt.Errorf("CloudFront takes no keys of the kind %s", kind)
	}
	if err := f.accepts(req, expires.Sub(issued)); err != nil {
		return signer.Statement{}, err
	}
	network, err := f.network(req.Viewer.IP)
	if err != nil {
		return signer.Statement{}, err
	}
	p := policy{resource: of(f.resource, req.VideoID), ends: expires, network: network}
	if f.back > 0 {
		p.starts = issued.Add(-f.back)
	}
	return signer.Statement{Scheme: scheme, Message: []byte(p.text())}, nil
}

func (f *form) scheme(kind store.Kind) (signer.Scheme, bool) {
	both, ok := schemes[kind]
	if f.sha1 {
		return both[0], ok
	}
	return both[1], ok
}

func (f *form) accepts(req signer.Request, life time.Duration) error {
	switch {
	case req.VideoID == signer.AllVideos:
		return fmt.Errorf("%w: a token of this project is for one video", signer.ErrNotEnforceable)
	case !jwtkeys.IsID(req.VideoID):
		return fmt.Errorf("%w: want 1 to 64 of A-Z, a-z, 0-9, _ and -", signer.ErrVideo)
	case life > f.maxTTL:
		return fmt.Errorf("%w: max_ttl of the project's settings is %d seconds", signer.ErrTTL, f.maxTTL/time.Second)
	case len(req.Claims) > 0:
		return fmt.Errorf("%w: a policy of CloudFront has no claims", signer.ErrClaim)
	case req.Viewer.ID != "":
		return fmt.Errorf("%w: CloudFront knows viewers by their addresses alone", signer.ErrNotEnforceable)
	case req.DRMPolicy != "":
		return fmt.Errorf("%w: this platform has no DRM policies", signer.ErrNotEnforceable)
	case len(req.Kinds) > 0:
		return fmt.Errorf("%w: tokens of this platform have no kinds", signer.ErrNotEnforceable)
	}
	return nil
}

// network is what a policy says about an address: it, or its surroundings.
func (f *form) network(ip string) (string, error) {
	if ip == "" {
		return "", nil
	}
	if f.canned {
		return "", fmt.Errorf("%w: a canned policy names no address: set policy to custom", signer.ErrNotEnforceable)
	}
	address, err := netip.ParseAddr(ip)
	if address = address.Unmap(); err != nil || !address.Is4() {
		return "", fmt.Errorf("%w: CloudFront compares IPv4 addresses alone", signer.ErrNotEnforceable)
	}
	return netip.PrefixFrom(address, f.bits).Masked().String(), nil
}

// Token implements [signer.Form]: it is the query that is added to a URL, or the
// cookies, as in the header Cookie.
func (f *form) Token(signed signer.Signed) string {
	opens := pair{policyName, encode(signed.Statement.Message)}
	if f.canned {
		opens = pair{expiresName, seconds(signed.ExpiresAt)}
	}
	pairs := []pair{opens, {keyName, signed.KeyID}, {signatureName, encode(signed.Signature)}}
	if !f.sha1 {
		pairs = append(pairs, pair{hashName, "SHA256"})
	}
	prefix, between := "", "&"
	if f.cookies {
		prefix, between = cookiePrefix, "; "
	}
	texts := make([]string, len(pairs))
	for i, p := range pairs {
		texts[i] = prefix + p.name + "=" + p.value
	}
	return strings.Join(texts, between)
}

// pair is a parameter or a cookie. Nothing of its value has to be escaped.
type pair struct{ name, value string }

// URLs implements [signer.Form].
func (f *form) URLs(video, token string) signer.URLs {
	if !jwtkeys.IsID(video) {
		return signer.URLs{}
	}
	with := func(template string) string {
		switch {
		case template == "" || f.cookies:
			return of(template, video)
		case strings.Contains(template, "?"):
			return of(template, video) + "&" + token
		}
		return of(template, video) + "?" + token
	}
	return signer.URLs{HLS: with(f.urls.HLS), DASH: with(f.urls.DASH), MP4: with(f.urls.MP4), Poster: with(f.urls.Poster)}
}

// Delivery implements [signer.Form]. The signature of a canned policy is that of one
// URL, so no other request can carry it.
func (f *form) Delivery() signer.Delivery {
	switch {
	case f.cookies:
		return signer.Delivery{Place: signer.InCookie, Renew: signer.RenewByRequest}
	case f.canned:
		return signer.Delivery{Place: signer.InQuery, Renew: signer.RenewByURL}
	}
	return signer.Delivery{Place: signer.InQuery, Renew: signer.RenewByRequest}
}

// addresses are the templates of URLs that there are.
func (f *form) addresses() (all []string) {
	for _, template := range []string{f.urls.HLS, f.urls.DASH, f.urls.MP4, f.urls.Poster} {
		if template != "" {
			all = append(all, template)
		}
	}
	return all
}

var errAddresses = errors.New("hls_url, dash_url, mp4_url or poster_url: one is required")

// readResource decides what a token opens: the folder of the first URL if nothing is
// said.
func (f *form) readResource(said string) error {
	addresses := f.addresses()
	switch {
	case len(addresses) == 0:
		return errAddresses
	case f.canned && (said != "" || len(addresses) > 1 || f.back > 0):
		return errors.New("policy: a canned policy opens one URL until one time: leave out resource, starts_before and further URLs, or set it to custom")
	case said != "":
		f.resource = said
	default:
		f.resource = addresses[0]
		path, _, _ := strings.Cut(addresses[0], "?")
		if folder := path[:strings.LastIndex(path, "/")+1]; !f.canned && strings.Contains(folder, videoID) {
			f.resource = folder + "*"
		}
	}
	if f.canned {
		return nil // CloudFront compares the URL itself, without wildcards
	}
	if err := checkResource(f.resource, addresses); err != nil {
		return fmt.Errorf("resource: %s: %w", f.resource, err)
	}
	return nil
}
