package projects

import (
	"errors"
	"fmt"
	"strings"

	"playtoken/store"
)

// FieldError says what is wrong with one member of a request. It never contains a
// credential.
type FieldError struct {
	Field   string `json:"field"` // "token_policy.max_ttl"
	Problem string `json:"problem"`
}

// Invalid is the error of a request that has to be corrected. The field of a
// cursor that is not accepted is "cursor".
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
	return &Invalid{Fields: []FieldError{{Field: field, Problem: problem}}}
}

// findings collects errors, so that all of them are reported at once.
type findings []FieldError

func (f *findings) refuse(bad bool, field, format string, args ...any) {
	if bad {
		*f = append(*f, FieldError{Field: field, Problem: fmt.Sprintf(format, args...)})
	}
}

func (f findings) err() error {
	if len(f) == 0 {
		return nil
	}
	return &Invalid{Fields: f}
}

// notFound turns the store's ErrNotFound into this package's.
func notFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return ErrNotFound
	}
	return err
}

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }
