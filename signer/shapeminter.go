package signer

import (
	"context"
	"time"
)

// ShapeMinter mints the tokens of a project whose platform verifies them with the
// public keys of its ring. The algorithm of a JWT is the one of its key's kind.
// Errors: those of this package and *NoActiveKey.
type ShapeMinter struct {
	Ring       *RingView
	Signatures *Signatures
	Policy     Policy

	// Exactly one of the two says what the tokens are.
	Shape Shape
	Form  Form

	Header Header // of a Shape's tokens
}

var _ Minter = (*ShapeMinter)(nil)

// Mint implements [Minter].
func (m *ShapeMinter) Mint(ctx context.Context, req Request) (Token, error) {
	// One clock reading serves for the view's age and the token's times. A key
	// is kept for ViewAge plus the longest lifetime after it was retired, and
	// the time that passes in here must not add to that.
	now := time.Now()
	if err := m.Policy.Check(&req); err != nil {
		return Token{}, err
	}
	return m.Ring.sign(ctx, now, func(seen *view) (Token, error) { return m.mint(ctx, seen, req, now) })
}

// Ready returns nil if Mint would find a key to sign with.
func (m *ShapeMinter) Ready(ctx context.Context) error {
	now := time.Now()
	seen, err := m.Ring.at(ctx, now)
	if err != nil {
		return err
	}
	return active(seen, now)
}

// overdue is how long after its earliest time a key may still become active. Later
// than that, something else prevents it, and the time is unknown.
const overdue = 5 * time.Second

// active returns nil or *NoActiveKey.
func active(seen *view, now time.Time) error {
	if seen.public != nil {
		return nil
	}
	earliest := seen.ring.EarliestActive().UTC()
	if now.After(earliest.Add(overdue)) {
		earliest = time.Time{}
	}
	return &NoActiveKey{EarliestAt: earliest}
}

// mint mints a token with one view. Key id, longest lifetime and signature are those
// of that view's active key.
func (m *ShapeMinter) mint(ctx context.Context, seen *view, req Request, now time.Time) (Token, error) {
	if err := active(seen, now); err != nil {
		return Token{}, err
	}
	life, err := seen.life(req.TTL)
	if err != nil {
		return Token{}, err
	}
	issued := now.UTC().Truncate(time.Second)
	token := Token{
		VideoID:   req.VideoID,
		KeyID:     seen.key.KeyID,
		IssuedAt:  issued,
		ExpiresAt: issued.Add(life),
		RefreshAt: issued.Add(life * 3 / 4).Truncate(time.Second),
	}
	if err := m.sign(ctx, seen, req, &token); err != nil {
		return Token{}, err
	}
	return token, nil
}

// sign adds what is signed, and where it goes.
func (m *ShapeMinter) sign(ctx context.Context, seen *view, req Request, token *Token) (err error) {
	if m.Form != nil {
		if token.Value, err = m.Signatures.form(ctx, seen, m.Form, req, token.IssuedAt, token.ExpiresAt); err == nil {
			token.URLs, token.Delivery = m.Form.URLs(req.VideoID, token.Value), m.Form.Delivery()
		}
		return err
	}
	claims, err := m.Shape.Claims(req, token.IssuedAt, token.ExpiresAt)
	if err != nil {
		return err
	}
	if token.Value, err = m.Signatures.jwt(ctx, seen, m.Header, claims); err == nil {
		token.URLs, token.Delivery = m.Shape.URLs(req.VideoID, token.Value), m.Shape.Delivery()
	}
	return err
}
