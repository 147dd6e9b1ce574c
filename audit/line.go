package audit

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

const (
	minKey  = 32       // bytes
	maxText = 512      // bytes of one member of an entry
	maxLine = 64 << 10 // bytes; ten fully escaped members are much shorter
)

// The purposes of MACs, so that a MAC for one is not valid for another.
const (
	aboutLine = "playtoken audit line\n"
	aboutHead = "playtoken audit head\n"
)

// end identifies a line of a chain, and through its MAC all lines before. The end of
// a chain without lines has neither number nor MAC.
type end struct {
	Chain string `json:"chain"` // the chain's random name
	Seq   uint64 `json:"seq"`
	MAC   string `json:"mac"` // hexadecimal
}

// line is an entry as it is written; seal adds its MAC.
type line struct {
	Chain string    `json:"chain"`
	Seq   uint64    `json:"seq"` // from 1, in each chain
	Time  time.Time `json:"time"`
	Entry
	// After is set in the first line of a chain that continues another one: the
	// file was rotated, or the other chain was found broken.
	After *end `json:"after,omitempty"`
}

// linePrefix begins every line.
const linePrefix = `{"chain":"`

// extend returns the lines of entries after an end, and the new end.
func extend(key []byte, from end, after *end, entries []stamped) ([]byte, end, error) {
	var lines []byte
	for _, e := range entries {
		l := line{Chain: from.Chain, Seq: from.Seq + 1, Time: e.at.UTC(), Entry: e.bounded()}
		if l.Seq == 1 {
			l.After = after
		}
		object, err := json.Marshal(l)
		if err != nil {
			return nil, end{}, err
		}
		var mac string
		lines, mac = seal(lines, key, aboutLine+from.MAC, printable(object))
		from = end{Chain: l.Chain, Seq: l.Seq, MAC: mac}
	}
	return lines, from, nil
}

// bounded is the entry with every text valid UTF-8 and short.
func (e Entry) bounded() Entry {
	for _, text := range []*string{&e.Actor, &e.ActorName, &e.Action, &e.Project, &e.Subject, &e.Key, &e.RequestID, &e.ProxyRequestID, &e.Result, &e.Reason} {
		*text = cut(*text)
	}
	return e
}

func cut(text string) string {
	if len(text) > maxText {
		short := maxText
		for !utf8.RuneStart(text[short]) && short > maxText-utf8.UTFMax {
			short--
		}
		text = text[:short] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// printable escapes characters that could control a terminal; JSON itself escapes
// only the control characters of ASCII.
func printable(object []byte) []byte {
	var out bytes.Buffer
	for _, r := range string(object) {
		switch {
		case r < 0x7f || unicode.IsPrint(r):
			out.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.Bytes()
}

// seal appends an object to lines, with its MAC as the last member. The MAC covers
// its purpose and the exact bytes of the object up to the comma before the MAC.
func seal(lines, key []byte, about string, object []byte) (sealed []byte, mac string) {
	body := object[:len(object)-1] // without the closing brace
	mac = sum(key, about, body)
	return fmt.Appendf(lines, `%s,"mac":"%s"}`+"\n", body, mac), mac
}

// sealLength is the length of the MAC member and the closing brace.
const sealLength = len(`,"mac":""}`) + 2*sha256.Size

// sealOf splits a sealed object into its body and its MAC.
func sealOf(text []byte) (body []byte, mac string, ok bool) {
	if len(text) <= sealLength {
		return nil, "", false
	}
	body, rest := text[:len(text)-sealLength], string(text[len(text)-sealLength:])
	rest, before := strings.CutPrefix(rest, `,"mac":"`)
	mac, after := strings.CutSuffix(rest, `"}`)
	return body, mac, before && after
}

func sum(key []byte, about string, body []byte) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(about))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

var (
	errForm    = errors.New("is not a line of this log")
	errAltered = errors.New("was altered, or the line before it was altered or removed")
)

// sealed is a line as it was read. Its content must not be trusted before follows.
type sealed struct {
	line line
	body []byte // what the MAC covers, besides the line before
	mac  string
}

// parse reads a line without its newline. Error: errForm.
func parse(text []byte) (sealed, error) {
	body, mac, ok := sealOf(text)
	if !ok || !bytes.HasPrefix(text, []byte(linePrefix)) {
		return sealed{}, errForm
	}
	var l line
	if err := json.Unmarshal(append(bytes.Clone(body), '}'), &l); err != nil {
		return sealed{}, errForm
	}
	return sealed{line: l, body: body, mac: mac}, nil
}

// end is the end of a log whose last line this is.
func (s sealed) end() end { return end{Chain: s.line.Chain, Seq: s.line.Seq, MAC: s.mac} }

// follows verifies that the line is the one after an end. Errors begin with a verb.
func (s sealed) follows(key []byte, from end) error {
	l := s.line
	switch {
	case l.Chain != from.Chain:
		return fmt.Errorf("is of chain %q instead of %q", l.Chain, from.Chain)
	case !hmac.Equal([]byte(s.mac), []byte(sum(key, aboutLine+from.MAC, s.body))):
		if l.Seq != from.Seq+1 {
			return fmt.Errorf("has number %d instead of %d: lines were removed, inserted or reordered", l.Seq, from.Seq+1)
		}
		return errAltered
	case l.Seq != from.Seq+1: // possible only with the key
		return fmt.Errorf("has number %d instead of %d", l.Seq, from.Seq+1)
	}
	return nil
}

// check parses text and verifies that it is the line after an end. It returns the
// line and the new end. Errors begin with a verb.
func check(key []byte, from end, text []byte) (line, end, error) {
	l, err := parse(text)
	if err == nil {
		err = l.follows(key, from)
	}
	if err != nil {
		return l.line, from, err
	}
	return l.line, l.end(), nil
}
