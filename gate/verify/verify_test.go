package verify_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"playtoken/gate/verify"
)

const (
	kid        = "abcde12345abcde12345a"
	video      = "film"
	goodHeader = `{"alg":"RS256","typ":"JWT","kid":"` + kid + `"}`
	goodClaims = `{"exp":1700000600,"sub":"film"}`
)

var (
	now      = time.Unix(1700000000, 0)
	ours     = sync.OnceValue(newKey)
	stranger = sync.OnceValue(newKey)
)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func keys(id string) (crypto.PublicKey, bool) { return &ours().PublicKey, id == kid }

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// sign spells a token exactly as told and signs it with our key.
func sign(header, claims string) string { return signWith(ours(), b64(header)+"."+b64(claims)) }

func signWith(key *rsa.PrivateKey, input string) string {
	sum := sha256.Sum256([]byte(input))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return input + "." + b64(string(sig))
}

func check(t *testing.T, token string, want verify.Reason) {
	t.Helper()
	got, err := verify.Verify(token, video, now, keys)
	var refused *verify.Error
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want != "" && !errors.As(err, &refused):
		t.Errorf("error is %v, want a *verify.Error %s", err, want)
	case want != "" && refused.Reason != want:
		t.Errorf("reason is %s (%s), want %s", refused.Reason, refused.Detail, want)
	case want != "" && (got.KeyID != "" || got.Claims != nil):
		t.Errorf("a refused token came back: %+v", got)
	}
	checkRemembered(t, token, want)
}

// checkRemembered has a Memory judge the token when it is new, and again.
func checkRemembered(t *testing.T, token string, want verify.Reason) {
	t.Helper()
	memory := verify.NewMemory(1)
	for _, when := range []string{"first", "second"} {
		_, err := memory.Verify(token, video, now, keys)
		if got := reason(err); got != want {
			t.Errorf("a memory says at the %s time %q, want %q", when, got, want)
		}
	}
}

// reason is that of a refusal; empty without one.
func reason(err error) verify.Reason {
	if refused, ok := errors.AsType[*verify.Error](err); ok {
		return refused.Reason
	}
	return ""
}

func TestAGoodTokenOpensItsVideo(t *testing.T) {
	got, err := verify.Verify(sign(goodHeader, goodClaims), video, now, keys)
	if err != nil {
		t.Fatal(err)
	}
	if got.KeyID != kid || got.Subject != video || !got.Expires.Equal(time.Unix(1700000600, 0)) ||
		!got.NotBefore.IsZero() || got.Header["alg"] != "RS256" || got.Claims["sub"] != video {
		t.Errorf("got %+v", got)
	}
}

func header(rest string) string { return `{"alg":"RS256","kid":"` + kid + `"` + rest + `}` }
func alg(alg string) string     { return `{"alg":` + alg + `,"kid":"` + kid + `"}` }
func id(id string) string       { return `{"alg":"RS256","kid":` + id + `}` }

// tokenPart is a part of a token as it is written, and what becomes of the token.
type tokenPart struct {
	name, json string
	want       verify.Reason
}

