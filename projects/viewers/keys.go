package viewers

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxDocument = 256 << 10 // of an issuer
	maxKeys     = 100
	minRSA      = 2048 // bits
	maxRSA      = 8192
)

// keySet is the usable public keys of an issuer.
type keySet []jose.JSONWebKey

// fit returns the keys that may verify a token. The kind of key decides which
// algorithms are accepted; the token's header does not.
func (s keySet) fit(h header) []crypto.PublicKey {
	var fitting []crypto.PublicKey
	for _, key := range s {
		if (h.Kid == "" || h.Kid == key.KeyID) && (key.Algorithm == "" || key.Algorithm == h.Alg) && makes(key.Key, h.Alg) {
			fitting = append(fitting, key.Key)
		}
	}
	return fitting
}

// makes reports whether a key of this kind can be used with an algorithm.
func makes(key any, alg string) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return (strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS")) && key.N.BitLen() >= minRSA && key.N.BitLen() <= maxRSA
	case *ecdsa.PublicKey:
		return alg == map[elliptic.Curve]string{elliptic.P256(): "ES256", elliptic.P384(): "ES384", elliptic.P521(): "ES512"}[key.Curve]
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false // a symmetric or private key, which should not be published
}

// Reach reads an issuer's keys as for a viewer's token, and caches nothing. The
// error says why no viewer of this issuer could be identified.
func (v *Viewers) Reach(ctx context.Context, issuer string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	set, err := v.fetch(ctx, issuer)
	if err == nil && len(set) == 0 {
		err = errors.New("it publishes no key that can verify tokens")
	}
	if err != nil {
		return errors.New(brief(err.Error()))
	}
	return nil
}

// fetch reads an issuer's discovery document, and its keys.
func (v *Viewers) fetch(ctx context.Context, issuer string) (keySet, error) {
	calls := outbound{guard: v.guard, next: v.next, max: maxDocument}
	client := &http.Client{Transport: calls, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, client), issuer)
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	// NewProvider has checked that the document names this issuer.
	var document struct {
		KeysURL string `json:"jwks_uri"`
	}
	if err := provider.Claims(&document); err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	body, err := calls.get(ctx, document.KeysURL)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return readKeys(body)
}

// get reads a whole response.
func (o outbound) get(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("jwks_uri is not a URL")
	}
	req := (&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{"Accept": {"application/json"}}}).WithContext(ctx)
	resp, err := o.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", resp.StatusCode)
	}
	return io.ReadAll(resp.Body)
}

// readKeys reads a JWK set. Keys of unknown kinds or for other uses are ignored, so
// that a set may be empty.
func readKeys(body []byte) (keySet, error) {
	var document struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(body, &document); err != nil || document.Keys == nil {
		return nil, errors.New("keys: the response is not a JSON Web Key set")
	}
	set := keySet{}
	for _, value := range document.Keys[:min(len(document.Keys), maxKeys)] {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(value) != nil || key.Use != "" && key.Use != "sig" {
			continue
		}
		set = append(set, key)
	}
	return set, nil
}
