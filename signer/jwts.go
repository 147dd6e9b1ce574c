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

// JWTs signs other tokens than a platform's with the keys of a ring, under the
// same rules: key id, cap and signature are of one view's active key, and the
// signature is verified before the token is released.
type JWTs struct {
	Ring       *RingView
	Signatures *Signatures
}

// Sign returns an RS256 token whose header says the given type, and whose
// claims are told when it is issued and when it expires. It lives for ttl, or
// for as long as the key allows if that is less; of the Token, URLs, VideoID
// and RefreshAt stay empty. Errors: *NoActiveKey, ErrUnavailable, and ErrClaim
// for claims that are not JSON or too long.
func (j *JWTs) Sign(ctx context.Context, typ string, ttl time.Duration, claims func(issued, expires time.Time) map[string]any) (Token, error) {
	now := time.Now() // for the view's age and the token's times: see Mint
	return j.Ring.sign(ctx, now, func(seen *view) (token Token, err error) {
		if err := active(seen, now); err != nil {
			return Token{}, err
		}
		life, err := seen.life(ttl)
		if err != nil {
			return Token{}, err
		}
		issued := now.UTC().Truncate(time.Second)
		token = Token{KeyID: seen.key.KeyID, IssuedAt: issued, ExpiresAt: issued.Add(life)}
		token.Value, err = j.Signatures.jwt(ctx, seen, typ, claims(token.IssuedAt, token.ExpiresAt))
		if err != nil {
			return Token{}, err
		}
		return token, nil
	})
}

// sign makes a token with a view that may be used at now.
func (v *RingView) sign(ctx context.Context, now time.Time, with func(*view) (Token, error)) (Token, error) {
	seen, err := v.at(ctx, now)
	if err != nil {
		return Token{}, err
	}
	token, err := with(seen)
	if errors.Is(err, ErrKeyGone) {
		// Revoked since we looked, or destroyed behind our back. The ring
		// knows which.
		token, err = v.signAfter(ctx, seen, with)
	}
	return token, err
}

// signAfter tries once more if the ring has moved on.
func (v *RingView) signAfter(ctx context.Context, seen *view, with func(*view) (Token, error)) (Token, error) {
	newer, err := v.after(ctx, seen)
	if err != nil {
		return Token{}, err
	}
	if newer.public != nil && newer.key.Fingerprint == seen.key.Fingerprint {
		return Token{}, unavailable("sign", ErrKeyGone)
	}
	token, err := with(newer)
	if errors.Is(err, ErrKeyGone) {
		err = unavailable("sign", err)
	}
	return token, err
}

// life is how long a token may live that the view's active key signs.
func (w *view) life(ttl time.Duration) (time.Duration, error) {
	life := min(ttl, w.key.MaxTTL).Truncate(time.Second)
	if life <= 0 {
		return 0, fmt.Errorf("%w: generation %d allows no token", ErrUnavailable, w.key.Generation)
	}
	return life, nil
}

// jwt spells a token and has it signed by the active key of a view.
func (s *Signatures) jwt(ctx context.Context, by *view, typ string, claims map[string]any) (string, error) {
	unsigned := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims(claims))
	unsigned.Header["typ"], unsigned.Header["kid"] = typ, by.key.KeyID
	input, err := unsigned.SigningString()
	if err != nil {
		return "", fmt.Errorf("%w: encode claims: %w", ErrClaim, err)
	}
	if len(input)+1+base64.RawURLEncoding.EncodedLen(by.public.Size()) > maxToken {
		return "", fmt.Errorf("%w: the token would be longer than %d bytes", ErrClaim, maxToken)
	}
	signature, err := s.sign(ctx, by, input)
	switch {
	case errors.Is(err, ErrKeyGone):
		return "", err
	case err != nil:
		return "", unavailable("sign", err)
	}
	return input + "." + unsigned.EncodeSegment(signature), nil
}
