package viewers_test

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"playtoken/projects"
	"playtoken/projects/viewers"
	"playtoken/secret"
)

func everyKey() []jose.JSONWebKey {
	return []jose.JSONWebKey{public("rsa", rsaKey()), public("ec", ecKey()), public("ec384", ec384Key()), public("ec521", ec521Key()), public("ed", edKey())}
}

func TestATokenOfTheProjectsIssuerNamesItsViewer(t *testing.T) {
	p := listen(t, everyKey()...)
	v := newViewers(t, viewers.Config{})
	for alg, key := range map[jose.SignatureAlgorithm]struct {
		kid string
		key any
	}{
		jose.RS256: {"rsa", rsaKey()}, jose.RS384: {"rsa", rsaKey()}, jose.RS512: {"rsa", rsaKey()},
		jose.PS256: {"rsa", rsaKey()}, jose.PS384: {"rsa", rsaKey()}, jose.PS512: {"rsa", rsaKey()},
		jose.ES256: {"ec", ecKey()}, jose.ES384: {"ec384", ec384Key()}, jose.ES512: {"ec521", ec521Key()}, jose.EdDSA: {"ed", edKey()},
	} {
		for _, kid := range []string{key.kid, ""} {
			caller, err := p.identify(t.Context(), v, p.token(alg, kid, key.key, map[string]any{"plan": "gold", "account": int64(math.MaxInt64)}))
			if err != nil {
				t.Errorf("%s, kid %q: got %v, want no error", alg, kid, err)
				continue
			}
			viewer := caller.Viewer
			if caller.ProjectID != "project_a" || caller.Operates() || len(caller.Scopes) > 0 || viewer.Issuer != p.url || viewer.Subject != "viewer-1" {
				t.Errorf("%s: got %+v, %+v, want the viewer of the project's issuer", alg, caller, viewer)
			}
			if viewer.Claims["plan"] != "gold" || viewer.Claims["account"] != int64(math.MaxInt64) {
				t.Errorf("%s: got the claims %v, want plan and the exact account", alg, viewer.Claims)
			}
		}
	}
	if p.calls() != 1 {
		t.Errorf("issuer: got %d requests for its keys, want 1", p.calls())
	}
}

func TestWhoIsWhoInRecords(t *testing.T) {
	p := listen(t, everyKey()...)
	v := newViewers(t, viewers.Config{})
	seen := map[string]string{}
	for _, sub := range []string{"viewer-1", "viewer-2", "viewer-1"} {
		caller, err := p.identify(t.Context(), v, p.token(jose.RS256, "rsa", rsaKey(), map[string]any{"sub": sub}))
		if err != nil || !strings.HasPrefix(caller.ID, "viewer_") || strings.Contains(caller.ID, sub) {
			t.Fatalf("caller: got %+v, %v, want an id without the subject", caller, err)
		}
		if other, known := seen[caller.ID]; known && other != sub {
			t.Errorf("%s and %s: got the same id %s, want two", sub, other, caller.ID)
		}
		seen[caller.ID] = sub
	}
	if len(seen) != 2 {
		t.Errorf("two viewers: got the ids %v, want 2", seen)
	}
}

