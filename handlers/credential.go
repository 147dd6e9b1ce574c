package handlers

import (
	"encoding/base64"
	"net/http"
	"strings"

	"playtoken/secret"
)

// maxCredential bounds an Authorization header.
const maxCredential = 8 << 10

const howToAuthorize = `send "Authorization: Bearer <key>" or "Authorization: Basic <base64 of the key and a colon>"`

// unauthorized is a request without a credential that could be looked up.
type unauthorized struct {
	detail  string
	missing bool // the request has no credential, so it is not an attempt to guess one
}

func (u *unauthorized) Error() string { return u.detail }

// credential returns the caller's credential. Errors: *unauthorized, which never
// repeats any part of it; *invalid for more than one.
func credential(h http.Header) (secret.Value, error) {
	headers := h.Values("Authorization")
	switch {
	case len(headers) == 0:
		return secret.Value{}, &unauthorized{detail: "the Authorization header is missing: " + howToAuthorize, missing: true}
	case len(headers) > 1:
		return secret.Value{}, invalidf("there is more than one Authorization header: send only one")
	case len(headers[0]) > maxCredential:
		return secret.Value{}, &unauthorized{detail: "the Authorization header is longer than 8192 bytes: send an API key, the admin key or an access token"}
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
		return secret.Value{}, &unauthorized{detail: "the scheme of the Authorization header is neither Bearer nor Basic: " + howToAuthorize}
	}
	if !ok || text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return secret.Value{}, &unauthorized{detail: "the Authorization header does not contain exactly one key: " + howToAuthorize}
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
