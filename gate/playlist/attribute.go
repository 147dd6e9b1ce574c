package playlist

import (
	"errors"
	"strings"
)

// attribute is one NAME=value or NAME="value" of a tag.
type attribute struct {
	name, value string
	quoted      bool
	begin       int // where the value begins in the list, after the quote
}

// cursor reads a list of attributes from left to right.
type cursor struct {
	text   string
	at     int
	offset int // where the list begins in the playlist
}

func (c *cursor) more() bool { return c.at < len(c.text) }

// next reads one attribute and the comma after it. It allows blanks around
// names, which some packagers write, and is strict about everything else:
// what is read here must be what every player reads.
func (c *cursor) next() (attribute, error) {
	rest := c.text[c.at:]
	name, value, found := strings.Cut(rest, "=")
	a := attribute{name: strings.Trim(name, " \t")}
	if !found || !validName(a.name) {
		return attribute{}, errors.New("not a list of attributes NAME=value; a comma or a double quote may be missing")
	}
	begin := c.at + len(name) + 1
	if strings.HasPrefix(value, `"`) {
		return c.quoted(a, begin+1)
	}
	a.value, _, _ = strings.Cut(value, ",")
	if strings.Contains(a.value, `"`) {
		return attribute{}, errors.New("a double quote inside the value of " + a.name)
	}
	a.begin = begin
	c.at = min(begin+len(a.value)+1, len(c.text))
	return a, nil
}

func (c *cursor) quoted(a attribute, begin int) (attribute, error) {
	value, after, closed := strings.Cut(c.text[begin:], `"`)
	if !closed {
		return attribute{}, errors.New("the double quotes of " + a.name + " are not closed")
	}
	blank := len(after) - len(strings.TrimLeft(after, " \t"))
	if after = after[blank:]; after != "" && after[0] != ',' {
		return attribute{}, errors.New("no comma after the value of " + a.name)
	}
	a.value, a.quoted, a.begin = value, true, begin
	c.at = min(begin+len(value)+1+blank+1, len(c.text))
	return a, nil
}

// validName accepts the names of RFC 8216, and small letters.
func validName(name string) bool {
	for i := range len(name) {
		if c := name[i]; !alphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return name != ""
}

func wellFormed(list string) bool {
	for c := (cursor{text: list}); c.more(); {
		if _, err := c.next(); err != nil {
			return false
		}
	}
	return true
}