func TestClaims(t *testing.T) {
	p := listen(t, everyKey()...)
	now := time.Now()
	v := newViewers(t, viewers.Config{Clock: func() time.Time { return now }})
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	const good = ""
	for name, c := range map[string]struct {
		changes map[string]any
		reason  string
	}{
		"nothing special":             {nil, good},
		"several audiences":           {map[string]any{"aud": []string{"another", audience}}, good},
		"the project's other one":     {map[string]any{"aud": "other"}, good},
		"expired within the skew":     {map[string]any{"exp": at(-58 * time.Second)}, good},
		"valid soon":                  {map[string]any{"nbf": at(58 * time.Second)}, good},
		"issued soon":                 {map[string]any{"iat": at(58 * time.Second)}, good},
		"no iat":                      {map[string]any{"iat": nil}, good},
		"fractions":                   {map[string]any{"exp": float64(at(time.Minute)) + 0.5}, good},
		"subject in another script":   {map[string]any{"sub": "用户-1"}, good},
		"longest subject":             {map[string]any{"sub": strings.Repeat("s", 255)}, good},
		"expired":                     {map[string]any{"exp": at(-62 * time.Second)}, "expired"},
		"expired long ago":            {map[string]any{"exp": 1}, "expired"},
		"negative exp":                {map[string]any{"exp": -1e300}, "expired"},
		"no exp":                      {map[string]any{"exp": nil}, "times"},
		"exp is a text":               {map[string]any{"exp": fmt.Sprint(at(time.Minute))}, ""},
		"nbf is a text":               {map[string]any{"nbf": "0"}, ""},
		"iat is a text":               {map[string]any{"iat": "0"}, ""},
		"not valid yet":               {map[string]any{"nbf": at(62 * time.Second)}, "not valid yet"},
		"issued in the future":        {map[string]any{"iat": at(62 * time.Second)}, "not valid yet"},
		"another audience":            {map[string]any{"aud": "another"}, "audience"},
		"an audience's beginning":     {map[string]any{"aud": audience[:3]}, "audience"},
		"an audience in capitals":     {map[string]any{"aud": strings.ToUpper(audience)}, "audience"},
		"no audience":                 {map[string]any{"aud": nil}, "audience"},
		"empty audiences":             {map[string]any{"aud": []string{}}, "audience"},
		"no subject":                  {map[string]any{"sub": nil}, "who the viewer is"},
		"empty subject":               {map[string]any{"sub": ""}, "who the viewer is"},
		"too long a subject":          {map[string]any{"sub": strings.Repeat("s", 256)}, "who the viewer is"},
		"a subject of two lines":      {map[string]any{"sub": "a\nb"}, "who the viewer is"},
		"a subject that turns around": {map[string]any{"sub": "a\u202eb"}, "who the viewer is"},
		"a logout":                    {map[string]any{"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}, "bearer"},
		"bound to a key":              {map[string]any{"cnf": map[string]any{"jkt": "x"}}, "bearer"},
	} {
		_, err := p.identify(t.Context(), v, p.token(jose.RS256, "rsa", rsaKey(), c.changes))
		fails := c.reason != good || strings.HasSuffix(name, "is a text")
		if fails != errors.Is(err, projects.ErrUnknownCaller) || !fails && err != nil {
			t.Errorf("%s: got %v, want ErrUnknownCaller only if the case fails", name, err)
		}
		if err != nil && !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: %v, want %q", name, err, c.reason)
		}
	}
}

// strangers are tokens of which nothing is to be believed, made of a good one.
func strangers(t *testing.T, p *provider) map[string]secret.Value {
	good := p.token(jose.RS256, "rsa", rsaKey(), nil).Reveal()
	parts := strings.Split(good, ".")
	der, _ := x509.MarshalPKIXPublicKey(rsaKey().Public())
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	with := func(header map[jose.HeaderKey]any) secret.Value {
		return signed(t, jose.RS256, "rsa", rsaKey(), payload, header)
	}
	spelled := func(header, payload, signature string) secret.Value {
		return secret.New(base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + "." + signature)
	}
	deep := strings.Repeat(`[`, 40) + strings.Repeat(`]`, 40)
	return map[string]secret.Value{
		"nothing":                         secret.New(""),
		"an API key":                      secret.New("pt_abc_def"),
		"only dots":                       secret.New(strings.Repeat(".", 8000)),
		"no signature":                    secret.New(parts[0] + "." + parts[1] + "."),
		"two parts":                       secret.New(parts[0] + "." + parts[1]),
		"four parts":                      secret.New(good + ".x"),
		"a line end":                      secret.New(good + "\n"),
		"a line end inside":               secret.New(good[:len(good)-4] + "\n" + good[len(good)-4:]),
		"a stray bit":                     secret.New(good[:len(good)-1] + stray(good[len(good)-1])),
		"a changed signature":             secret.New(parts[0] + "." + parts[1] + ".AAAA" + parts[2][4:]),
		"a changed subject":               spelled(`{"alg":"RS256","kid":"rsa"}`, strings.Replace(string(payload), "viewer-1", "viewer-2", 1), parts[2]),
		"too long":                        p.token(jose.RS256, "rsa", rsaKey(), map[string]any{"x": strings.Repeat("x", 9000)}),
		"too deep":                        signed(t, jose.RS256, "rsa", rsaKey(), []byte(strings.Replace(string(payload), "{", `{"x":`+deep+`,`, 1)), nil),
		"a claim twice":                   signed(t, jose.RS256, "rsa", rsaKey(), []byte(strings.Replace(string(payload), "{", `{"sub":"admin",`, 1)), nil),
		"none":                            spelled(`{"alg":"none"}`, string(payload), "AAAA"),
		"none without a signature":        spelled(`{"alg":"none"}`, string(payload), ""),
		"NONE":                            spelled(`{"alg":"NONE","kid":"rsa"}`, string(payload), parts[2]),
		"HS256 with the public key":       signed(t, jose.HS256, "rsa", asPEM, payload, nil),
		"HS256 with the public DER":       signed(t, jose.HS256, "rsa", der, payload, nil),
		"HS512 with the public key":       signed(t, jose.HS512, "rsa", asPEM, payload, nil),
		"RS512 that says RS256":           spelled(`{"alg":"RS512","kid":"rsa"}`, string(payload), parts[2]),
		"a curve of another algorithm":    spelled(`{"alg":"ES384","kid":"ec"}`, string(payload), parts[2]),
		"RS256 that says PS256":           spelled(`{"alg":"PS256","kid":"rsa"}`, string(payload), parts[2]),
		"RSA under the name of an EC key": signed(t, jose.RS256, "ec", rsaKey(), payload, nil),
		"EC under the name of an RSA key": signed(t, jose.ES256, "rsa", ecKey(), payload, nil),
		"a foreign key":                   signed(t, jose.RS256, "rsa", otherRSA(), payload, nil),
		"no kid and a foreign key":        signed(t, jose.RS256, "", otherRSA(), payload, nil),
		"its own key":                     signed(t, jose.RS256, "rsa", otherRSA(), payload, map[jose.HeaderKey]any{"jwk": public("", otherRSA())}),
		"a good one with its own key":     with(map[jose.HeaderKey]any{"jwk": public("", rsaKey())}),
		"a good one and where keys are":   with(map[jose.HeaderKey]any{"jku": p.url + keysPath}),
		"a good one and a certificate":    with(map[jose.HeaderKey]any{"x5u": p.url + keysPath}),
		"something critical":              with(map[jose.HeaderKey]any{"crit": []string{"x"}, "x": 1}),
		"unencoded":                       with(map[jose.HeaderKey]any{"b64": false}),
		"a logout token":                  with(map[jose.HeaderKey]any{"typ": "logout+jwt"}),
		"a proof of possession":           with(map[jose.HeaderKey]any{"typ": "dpop+jwt"}),
		"another issuer":                  p.token(jose.RS256, "rsa", rsaKey(), map[string]any{"iss": "https://evil.example"}),
		"the issuer and a slash":          p.token(jose.RS256, "rsa", rsaKey(), map[string]any{"iss": p.url + "/"}),
		"the issuer in capitals":          p.token(jose.RS256, "rsa", rsaKey(), map[string]any{"iss": strings.ToUpper(p.url)}),
		"no issuer":                       p.token(jose.RS256, "rsa", rsaKey(), map[string]any{"iss": nil}),
		"several issuers":                 p.token(jose.RS256, "rsa", rsaKey(), map[string]any{"iss": []string{p.url}}),
	}
}

// stray is another letter for the same bits, at the end of 256 bytes.
func stray(last byte) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(letters[strings.IndexByte(letters, last)^1])
}

