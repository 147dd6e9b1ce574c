package client

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"playtoken/secret"
)

const (
	maxText  = 200 // bytes of the platform's text in an error
	window   = 8   // letters and digits in a row that give a credential away
	withheld = "[withheld: it repeats a credential]"
)

var codes = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}$`)

// Words makes texts that we did not write fit for an error message. It knows every form
// in which credentials may come back. The zero Words knows none.
type Words struct {
	secrets []string // as skeletons
}

// NewWords knows the credentials of one call.
func NewWords(credentials ...secret.Value) Words {
	var made Words
	for _, value := range credentials {
		credential := value.Reveal()
		made.add(credential)
		// The text that Basic sends has all but its last letters from this.
		made.add(base64.RawStdEncoding.EncodeToString([]byte(credential)))
		made.add(hex.EncodeToString([]byte(credential)))
	}
	return made
}

// Refusal is the error of a call that was answered with another status than 2xx, for
// platforms that are called with a library of their own.
func (c Words) Refusal(status int, header http.Header, code, text string) *StatusError {
	e := &StatusError{Status: status, Code: c.code(code), Text: c.clean(text)}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		e.After = RetryAfter(header, time.Now())
	}
	return e
}

// Unclear is the error of a call that may or may not have had an effect. Status is that
// of an answer that was not understood; 0: there was none.
func (c Words) Unclear(doing string, status int, err error) error {
	e := &unclear{text: doing + ": " + c.clean(err.Error()), status: status}
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, cause) {
			e.cause = cause
		}
	}
	return e
}

func (c *Words) add(form string) {
	if s := skeleton(form); s != "" {
		c.secrets = append(c.secrets, s)
	}
}

// clean returns the text without control and formatting characters, cut to
// maxText bytes; nothing of it if it holds any part of a credential.
func (c Words) clean(text string) string {
	text = text[:min(len(text), 4*maxText)]
	if c.gives(text) {
		return withheld
	}
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	for len(text) > maxText {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

// code returns a machine-readable code, or nothing.
func (c Words) code(text string) string {
	if !codes.MatchString(text) || c.gives(text) {
		return ""
	}
	return text
}

// gives reports whether the text gives a credential away, even in part.
func (c Words) gives(text string) bool {
	if plain, err := url.PathUnescape(text); err == nil {
		text = plain
	}
	text = skeleton(text)
	for _, s := range c.secrets {
		size := min(window, len(s))
		for i := 0; i+size <= len(s); i++ {
			if strings.Contains(text, s[i:i+size]) {
				return true
			}
		}
	}
	return false
}

// skeleton is what escaping, wrapping and changing case leave of a text.
func skeleton(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}
