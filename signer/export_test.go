package signer

import (
	"crypto/rsa"

	"playtoken/keyrotation"
)

// SigningInput is what a token's signature is of.
func SigningInput(keyID string, public *rsa.PublicKey, claims map[string]any) ([]byte, error) {
	w := &view{key: keyrotation.Key{KeyID: keyID}, public: public}
	return w.signingInput("JWT", claims)
}
