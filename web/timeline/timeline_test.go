package timeline_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"playtoken/web/timeline"
)

var update = flag.Bool("update", false, "draw the pictures of testdata anew")

var scenes = map[string]func() timeline.Picture{
	"rotating": rotating, "troubled": troubled, "crowded": crowded,
	"empty": func() timeline.Picture { return timeline.Picture{Now: noon, From: after(-60), Until: after(60)} },
}

func TestPicturesAreAsDrawnBefore(t *testing.T) {
	for name, scene := range scenes {
		path, got := filepath.Join("testdata", name+".svg"), scene().SVG()
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s: got another picture than testdata has (-want +got): look at it, then go test ./web/timeline -run Pictures -update\n%s", name, diff)
		}
	}
}

// elements reads a picture as a browser does, and fails where it is not well
// formed or has what a page's policy forbids.
func elements(t *testing.T, svg []byte) (all []xml.StartElement, text string) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all, text
		}
		if err != nil {
			t.Fatalf("got a picture that is not well formed: %v\n%s", err, svg)
		}
		switch token := token.(type) {
		case xml.CharData:
			text += string(token)
		case xml.StartElement:
			checkElement(t, token)
			all = append(all, token.Copy())
		case xml.ProcInst, xml.Directive, xml.Comment:
			t.Errorf("got %#v in a picture, want elements and text alone", token)
		}
	}
}

var (
	allowed = []string{"svg", "title", "desc", "text", "rect", "line", "circle"}
	ours    = []string{"xmlns", "class", "role", "data-part", "width", "height", "x", "y", "x1", "x2", "y1", "y2", "rx", "cx", "r", "text-anchor", "overflow"}
)

func checkElement(t *testing.T, e xml.StartElement) {
	t.Helper()
	if !slices.Contains(allowed, e.Name.Local) {
		t.Errorf("got the element %s, want one of %v", e.Name.Local, allowed)
	}
	for _, a := range e.Attr {
		if !slices.Contains(ours, a.Name.Local) {
			t.Errorf("got the attribute %s, want one of %v", a.Name.Local, ours)
		}
		if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
			t.Errorf("got %s=%q, want a number", a.Name.Local, a.Value)
		}
	}
}

func TestFiftyGenerationsAreLegibleAndSmall(t *testing.T) {
	svg := crowded().SVG()
	all, text := elements(t, svg)
	if len(svg) > 60<<10 {
		t.Errorf("got %d bytes, want 60 KiB at most", len(svg))
	}
	labels := 0
	for _, e := range all {
		for _, a := range e.Attr {
			if strings.HasPrefix(a.Value, "timeline-lane") {
				labels++
			}
		}
	}
	if labels < 45 || !strings.Contains(text, "gen. 50") {
		t.Errorf("got %d labelled lanes, want those of all generations that lived in the window", labels)
	}
}

func TestNamesCannotBecomeMarkup(t *testing.T) {
	const evil = `"><script>alert(1)</script><style>*{}</style>]]>&amp;<!--`
	p := rotating()
	for i := range p.Keys {
		p.Keys[i].KeyID, p.Keys[i].Name, p.Keys[i].Note, p.Keys[i].State = evil, evil, evil, evil
	}
	p.Moves = append(p.Moves, timeline.Move{Action: evil, Generation: 3, KeyID: evil, Why: evil, NotBefore: after(5)})
	p.Tokens = append(p.Tokens, timeline.Token{KeyID: evil, IssuedAt: after(-5), ExpiresAt: after(5)})
	if _, text := elements(t, p.SVG()); !strings.Contains(text, evil) {
		t.Errorf("got no %q as text, want it shown as it is", evil)
	}
}

func FuzzSVG(f *testing.F) {
	f.Add("active", "k", "why", int64(-50), int64(60), int64(150))
	f.Add("<script>", "\x00\xff]]>", "&#0;", int64(0), int64(0), int64(0))
	f.Add("retiring", "\"'", "\u2028", int64(-1e12), int64(1e12), int64(1e11))
	f.Fuzz(func(t *testing.T, state, id, why string, made, moved, span int64) {
		second := func(n int64) time.Time { return time.Unix(noon.Unix()+n%1e11, 0) }
		p := timeline.Picture{
			Now: noon, From: second(made), Until: second(made + span),
			Keys: []timeline.Key{
				{Generation: 2, State: state, KeyID: id, Note: why, CreatedAt: second(made), RegisteredAt: second(moved)},
				{Generation: 1, State: "retiring", KeyID: id, CreatedAt: second(moved), ActivatedAt: second(made), RetiredAt: second(span), DeleteNotBefore: second(moved)},
			},
			Moves:  []timeline.Move{{Action: state, Generation: int(moved), KeyID: id, Why: why, NotBefore: second(moved)}, {Action: "activate", Generation: 2, NotBefore: second(span)}},
			Tokens: []timeline.Token{{KeyID: id, IssuedAt: second(made), ExpiresAt: second(moved)}},
		}
		svg := p.SVG()
		if len(svg) > 100<<10 {
			t.Errorf("got %d bytes for two keys, want less", len(svg))
		}
		elements(t, svg)
		elements(t, p.Fitted().SVG())
	})
}

