package handlers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxBody is the longest body that is read.
const maxBody = 64 << 10

// invalid is a request that cannot be understood.
type invalid struct {
	detail string
	fields []fieldError
}

// fieldError says what is wrong with one member, and what to do.
type fieldError struct {
	Field  string `json:"field"` // names joined by dots: requests.3.video_id
	Detail string `json:"detail"`
}

func (i *invalid) Error() string { return i.detail }

func invalidf(format string, args ...any) error {
	return &invalid{detail: fmt.Sprintf(format, args...)}
}

// invalidFields is a request with wrong members; nil if there are none.
func invalidFields(fields ...fieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return &invalid{detail: fields[0].Field + ": " + fields[0].Detail, fields: fields}
}

// decode reads a request strictly: what it accepts has one meaning for every
// reader. A request that can check itself has done so when it returns. Errors:
// *invalid, errTooLarge.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	query, bodiless := into.(queried)
	if !bodiless {
		query = new(noBody)
	}
	if err := decodeQuery(r.URL.RawQuery, query); err != nil || bodiless {
		return err
	}
	if err := jsonContent(r.Header); err != nil && !plain(into) {
		return err
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLong := new(http.MaxBytesError); errors.As(err, &tooLong) {
		return errTooLarge
	} else if err != nil {
		return invalidf("the body did not arrive whole: send it again")
	}
	if err := decodeBody(data, into); err != nil {
		return err
	}
	if checked, ok := into.(interface{ check() error }); ok {
		return checked.check()
	}
	return nil
}

// plain reports whether a body may come from a page that sends JSON without
// saying so.
func plain(into any) bool {
	_, ok := into.(interface{ announcedAsText() })
	return ok
}

// decodeBody lets a body that is more than an object of members read itself.
func decodeBody(data []byte, into any) error {
	if own, ok := into.(interface{ decode(data []byte) error }); ok {
		return own.decode(data)
	}
	return decodeObject(data, into)
}

func jsonContent(h http.Header) error {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || kind != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") ||
		len(h.Values("Content-Type")) > 1 {
		return invalidf("the body is not announced as JSON: send Content-Type: application/json")
	}
	if h.Get("Content-Encoding") != "" {
		return invalidf("the body is encoded: send it without Content-Encoding")
	}
	return nil
}

// decodeObject decodes one JSON object with exactly known members.
func decodeObject(data []byte, into any) error {
	if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return invalidf("the body is not a JSON object: send {…}")
	}
	err := json.Unmarshal(data, into, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	semantic, syntactic := new(json.SemanticError), new(jsontext.SyntacticError)
	switch {
	case errors.As(err, &semantic) && errors.Is(err, json.ErrUnknownName):
		return invalidFields(fieldError{field(semantic.JSONPointer), "not known here: remove it, or mind its spelling, capitals included"})
	case errors.As(err, &syntactic) && errors.Is(err, jsontext.ErrDuplicateName):
		return invalidFields(fieldError{field(syntactic.JSONPointer), "appears twice: send it once"})
	case errors.As(err, &semantic) && semantic.JSONPointer != "":
		return invalidFields(fieldError{field(semantic.JSONPointer), "want " + wanted(semantic.GoType)})
	case errors.As(err, &syntactic):
		return invalidf("the body is not one valid JSON object, from byte %d on", syntactic.ByteOffset)
	}
	return invalidf("the body is not one valid JSON object")
}

// maxFieldName bounds what is repeated of a caller's spelling.
const maxFieldName = 80

// field spells a JSON pointer for people. Whatever the caller named a member
// is shown printable and short.
func field(pointer jsontext.Pointer) string {
	var names []string
	for name := range pointer.Tokens() {
		names = append(names, name)
	}
	return shownName(strings.Join(names, "."))
}

// shownName makes a caller's spelling fit to be repeated.
func shownName(name string) string {
	text := []rune(strings.Map(func(r rune) rune {
		if unprintable(r) {
			return utf8.RuneError
		}
		return r
	}, name))
	return string(text[:min(len(text), maxFieldName)])
}

// wanted says what a member of a type is in JSON. An int64 is always
// a time.
func wanted(kind reflect.Type) string {
	if kind == nil {
		return "another kind of value"
	}
	for kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	if kind == reflect.TypeFor[time.Time]() {
		return `a time like "2026-01-02T15:04:05Z"`
	}
	switch kind.Kind() {
	case reflect.Int:
		return "a whole number, without fraction, exponent or quotes"
	case reflect.Bool:
		return "true or false"
	case reflect.Int64:
		return "a whole number of seconds, without fraction, exponent or quotes"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "another kind of value"
}

// maxReason is the longest reason, in characters.
const maxReason = 200

// checkReason refuses a reason that could not be recorded in one line.
func checkReason(reason string, required bool) []fieldError {
	switch {
	case required && strings.TrimSpace(reason) == "":
		return []fieldError{{"reason", "is required: say why, for the record"}}
	case utf8.RuneCountInString(reason) > maxReason:
		return []fieldError{{"reason", fmt.Sprintf("is longer than %d characters: shorten it", maxReason)}}
	case strings.ContainsFunc(reason, unprintable):
		return []fieldError{{"reason", "has control characters: write it in one line of plain text"}}
	}
	return nil
}
