package timeline

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Sizes in CSS pixels.
const (
	header    = 44 // the axis and the marks of no one key
	bar       = 18 // the height of a span
	tokenBar  = 12
	gap       = 4
	wide      = 10.0 // of a mark
	narrowest = 250  // of the axis, on a telephone
	usual     = 600  // where the style sheet shows words of the class minor
	letter    = 7    // the width of a letter in a bar
	manyLanes = 15   // from which on the axis is repeated below them
)

// unseen is the part of the axis below which a span is not drawn, unless the key
// signs in it.
const unseen = 0.0005

// lane is a key with its place.
type lane struct {
	row    Row
	tokens []Token
	y      int
}

func (l lane) height() int {
	if len(l.tokens) > 0 {
		return gap + bar + 2 + tokenBar + gap
	}
	return gap + bar + gap
}

// SVG draws the picture, to be put into an element of the class timeline-frame,
// whose width it has. Nothing in it has an id, so a page may have several.
//
// Each part has an attribute data-part that is the same in the next picture of
// the same keys, so a page can move what is there instead of drawing anew.
func (p Picture) SVG() []byte {
	p = p.bounded()
	lanes, bottom := p.lanes()
	height := bottom
	if len(lanes) > manyLanes {
		height += header / 2
	}
	d := &drawing{picture: p}
	d.open("svg", "xmlns", "http://www.w3.org/2000/svg", "class", "timeline", "role", "img", "width", "100%", "height", strconv.Itoa(height))
	d.text("title", "Lives of the signing keys")
	d.text("desc", p.describe())
	for i, l := range lanes {
		d.laneLabel(i, l)
	}
	d.ticks(bottom, height)
	for _, l := range lanes {
		d.lane(l)
	}
	if len(lanes) == 0 {
		d.text("text", "No key lived at this time.", "class", "timeline-none", "x", "8", "y", strconv.Itoa(header+20))
	}
	d.now(bottom)
	d.marks(lanes)
	d.close("svg")
	return []byte(d.out.String())
}

// lanes places the keys that lived, or will, in the time of the axis.
func (p Picture) lanes() (lanes []lane, height int) {
	y := header
	for _, row := range p.Rows() {
		l := lane{row: row, y: y}
		for _, t := range p.Tokens {
			if t.KeyID == row.KeyID && t.KeyID != "" && p.visible(t.IssuedAt, t.ExpiresAt) {
				l.tokens = append(l.tokens, t)
			}
		}
		if p.lives(row) {
			lanes = append(lanes, l)
			y += l.height()
		}
	}
	if len(lanes) == 0 {
		y += bar + 3*gap
	}
	return lanes, y + gap
}

func (p Picture) lives(r Row) bool {
	for _, s := range r.Spans {
		if p.visible(s.From, s.Until) {
			return true
		}
	}
	return false
}

// visible reports whether a part of a time is on the axis. A zero end is open.
func (p Picture) visible(from, until time.Time) bool {
	return from.Before(p.Until) && (until.IsZero() || until.After(p.From))
}

// laneLabel writes to the left of the axis, where the style sheet leaves room.
func (d *drawing) laneLabel(i int, l lane) {
	class := "timeline-band"
	if i%2 == 1 {
		class += " odd"
	}
	y := strconv.Itoa(l.y)
	d.empty("rect", "class", class, "y", y, "width", "100%", "height", strconv.Itoa(l.height()))
	d.text("text", "gen. "+strconv.Itoa(l.row.Generation), "class", "timeline-lane "+l.row.State, "x", "-52", "y", strconv.Itoa(l.y+gap+13))
}