var headers = []tokenPart{
	{"no typ", header(""), ""},
	{"unknown parameter", header(`,"x":[{"y":null}]`), ""},
	{"depth 32", header(`,"x":` + nested(31)), ""},
	{"depth 33", header(`,"x":` + nested(32)), verify.TokenMalformed},
	{"depth 2000", header(`,"x":` + nested(2000)), verify.TokenMalformed},
	{"none", alg(`"none"`), verify.TokenMalformed},
	{"nOnE", alg(`"nOnE"`), verify.TokenMalformed},
	{"HS256", alg(`"HS256"`), verify.TokenMalformed},
	{"PS256", alg(`"PS256"`), verify.TokenMalformed},
	{"RS512", alg(`"RS512"`), verify.TokenMalformed},
	{"ES256", alg(`"ES256"`), verify.TokenMalformed},
	{"lower case", alg(`"rs256"`), verify.TokenMalformed},
	{"alg number", alg(`256`), verify.TokenMalformed},
	{"alg list", alg(`["RS256"]`), verify.TokenMalformed},
	{"alg missing", `{"kid":"` + kid + `"}`, verify.TokenMalformed},
	{"alg in other case", `{"ALG":"RS256","kid":"` + kid + `"}`, verify.TokenMalformed},
	{"alg twice", header(`,"alg":"RS256"`), verify.TokenMalformed},
	{"alg twice, escaped", header(`,"\u0061lg":"RS256"`), verify.TokenMalformed},
	{"access token", header(`,"typ":"at+jwt"`), verify.TokenMalformed},
	{"typ in lower case", header(`,"typ":"jwt"`), verify.TokenMalformed},
	{"typ null", header(`,"typ":null`), verify.TokenMalformed},
	{"crit", header(`,"crit":["exp"]`), verify.TokenMalformed},
	{"crit empty", header(`,"crit":[]`), verify.TokenMalformed},
	{"b64 false", header(`,"b64":false`), verify.TokenMalformed},
	{"b64 true", header(`,"b64":true`), verify.TokenMalformed},
	{"jwk", header(`,"jwk":{}`), verify.TokenMalformed},
	{"jku", header(`,"jku":"https://example.com/"`), verify.TokenMalformed},
	{"x5u", header(`,"x5u":"https://example.com/"`), verify.TokenMalformed},
	{"x5c", header(`,"x5c":[]`), verify.TokenMalformed},
	{"cty", header(`,"cty":"JWT"`), verify.TokenMalformed},
	{"zip", header(`,"zip":"DEF"`), verify.TokenMalformed},
	{"kid missing", `{"alg":"RS256"}`, verify.TokenMalformed},
	{"kid empty", id(`""`), verify.TokenMalformed},
	{"kid list", id(`["` + kid + `"]`), verify.TokenMalformed},
	{"kid path", id(`"../../` + kid + `"`), verify.TokenMalformed},
	{"kid query", id(`"x' OR 1=1"`), verify.TokenMalformed},
	{"kid line end", id(`"` + kid + `\n"`), verify.TokenMalformed},
	{"kid of 64", id(`"` + strings.Repeat("a", 64) + `"`), verify.KeyUnknown},
	{"kid of 65", id(`"` + strings.Repeat("a", 65) + `"`), verify.TokenMalformed},
	{"kid unknown", id(`"zzzzz12345abcde12345a"`), verify.KeyUnknown},
	{"not JSON", `alg`, verify.TokenMalformed},
	{"null", `null`, verify.TokenMalformed},
	{"list", `[` + goodHeader + `]`, verify.TokenMalformed},
	{"trailing data", goodHeader + `{}`, verify.TokenMalformed},
	{"byte order mark", "\ufeff" + goodHeader, verify.TokenMalformed},
	{"invalid UTF-8", header(",\"x\":\"\xff\""), verify.TokenMalformed},
	{"lone surrogate", header(`,"x":"\ud800"`), verify.TokenMalformed},
	{"comment", `/**/` + goodHeader, verify.TokenMalformed},
}

func TestHeaders(t *testing.T) {
	for _, c := range headers {
		t.Run(c.name, func(t *testing.T) {
			check(t, sign(goodHeader, goodClaims), "")
			check(t, sign(c.json, goodClaims), c.want)
		})
	}
}

func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

