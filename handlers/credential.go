package handlers

import (
	"encoding/base64"
	"net/http"
	"strings"

	"playtoken/secret"
)

// maxCredential bounds an Authorization header.
const maxCredential = 8 << 10

const howToAuthorize = `write it "Authorization: Bearer <key>", or "Authorization: Basic <base64 of key and a colon>"`

// unauthorized is a request whose credential cannot even be looked up.
type unauthorized struct {
	detail  string
	missing bool // there is none: nobody is guessing
}

func (u *unauthorized) Error() string { return u.detail }

// credential returns what the caller presents. Errors: *unauthorized, which
// never repeats any of it; *invalid for more than one.
func credential(h http.Header) (secret.Value, error) {
	headers := h.Values("Authorization")
	switch {
	case len(headers) == 0:
		return secret.Value{}, &unauthorized{detail: "there is no Authorization header: " + howToAuthorize, missing: true}
	case len(headers) > 1:
		return secret.Value{}, invalidf("there is more than one Authorization header: send exactly one")
	case len(headers[0]) > maxCredential:
		return secret.Value{}, &unauthorized{detail: "the Authorization header is too long to be a key of ours"}
	}
	scheme, rest, found := strings.Cut(strings.Trim(headers[0], " "), " ")
	if !found {
		return secret.Value{}, &unauthorized{detail: "the Authorization header has no scheme before the key: " + howToAuthorize}
	}
	text := strings.TrimLeft(rest, " ")
	ok := true
	switch strings.ToLower(scheme) {
	case "bearer":
	case "basic":
		text, ok = userOfBasic(text)
	default:
		return secret.Value{}, &unauthorized{detail: "the Authorization header has a scheme that is not known here: " + howToAuthorize}
	}
	if !ok || text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return secret.Value{}, &unauthorized{detail: "the Authorization header does not hold one key: " + howToAuthorize}
	}
	return secret.New(text), nil
}

// userOfBasic returns the user name of Basic credentials without a password.
func userOfBasic(encoded string) (user string, ok bool) {
	data, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return "", false
	}
	user, password, found := strings.Cut(string(data), ":")
	return user, found && password == ""
}
