package signer_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"playtoken/signer"
)

// FuzzClaimsAreEncodedAsGolangJWTEncodesThem compares all bytes that are signed.
func FuzzClaimsAreEncodedAsGolangJWTEncodesThem(f *testing.F) {
	f.Add("key-1", "video", int64(1700000000), `{"a":[1.5,null,{"b":true}],"c":1e300,"z":"<&>\u2028\"\\"}`)
	f.Add("ключ", "a<b>&c\"\\\x7f\xff", int64(math.MinInt64), `{"":0,"A":-0.0,"a b":" ","ſub":"~"}`)
	f.Add("", "\x00", int64(0), `{"exp":"9","k1":1,"k2":2,"k3":3,"k4":4,"k5":5,"k6":6,"k7":7,"k8":8,"k9":9}`)
	f.Fuzz(func(t *testing.T, keyID, text string, number int64, object string) {
		claims := map[string]any{}
		if json.Unmarshal([]byte(object), &claims) != nil {
			return
		}
		if claims == nil {
			claims = map[string]any{}
		}
		claims["sub"], claims["exp"], claims[text] = text, number, text
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims(claims))
		token.Header["kid"] = keyID
		want, err := token.SigningString()
		if err != nil {
			t.Fatal(err)
		}
		got, err := signer.SigningInput(keyID, &pairs()[0].PublicKey, claims)
		if err != nil || string(got) != want {
			t.Errorf("signing input of %v: got %s, %v, want %s", claims, got, err, want)
		}
	})
}

func TestClaimsThatAreNotJSONAreRefused(t *testing.T) {
	for name, value := range map[string]any{"a function": func() {}, "not a number": math.NaN()} {
		got, err := signer.SigningInput("key-1", &pairs()[0].PublicKey, map[string]any{"exp": int64(1), "extra": value})
		if err == nil || !strings.Contains(err.Error(), "unsupported") {
			t.Errorf("%s as a claim: got %s, %v, want an error", name, got, err)
		}
	}
}
