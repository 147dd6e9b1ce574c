package signer

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// maxToken bounds a token: it has to fit into a URL.
const maxToken = 4 << 10

// RS256 makes the tokens of a project whose platform verifies RS256 with
// public keys of ours. Errors: those of this package, *NoActiveKey included.
type RS256 struct {
	Ring       *RingView
	Signatures *Signatures
	Shape      Shape
	Policy     Policy
}

var _ Minter = (*RS256)(nil)

// Mint implements [Minter].
func (m *RS256) Mint(ctx context.Context, req Request) (Token, error) {
	// One reading serves the view's age and the token's times: a key is kept
	// for ViewAge plus the token's life after the ring stopped naming it, and
	// no time that passes in here may add to that.
	now := time.Now()
	if err := m.Policy.Check(&req); err != nil {
		return Token{}, err
	}
	seen, err := m.Ring.at(ctx, now)
	if err != nil {
		return Token{}, err
	}
	token, err := m.mint(ctx, seen, req, now)
	if errors.Is(err, ErrKeyGone) {
		// Revoked since we looked, or destroyed behind our back. The ring
		// knows which.
		token, err = m.mintAfter(ctx, seen, req, now)
	}
	return token, err
}

// mintAfter tries once more if the ring has moved on.
func (m *RS256) mintAfter(ctx context.Context, seen *view, req Request, now time.Time) (Token, error) {
	newer, err := m.Ring.after(ctx, seen)
	if err != nil {
		return Token{}, err
	}
	if newer.public != nil && newer.key.Fingerprint == seen.key.Fingerprint {
		return Token{}, unavailable("sign", ErrKeyGone)
	}
	token, err := m.mint(ctx, newer, req, now)
	if errors.Is(err, ErrKeyGone) {
		err = unavailable("sign", err)
	}
	return token, err
}

// Ready reports whether Mint would find a key to sign with.
func (m *RS256) Ready(ctx context.Context) error {
	now := time.Now()
	seen, err := m.Ring.at(ctx, now)
	if err != nil {
		return err
	}
	return active(seen, now)
}

// overdue is how long after its time a key may still become active any moment.
// Later than that something else is in the way, and nobody knows when.
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

// mint makes a token with one view. Key id, cap and signature are all of that
// view's active key.
func (m *RS256) mint(ctx context.Context, seen *view, req Request, now time.Time) (Token, error) {
	if err := active(seen, now); err != nil {
		return Token{}, err
	}
	life := min(req.TTL, seen.key.MaxTTL).Truncate(time.Second)
	if life <= 0 {
		return Token{}, fmt.Errorf("%w: generation %d allows no token", ErrUnavailable, seen.key.Generation)
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
	token.Value, err = m.sign(ctx, seen, claims)
	if err != nil {
		return Token{}, err
	}
	token.URLs = m.Shape.URLs(req.VideoID, token.Value)
	return token, nil
}

func (m *RS256) sign(ctx context.Context, by *view, claims map[string]any) (string, error) {
	unsigned := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims(claims))
	unsigned.Header["kid"] = by.key.KeyID
	input, err := unsigned.SigningString()
	if err != nil {
		return "", fmt.Errorf("%w: encode claims: %w", ErrClaim, err)
	}
	if len(input)+1+base64.RawURLEncoding.EncodedLen(by.public.Size()) > maxToken {
		return "", fmt.Errorf("%w: the token would be longer than %d bytes", ErrClaim, maxToken)
	}
	signature, err := m.Signatures.sign(ctx, by, input)
	switch {
	case errors.Is(err, ErrKeyGone):
		return "", err
	case err != nil:
		return "", unavailable("sign", err)
	}
	return input + "." + unsigned.EncodeSegment(signature), nil
}
