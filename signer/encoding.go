package signer

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// signingInput encodes a token up to its signature, and leaves room for that. The
// bytes are those of golang-jwt, which encodes the header, once for each view; a
// fuzz test compares the claims.
func (w *view) signingInput(of Header, claims map[string]any) ([]byte, error) {
	header, err := w.encodedHeader(of)
	if err != nil {
		return nil, err
	}
	var short [256]byte // long enough for most claims
	text, err := appendClaims(short[:0], claims)
	if err != nil {
		return nil, err
	}
	size := len(header) + 1 + base64.RawURLEncoding.EncodedLen(len(text))
	input := append(make([]byte, 0, size+1+base64.RawURLEncoding.EncodedLen(signatureSize(w.public))), header...)
	return base64.RawURLEncoding.AppendEncode(append(input, '.'), text), nil
}

// Header is what the header of a token has beside the algorithm. The zero value is
// that of most verifiers: "kid", and the type "JWT".
type Header struct {
	Type    string // "typ"; "JWT" if it is empty
	NoType  bool   // no "typ"
	NoKeyID bool   // no "kid": the verifier tries every key
}

// header is a header, encoded.
type header struct {
	of   Header
	text string
}

func (w *view) encodedHeader(of Header) (string, error) {
	if held := w.header.Load(); held != nil && held.of == of {
		return held.text, nil
	}
	unsigned := jwt.New(jwt.GetSigningMethod(string(w.scheme)))
	unsigned.Header["typ"], unsigned.Header["kid"] = cmp.Or(of.Type, "JWT"), w.key.KeyID
	if of.NoType {
		delete(unsigned.Header, "typ")
	}
	if of.NoKeyID {
		delete(unsigned.Header, "kid")
	}
	input, err := unsigned.SigningString()
	if err != nil {
		return "", fmt.Errorf("encode header: %w", err)
	}
	text, _, _ := strings.Cut(input, ".")
	w.header.Store(&header{of: of, text: text})
	return text, nil
}

// appendClaims appends claims in JSON, sorted by name as encoding/json sorts a map.
func appendClaims(dst []byte, claims map[string]any) ([]byte, error) {
	names := slices.AppendSeq(make([]string, 0, 8), maps.Keys(claims))
	slices.Sort(names)
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendValue(dst, name); err != nil {
			return nil, err
		}
		if dst, err = appendValue(append(dst, ':'), claims[name]); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// appendValue leaves all but what every token has to encoding/json.
func appendValue(dst []byte, value any) ([]byte, error) {
	switch value := value.(type) {
	case int64:
		return strconv.AppendInt(dst, value, 10), nil
	case string:
		if plain(value) {
			return append(append(append(dst, '"'), value...), '"'), nil
		}
	}
	text, err := json.Marshal(value)
	return append(dst, text...), err
}

// plain reports whether encoding/json would escape nothing in a text.
func plain(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ' || c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}
