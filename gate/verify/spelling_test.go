package verify_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"playtoken/gate/verify"
)

// TestATokenHasOneSpelling: a text that decodes to a valid token but is written
// differently is refused, because a service may remember tokens by their text.
func TestATokenHasOneSpelling(t *testing.T) {
	good := sign(goodHeader, goodClaims)
	part := strings.Split(good, ".")
	raw, _ := base64.RawURLEncoding.DecodeString(part[2])
	for name, token := range map[string]string{
		"one part":             part[0],
		"two parts":            part[0] + "." + part[1],
		"four parts":           good + "." + part[2],
		"five parts, as a JWE": "a.b.c.d.e",
		"no header":            "." + part[1] + "." + part[2],
		"no claims":            part[0] + ".." + part[2],
		"no signature":         part[0] + "." + part[1] + ".",
		"only dots":            "..",
		"very many dots":       strings.Repeat(".", 8000),
		"trailing dot":         good + ".",
		"leading space":        " " + good,
		"trailing line end":    good + "\n",
		"inner line end":       part[0] + "." + part[1] + "." + part[2][:9] + "\r\n" + part[2][9:],
		"padding":              good + "==",
		"standard alphabet":    part[0] + "." + part[1] + "." + base64.RawStdEncoding.EncodeToString(raw) + "+",
		"unused bits":          part[0] + "." + part[1] + "." + part[2][:len(part[2])-1] + otherLast(part[2]),
		"JSON":                 `{"protected":"` + part[0] + `","payload":"` + part[1] + `","signature":"` + part[2] + `"}`,
		"Bearer":               "Bearer " + good,
		"NUL":                  good + "\x00",
		"too long":             part[0] + "." + strings.Repeat("A", 8<<10) + "." + part[2],
	} {
		t.Run(name, func(t *testing.T) {
			check(t, good, "")
			check(t, token, verify.TokenMalformed)
		})
	}
}

// otherLast is a last character that decodes to the same bytes: 256 bytes
// leave four bits of it unused.
func otherLast(part string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, part[len(part)-1])+1])
}

func TestTheLengthCapIsExact(t *testing.T) {
	fill := func(n int) string {
		return sign(goodHeader, `{"exp":1700000600,"x":"`+strings.Repeat("x", n)+`"}`)
	}
	n := 8192 - len(fill(0))
	n = n * 3 / 4
	for len(fill(n+1)) <= 8192 {
		n++
	}
	check(t, fill(n), "")
	check(t, fill(n+2), verify.TokenMalformed)
}

func TestSignatures(t *testing.T) {
	input := b64(goodHeader) + "." + b64(goodClaims)
	good := signWith(ours(), input)
	sig, _ := base64.RawURLEncoding.DecodeString(good[len(input)+1:])
	sum := sha256.Sum256([]byte(input))
	pss, err := rsa.SignPSS(rand.Reader, ours(), crypto.SHA256, sum[:], nil)
	if err != nil {
		t.Fatal(err)
	}
	der, _ := x509.MarshalPKIXPublicKey(&ours().PublicKey)
	mac := hmac.New(sha256.New, der)
	mac.Write([]byte(input))
	n := ours().N
	flipped := append([]byte{}, sig...)
	flipped[100] ^= 1
	for name, forged := range map[string][]byte{
		"one bit":      flipped,
		"PSS":          pss,
		"HMAC":         mac.Sum(nil),
		"short":        sig[1:],
		"long":         append([]byte{0}, sig...),
		"longer":       append(append([]byte{}, sig...), 0),
		"zero":         make([]byte, 256),
		"one":          new(big.Int).SetInt64(1).FillBytes(make([]byte, 256)),
		"N-1":          new(big.Int).Sub(n, big.NewInt(1)).FillBytes(make([]byte, 256)),
		"N":            n.FillBytes(make([]byte, 256)),
		"plus N":       new(big.Int).Add(new(big.Int).SetBytes(sig), n).FillBytes(make([]byte, 257)),
		"other header": mustDecode(signWith(ours(), b64(goodHeader+" ")+"."+b64(goodClaims))),
		"another key":  mustDecode(signWith(stranger(), input)),
	} {
		t.Run(name, func(t *testing.T) {
			check(t, good, "")
			check(t, input+"."+b64(string(forged)), verify.SignatureInvalid)
		})
	}
}

func mustDecode(token string) []byte {
	sig, err := base64.RawURLEncoding.DecodeString(token[strings.LastIndexByte(token, '.')+1:])
	if err != nil {
		panic(err)
	}
	return sig
}

func TestATokenCannotMakeTheVerifierCallAServer(t *testing.T) {
	called := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called++ }))
	defer server.Close()
	for _, name := range []string{"jku", "x5u", "kid"} {
		header := strings.Replace(goodHeader, `"typ"`, `"`+name+`":"`+server.URL+`","typ"`, 1)
		check(t, sign(header, goodClaims), verify.TokenMalformed)
	}
	if called != 0 {
		t.Errorf("got %d calls, want 0", called)
	}
}

func FuzzVerify(f *testing.F) {
	for _, header := range []string{goodHeader, `{"alg":"none"}`, `null`, ``} {
		f.Add(sign(header, goodClaims))
	}
	f.Add("a.b.c")
	good := sign(goodHeader, goodClaims)
	f.Fuzz(func(t *testing.T, token string) {
		parsed, parseErr := verify.Parse(token)
		_, err := verify.Verify(token, video, now, keys)
		if err == nil && token != good && signed(token) == signed(good) {
			t.Errorf("%q is accepted beside its other spelling", token)
		}
		if err == nil && parseErr != nil {
			t.Errorf("accepted what cannot be read: %v", parseErr)
		}
		if parseErr == nil && len(parsed.KeyID) == 0 {
			t.Errorf("read a token without a kid: %q", token)
		}
	})
}

func signed(token string) string { return token[:strings.LastIndexByte(token, '.')+1] }

// FuzzClaims signs any claims: only what the rules allow opens the video.
func FuzzClaims(f *testing.F) {
	for _, claims := range []string{goodClaims, `{"exp":1e300}`, `{"exp":null}`, `{"exp":1,"exp":2}`, `{"sub":"*"}`} {
		f.Add(claims)
	}
	f.Fuzz(func(t *testing.T, claims string) {
		got, err := verify.Verify(sign(goodHeader, claims), video, now, keys)
		if err != nil {
			return
		}
		if !now.Before(got.Expires) || (got.Subject != "" && got.Subject != "*" && got.Subject != video) {
			t.Errorf("%s opened the video", claims)
		}
	})
}