// life writes spans shortly: seconds from noon.
func life(spans []timeline.Span) string {
	var parts []string
	for _, s := range spans {
		until := "…"
		if !s.Until.IsZero() {
			until = fmt.Sprint(s.Until.Sub(noon).Seconds())
		}
		part := fmt.Sprintf("%s %v–%s", s.State, s.From.Sub(noon).Seconds(), until)
		if s.Ahead {
			part = "(" + part + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

func TestLifeOfAKey(t *testing.T) {
	activation := timeline.Move{Action: "activate", Generation: 8, NotBefore: after(20)}
	for _, c := range []struct {
		name string
		key  timeline.Key
		want string
	}{
		{"planned", timeline.Key{State: "planned", CreatedAt: after(-5)}, "planned -5–0"},
		{"registering", timeline.Key{State: "registering", CreatedAt: after(-5)}, "registering -5–0"},
		{"a standby that will sign", timeline.Key{Generation: 8, State: "registered", CreatedAt: after(-5), RegisteredAt: after(-4)}, "made -5–-4, registered -4–0, (registered 0–20), (active 20–…)"},
		{"a standby beside it", timeline.Key{Generation: 9, State: "registered", CreatedAt: after(-5), RegisteredAt: after(-4)}, "made -5–-4, registered -4–0"},
		{"signing until then", timeline.Key{State: "active", CreatedAt: after(-9), RegisteredAt: after(-8), ActivatedAt: after(-3)}, "made -9–-8, registered -8–-3, active -3–0, (active 0–20)"},
		{"no day of deletion yet", timeline.Key{State: "retiring", ActivatedAt: after(-9), RetiredAt: after(-1)}, "active -9–-1, retiring -1–0"},
		{"has to stay", timeline.Key{State: "retiring", ActivatedAt: after(-9), RetiredAt: after(-1), DeleteNotBefore: after(7)}, "active -9–-1, retiring -1–0, (retiring 0–7)"},
		{"may go", timeline.Key{State: "retiring", ActivatedAt: after(-9), RetiredAt: after(-7), DeleteNotBefore: after(-2)}, "active -9–-7, retiring -7–-2, free -2–0"},
		{"being deleted", timeline.Key{State: "deleting", ActivatedAt: after(-9), RetiredAt: after(-7), DeleteNotBefore: after(-2)}, "active -9–-7, retiring -7–-2, deleting -2–0"},
		{"deleted", timeline.Key{State: "deleted", ActivatedAt: after(-9), RetiredAt: after(-7), DeleteNotBefore: after(-4), DeletedAt: after(-3)}, "active -9–-7, retiring -7–-4, deleting -4–-3"},
		{"never used", timeline.Key{State: "abandoning", CreatedAt: after(-9), RegisteredAt: after(-7)}, "made -9–-7, abandoning -7–0"},
		{"revoked", timeline.Key{State: "revoking", ActivatedAt: after(-9), RetiredAt: after(-7)}, "active -9–-7, revoking -7–0"},
		{"revoked and gone", timeline.Key{State: "deleted", ActivatedAt: after(-9), RetiredAt: after(-7), DeletedAt: after(-5)}, "active -9–-7, deleting -7–-5"},
		{"nothing on record", timeline.Key{State: "planned"}, ""},
		{"made in the future of this clock", timeline.Key{State: "planned", CreatedAt: after(5)}, ""},
	} {
		p := timeline.Picture{Now: noon, Keys: []timeline.Key{c.key}, Moves: []timeline.Move{activation}}
		if got := life(p.Rows()[0].Spans); got != c.want {
			t.Errorf("%s: got the life %q, want %q", c.name, got, c.want)
		}
	}
}

func TestRowsSayWhatKeysDoAndWhatComes(t *testing.T) {
	var got []string
	for _, r := range troubled().Rows() {
		line := fmt.Sprintf("%d %s", r.Generation, r.Does)
		for _, m := range r.Marks {
			line += fmt.Sprintf("; %d %s %t", m.Number, m.Words, m.Blocked)
		}
		got = append(got, line)
	}
	want := []string{
		"9 about to be made",
		"8 being registered with the platform; 1 register generation 8 true",
		"7 set aside: store and platform disagree",
		"6 never used, being removed",
		"5 signs nothing new; every token of it has ended, so it may go; 2 delete generation 5 false",
		"4 being removed from the platform",
		"3 compromised, being removed; 3 delete at the platform generation 3 false; 4 destroy the private half of generation 3 false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

var tickText = regexp.MustCompile(`<text class="timeline-tick[^>]*>([^<]*)</text>`)

func TestTicksAreSensible(t *testing.T) {
	for _, c := range []struct {
		from  time.Time
		span  time.Duration
		first string
		count int
	}{
		{after(0), time.Minute, "12:00:00", 7},
		{after(-3), time.Minute, "12:00:00", 6},
		{after(0), time.Second, "12:00:00", 7}, // a minute is the shortest
		{after(0), 5 * time.Minute, "12:00", 6},
		{after(0), time.Hour, "12:00", 7},
		{after(0), 24 * time.Hour, "12:00", 9},
		{after(0), 7 * 24 * time.Hour, "15 Mar", 7},
		{after(0), 30 * 24 * time.Hour, "16 Mar", 6},
		{after(0), 91 * 24 * time.Hour, "16 Mar", 6},
		{after(0), 365 * 24 * time.Hour, "May 2026", 6},
		{after(0), 20 * 365 * 24 * time.Hour, "Jan 2031", 4},
		{after(0), -time.Hour, "12:00:00", 7},
	} {
		p := timeline.Picture{Now: noon, From: c.from, Until: c.from.Add(c.span)}
		found := tickText.FindAllSubmatch(p.SVG(), -1)
		if len(found) != c.count || string(found[0][1]) != c.first {
			t.Errorf("%v from %v: got %d ticks, %s, want %d from %s", c.span, c.from, len(found), found, c.count, c.first)
		}
	}
}

func TestFitShowsWhatMatters(t *testing.T) {
	old := troubled()
	old.Keys[4].DeleteNotBefore = noon.Add(80 * 24 * time.Hour)
	for name, c := range map[string]struct {
		picture timeline.Picture
		want    string
	}{
		"a rotation a minute": {rotating(), "five-minutes"},
		"an hour of trouble":  {troubled(), "hour"},
		"weeks":               {old, "year"},
		"no keys":             {timeline.Picture{Now: noon}, "minute"},
	} {
		if got := c.picture.Fit(); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
	if p := rotating().Fitted(); p.Until.Sub(p.From) != 5*time.Minute || !p.From.Before(noon) {
		t.Errorf("got the axis from %v until %v, want five minutes around now", p.From, p.Until)
	}
	if _, _, ok := timeline.Window("fortnight", noon); ok {
		t.Error("got a window for a zoom that does not exist, want none")
	}
}

func TestResponsesOfTheAPIDecode(t *testing.T) {
	const keys = `{"items":[{"generation":2,"state":"registered","key_id":null,"name":"n","fingerprint":null,"bits":2048,"exportable":false,
		"created_at":"2026-03-14T11:00:00Z","registered_at":null,"activated_at":null,"retired_at":null,"delete_not_before":null,"deleted_at":null,"note":null}]}`
	const rotation = `{"due":false,"plan":[{"action":"look","generation":null,"key_id":null,"why":"w","not_before":null}]}`
	var list struct{ Items []timeline.Key }
	var status struct{ Plan []timeline.Move }
	if err := errors.Join(json.Unmarshal([]byte(keys), &list), json.Unmarshal([]byte(rotation), &status)); err != nil {
		t.Fatal(err)
	}
	want := timeline.Key{Generation: 2, State: "registered", Name: "n", CreatedAt: after(-3600)}
	if diff := cmp.Diff(want, list.Items[0]); diff != "" {
		t.Errorf("key (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(timeline.Move{Action: "look", Why: "w"}, status.Plan[0]); diff != "" {
		t.Errorf("move (-want +got):\n%s", diff)
	}
}

func TestTheStyleSheetKnowsEveryClass(t *testing.T) {
	css := string(timeline.CSS())
	for name, scene := range scenes {
		all, _ := elements(t, scene().SVG())
		for _, e := range all {
			for _, a := range e.Attr {
				if a.Name.Local != "class" {
					continue
				}
				class, _, _ := strings.Cut(a.Value, " ")
				if !strings.Contains(css, "."+class) {
					t.Errorf("%s: got the class %s, want it in the style sheet", name, class)
				}
			}
		}
	}
}
