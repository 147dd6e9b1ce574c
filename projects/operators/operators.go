// Package operators signs people in with the organisation's OpenID provider, and
// identifies them afterwards by a session token of our own.
//
// The decision a newcomer would get wrong: the provider's ID token is used once,
// when a person signs in, and never accepted as a credential of the API. Viewers
// may have the same provider, and an ID token is no proof that its bearer came here
// to operate. What a session may do is decided when it begins and ends with it; a
// change of the deployment's rule for roles ends all sessions.
//
// A sign-in goes from the person's program over the browser to the provider and
// back, and keeps nothing in between: what has to be remembered is sealed into the
// state that the provider hands back, so that any replica can finish it.
package operators

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"cel.dev/cel-go/cel"
	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"playtoken/secret"
	"playtoken/store"
)

const (
	// SessionLife is how long a session lasts.
	SessionLife = 8 * time.Hour

	signInLife = 10 * time.Minute // from the first request to the provider's answer
	codeLife   = time.Minute      // of the code that the person's program exchanges

	callTimeout   = 10 * time.Second // one call of the provider
	discoverEvery = 5 * time.Second  // at most, while the provider is away
	maxResponse   = 1 << 20          // bytes
)

// CallbackPath is where the provider sends people back to, below the service's URL.
const CallbackPath = "/v1/auth/operator/callback"

// Errors of this package. Their texts are for the person who signs in.
var (
	ErrRequest  = errors.New("this is not a sign-in that began here, or it took too long: begin again")
	ErrRedirect = errors.New("redirect_uri must be http://127.0.0.1:PORT/callback, where the program that signs in waits")
	ErrNoRole   = errors.New("the identity provider knows you, and this service gives you no role: ask its operators")
	ErrProvider = errors.New("the identity provider did not confirm the sign-in")
	ErrAway     = errors.New("the identity provider cannot be reached: try again")
)

// Secrets derives secrets that all replicas share; a [projects.Store] does.
type Secrets interface {
	// Secret returns 32 bytes, or store.ErrUnavailable.
	Secret(ctx context.Context, purpose string) ([]byte, error)
}

// Config is what sign-in needs.
type Config struct {
	Issuer       string // of the provider
	ClientID     string
	ClientSecret secret.Value // empty for a public client
	// Roles is a CEL expression over claims, the members of the ID token, that is a
	// role or "".
	Roles string
	// URL is the service's public address.
	URL string
	// Console is where the console waits for a sign-in that began there; "": there is
	// no console.
	Console   string
	Secrets   Secrets
	Documents store.Documents
	// ViewAge is for how long another replica's end of a session may be unknown
	// here; Staleness is the same while the store is unavailable, if it is longer.
	ViewAge, Staleness time.Duration

	Log       *slog.Logger      // nil: nothing is logged
	Clock     func() time.Time  // nil: time.Now
	Transport http.RoundTripper // nil outside tests
}

// SignIn signs people in. It is safe for concurrent use. Close must be called.
type SignIn struct {
	config Config
	secret atomic.Pointer[secret.Value] // of the client
	roles  cel.Program
	rules  string // identifies the provider, the client and the rule for roles
	client *http.Client
	ended  *endings
	sealer sealer

	provider atomic.Pointer[oidc.Provider] // nil: not read yet
	turn     chan struct{}                 // has room for the request that reads it
	failed   time.Time                     // when it could not be read; guarded by turn
}

// New checks the configuration and makes no calls.
func New(config Config) (*SignIn, error) {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.Clock == nil {
		config.Clock = time.Now
	}
	roles, err := compile(config.Roles)
	if err != nil {
		return nil, fmt.Errorf("the rule for operators' roles: %w", err)
	}
	sum := sha256.Sum256([]byte(config.Issuer + "\x00" + config.ClientID + "\x00" + config.Roles))
	s := &SignIn{
		config: config, roles: roles, rules: base64.RawURLEncoding.EncodeToString(sum[:16]),
		client: &http.Client{Transport: bounded{next: config.Transport}, Timeout: callTimeout, CheckRedirect: refuseRedirect},
		turn:   make(chan struct{}, 1),
		sealer: sealer{secrets: config.Secrets, purpose: "operators' sign-in"},
		ended: newEndings(endings{name: endedName, life: SessionLife + codeLife, documents: config.Documents, clock: config.Clock},
			config.ViewAge, config.Staleness),
	}
	s.ReplaceClientSecret(config.ClientSecret)
	return s, nil
}