// ticks draws the axis above the lanes and, if the picture goes on below them,
// there too.
func (d *drawing) ticks(bottom, height int) {
	for _, t := range d.picture.ticks() {
		class, at := "timeline-tick", d.picture.at(t.at)
		if t.minor {
			class += " minor"
		}
		anchor := "middle"
		switch {
		case at < 0.04:
			anchor = "start"
		case at > 0.96:
			anchor = "end"
		}
		x := percent(at)
		d.empty("line", "class", class, "x1", x, "x2", x, "y1", "18", "y2", strconv.Itoa(bottom))
		d.text("text", t.text, "class", class, "x", x, "y", "13", "text-anchor", anchor)
		if height > bottom {
			d.text("text", t.text, "class", class, "x", x, "y", strconv.Itoa(height-7), "text-anchor", anchor)
		}
	}
}

func (d *drawing) lane(l lane) {
	for _, s := range l.row.Spans {
		if d.picture.visible(s.From, s.Until) {
			d.span(l, s)
		}
	}
	for _, t := range l.tokens {
		d.token(l, t)
	}
}

// span draws a part of a life as a picture of its own, which cuts off a word
// that is too long for it.
func (d *drawing) span(l lane, s Span) {
	x, width := d.stretch(s.From, s.Until)
	if width < unseen && s.State != "active" {
		return
	}
	class, part := "timeline-span "+s.State, fmt.Sprintf("%d-%s", l.row.Generation, s.State)
	if s.Ahead {
		class, part = class+" ahead", part+"-ahead"
	}
	d.open("svg", "class", class, "data-part", part, "x", percent(x), "y", strconv.Itoa(l.y+gap), "width", percent(width), "height", strconv.Itoa(bar))
	d.text("title", d.picture.spanTitle(l.row.Key, s))
	d.empty("rect", "width", "100%", "height", "100%", "rx", "3")
	if s.State == "retiring" {
		d.empty("line", "class", "timeline-hatch", "x2", "100%", "y1", strconv.Itoa(bar/2), "y2", strconv.Itoa(bar/2))
	}
	d.label(s, width)
	d.close("svg")
}

// label writes a word where it has room: on every screen, or on wide ones.
func (d *drawing) label(s Span, width float64) {
	word, x := s.label(), 6.0
	if s.Ahead && s.State == "active" {
		x = 2*wide + 6 // beside the mark of the move
	}
	need := x + float64(len(word))*letter
	attributes := []string{"x", strconv.FormatFloat(x, 'f', -1, 64), "y", "13"}
	switch {
	case word == "":
	case width*narrowest >= need:
		d.text("text", word, attributes...)
	case width*usual >= need:
		d.text("text", word, append(attributes, "class", "minor")...)
	}
}

func (s Span) label() string {
	switch {
	case s.State == "retiring" && s.Ahead:
		return "has to stay"
	case s.State == "free":
		return "may go"
	case s.State == "active" && s.Ahead:
		return "will sign"
	case s.Ahead:
		return ""
	}
	return s.State
}

func (p Picture) spanTitle(k Key, s Span) string {
	until := "open"
	if !s.Until.IsZero() {
		until = stamp(s.Until)
	}
	what := s.State
	switch {
	case s.State == "retiring":
		what = "retiring, not to be deleted"
	case s.State == "made":
		what = "made and registered"
	case s.State == "free":
		what = "free to be deleted"
	}
	if s.Ahead {
		what += ", ahead"
	}
	text := fmt.Sprintf("generation %d: %s, %s – %s", k.Generation, what, stamp(s.From), until)
	if s.Note != "" {
		text += ": " + s.Note
	}
	return text
}

func (d *drawing) token(l lane, t Token) {
	x, width := d.stretch(t.IssuedAt, t.ExpiresAt)
	class := "timeline-token"
	if t.Playing {
		class += " playing"
	}
	part := fmt.Sprintf("%d-token-%d", l.row.Generation, t.IssuedAt.Unix())
	d.open("svg", "class", class, "data-part", part, "x", percent(x), "y", strconv.Itoa(l.y+gap+bar+2), "width", percent(width), "height", strconv.Itoa(tokenBar))
	d.text("title", fmt.Sprintf("a token of generation %d, %s – %s", l.row.Generation, stamp(t.IssuedAt), stamp(t.ExpiresAt)))
	d.empty("rect", "width", "100%", "height", "100%", "rx", "3")
	switch {
	case width*narrowest > 40:
		d.text("text", "token", "x", "5", "y", "10")
	case width*usual > 40:
		d.text("text", "token", "class", "minor", "x", "5", "y", "10")
	}
	d.close("svg")
}

