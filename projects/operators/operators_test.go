package operators_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"go.uber.org/goleak"

	"playtoken/projects"
	"playtoken/projects/operators"
	"playtoken/secret"
	"playtoken/store"
	"playtoken/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	rules    = `"admins" in claims.groups ? "admin" : claims.sub == "ole" ? "operator" : claims.sub == "eve" ? "root" : ""`
	redirect = "http://127.0.0.1:4711/callback"
	clientID = "playtoken"
)

var providerKey = sync.OnceValue(func() *rsa.PrivateKey { key, _ := rsa.GenerateKey(rand.Reader, 2048); return key })

// provider is an identity provider that answers as a test tells it to.
type provider struct {
	t      *testing.T
	url    string
	claims map[string]any // of the next ID token, beside the usual ones
	key    any            // that signs it
	alg    jose.SignatureAlgorithm
	status int        // of the token endpoint; 0: 200
	asked  url.Values // of the token endpoint
	secret string     // of the client, there
}

func newProvider(t *testing.T) *provider {
	p := &provider{t: t, key: providerKey(), alg: jose.RS256, claims: map[string]any{}}
	server := httptest.NewServer(http.HandlerFunc(p.answer))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *provider) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": p.url, "authorization_endpoint": p.url + "/auth",
			"token_endpoint": p.url + "/token", "jwks_uri": p.url + "/keys", "id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"}})
	case "/keys":
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: providerKey().Public(), Algorithm: "RS256", Use: "sig"}}})
	case "/token":
		_ = r.ParseForm()
		p.asked = r.PostForm
		_, p.secret, _ = r.BasicAuth()
		if p.status != 0 {
			w.WriteHeader(p.status)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": p.idToken()})
	}
}

func (p *provider) idToken() string {
	claims := map[string]any{"iss": p.url, "aud": clientID, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "groups": []string{}}
	maps.Copy(claims, p.claims)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: p.alg, Key: p.key}, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	body, _ := json.Marshal(claims)
	signed, err := signer.Sign(body)
	if err != nil {
		p.t.Fatal(err)
	}
	text, _ := signed.CompactSerialize()
	return text
}

// secrets are those of one deployment.
type secrets struct{ err error }

func (s secrets) Secret(_ context.Context, purpose string) ([]byte, error) {
	return []byte((purpose + strings.Repeat(".", 32))[:32]), s.err
}

// clock is a clock that a test sets.
type clock struct{ ahead time.Duration }

func (c *clock) now() time.Time { return time.Now().Add(c.ahead) }

func newSignIn(t *testing.T, p *provider, change ...func(*operators.Config)) *operators.SignIn {
	t.Helper()
	config := operators.Config{Issuer: p.url, ClientID: clientID, ClientSecret: secret.New("canary-client-secret"), Roles: rules,
		URL: "https://tokens.example.com", Secrets: secrets{}, Documents: storetest.NewMemory(), ViewAge: 15 * time.Second, Staleness: time.Hour}
	for _, c := range change {
		c(&config)
	}
	s, err := operators.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// attempt is a sign-in up to the provider.
type attempt struct {
	t        *testing.T
	signIn   *operators.SignIn
	verifier string
	state    string // towards the provider
	cookie   string
}

func begin(t *testing.T, p *provider, s *operators.SignIn, subject string) attempt {
	t.Helper()
	verifier, challenge := operators.NewVerifier()
	location, cookie, err := s.Begin(t.Context(), operators.Start{Redirect: redirect, State: "from the program", Challenge: challenge})
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	q := at.Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("redirect_uri") != "https://tokens.example.com"+operators.CallbackPath || strings.Contains(location, "canary") {
		t.Errorf("to the provider: got %s, want S256, our callback and no secret", location)
	}
	p.claims["nonce"], p.claims["sub"] = q.Get("nonce"), subject
	return attempt{t: t, signIn: s, verifier: verifier, state: q.Get("state"), cookie: cookie}
}

// finish brings the provider's answer, and returns what the program is told.
func (a attempt) finish() (code, problem string) {
	a.t.Helper()
	location, err := a.signIn.Finish(a.t.Context(), url.Values{"state": {a.state}, "code": {"c"}}, a.cookie)
	if err != nil {
		a.t.Fatal(err)
	}
	at, err := url.Parse(location)
	if err != nil || !strings.HasPrefix(location, redirect+"?") || at.Query().Get("state") != "from the program" {
		a.t.Fatalf("back to the program: got %s, %v, want its redirect URI and state", location, err)
	}
	return at.Query().Get("code"), at.Query().Get("error")
}

func TestASignInIsASessionWithARole(t *testing.T) {
	p := newProvider(t)
	for _, c := range []struct {
		subject string
		claims  map[string]any
		role    projects.Role
		name    string
	}{
		{"ada", map[string]any{"groups": []string{"admins"}, "email": "ada@example.com"}, projects.RoleAdmin, "ada@example.com"},
		{"ole", map[string]any{"groups": []string{}, "email": ""}, projects.RoleOperator, "ole"},
	} {
		s := newSignIn(t, p)
		maps.Copy(p.claims, c.claims)
		a := begin(t, p, s, c.subject)
		code, problem := a.finish()
		if problem != "" || p.asked.Get("code_verifier") == "" || p.asked.Get("code") != "c" {
			t.Fatalf("%s: got %q, the provider was asked %v, want a code by a request with our verifier", c.subject, problem, p.asked)
		}
		got, err := s.Redeem(t.Context(), code, a.verifier)
		if err != nil || got.Role != c.role || got.Name != c.name || got.ExpiresIn > operators.SessionLife || got.ExpiresIn < operators.SessionLife-time.Minute {
			t.Errorf("%s: got %+v, %v, want the role %s, the name %s and eight hours", c.subject, got, err, c.role, c.name)
		}
		caller, err := newSignIn(t, p).Identify(t.Context(), got.Token) // another replica
		if err != nil || caller.Role != c.role || caller.Name != c.name || !strings.HasPrefix(caller.ID, "operator_") || caller.ProjectID != "" {
			t.Errorf("%s: the session is of %+v, %v, want the role %s", c.subject, caller, err, c.role)
		}
	}
}

func TestAPersonWithoutConfirmationGetsNoCode(t *testing.T) {
	other, _ := rsa.GenerateKey(rand.Reader, 2048)
	for name, c := range map[string]struct {
		change func(*provider)
		want   error
	}{
		"no role":               {func(p *provider) { p.claims["sub"] = "bob" }, operators.ErrNoRole},
		"not a role":            {func(p *provider) { p.claims["sub"] = "eve" }, operators.ErrNoRole},
		"a missing claim":       {func(p *provider) { p.claims["groups"] = nil }, operators.ErrNoRole},
		"another audience":      {func(p *provider) { p.claims["aud"] = "player" }, operators.ErrProvider},
		"another issuer":        {func(p *provider) { p.claims["iss"] = "https://evil.example" }, operators.ErrProvider},
		"another nonce":         {func(p *provider) { p.claims["nonce"] = "x" }, operators.ErrProvider},
		"no nonce":              {func(p *provider) { delete(p.claims, "nonce") }, operators.ErrProvider},
		"expired":               {func(p *provider) { p.claims["exp"] = time.Now().Add(-time.Hour).Unix() }, operators.ErrProvider},
		"another key":           {func(p *provider) { p.key = other }, operators.ErrProvider},
		"a shared secret":       {func(p *provider) { p.key, p.alg = []byte("canary-client-secret-0123456789ab"), jose.HS256 }, operators.ErrProvider},
		"a refused code":        {func(p *provider) { p.status = 400 }, operators.ErrProvider},
		"a provider that fails": {func(p *provider) { p.status = 500 }, operators.ErrProvider},
	} {
		p := newProvider(t)
		s := newSignIn(t, p)
		a := begin(t, p, s, "ole")
		c.change(p)
		if code, problem := a.finish(); code != "" || problem != c.want.Error() {
			t.Errorf("%s: got the code %q and the error %q, want no code and %q", name, code, problem, c.want)
		}
	}
}

func TestASignInBelongsToItsBrowserProgramAndTime(t *testing.T) {
	p := newProvider(t)
	c := &clock{}
	s := newSignIn(t, p, func(config *operators.Config) { config.Clock = c.now })
	a := begin(t, p, s, "ole")
	answer := url.Values{"state": {a.state}, "code": {"c"}}
	for name, try := range map[string]func() error{
		"another browser": func() error { _, err := s.Finish(t.Context(), answer, "x"); return err },
		"no cookie":       func() error { _, err := s.Finish(t.Context(), answer, ""); return err },
		"another state": func() error {
			_, err := s.Finish(t.Context(), url.Values{"state": {"x"}, "code": {"c"}}, a.cookie)
			return err
		},
		"a changed state": func() error {
			_, err := s.Finish(t.Context(), url.Values{"state": {a.state[:len(a.state)-2] + "AA"}, "code": {"c"}}, a.cookie)
			return err
		},
		"too late": func() error {
			c.ahead = 11 * time.Minute
			defer func() { c.ahead = 0 }()
			_, err := s.Finish(t.Context(), answer, a.cookie)
			return err
		},
	} {
		if err := try(); !errors.Is(err, operators.ErrRequest) {
			t.Errorf("%s: got %v, want ErrRequest", name, err)
		}
	}
	code, _ := a.finish()
	for name, try := range map[string]func() (operators.Session, error){
		"another program": func() (operators.Session, error) { return s.Redeem(t.Context(), code, "x") },
		"no code":         func() (operators.Session, error) { return s.Redeem(t.Context(), "", a.verifier) },
		"the state":       func() (operators.Session, error) { return s.Redeem(t.Context(), a.state, a.verifier) },
		"too late": func() (operators.Session, error) {
			c.ahead = 2 * time.Minute
			defer func() { c.ahead = 0 }()
			return s.Redeem(t.Context(), code, a.verifier)
		},
	} {
		if got, err := try(); !errors.Is(err, operators.ErrRequest) || !got.Token.IsZero() {
			t.Errorf("%s: got %+v, %v, want ErrRequest", name, got, err)
		}
	}
	got, err := s.Redeem(t.Context(), code, a.verifier)
	if err != nil {
		t.Fatal(err)
	}
	c.ahead = operators.SessionLife + time.Second
	if caller, err := s.Identify(t.Context(), got.Token); !errors.Is(err, projects.ErrUnknownCaller) {
		t.Errorf("session that is over: got %+v, %v, want ErrUnknownCaller", caller, err)
	}
}

func TestOnlyOurSessionTokenIsACredential(t *testing.T) {
	p := newProvider(t)
	s := newSignIn(t, p)
	a := begin(t, p, s, "ole")
	code, _ := a.finish()
	began, err := s.Redeem(t.Context(), code, a.verifier)
	if err != nil {
		t.Fatal(err)
	}
	token := began.Token.Reveal()
	for name, credential := range map[string]string{
		"the ID token": p.idToken(), "the code": "pts_" + code, "the state": "pts_" + a.state, "nothing": "", "a prefix": "pts_",
		"a changed token": token[:len(token)-3] + "AAA", "a longer token": token + "A", "without prefix": token[4:], "a line end": token + "\n",
	} {
		if caller, err := s.Identify(t.Context(), secret.New(credential)); !errors.Is(err, projects.ErrUnknownCaller) {
			t.Errorf("%s: got %+v, %v, want ErrUnknownCaller", name, caller, err)
		}
	}
	for name, change := range map[string]func(*operators.Config){
		"another rule for roles": func(c *operators.Config) { c.Roles = `"auditor"` },
		"another client":         func(c *operators.Config) { c.ClientID = "other" },
	} {
		if caller, err := newSignIn(t, p, change).Identify(t.Context(), began.Token); !errors.Is(err, projects.ErrUnknownCaller) {
			t.Errorf("%s: got %+v, %v, want ErrUnknownCaller", name, caller, err)
		}
	}
	away := newSignIn(t, p, func(c *operators.Config) { c.Secrets = secrets{err: store.ErrUnavailable} })
	if _, err := away.Identify(t.Context(), began.Token); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("while the store is away: got %v, want ErrUnavailable", err)
	}
}

func TestASignInGoesBackToThisMachineOnly(t *testing.T) {
	p := newProvider(t)
	s := newSignIn(t, p)
	_, challenge := operators.NewVerifier()
	for target, good := range map[string]bool{
		redirect: true, "http://[::1]:4711/callback": true, "http://127.0.0.1:4711/callback?x=1": false, "http://127.0.0.1:4711/": false,
		"https://127.0.0.1:4711/callback": false, "http://localhost:4711/callback": false, "http://192.0.2.1:4711/callback": false,
		"http://evil.example:80/callback": false, "http://127.0.0.1@evil.example:80/callback": false, "": false, "http://127.0.0.1:4711/callback#x": false,
	} {
		_, _, err := s.Begin(t.Context(), operators.Start{Redirect: target, State: "s", Challenge: challenge})
		if (err == nil) != good || err != nil && !errors.Is(err, operators.ErrRedirect) {
			t.Errorf("redirect_uri %q: got %v, want ErrRedirect unless it is on loopback", target, err)
		}
	}
	for _, start := range []operators.Start{{Redirect: redirect, State: "", Challenge: challenge}, {Redirect: redirect, State: "s", Challenge: "plain"}} {
		if _, _, err := s.Begin(t.Context(), start); !errors.Is(err, operators.ErrRequest) {
			t.Errorf("%+v: got %v, want ErrRequest", start, err)
		}
	}
}