// reasonsOf says which of the strangers are not simply malformed.
var reasonsOf = map[string]viewers.Reason{
	"a changed signature": viewers.BadSignature, "a changed subject": viewers.BadSignature, "RS256 that says PS256": viewers.BadSignature,
	"RS512 that says RS256": viewers.BadSignature, "a foreign key": viewers.BadSignature, "no kid and a foreign key": viewers.BadSignature,
	"RSA under the name of an EC key": viewers.UnknownKey, "EC under the name of an RSA key": viewers.UnknownKey, "a curve of another algorithm": viewers.UnknownKey,
	"none": viewers.BadAlgorithm, "none without a signature": viewers.BadAlgorithm, "NONE": viewers.BadAlgorithm,
	"HS256 with the public key": viewers.BadAlgorithm, "HS256 with the public DER": viewers.BadAlgorithm, "HS512 with the public key": viewers.BadAlgorithm,
	"another issuer": viewers.WrongIssuer, "the issuer and a slash": viewers.WrongIssuer, "the issuer in capitals": viewers.WrongIssuer,
	"no issuer": viewers.WrongIssuer, "several issuers": viewers.WrongIssuer,
}

// TestStrangersLearnWhyAndNoMore: the reason is in the error, the log and the
// metrics, and nothing of the token is.
func TestStrangersLearnWhyAndNoMore(t *testing.T) {
	p := listen(t, everyKey()...)
	var log bytes.Buffer
	counted := map[string]int{}
	v := newViewers(t, viewers.Config{Log: slog.New(slog.NewTextHandler(&log, nil)), Watch: func(project, part, outcome string) { counted[project+" "+part+" "+outcome]++ }})
	if _, err := p.identify(t.Context(), v, p.token(jose.RS256, "rsa", rsaKey(), nil)); err != nil {
		t.Fatalf("valid token: got %v, want no error", err)
	}
	for name, token := range strangers(t, p) {
		caller, err := p.identify(t.Context(), v, token)
		want := cmp.Or(reasonsOf[name], viewers.Malformed)
		why, is := errors.AsType[*viewers.Rejected](err)
		if !is || why.Reason != want || !errors.Is(err, projects.ErrUnknownCaller) {
			t.Errorf("%s: got %v, want the reason %s", name, err, want)
		}
		if caller.Viewer != nil || caller.ProjectID != "" {
			t.Errorf("%s: got the caller %+v, want the zero caller", name, caller)
		}
		if counted["project_a token "+string(want)] == 0 || !strings.Contains(log.String(), "reason="+string(want)) {
			t.Errorf("%s: got the counts %v, want the reason %s counted and logged", name, counted, want)
		}
	}
	if text := log.String(); strings.Contains(text, "viewer-1") || strings.Contains(text, "evil") || strings.Contains(text, "eyJ") {
		t.Errorf("got the log %s, want nothing of a token in it", text)
	}
}

