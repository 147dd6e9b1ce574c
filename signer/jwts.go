package signer

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

// maxToken bounds a token, which has to fit into a URL.
const maxToken = 4 << 10

// JWTs signs tokens that are not a platform's with the keys of a ring, under the
// same rules: key id, longest lifetime and signature are those of one view's active
// key, and the signature is verified before the token is released.
type JWTs struct {
	Ring       *RingView
	Signatures *Signatures
}

// Sign returns a token with a type in its header. The function claims gets
// the times of the token, whose lifetime is ttl or, if that is less, the longest
// that the key allows. URLs, VideoID and RefreshAt of the Token stay empty. Errors:
// *NoActiveKey, ErrUnavailable, and ErrClaim for claims that are not JSON or too
// long.
func (j *JWTs) Sign(ctx context.Context, typ string, ttl time.Duration, claims func(issued, expires time.Time) map[string]any) (Token, error) {
	now := time.Now() // see ShapeMinter.Mint
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
		token.Value, err = j.Signatures.jwt(ctx, seen, Header{Type: typ}, claims(token.IssuedAt, token.ExpiresAt))
		if err != nil {
			return Token{}, err
		}
		return token, nil
	})
}

// sign calls with with a view that may be used at now.
func (v *RingView) sign(ctx context.Context, now time.Time, with func(*view) (Token, error)) (Token, error) {
	seen, err := v.at(ctx, now)
	if err != nil {
		return Token{}, err
	}
	token, err := with(seen)
	if errors.Is(err, ErrKeyGone) {
		// The key was revoked after the view was read, or deleted outside of this
		// service. The ring tells which.
		token, err = v.signAfter(ctx, seen, with)
	}
	return token, err
}

// signAfter tries again if the ring has another active key.
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

// life is the lifetime of a token that the view's active key signs.
func (w *view) life(ttl time.Duration) (time.Duration, error) {
	life := min(ttl, w.key.MaxTTL).Truncate(time.Second)
	if life <= 0 {
		return 0, fmt.Errorf("%w: the record of generation %d permits no tokens", ErrUnavailable, w.key.Generation)
	}
	return life, nil
}

// jwt encodes a token and signs it with the active key of a view.
func (s *Signatures) jwt(ctx context.Context, by *view, header Header, claims map[string]any) (string, error) {
	input, err := by.signingInput(header, claims)
	if err != nil {
		return "", fmt.Errorf("%w: encode claims: %w", ErrClaim, err)
	}
	if len(input)+1+base64.RawURLEncoding.EncodedLen(signatureSize(by.public)) > maxToken {
		return "", fmt.Errorf("%w: the token would be longer than %d bytes", ErrClaim, maxToken)
	}
	signature, err := s.release(ctx, by, by.scheme, input)
	if err != nil {
		return "", err
	}
	return string(base64.RawURLEncoding.AppendEncode(append(input, '.'), signature)), nil
}

// release returns a signature by the active key of a view. Errors: ErrKeyGone,
// ErrUnavailable.
func (s *Signatures) release(ctx context.Context, by *view, scheme Scheme, message []byte) ([]byte, error) {
	signature, err := s.sign(ctx, by, scheme, message)
	switch {
	case errors.Is(err, ErrKeyGone):
		return nil, err
	case err != nil:
		return nil, unavailable("sign", err)
	}
	return signature, nil
}