var claims = []tokenPart{
	{"no sub", `{"exp":1700000600}`, ""},
	{"all videos", `{"exp":1700000600,"sub":"*"}`, ""},
	{"last second", `{"exp":1700000001}`, ""},
	{"this second", `{"exp":1700000000}`, verify.TokenExpired},
	{"past", `{"exp":1699999999}`, verify.TokenExpired},
	{"zero", `{"exp":0}`, verify.TokenExpired},
	{"exponent", `{"exp":17000006e2}`, ""},
	{"far", `{"exp":253402300799}`, ""},
	{"year 10000", `{"exp":253402300800}`, verify.TokenMalformed},
	{"1e300", `{"exp":1e300}`, verify.TokenMalformed},
	{"1e400", `{"exp":1e400}`, verify.TokenMalformed},
	{"fraction", `{"exp":1700000600.5}`, verify.TokenMalformed},
	{"negative", `{"exp":-1}`, verify.TokenMalformed},
	{"text", `{"exp":"1700000600"}`, verify.TokenMalformed},
	{"null", `{"exp":null}`, verify.TokenMalformed},
	{"true", `{"exp":true}`, verify.TokenMalformed},
	{"list", `{"exp":[1700000600]}`, verify.TokenMalformed},
	{"missing", `{"sub":"film"}`, verify.TokenMalformed},
	{"in other case", `{"EXP":1700000600}`, verify.TokenMalformed},
	{"twice", `{"exp":1699999999,"exp":1700000600}`, verify.TokenMalformed},
	{"nbf now", `{"exp":1700000600,"nbf":1700000000}`, ""},
	{"nbf ahead", `{"exp":1700000600,"nbf":1700000001}`, verify.TokenNotYetValid},
	{"nbf text", `{"exp":1700000600,"nbf":"0"}`, verify.TokenMalformed},
	{"nbf null", `{"exp":1700000600,"nbf":null}`, verify.TokenMalformed},
	{"iat ahead", `{"exp":1700000600,"iat":1800000000.5}`, ""},
	{"iat text", `{"exp":1700000600,"iat":"now"}`, verify.TokenMalformed},
	{"other video", `{"exp":1700000600,"sub":"films"}`, verify.VideoNotAllowed},
	{"other case", `{"exp":1700000600,"sub":"Film"}`, verify.VideoNotAllowed},
	{"pattern", `{"exp":1700000600,"sub":"fi*"}`, verify.VideoNotAllowed},
	{"sub empty", `{"exp":1700000600,"sub":""}`, verify.TokenMalformed},
	{"sub null", `{"exp":1700000600,"sub":null}`, verify.TokenMalformed},
	{"sub list", `{"exp":1700000600,"sub":["film"]}`, verify.TokenMalformed},
	{"sub twice", `{"exp":1700000600,"sub":"x","sub":"film"}`, verify.TokenMalformed},
	{"audience", `{"exp":1700000600,"aud":"film"}`, verify.TokenMalformed},
	{"unknown claim", `{"exp":1700000600,"plan":{"ſub":"x"}}`, ""},
	{"null object", `null`, verify.TokenMalformed},
	{"number", `17`, verify.TokenMalformed},
	{"empty object", `{}`, verify.TokenMalformed},
	{"deep", `{"exp":1700000600,"x":` + nested(40) + `}`, verify.TokenMalformed},
}

func TestClaims(t *testing.T) {
	for _, c := range claims {
		t.Run(c.name, func(t *testing.T) {
			check(t, sign(goodHeader, goodClaims), "")
			check(t, sign(goodHeader, c.json), c.want)
		})
	}
}

// TestReasonsComeInOrder: a forged token learns nothing about time or video.
func TestReasonsComeInOrder(t *testing.T) {
	late := `{"exp":1,"sub":"other"}`
	check(t, sign(goodHeader, late), verify.TokenExpired)
	check(t, signWith(stranger(), b64(goodHeader)+"."+b64(late)), verify.SignatureInvalid)
	check(t, sign(strings.Replace(goodHeader, kid, "other", 1), late), verify.KeyUnknown)
}

func TestWithoutATokenParseSaysMissing(t *testing.T) {
	check(t, "", verify.TokenMissing)
	check(t, sign(goodHeader, goodClaims), "")
}

func TestParseNeedsNoKeyAndNoTime(t *testing.T) {
	got, err := verify.Parse(b64(goodHeader) + "." + b64(`{"exp":1,"sub":"x","nbf":7}`) + "." + b64("not a signature"))
	if err != nil || got.Subject != "x" || got.Expires.Unix() != 1 || got.NotBefore.Unix() != 7 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func BenchmarkVerify(b *testing.B) {
	token := sign(goodHeader, goodClaims)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verify.Verify(token, video, now, keys); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleVerify() {
	_, err := verify.Verify("eyJhbGciOiJub25lIn0.e30.", "film", time.Now(), nil)
	fmt.Println(err)
	// Output: verify token: token_malformed: signature: empty
}