// Close cancels reads that are under way and waits for them.
func (s *SignIn) Close() { s.ended.held.Close() }

// ReplaceClientSecret replaces the client's secret for sign-ins that end from now
// on.
func (s *SignIn) ReplaceClientSecret(value secret.Value) { s.secret.Store(&value) }

// Start is what a program asks for that wants to sign a person in (RFC 8252).
type Start struct {
	Redirect  string // where the program waits, on the same machine as the browser
	State     string // returned to the program
	Challenge string // of the program's code verifier, S256 (RFC 7636)
}

// pending is what is remembered of a sign-in while the person is at the provider.
type pending struct {
	Redirect  string    `json:"redirect"`
	State     string    `json:"state"`
	Challenge string    `json:"challenge"`
	Verifier  string    `json:"verifier"` // ours, towards the provider
	Nonce     string    `json:"nonce"`
	Browser   string    `json:"browser"` // hash of the cookie that the browser got
	Expires   time.Time `json:"expires"`
}

// Begin returns where to send the browser, and the value of a cookie that it has to
// bring back. Errors: ErrRedirect, ErrRequest, ErrAway, store.ErrUnavailable.
func (s *SignIn) Begin(ctx context.Context, start Start) (location, cookie string, err error) {
	if !onThisMachine(start.Redirect) && (s.config.Console == "" || start.Redirect != s.config.Console) {
		return "", "", ErrRedirect
	}
	if len(start.Challenge) != 43 || start.State == "" || len(start.State) > 200 {
		return "", "", fmt.Errorf("%w: state and an S256 code_challenge are required", ErrRequest)
	}
	flow, err := s.flow(ctx)
	if err != nil {
		return "", "", err
	}
	cookie = rand.Text()
	p := pending{
		Redirect: start.Redirect, State: start.State, Challenge: start.Challenge,
		Verifier: oauth2.GenerateVerifier(), Nonce: rand.Text(), Browser: hash(cookie),
		Expires: s.config.Clock().Add(signInLife),
	}
	state, err := s.sealer.seal(ctx, aboutState, p)
	if err != nil {
		return "", "", err
	}
	return flow.AuthCodeURL(state, oidc.Nonce(p.Nonce), oauth2.S256ChallengeOption(p.Verifier)), cookie, nil
}

// onThisMachine reports whether a URL leads to a program beside the browser.
func onThisMachine(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Path != "/callback" || u.RawQuery != "" || u.Fragment != "" || len(text) > 100 {
		return false
	}
	at, err := netip.ParseAddrPort(u.Host)
	return err == nil && at.Addr().IsLoopback()
}

// Finish takes the provider's answer, which the browser brings, and returns where to
// send the browser: back to the program, with a code or an error. Errors: ErrRequest
// where it is not known which program waits; store.ErrUnavailable.
func (s *SignIn) Finish(ctx context.Context, answer url.Values, cookie string) (location string, err error) {
	var p pending
	if err := s.sealer.open(ctx, aboutState, answer.Get("state"), &p); err != nil {
		return "", err
	}
	if s.config.Clock().After(p.Expires) || subtle.ConstantTimeCompare([]byte(p.Browser), []byte(hash(cookie))) != 1 {
		return "", ErrRequest
	}
	// The sign-in began in this browser. From here on the program is told.
	back := url.Values{"state": {p.State}}
	code, err := s.confirm(ctx, answer, p)
	if err != nil {
		s.config.Log.LogAttrs(ctx, slog.LevelWarn, "an operator could not sign in", slog.String("error", err.Error()))
		back.Set("error", cause(err).Error())
	} else {
		back.Set("code", code)
	}
	return p.Redirect + "?" + back.Encode(), nil
}

// cause is the part of an error that is for the person.
func cause(err error) error {
	for _, known := range []error{ErrNoRole, ErrProvider, ErrAway} {
		if errors.Is(err, known) {
			return known
		}
	}
	return ErrAway
}

// grant is what the code stands for that the program gets.
type grant struct {
	Session   session   `json:"session"`
	Challenge string    `json:"challenge"`
	Expires   time.Time `json:"expires"`
}

