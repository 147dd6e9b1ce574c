package signer

import (
	"crypto"

	"playtoken/keyrotation"
)

// SigningInput is what a token's signature is of.
func SigningInput(keyID string, public crypto.PublicKey, claims map[string]any) ([]byte, error) {
	w := &view{key: keyrotation.Key{KeyID: keyID}, public: public, scheme: RS256}
	return w.signingInput(Header{}, claims)
}
