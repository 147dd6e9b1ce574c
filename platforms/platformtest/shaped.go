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
	"playtoken/store"
)

// shaped makes the tokens of a Shape or a Form without any of the signer's means, so
// that what is tested is the platform's part.
type shaped struct {
	shape  signer.Shape
	form   signer.Form // nil: there is a Shape
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
	token := signer.Token{
		VideoID: req.VideoID, KeyID: m.keyID, IssuedAt: issued, ExpiresAt: expires,
		RefreshAt: issued.Add(req.TTL * 3 / 4).Truncate(time.Second),
	}
	var err error
	if m.form != nil {
		err = m.fill(req, &token)
	} else {
		err = m.shapeInto(req, &token)
	}
	if err != nil {
		return signer.Token{}, err
	}
	return token, nil
}

func (m *shaped) shapeInto(req signer.Request, token *signer.Token) error {
	claims, err := m.shape.Claims(req, token.IssuedAt, token.ExpiresAt)
	if err != nil {
		return err
	}
	if token.Value, err = m.sign(claims); err != nil {
		return err
	}
	token.URLs, token.Delivery = m.shape.URLs(req.VideoID, token.Value), m.shape.Delivery()
	return nil
}

func (m *shaped) fill(req signer.Request, token *signer.Token) error {
	statement, err := m.form.Statement(req, store.RSA2048, token.IssuedAt, token.ExpiresAt)
	if err != nil {
		return err
	}
	signature, err := statement.Scheme.Sign(m.key, statement.Scheme.Input(statement.Message))
	if err != nil {
		return err
	}
	token.Value = m.form.Token(signer.Signed{Statement: statement, Signature: signature, KeyID: m.keyID, ExpiresAt: token.ExpiresAt})
	token.URLs, token.Delivery = m.form.URLs(req.VideoID, token.Value), m.form.Delivery()
	return nil
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