func TestAProviderThatIsAwayIsTriedAgain(t *testing.T) {
	p := newProvider(t)
	good := p.url
	p.url = "http://127.0.0.1:1"
	s := newSignIn(t, p)
	_, challenge := operators.NewVerifier()
	if _, _, err := s.Begin(t.Context(), operators.Start{Redirect: redirect, State: "s", Challenge: challenge}); !errors.Is(err, operators.ErrAway) {
		t.Errorf("provider that is away: got %v, want ErrAway", err)
	}
	p.url = good
	begin(t, p, newSignIn(t, p), "ole")
}

// TestAProviderThatIsAwayIsAskedSeldom, however many begin to sign in, and again
// later.
func TestAProviderThatIsAwayIsAskedSeldom(t *testing.T) {
	p, c := newProvider(t), &clock{}
	var calls atomic.Int32
	var away atomic.Bool
	away.Store(true)
	s := newSignIn(t, p, func(config *operators.Config) {
		config.Clock = c.now
		config.Transport = transport(func(r *http.Request) (*http.Response, error) {
			calls.Add(1)
			if away.Load() {
				return nil, errors.New("connection refused")
			}
			return http.DefaultTransport.RoundTrip(r)
		})
	})
	_, challenge := operators.NewVerifier()
	try := func() error {
		_, _, err := s.Begin(t.Context(), operators.Start{Redirect: redirect, State: "s", Challenge: challenge})
		return err
	}
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if err := try(); !errors.Is(err, operators.ErrAway) {
				t.Errorf("provider that is away: got %v, want ErrAway", err)
			}
		})
	}
	all.Wait()
	if n := calls.Load(); n != 1 {
		t.Errorf("100 sign-ins at once: got %d calls of the provider, want 1", n)
	}
	away.Store(false)
	c.ahead = 6 * time.Second
	for range 3 {
		if err := try(); err != nil {
			t.Errorf("provider that is back: got %v, want no error", err)
		}
	}
	if n := calls.Load(); n != 2 {
		t.Errorf("once it is back: got %d calls in all, want 2", n)
	}
}

// transport makes calls as a test wants them.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestRulesForRolesAreCheckedAtTheStart(t *testing.T) {
	for _, rule := range []string{"", "true", `claims.groups`, `"admin`, `nonsense`, strings.Repeat("x", 5000)} {
		if _, err := operators.New(operators.Config{Roles: rule}); err == nil {
			t.Errorf("rule %.30q: got no error, want one", rule)
		}
	}
}
