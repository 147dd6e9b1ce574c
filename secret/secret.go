// Package secret holds credentials in a type that never prints itself.
//
// A Value cannot be compared with == (it does not compile), printed, logged
// or marshalled; the only way to its bytes is Reveal, so every place where a
// secret leaves the type can be found by searching for that one word.
package secret

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Value is a credential: an API key, a password, a bearer token. The zero
// Value is "no secret".
type Value struct {
	_    [0]func() // makes == a compile error
	text string
}

// New wraps text.
func New(text string) Value { return Value{text: text} }

// Reveal returns the secret itself. Its result must not be logged, put into
// an error or a URL.
func (v Value) Reveal() string { return v.text }

// IsZero reports whether there is no secret.
func (v Value) IsZero() bool { return v.text == "" }

// Equal reports, in time that depends on neither value, whether text is the
// secret. An absent secret equals nothing, not even the empty text.
func (v Value) Equal(text string) bool {
	want, got := sha256.Sum256([]byte(v.text)), sha256.Sum256([]byte(text))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1 && !v.IsZero()
}

// String implements fmt.Stringer without showing the secret.
func (Value) String() string { return redacted }

// GoString implements fmt.GoStringer without showing the secret.
func (Value) GoString() string { return redacted }

// Format implements fmt.Formatter, so that no verb shows the secret.
func (Value) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// MarshalText implements encoding.TextMarshaler without showing the secret;
// every JSON encoder honours it.
func (Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer without showing the secret.
func (Value) LogValue() slog.Value { return slog.StringValue(redacted) }
