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

// invalid is the error of a malformed request.
type invalid struct {
	detail string
	fields []fieldError
}

// fieldError says what is wrong with one member, and how to correct it.
type fieldError struct {
	Field  string `json:"field"` // names joined by dots: requests.3.video_id
	Detail string `json:"detail"`
}

func (i *invalid) Error() string { return i.detail }

func invalidf(format string, args ...any) error {
	return &invalid{detail: fmt.Sprintf(format, args...)}
}

// invalidFields is the error of a request with wrong members; nil for no members.
func invalidFields(fields ...fieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return &invalid{detail: fields[0].Field + ": " + fields[0].Detail, fields: fields}
}

// decode reads a request strictly: a request that it accepts has one meaning for
// every reader. The body's own check has passed when it returns nil. Errors:
// *invalid, errTooLarge.
func decode(w http.ResponseWriter, r *http.Request, into any) error {
	query, bodiless := into.(queryParameters)
	if !bodiless {
		query = new(noBody)
	}
	if err := decodeQuery(r.URL.RawQuery, query); err != nil || bodiless && !hasOptionalBody(r, into) {
		return err
	}
	if err := jsonContent(r.Header); err != nil && !acceptsText(into) {
		return err
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLong := new(http.MaxBytesError); errors.As(err, &tooLong) {
		return errTooLarge
	} else if err != nil {
		return invalidf("the body is incomplete: send it again")
	}
	if err := decodeBody(data, into); err != nil {
		return err
	}
	if checked, ok := into.(withCheck); ok {
		return checked.check()
	}
	return nil
}

func hasOptionalBody(r *http.Request, into any) bool {
	_, ok := into.(withOptionalBody)
	return ok && r.ContentLength != 0
}

func acceptsText(into any) bool {
	_, ok := into.(withTextType)
	return ok
}

// decodeBody lets a body that reads itself do so.
func decodeBody(data []byte, into any) error {
	if own, ok := into.(withDecode); ok {
		return own.decode(data)
	}
	return decodeObject(data, into)
}

func jsonContent(h http.Header) error {
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || kind != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") ||
		len(h.Values("Content-Type")) > 1 {
		return invalidf("the body's content type is not JSON: send Content-Type: application/json")
	}
	if h.Get("Content-Encoding") != "" {
		return invalidf("the body has a Content-Encoding: send it without one")
	}
	return nil
}

// decodeObject decodes one JSON object, all of whose members must be known.
func decodeObject(data []byte, into any) error {
	if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) {
		return invalidf("the body is not a JSON object: send one in braces")
	}
	err := json.Unmarshal(data, into, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	semantic, syntactic := new(json.SemanticError), new(jsontext.SyntacticError)
	switch {
	case errors.As(err, &semantic) && errors.Is(err, json.ErrUnknownName):
		return invalidFields(fieldError{Field: field(semantic.JSONPointer), Detail: "unknown field; names are case-sensitive"})
	case errors.As(err, &syntactic) && errors.Is(err, jsontext.ErrDuplicateName):
		return invalidFields(fieldError{Field: field(syntactic.JSONPointer), Detail: "appears twice: send it once"})
	case errors.As(err, &semantic) && semantic.JSONPointer != "":
		return invalidFields(fieldError{Field: field(semantic.JSONPointer), Detail: "must be " + wanted(semantic.GoType)})
	case errors.As(err, &syntactic):
		return invalidf("invalid JSON at byte %d", syntactic.ByteOffset)
	}
	return invalidf("the body is not valid JSON")
}

// maxFieldName bounds how much of a caller's text is repeated.
const maxFieldName = 80

// field writes a JSON pointer as names joined by dots, printable and short.
func field(pointer jsontext.Pointer) string {
	var names []string
	for name := range pointer.Tokens() {
		names = append(names, name)
	}
	return shownName(strings.Join(names, "."))
}

// shownName makes a caller's text printable and short, so that it can be repeated.
func shownName(name string) string {
	text := []rune(strings.Map(func(r rune) rune {
		if unprintable(r) {
			return utf8.RuneError
		}
		return r
	}, name))
	return string(text[:min(len(text), maxFieldName)])
}

// wanted describes the JSON value of a Go type. An int64 is always a duration in
// seconds.
func wanted(kind reflect.Type) string {
	if kind == nil {
		return "a value of another type"
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
	return "a value of another type"
}

// maxReason is the longest reason, in characters.
const maxReason = 200

// checkReason refuses a reason that does not fit into one line of the audit log.
func checkReason(reason string, required bool) []fieldError {
	switch {
	case required && strings.TrimSpace(reason) == "":
		return []fieldError{{"reason", "is required: say why, for the audit log"}}
	case utf8.RuneCountInString(reason) > maxReason:
		return []fieldError{{"reason", fmt.Sprintf("is longer than %d characters: shorten it", maxReason)}}
	case strings.ContainsFunc(reason, unprintable):
		return []fieldError{{"reason", "has control characters: send one line of plain text"}}
	}
	return nil
}