func TestAnIssuerSpeaksForItselfOnly(t *testing.T) {
	one, two := listen(t, public("k", rsaKey())), listen(t, public("k", otherRSA()))
	v := newViewers(t, viewers.Config{})
	mine := two.token(jose.RS256, "k", otherRSA(), nil)
	forged := two.token(jose.RS256, "k", rsaKey(), nil) // of two, signed by one
	for name, c := range map[string]struct {
		project projects.Project
		token   secret.Value
		good    bool
	}{
		"of two, in a project of both":    {project(one, two), mine, true},
		"of two, in a project of one":     {project(one), mine, false},
		"signed by one, said to be two":   {project(one, two), forged, false},
		"of two, project without issuers": {project(), mine, false},
	} {
		_, err := v.Identify(t.Context(), c.project, c.token)
		if (err == nil) != c.good || err != nil && !errors.Is(err, projects.ErrUnknownCaller) {
			t.Errorf("%s: got %v, want ErrUnknownCaller unless the case is good", name, err)
		}
	}
	p := project(two)
	p.ViewerPolicy.Issuers[0].Audiences = nil
	if _, err := v.Identify(t.Context(), p, mine); !errors.Is(err, projects.ErrUnknownCaller) {
		t.Errorf("project without audiences: got %v, want ErrUnknownCaller", err)
	}
}

func TestKeysThatAreNotUsed(t *testing.T) {
	small := func(key crypto.Signer, kid, alg, use string) jose.JSONWebKey {
		jwk := public(kid, key)
		jwk.Algorithm, jwk.Use = alg, use
		return jwk
	}
	p := listen(t, public("good", rsaKey()), small(otherRSA(), "encrypts", "", "enc"), small(otherRSA(), "alg", "PS256", "sig"),
		jose.JSONWebKey{KeyID: "private", Key: otherRSA()}, jose.JSONWebKey{KeyID: "secret", Key: []byte(strings.Repeat("k", 32))})
	v := newViewers(t, viewers.Config{})
	for name, c := range map[string]struct {
		token secret.Value
		good  bool
	}{
		"good":             {p.token(jose.RS256, "good", rsaKey(), nil), true},
		"for encryption":   {p.token(jose.RS256, "encrypts", otherRSA(), nil), false},
		"for PS256, RS256": {p.token(jose.RS256, "alg", otherRSA(), nil), false},
		"for PS256, PS256": {p.token(jose.PS256, "alg", otherRSA(), nil), true},
		"private":          {p.token(jose.RS256, "private", otherRSA(), nil), false},
		"a secret":         {p.token(jose.HS256, "secret", []byte(strings.Repeat("k", 32)), nil), false},
	} {
		if _, err := p.identify(t.Context(), v, c.token); (err == nil) != c.good {
			t.Errorf("%s: got %v, want an error unless the case is good", name, err)
		}
	}
}

func FuzzTokens(f *testing.F) {
	f.Add("e30.e30.AAAA")
	f.Add("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.AAAA")
	f.Add(strings.Repeat(".", 100))
	f.Fuzz(func(t *testing.T, raw string) {
		if !viewers.Parse(raw) {
			return
		}
		if strings.Count(raw, ".") != 2 || strings.ContainsAny(raw, "\r\n =+/") {
			t.Errorf("text %q: got it accepted as a token, want an error", raw)
		}
	})
}
