package keyrotation

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
)

// WebKey is a public key in the form of RFC 7517 and RFC 7518, section 6. Members that its
// type does not have are empty.
type WebKey struct {
	Kty string `json:"kty"`           // "RSA", "EC" or "OKP"
	Crv string `json:"crv,omitempty"` // "P-256", "P-384" or "Ed25519"
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
	Alg string `json:"alg,omitempty"`
	Use string `json:"use,omitempty"`
	Kid string `json:"kid,omitempty"`
}

// NewWebKey returns a public key (RSA, ECDSA on P-256 or P-384, Ed25519) with the
// algorithm that tokens signed with it have, and no key id.
func NewWebKey(public any) (WebKey, error) {
	encode := base64.RawURLEncoding.EncodeToString
	switch key := public.(type) {
	case *rsa.PublicKey:
		return WebKey{Kty: "RSA", N: encode(key.N.Bytes()), E: encode(big.NewInt(int64(key.E)).Bytes()), Alg: "RS256", Use: "sig"}, nil
	case ed25519.PublicKey:
		return WebKey{Kty: "OKP", Crv: "Ed25519", X: encode(key), Alg: "EdDSA", Use: "sig"}, nil
	case *ecdsa.PublicKey:
		algorithms := map[string]string{"P-256": "ES256", "P-384": "ES384"}
		curve := key.Curve.Params().Name
		point, err := key.Bytes()
		if err != nil || algorithms[curve] == "" {
			return WebKey{}, fmt.Errorf("public key: a curve %s has no signature algorithm here", curve)
		}
		x, y := point[1:1+len(point)/2], point[1+len(point)/2:] // after the byte that says "uncompressed"
		return WebKey{Kty: "EC", Crv: curve, X: encode(x), Y: encode(y), Alg: algorithms[curve], Use: "sig"}, nil
	}
	return WebKey{}, fmt.Errorf("public key: a %T has no form as a web key", public)
}

// ReadWebKey is NewWebKey of a public key in PEM, with its thumbprint as key id.
func ReadWebKey(publicKey string) (WebKey, error) {
	public, err := ParsePublicKey(publicKey)
	if err != nil {
		return WebKey{}, err
	}
	key, err := NewWebKey(public)
	key.Kid = key.Thumbprint()
	return key, err
}

// Thumbprint is the key's thumbprint with SHA-256, as RFC 7638 defines it: the members
// that a key of this type must have, by their names.
func (k WebKey) Thumbprint() string {
	text := `{"e":"` + k.E + `","kty":"RSA","n":"` + k.N + `"}`
	switch k.Kty {
	case "EC":
		text = `{"crv":"` + k.Crv + `","kty":"EC","x":"` + k.X + `","y":"` + k.Y + `"}`
	case "OKP":
		text = `{"crv":"` + k.Crv + `","kty":"OKP","x":"` + k.X + `"}`
	}
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
