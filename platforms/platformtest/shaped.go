package platformtest

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	"playtoken/signer"
)

// shaped makes the tokens of a Shape without any of the signer's means, so
// that what is tested is the shape.
type shaped struct {
	shape  signer.Shape
	policy signer.Policy
	key    *rsa.PrivateKey
	keyID  string
}

func (m *shaped) Mint(_ context.Context, req signer.Request) (signer.Token, error) {
	if err := m.policy.Check(&req); err != nil {
		return signer.Token{}, err
	}
	issued := time.Now().UTC().Truncate(time.Second)
	expires := issued.Add(req.TTL)
	claims, err := m.shape.Claims(req, issued, expires)
	if err != nil {
		return signer.Token{}, err
	}
	value, err := m.sign(claims)
	if err != nil {
		return signer.Token{}, err
	}
	return signer.Token{
		Value: value, VideoID: req.VideoID, KeyID: m.keyID, IssuedAt: issued, ExpiresAt: expires,
		RefreshAt: issued.Add(req.TTL * 3 / 4).Truncate(time.Second), URLs: m.shape.URLs(req.VideoID, value),
		Delivery: m.shape.Delivery(),
	}, nil
}

func (m *shaped) sign(claims map[string]any) (string, error) {
	var input string
	for _, part := range []any{map[string]any{"alg": "RS256", "kid": m.keyID, "typ": "JWT"}, claims} {
		text, err := json.Marshal(part)
		if err != nil {
			return "", err
		}
		input += "." + base64.RawURLEncoding.EncodeToString(text)
	}
	digest := sha256.Sum256([]byte(input[1:]))
	signature, err := rsa.SignPKCS1v15(nil, m.key, crypto.SHA256, digest[:])
	return input[1:] + "." + base64.RawURLEncoding.EncodeToString(signature), err
}