// stretch returns where a time begins on the axis and how much of it it takes.
func (d *drawing) stretch(from, until time.Time) (x, width float64) {
	end := 1.0
	if !until.IsZero() {
		end = min(d.picture.at(until), 1)
	}
	x = max(d.picture.at(from), 0)
	return x, max(end-x, 0)
}

func (d *drawing) now(height int) {
	at := d.picture.at(d.picture.Now)
	if at < 0 || at > 1 {
		return
	}
	x, anchor, aside := percent(at), "end", "-5"
	if at < 0.15 {
		anchor, aside = "start", "5"
	}
	d.open("svg", "class", "timeline-now", "data-part", "now", "x", x, "overflow", "visible")
	d.empty("line", "y1", "18", "y2", strconv.Itoa(height))
	d.text("text", "now", "x", aside, "y", "35", "text-anchor", anchor)
	d.close("svg")
}

// marks draws the moves in the lanes of their keys, and those of no lane below
// the axis. Marks at one place stand beside each other.
func (d *drawing) marks(lanes []lane) {
	ys := map[int]int{}
	for _, l := range lanes {
		ys[l.row.Generation] = l.y + gap + bar/2
	}
	taken := map[string]int{}
	for _, m := range d.picture.Marks() {
		at := d.picture.at(m.At)
		if at < 0 || at > 1 {
			continue
		}
		y, ok := ys[m.Generation]
		if !ok {
			y = header - 13
		}
		place := fmt.Sprint(y, int(at*usual/(2*wide)))
		d.mark(m, at, y, taken[place])
		taken[place]++
	}
}

func (d *drawing) mark(m Mark, at float64, y, before int) {
	class := "timeline-mark"
	if m.Blocked {
		class += " blocked"
	}
	aside := float64(before)*(2*wide+2) + wide + 3
	if at > 0.9 {
		aside = -aside
	}
	part := fmt.Sprintf("mark-%d-%s-%d", m.Generation, m.Action, before)
	d.open("svg", "class", class, "data-part", part, "x", percent(at), "y", strconv.Itoa(y), "overflow", "visible")
	d.text("title", fmt.Sprintf("%d: %s, %s: %s", m.Number, m.Words, m.when(d.picture.Now), m.Why))
	x := strconv.FormatFloat(aside, 'f', -1, 64)
	d.empty("circle", "cx", x, "r", "8")
	d.text("text", strconv.Itoa(m.Number), "x", x, "y", "4", "text-anchor", "middle")
	d.close("svg")
}

// describe says what the picture shows, for readers who do not see it.
func (p Picture) describe() string {
	sentences := []string{fmt.Sprintf("From %s to %s UTC.", stamp(p.From), stamp(p.Until))}
	gone := 0
	for _, r := range p.Rows() {
		if r.State == "deleted" {
			gone++
			continue
		}
		sentence := fmt.Sprintf("Generation %d is %s", r.Generation, r.State)
		if r.State == "retiring" && r.DeleteNotBefore.After(p.Now) {
			sentence += " and has to stay until " + stamp(r.DeleteNotBefore)
		}
		sentences = append(sentences, sentence+".")
	}
	if gone > 0 {
		sentences = append(sentences, fmt.Sprintf("%d more are deleted.", gone))
	}
	for _, m := range p.Marks() {
		sentences = append(sentences, fmt.Sprintf("%d: %s, %s: %s.", m.Number, m.Words, m.when(p.Now), m.Why))
	}
	return strings.Join(sentences, " ")
}
