package client

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxText  = 200 // bytes of the platform's text in an error
	window   = 8   // letters and digits in a row that give a credential away
	withheld = "[withheld: it repeats a credential]"
)

var codes = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}$`)

// cleaner makes texts that we did not write fit for an error message.
type cleaner struct {
	secrets []string // as skeletons
}

// cleaner knows every form in which the credentials of a call may come back.
func (c *Client) cleaner(call Call) cleaner {
	var made cleaner
	for _, credential := range []string{c.config.Credential.Reveal(), call.Credential.Reveal()} {
		made.add(credential)
		// The text that Basic sends has all but its last letters from this.
		made.add(base64.RawStdEncoding.EncodeToString([]byte(credential)))
		made.add(hex.EncodeToString([]byte(credential)))
	}
	return made
}

func (c *cleaner) add(form string) {
	if s := skeleton(form); s != "" {
		c.secrets = append(c.secrets, s)
	}
}

// clean returns the text without control and formatting characters, cut to
// maxText bytes; nothing of it if it holds any part of a credential.
func (c cleaner) clean(text string) string {
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
func (c cleaner) code(text string) string {
	if !codes.MatchString(text) || c.gives(text) {
		return ""
	}
	return text
}

// gives reports whether the text gives a credential away, even in part.
func (c cleaner) gives(text string) bool {
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