// confirm asks the provider who the person is, and returns a code for them.
func (s *SignIn) confirm(ctx context.Context, answer url.Values, p pending) (code string, err error) {
	if refused := answer.Get("error"); refused != "" || answer.Get("code") == "" {
		return "", fmt.Errorf("%w: it answered with the error %.100q", ErrProvider, refused)
	}
	claims, err := s.identify(ctx, answer.Get("code"), p)
	if err != nil {
		return "", err
	}
	role, err := s.role(ctx, claims)
	if err != nil {
		return "", err
	}
	over, err := s.ended.newest(ctx)
	if err != nil {
		return "", err
	}
	now := s.config.Clock()
	return s.sealer.seal(ctx, aboutCode, grant{
		Session: session{
			ID: operatorID(s.config.Issuer, text(claims, "sub")), Name: nameOf(claims), Role: role, Rules: s.rules,
			Expires: now.Add(SessionLife), Sequence: over.Sequence,
		},
		Challenge: p.Challenge, Expires: now.Add(codeLife),
	})
}

// identify exchanges the provider's code for an ID token, and verifies it.
func (s *SignIn) identify(ctx context.Context, code string, p pending) (map[string]any, error) {
	flow, err := s.flow(ctx)
	if err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(ctx, s.client)
	tokens, err := flow.Exchange(ctx, code, oauth2.VerifierOption(p.Verifier))
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrProvider, brief(err))
	}
	raw, _ := tokens.Extra("id_token").(string)
	idToken, err := s.provider.Load().VerifierContext(ctx, &oidc.Config{ClientID: s.config.ClientID, Now: s.config.Clock}).Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("%w: its ID token: %s", ErrProvider, brief(err))
	}
	if subtle.ConstantTimeCompare([]byte(idToken.Nonce), []byte(p.Nonce)) != 1 {
		return nil, fmt.Errorf("%w: its ID token is for another sign-in", ErrProvider)
	}
	claims := map[string]any{}
	if err := idToken.Claims(&claims); err != nil {
		return nil, fmt.Errorf("%w: its claims cannot be read", ErrProvider)
	}
	return claims, nil
}

// brief is an error of a library without line ends. A provider's response may be
// part of it; it has no credential of ours.
func brief(err error) string { return fmt.Sprintf("%.300q", err.Error()) }

// flow is the exchange with the provider, whose addresses are read once.
func (s *SignIn) flow(ctx context.Context) (*oauth2.Config, error) {
	if err := s.discover(ctx); err != nil {
		return nil, err
	}
	return &oauth2.Config{
		ClientID: s.config.ClientID, ClientSecret: s.secret.Load().Reveal(), Endpoint: s.provider.Load().Endpoint(),
		RedirectURL: strings.TrimSuffix(s.config.URL, "/") + CallbackPath, Scopes: []string{oidc.ScopeOpenID, "profile", "email"},
	}, nil
}

// discover reads the provider unless it was read. Requests wait for the one that
// reads, and a provider that is away is asked seldom: clients without a credential
// can begin sign-ins.
func (s *SignIn) discover(ctx context.Context) error {
	if s.provider.Load() != nil {
		return nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrAway, ctx.Err())
	}
	now := s.config.Clock()
	if s.provider.Load() != nil {
		return nil
	}
	if pause := now.Sub(s.failed); pause >= 0 && pause < discoverEvery {
		return ErrAway
	}
	// A client that leaves says nothing about the provider.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), s.client), s.config.Issuer)
	if err != nil {
		s.failed = now
		return fmt.Errorf("%w: %s", ErrAway, brief(err))
	}
	s.provider.Store(provider)
	return nil
}

// operatorID is a person's id in the audit log: the same for the same subject of
// the same provider.
func operatorID(issuer, subject string) string {
	sum := sha256.Sum256([]byte(issuer + "\x00" + subject))
	return "operator_" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

// nameOf is what people call the person.
func nameOf(claims map[string]any) string {
	for _, claim := range []string{"email", "preferred_username", "name", "sub"} {
		if name := text(claims, claim); name != "" {
			return name
		}
	}
	return ""
}

func text(claims map[string]any, name string) string {
	value, _ := claims[name].(string)
	return value
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func refuseRedirect(*http.Request, []*http.Request) error {
	return errors.New("the identity provider redirects, which is not followed")
}

// bounded limits the provider's responses.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	next := b.next
	if next == nil {
		next = http.DefaultTransport
	}
	response, err := next.RoundTrip(r)
	if err == nil {
		response.Body = http.MaxBytesReader(nil, response.Body, maxResponse)
	}
	return response, err
}
