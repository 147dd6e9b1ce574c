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

// keySet is the public keys of an issuer that we use.
type keySet []jose.JSONWebKey

// fit returns the keys that may have made a signature. The kind of key says
// what a token's algorithm may be, never the other way round.
func (s keySet) fit(h header) []crypto.PublicKey {
	var fitting []crypto.PublicKey
	for _, key := range s {
		if (h.Kid == "" || h.Kid == key.KeyID) && (key.Algorithm == "" || key.Algorithm == h.Alg) && makes(key.Key, h.Alg) {
			fitting = append(fitting, key.Key)
		}
	}
	return fitting
}

// makes reports whether signatures of this algorithm are made with such a key.
func makes(key any, alg string) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return (alg == "RS256" || alg == "PS256") && key.N.BitLen() >= minRSA && key.N.BitLen() <= maxRSA
	case *ecdsa.PublicKey:
		return alg == "ES256" && key.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false // a secret, or a private key that should not be there
}

// Reach asks an issuer for its keys as if a viewer's token needed them, and
// remembers nothing. An error says why no viewer of it could be known.
func (v *Viewers) Reach(ctx context.Context, issuer string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	set, err := v.fetch(ctx, issuer)
	if err == nil && len(set) == 0 {
		err = errors.New("it publishes no key that tokens could be verified with")
	}
	if err != nil {
		return errors.New(brief(err.Error()))
	}
	return nil
}

// fetch asks an issuer where its keys are, and for them.
func (v *Viewers) fetch(ctx context.Context, issuer string) (keySet, error) {
	calls := outbound{v.guard, v.next, maxDocument}
	client := &http.Client{Transport: calls, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, client), issuer)
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	// It names itself as the project does: its word counts for this issuer.
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

// get reads a whole answer.
func (o outbound) get(ctx context.Context, address string) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("not at a URL")
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

// readKeys reads a JWK set. Keys that we do not understand or would not use
// are somebody else's; a set in which nothing is ours is one of no keys.
func readKeys(body []byte) (keySet, error) {
	var document struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(body, &document); err != nil || document.Keys == nil {
		return nil, errors.New("keys: not a JSON Web Key set")
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
