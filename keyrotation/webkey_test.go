package keyrotation_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v2/jwk"

	"crypto"
	"encoding/base64"

	"playtoken/keyrotation"
)

// TestAnotherLibraryReadsTheWebKeys: and agrees about their thumbprints.
func TestAnotherLibraryReadsTheWebKeys(t *testing.T) {
	t.Parallel()
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]any{"RS256": &pooledKey(0).rsa().PublicKey, "EdDSA": ed}
	for algorithm, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384()} {
		private, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[algorithm] = &private.PublicKey
	}
	for algorithm, public := range keys {
		shown, err := keyrotation.NewWebKey(public)
		if err != nil || shown.Alg != algorithm {
			t.Errorf("%s: got algorithm %q, %v", algorithm, shown.Alg, err)
		}
		text, err := json.Marshal(shown)
		if err != nil {
			t.Fatal(err)
		}
		read, err := jwk.ParseKey(text)
		if err != nil {
			t.Fatalf("%s: parse %s: %v", algorithm, text, err)
		}
		var raw any
		if err := read.Raw(&raw); err != nil || !public.(interface{ Equal(crypto.PublicKey) bool }).Equal(raw) {
			t.Errorf("%s: another library reads another key: %v", algorithm, err)
		}
		thumbprint, err := read.Thumbprint(crypto.SHA256)
		if diff := cmp.Diff(base64.RawURLEncoding.EncodeToString(thumbprint), shown.Thumbprint()); err != nil || diff != "" {
			t.Errorf("%s: thumbprint: %v, -want +got\n%s", algorithm, err, diff)
		}
	}
}

func TestKeysThatHaveNoFormAsWebKey(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, public := range map[string]any{"P-521": &private.PublicKey, "a number": big.NewInt(1), "nothing": nil} {
		if key, err := keyrotation.NewWebKey(public); err == nil {
			t.Errorf("NewWebKey of %s: got %+v, want an error", name, key)
		}
	}
	if key, err := keyrotation.ReadWebKey("no PEM"); err == nil {
		t.Errorf("ReadWebKey: got %+v, want an error", key)
	}
}
