// Package timeline draws the lives of signing keys as an SVG picture: a lane for
// each generation on an axis of time, with what each key was, is and will be.
// The same data comes as rows, for a table beside the picture.
//
// A page fills a Picture and embeds what SVG returns in an element of the class
// timeline-frame, or serves it as image/svg+xml for a script to put there:
//
//	var keys struct{ Items []timeline.Key }    // GET …/signing-keys
//	var rotation struct{ Plan []timeline.Move } // GET …/rotation
//	p := timeline.Picture{Keys: keys.Items, Moves: rotation.Plan, Now: now}
//	p.From, p.Until, _ = timeline.Window("hour", now) // or p = p.Fitted()
//	svg, rows, marks := p.SVG(), p.Rows(), p.Marks()
//
// Key and Move have the JSON members of the API, so its responses decode into
// them as they are. Marks are the next moves; the picture shows them as numbers,
// and a page lists their reasons under the same numbers.
//
// The decision a newcomer would get wrong: a picture has no width. Places on the
// axis are percentages and text has a size of its own, so that one picture fits a
// telephone and a wide screen. Colours and the room for labels come from the
// style sheet CSS, which every page with a picture links: nothing in the SVG is a style or a script, so it
// works under a Content-Security-Policy without inline code. The package reads no
// clock: the same Picture is the same bytes.
package timeline

import (
	_ "embed"
	"time"
)

// Key is a signing key as GET …/signing-keys lists it. A zero time has not
// happened.
type Key struct {
	Generation      int       `json:"generation"`
	State           string    `json:"state"`
	KeyID           string    `json:"key_id"` // "" before the platform has it
	Name            string    `json:"name"`
	Kind            string    `json:"kind"` // as the API calls it, such as "rsa-2048"; "": unknown
	CreatedAt       time.Time `json:"created_at"`
	RegisteredAt    time.Time `json:"registered_at"`
	ActivatedAt     time.Time `json:"activated_at"`
	RetiredAt       time.Time `json:"retired_at"`
	DeleteNotBefore time.Time `json:"delete_not_before"`
	DeletedAt       time.Time `json:"deleted_at"`
	Note            string    `json:"note"`      // why it was revoked, quarantined or abandoned
	WaitsFor        string    `json:"waits_for"` // what an operator has to do: "carrying", "removal" or ""
}

// Move is a member of the plan of GET …/rotation.
type Move struct {
	Action     string    `json:"action"`
	Generation int       `json:"generation"` // 0: the move is not about one key
	KeyID      string    `json:"key_id"`
	Why        string    `json:"why"`
	NotBefore  time.Time `json:"not_before"` // zero: waiting does not make it possible
}

// Token is the life of a playback token. It is drawn in the lane of its key.
type Token struct {
	KeyID     string
	IssuedAt  time.Time
	ExpiresAt time.Time
	Playing   bool // the token that a player uses now, as opposed to an earlier one
}

// Picture is what is drawn. From and Until bound the axis: a minute to a year
// is legible; a shorter time is drawn as a minute that begins at From.
type Picture struct {
	Keys   []Key // newest first, as the API lists them
	Moves  []Move
	Tokens []Token

	Now         time.Time
	From, Until time.Time
}

//go:embed timeline.css
var css []byte

// CSS is the style sheet of every picture. Its colours are the custom properties
// --timeline-…, which a page may set.
func CSS() []byte { return css }

// A Zoom is a length of the axis that a page offers.
type Zoom struct {
	Name string // stands in URLs
	Span time.Duration
}

const day = 24 * time.Hour

// Zooms returns the lengths that a page offers, the shortest first.
func Zooms() []Zoom {
	return []Zoom{
		{"minute", time.Minute}, {"five-minutes", 5 * time.Minute}, {"hour", time.Hour}, {"day", day},
		{"week", 7 * day}, {"month", 30 * day}, {"quarter", 91 * day}, {"year", 365 * day},
	}
}

// Window returns the axis of a zoom: two thirds of it are before now. It reports
// whether there is a zoom of that name.
func Window(zoom string, now time.Time) (from, until time.Time, ok bool) {
	for _, z := range Zooms() {
		if z.Name == zoom {
			from, until = z.around(now)
			return from, until, true
		}
	}
	return time.Time{}, time.Time{}, false
}

func (z Zoom) around(now time.Time) (from, until time.Time) {
	from = now.Add(-z.Span / 3 * 2)
	return from, from.Add(z.Span)
}

// Fit returns the name of the shortest zoom that shows all that matters now:
// since when the present keys do what they do, and what happens to them next.
func (p Picture) Fit() string {
	zooms := Zooms()
	first, last := p.present()
	for _, z := range zooms {
		if from, until := z.around(p.Now); !first.Before(from) && !last.After(until) {
			return z.Name
		}
	}
	return zooms[len(zooms)-1].Name
}

// Fitted is the picture with the axis of Fit.
func (p Picture) Fitted() Picture {
	p.From, p.Until, _ = Window(p.Fit(), p.Now)
	return p
}

// present returns the earliest and the latest time that matters now.
func (p Picture) present() (first, last time.Time) {
	first, last = p.Now, p.Now
	include := func(t time.Time) {
		switch {
		case t.IsZero():
		case t.Before(first):
			first = t
		case t.After(last):
			last = t
		}
	}
	for _, k := range p.Keys {
		switch k.State {
		case "active":
			include(k.ActivatedAt)
		case "retiring":
			include(k.RetiredAt)
			include(k.DeleteNotBefore)
		}
	}
	for _, m := range p.Moves {
		include(m.NotBefore)
	}
	return first, last
}

// bounded is the picture with an axis that can be drawn.
func (p Picture) bounded() Picture {
	if p.Until.Sub(p.From) < time.Minute {
		p.Until = p.From.Add(time.Minute)
	}
	return p
}

// at returns the place of a time on the axis as a fraction, from 0 to 1 where
// the picture shows it.
func (p Picture) at(t time.Time) float64 {
	return float64(t.Sub(p.From)) / float64(p.Until.Sub(p.From))
}
