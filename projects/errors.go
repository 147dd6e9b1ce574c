package projects

import (
	"errors"
	"fmt"
	"strings"

	"playtoken/store"
)

// FieldError is what is wrong with one member of a request. It never shows a
// credential.
type FieldError struct {
	Field   string `json:"field"` // "token_policy.max_ttl"
	Problem string `json:"problem"`
}

// Invalid is a request that has to be mended before it is made again. A cursor
// that is no good is the field "cursor".
type Invalid struct {
	Fields []FieldError // at least one
}

func (e *Invalid) Error() string {
	var text []string
	for _, f := range e.Fields {
		text = append(text, f.Field+": "+f.Problem)
	}
	return strings.Join(text, "; ")
}

func invalid(field, problem string) error {
	return &Invalid{Fields: []FieldError{{field, problem}}}
}

// findings collects what is wrong, so that all of it is said at once.
type findings []FieldError

func (f *findings) refuse(bad bool, field, format string, args ...any) {
	if bad {
		*f = append(*f, FieldError{field, fmt.Sprintf(format, args...)})
	}
}

func (f findings) err() error {
	if len(f) == 0 {
		return nil
	}
	return &Invalid{Fields: f}
}

// notFound turns a store's "no such document" into ours.
func notFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return ErrNotFound
	}
	return err
}

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }
