package verify_test

import (
	"errors"
	"strings"
	"testing"

	"playtoken/gate/verify"
)

const (
	accessHeader = `{"alg":"RS256","typ":"at+jwt","kid":"` + kid + `"}`
	accessClaims = `{"exp":1,"aud":"us","sub":"caller"}`
)

func checkSigned(t *testing.T, token string, want verify.Reason) {
	t.Helper()
	got, err := verify.Signed(token, "at+jwt", keys)
	var refused *verify.Error
	switch {
	case want == "" && (err != nil || got.Subject != "caller" || got.Claims["aud"] != "us"):
		t.Errorf("got %+v, %v", got, err)
	case want != "" && (!errors.As(err, &refused) || refused.Reason != want || got.Claims != nil):
		t.Errorf("got %+v, %v, want %s", got, err, want)
	}
}

// TestASignedTokenIsReadAsStrictly: the claims are the caller's to judge, all
// else is as for a playback token.
func TestASignedTokenIsReadAsStrictly(t *testing.T) {
	good := sign(accessHeader, accessClaims)
	checkSigned(t, good, "")
	checkSigned(t, "", verify.TokenMissing)
	checkSigned(t, good+"=", verify.TokenMalformed)
	checkSigned(t, sign(accessHeader, `{"aud":"us","sub":"caller"}`), verify.TokenMalformed)
	checkSigned(t, sign(accessHeader, `{"exp":1,"exp":2,"sub":"caller"}`), verify.TokenMalformed)
	checkSigned(t, signWith(stranger(), b64(accessHeader)+"."+b64(accessClaims)), verify.SignatureInvalid)
	checkSigned(t, sign(strings.Replace(accessHeader, kid, "other", 1), accessClaims), verify.KeyUnknown)
	for _, change := range []string{`"alg":"RS512"`, `"alg":"none"`, `"jku":"https://x/","alg":"RS256"`} {
		checkSigned(t, sign(strings.Replace(accessHeader, `"alg":"RS256"`, change, 1), accessClaims), verify.TokenMalformed)
	}
	for _, typ := range []string{`"typ":"JWT"`, `"typ":"AT+JWT"`, `"typ":"application/at+jwt"`, `"typ":["at+jwt"]`, `"typ":null`, `"x":1`} {
		checkSigned(t, sign(strings.Replace(accessHeader, `"typ":"at+jwt"`, typ, 1), accessClaims), verify.TokenMalformed)
	}
}

// TestNoTokenIsOfTwoKinds is about one key: signing both kinds with one is a
// mistake that must not matter.
func TestNoTokenIsOfTwoKinds(t *testing.T) {
	for _, claims := range []string{goodClaims, `{"exp":1700000600}`, `{"exp":1700000600,"aud":"us"}`} {
		for _, header := range []string{goodHeader, accessHeader, strings.Replace(goodHeader, `"typ":"JWT",`, "", 1)} {
			token := sign(header, claims)
			_, playback := verify.Verify(token, video, now, keys)
			_, access := verify.Signed(token, "at+jwt", keys)
			if playback == nil && access == nil {
				t.Errorf("%s %s passes as both", header, claims)
			}
		}
	}
	check(t, sign(goodHeader, goodClaims), "")
}

// TestAHeaderIsWhatItsVerifierAsksFor: the strict verifier of playback tokens takes none
// of these exceptions.
func TestAHeaderIsWhatItsVerifierAsksFor(t *testing.T) {
	t.Parallel()
	const without, typed = `{"alg":"RS256","typ":"JWT"}`, `{"alg":"RS256","typ":"at+jwt","kid":"` + kid + `"}`
	for _, c := range []struct {
		name, header string
		asked        verify.Header
		good         bool
	}{
		{"with a key id", goodHeader, verify.Header{}, true},
		{"with a key id that is not looked at", goodHeader, verify.Header{NoKeyID: true}, true},
		{"without one", without, verify.Header{NoKeyID: true}, true},
		{"without one, where it is asked for", without, verify.Header{}, false},
		{"a key id that is no text", `{"alg":"RS256","kid":7}`, verify.Header{NoKeyID: true}, false},
		{"an empty key id", `{"alg":"RS256","kid":""}`, verify.Header{NoKeyID: true}, false},
		{"the type", typed, verify.Header{Type: "at+jwt"}, true},
		{"another type", typed, verify.Header{}, false},
		{"JWT, where another is asked for", goodHeader, verify.Header{Type: "at+jwt"}, false},
		{"none, where one is asked for", header(""), verify.Header{Type: "at+jwt"}, false},
		{"a critical extension", `{"alg":"RS256","crit":["x"],"x":1}`, verify.Header{NoKeyID: true}, false},
	} {
		token := sign(c.header, accessClaims)
		_, err := verify.SignedAs(token, c.asked, &ours().PublicKey)
		if _, read := verify.ParseOfAny(token, c.asked); (err == nil) != c.good || (read == nil) != c.good {
			t.Errorf("%s: got %v, and reading it %v, want good: %t", c.name, err, read, c.good)
		}
		if _, err := verify.SignedAs(token, c.asked, &stranger().PublicKey); err == nil {
			t.Errorf("%s, signed by another key: got no error, want one", c.name)
		}
	}
	if _, err := verify.Parse(sign(without, `{"exp":1700000600,"sub":"v"}`)); err == nil {
		t.Error("a playback token without a key id: got it accepted, want an error")
	}
}
