package signer

import (
	"context"
	"fmt"
	"time"

	"playtoken/store"
)

// Form is a platform's part of a token that is no JWT, such as a signed URL: what is
// signed, and how that and the signature are written. Implementations are pure.
type Form interface {
	// Statement returns what a key of a kind signs for a request. Equal requests
	// have equal statements, so that they share a signature. Errors: those of
	// [Shape].Claims, and any other one for a kind of keys that the platform does
	// not take.
	Statement(req Request, kind store.Kind, issued, expires time.Time) (Statement, error)
	// Token returns the token that a signed statement makes.
	Token(signed Signed) string
	URLs(videoID, token string) URLs
	Delivery() Delivery
}

// Statement is bytes that a platform has signed, and the scheme that its verifiers
// know them by.
type Statement struct {
	Scheme  Scheme
	Message []byte // must not be changed any more
}

// Signed is a statement with its signature. Key id and signature are those of one
// view's active key.
type Signed struct {
	Statement Statement
	Signature []byte // verified with the recorded public key
	KeyID     string
	ExpiresAt time.Time
}

// form makes the token of a request, and signs it with the active key of a view.
func (s *Signatures) form(ctx context.Context, by *view, form Form, req Request, issued, expires time.Time) (string, error) {
	statement, err := form.Statement(req, by.key.Kind, issued, expires)
	if err != nil {
		return "", err
	}
	if !statement.Scheme.Fits(by.key.Kind) {
		return "", fmt.Errorf("%w: %s, %s", errScheme, statement.Scheme, by.key.Kind)
	}
	signature, err := s.release(ctx, by, statement.Scheme, statement.Message)
	if err != nil {
		return "", err
	}
	token := form.Token(Signed{Statement: statement, Signature: signature, KeyID: by.key.KeyID, ExpiresAt: expires})
	if len(token) > maxToken {
		return "", fmt.Errorf("%w: the token would be longer than %d bytes", ErrVideo, maxToken)
	}
	return token, nil
}
