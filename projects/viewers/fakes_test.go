package viewers_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"playtoken/projects"
	"playtoken/projects/viewers"
	"playtoken/secret"
)

const audience = "player"

var (
	loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

	// Keys of issuers, made once: it takes a while.
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { key, _ := rsa.GenerateKey(rand.Reader, 2048); return key })
	otherRSA = sync.OnceValue(func() *rsa.PrivateKey { key, _ := rsa.GenerateKey(rand.Reader, 2048); return key })
	ecKey    = sync.OnceValue(func() *ecdsa.PrivateKey { key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader); return key })
	ec384Key = sync.OnceValue(func() *ecdsa.PrivateKey { key, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader); return key })
	ec521Key = sync.OnceValue(func() *ecdsa.PrivateKey { key, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader); return key })
	edKey    = sync.OnceValue(func() ed25519.PrivateKey { _, key, _ := ed25519.GenerateKey(rand.Reader); return key })
)

// provider is a real OpenID provider as far as we see one: discovery, keys,
// and tokens.
type provider struct {
	t   *testing.T
	url string

	mu       sync.Mutex
	keys     []jose.JSONWebKey
	answer   func(w http.ResponseWriter, r *http.Request) bool // true: that was the answer
	document map[string]any                                    // instead of the right one
	asked    map[string]int                                    // by path
}

const (
	discoveryPath = "/.well-known/openid-configuration"
	keysPath      = "/keys"
)

func newProvider(t *testing.T, url string, keys ...jose.JSONWebKey) *provider {
	return &provider{t: t, url: url, keys: keys, asked: map[string]int{}}
}

// listen makes a provider on a real port of this machine.
func listen(t *testing.T, keys ...jose.JSONWebKey) *provider {
	p := newProvider(t, "", keys...)
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked[r.URL.Path]++
	answer, document, keys := p.answer, p.document, p.keys
	p.mu.Unlock()
	if answer != nil && answer(w, r) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case discoveryPath:
		if document == nil {
			document = map[string]any{"issuer": p.url, "jwks_uri": p.url + keysPath, "id_token_signing_alg_values_supported": []string{"RS256"}}
		}
		_ = json.NewEncoder(w).Encode(document)
	case keysPath:
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: keys})
	default:
		http.NotFound(w, r)
	}
}

// RoundTrip lets a provider be called without a network, in a bubble of time.
func (p *provider) RoundTrip(req *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.ServeHTTP(recorder, req)
	}()
	select {
	case <-done:
	case <-req.Context().Done():
		<-done // handlers of these tests end with their request
		return nil, req.Context().Err()
	}
	if recorder.Code == http.StatusTeapot {
		return nil, errors.New("connection refused")
	}
	return recorder.Result(), nil
}

func (p *provider) set(change func(*provider)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func (p *provider) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[keysPath]
}

// down is a provider that cannot be reached.
func down(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusTeapot); return true }

// hang is a provider that takes a call and says nothing.
func hang(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }

// public is what an issuer publishes of a key.
func public(kid string, key any) jose.JSONWebKey {
	jwk := jose.JSONWebKey{KeyID: kid, Key: key}
	return jwk.Public()
}

// claims are a good token's, with changes; a nil value removes.
func (p *provider) claims(changes map[string]any) map[string]any {
	now := time.Now().Unix()
	claims := map[string]any{"iss": p.url, "sub": "viewer-1", "aud": audience, "exp": now + 300, "iat": now}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	return claims
}

// token signs claims. An empty kid is left out.
func (p *provider) token(alg jose.SignatureAlgorithm, kid string, key any, changes map[string]any) secret.Value {
	payload, err := json.Marshal(p.claims(changes))
	if err != nil {
		p.t.Fatal(err)
	}
	return signed(p.t, alg, kid, key, payload, nil)
}

func signed(t *testing.T, alg jose.SignatureAlgorithm, kid string, key any, payload []byte, header map[jose.HeaderKey]any) secret.Value {
	t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{"typ": "JWT"}}
	maps.Copy(options.ExtraHeaders, header)
	if kid != "" {
		options.ExtraHeaders["kid"] = kid
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return secret.New(compact)
}

// project has the providers as its issuers.
func project(providers ...*provider) projects.Project {
	p := projects.Project{ID: "project_a", WebhookSecret: secret.New("hook-secret-canary")}
	for _, from := range providers {
		p.ViewerPolicy.Issuers = append(p.ViewerPolicy.Issuers, projects.Issuer{URL: from.url, Audiences: []string{"other", audience}})
	}
	return p
}

func newViewers(t *testing.T, config viewers.Config) *viewers.Viewers {
	t.Helper()
	if config.Allowed == nil {
		config.Allowed = loopback
	}
	v, err := viewers.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// book is a log that can be read.
type book struct {
	mu   sync.Mutex
	text []byte
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = append(b.text, p...)
	return len(p), nil
}

func (b *book) String() string { b.mu.Lock(); defer b.mu.Unlock(); return string(b.text) }

func (b *book) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(io.Writer(b), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// identify is who a token's viewer is in a project of the provider's.
func (p *provider) identify(ctx context.Context, v *viewers.Viewers, token secret.Value) (projects.Caller, error) {
	return v.Identify(ctx, project(p), token)
}
