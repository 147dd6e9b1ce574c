package signer

import (
	"context"
	"time"
)

// RS256 mints the tokens of a project whose platform verifies RS256 with the
// public keys of its ring. Errors: those of this package and *NoActiveKey.
type RS256 struct {
	Ring       *RingView
	Signatures *Signatures
	Shape      Shape
	Policy     Policy
}

var _ Minter = (*RS256)(nil)

// Mint implements [Minter].
func (m *RS256) Mint(ctx context.Context, req Request) (Token, error) {
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
func (m *RS256) Ready(ctx context.Context) error {
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
func (m *RS256) mint(ctx context.Context, seen *view, req Request, now time.Time) (Token, error) {
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
	claims, err := m.Shape.Claims(req, token.IssuedAt, token.ExpiresAt)
	if err != nil {
		return Token{}, err
	}
	token.Value, err = m.Signatures.jwt(ctx, seen, "JWT", claims)
	if err != nil {
		return Token{}, err
	}
	token.URLs, token.Delivery = m.Shape.URLs(req.VideoID, token.Value), m.Shape.Delivery()
	return token, nil
}
