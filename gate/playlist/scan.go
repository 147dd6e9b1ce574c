package playlist

import (
	"errors"
	"io"
	"slices"
	"strings"
)

// uriAttributes are the attributes with a URI, by tag. Of a tag that is not
// listed, an attribute URI is taken as one if the tag's value is a list of
// attributes.
var uriAttributes = map[string][]string{
	"EXT-X-CONTENT-STEERING":   {"SERVER-URI"},
	"EXT-X-DATERANGE":          {"X-ASSET-URI", "X-ASSET-LIST"},
	"EXT-X-I-FRAME-STREAM-INF": {"URI"},
	"EXT-X-KEY":                {"URI"},
	"EXT-X-MAP":                {"URI"},
	"EXT-X-MEDIA":              {"URI"},
	"EXT-X-PART":               {"URI"},
	"EXT-X-PRELOAD-HINT":       {"URI"},
	"EXT-X-RENDITION-REPORT":   {"URI"},
	"EXT-X-SESSION-DATA":       {"URI"},
	"EXT-X-SESSION-KEY":        {"URI"},
}

var otherURIAttributes = []string{"URI"}

// scanner finds the URIs of a playlist, one by one.
type scanner struct {
	text      string
	where     resolver
	variables map[string]string
	found     summary

	line int // the number of the current line
	at   int // where the next line begins

	tag  string // of the current line, if it may have more URIs
	list cursor // what is left of that tag's attributes
}

func newScanner(text string, where Location) *scanner {
	return &scanner{text: text, where: newResolver(where), variables: map[string]string{}}
}

// edits are what viewers get in place of the URIs of the video's own.
func (s *scanner) edits() edits { return ticketed{scanner: s} }

type ticketed struct{ scanner *scanner }

func (t ticketed) next() (edit, error) {
	for {
		ref, err := t.scanner.next()
		if err != nil || ref.File != "" {
			return t.scanner.where.edit(ref), err
		}
	}
}

// next returns the next URI, or io.EOF. After another error the scanner's line
// is the one that is wrong.
func (s *scanner) next() (Reference, error) {
	for {
		if ref, found, err := s.nextAttribute(); found || err != nil {
			return ref, err
		}
		begin := s.at
		line, ok := s.readLine()
		if !ok {
			return Reference{}, io.EOF
		}
		if err := s.check(line); err != nil {
			return Reference{}, err
		}
		switch {
		case strings.HasPrefix(line, "#EXT"):
			if err := s.beginTag(line, begin); err != nil {
				return Reference{}, err
			}
		case line != "" && line[0] != '#':
			return s.reference(Reference{begin: begin, end: begin + len(line)})
		}
	}
}

// readLine returns the next line without its end, LF or CRLF.
func (s *scanner) readLine() (line string, ok bool) {
	if s.at >= len(s.text) {
		return "", s.line == 0 && s.advance(0)
	}
	line, _, found := strings.Cut(s.text[s.at:], "\n")
	s.advance(len(line))
	if found {
		s.at++
	}
	return strings.TrimSuffix(line, "\r"), true
}

func (s *scanner) advance(n int) bool {
	s.line++
	s.at += n
	return true
}

// check refuses what players would read in different ways.
func (s *scanner) check(line string) error {
	if s.line == 1 && strings.TrimRight(line, " \t") != "#EXTM3U" {
		return errors.New("the first line of a playlist is #EXTM3U")
	}
	for i := range len(line) {
		if c := line[i]; c < ' ' && c != '\t' || c == 0x7f {
			return errors.New("a control character; end lines with LF or CRLF only")
		}
	}
	return nil
}

// beginTag notes what the tag says, and where its attributes are.
func (s *scanner) beginTag(line string, begin int) error {
	name, value, _ := strings.Cut(line[1:], ":")
	switch name {
	case "EXTINF", "EXT-X-TARGETDURATION":
		s.found.segments = true
		return nil
	case "EXT-X-STREAM-INF", "EXT-X-I-FRAME-STREAM-INF", "EXT-X-MEDIA":
		s.found.multivariant = true
		s.found.pathways = s.found.pathways || strings.Contains(value, "PATHWAY-ID")
	case "EXT-X-CONTENT-STEERING":
		s.found.pathways = true
	case "EXT-X-ENDLIST":
		s.found.ended = true
	case "EXT-X-DEFINE":
		return s.define(value)
	}
	known := uriAttributes[name] != nil
	if value == "" || !known && !(strings.HasPrefix(name, "EXT-X-") && strings.Contains(value, `URI="`) && wellFormed(value)) {
		return nil
	}
	s.tag, s.list = name, cursor{text: value, offset: begin + len(line) - len(value)}
	return nil
}

// nextAttribute returns the next URI among the current tag's attributes.
func (s *scanner) nextAttribute() (ref Reference, found bool, err error) {
	if s.tag == "" {
		return Reference{}, false, nil
	}
	wanted, known := uriAttributes[s.tag]
	if !known {
		wanted = otherURIAttributes
	}
	for s.list.more() {
		a, err := s.list.next()
		if err != nil {
			return Reference{}, false, err
		}
		if !slices.Contains(wanted, a.name) {
			continue
		}
		if !a.quoted {
			return Reference{}, false, errors.New(a.name + " is not in double quotes")
		}
		begin := s.list.offset + a.begin
		ref, err := s.reference(Reference{Tag: s.tag, Attribute: a.name, begin: begin, end: begin + len(a.value)})
		return ref, true, err
	}
	s.tag, s.list = "", cursor{}
	return Reference{}, false, nil
}

// reference fills in what the URI in the given bytes of the text means.
func (s *scanner) reference(ref Reference) (Reference, error) {
	ref.Line = s.line
	uri, err := s.substitute(s.text[ref.begin:ref.end])
	if err != nil {
		return Reference{}, err
	}
	ref.URI = uri
	ref.target, err = s.where.resolve(uri)
	ref.File = ref.target.file
	return ref, err
}
