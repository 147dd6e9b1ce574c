package web_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"playtoken/web/browsertest"
)

// tableScenes are what TestTableOfPlayers lets happen. Each lasts a time of its
// own, goesOn, however the players do: what they did is the result.
var tableScenes = []scene{
	{"three lives", func(*screening) {}, 25},
	{"seek", func(s *screening) { s.each(`media.currentTime = 90`); s.wait(3); s.each(`media.currentTime = 3`) }, 5},
	{"quality", func(s *screening) { s.each(`quality?.(0)`); s.wait(3); s.each(`quality?.(1)`) }, 5},
	{"pause 8 s", func(s *screening) { s.each(`media.pause()`); s.wait(8); s.each(`media.play()`) }, 6},
	{"revoked key", (*screening).revoke, 10},
	{"clock jumps", func(s *screening) { s.eval(`Date.now = ((now) => () => now() + 3600e3)(Date.now)`) }, 8},
	{"back end 401, once", func(s *screening) { s.refuse(http.StatusUnauthorized, true) }, 9},
	{"back end 403, once", func(s *screening) { s.refuse(http.StatusForbidden, true) }, 9},
	{"back end 429, 7 s", func(s *screening) { s.refuseFor(http.StatusTooManyRequests, 7) }, 7},
	{"back end 500, 7 s", func(s *screening) { s.refuseFor(http.StatusInternalServerError, 7) }, 7},
	{"offline 30 s", func(s *screening) { s.offline(30) }, 20},
	{"back end 403, for good", func(s *screening) { s.refuse(http.StatusForbidden, false) }, 20},
}

// refuse lets the back ends refuse each of their viewers, until told otherwise
// or once.
func (s *screening) refuse(status int32, once bool) {
	for _, seat := range s.seats {
		seat.once.Store(once)
		seat.refuses.Store(status)
	}
}

func (s *screening) refuseFor(status int32, seconds float64) {
	s.refuse(status, false)
	s.wait(seconds)
	s.refuse(0, false)
}

func (s *screening) offline(seconds float64) {
	s.setOffline(true)
	s.eval(`Object.defineProperty(navigator, "onLine", { value: false, configurable: true }), dispatchEvent(new Event("offline"))`)
	s.wait(seconds)
	s.setOffline(false)
	s.eval(`delete navigator.onLine, dispatchEvent(new Event("online"))`)
}

func (s *screening) setOffline(off bool) {
	s.dark.Store(off)
	for _, seat := range s.seats {
		seat.offline.Store(off)
	}
}

// seatsOf are those of one player in the table: with the package, with two
// lines of code, and its control, which no gate guards.
func seatsOf(kind string) []string {
	if slices.Contains(made, kind) {
		return []string{kind + "-with-sdk"}
	}
	return []string{kind + "-with-sdk", kind + "-with-naive", kind + "-with-free"}
}

// made are those that exist with the package only, and play by hls.js.
var made = []string{"element", "react", "iframe"}

// TestTableOfPlayers writes how each player does with the package, without it,
// and without a gate, in each scene.
func TestTableOfPlayers(t *testing.T) {
	withPlayers(t)
	name := os.Getenv("PLAYTOKEN_TEST_PLAYERS")
	start := map[string]func(*testing.T) *browsertest.Browser{"Chromium": browsertest.Chromium, "Firefox": browsertest.Firefox}[name]
	if start == nil {
		t.Skip("takes minutes; PLAYTOKEN_TEST_PLAYERS=Chromium or Firefox runs it")
	}
	groups := [][]string{{"hls.js", "element", "react"}, {"shaka", "video.js"}, {"dash.js"}, {"vidstack", "mux-video"}, {"iframe", "native"}}
	if name == "Firefox" { // it has no HLS of its own
		groups[len(groups)-1] = []string{"iframe"}
	}
	browser := start(t)
	all := table{}
	for _, group := range groups {
		t.Run(strings.Join(group, ","), func(t *testing.T) { show(t, browser, all, group) })
	}
	all.print(t, slices.Concat(groups...))
}

// show plays all scenes with some players.
func show(t *testing.T, browser *browsertest.Browser, all table, group []string) {
	var seats []string
	for _, kind := range group {
		seats = append(seats, seatsOf(kind)...)
	}
	s := begin(t, browser, seats...)
	defer s.print()
	first := s.activeKey()
	for i, c := range tableScenes {
		c.do(s)
		s.wait(c.goesOn)
		s.look(c.name)
		if rotations := s.activeKey() - first; i == 0 && rotations < 3 {
			t.Errorf("%s: got %d rotations, want 3 or more", c.name, rotations)
		}
	}
	for _, r := range s.rows {
		all[r.seat+" "+r.scene] = r
	}
	all.judge(t, s.rows)
}

// table holds a row for each seat and scene.
type table map[string]row

func (all table) of(kind, how, scene string) (row, bool) {
	if how == "free" && slices.Contains(made, kind) {
		kind = "hls.js"
	}
	r, ok := all[kind+"-with-"+how+" "+scene]
	return r, ok
}

// judge fails the test where a player with the package is frozen and its
// control is not, or is not told of the end.
func (all table) judge(t *testing.T, rows []row) {
	t.Helper()
	last := tableScenes[len(tableScenes)-1].name
	for _, r := range rows {
		kind, how, _ := strings.Cut(r.seat, "-with-")
		if how != "sdk" {
			continue
		}
		if free, ok := all.of(kind, "free", r.scene); r.scene != last && r.frozen && ok && !free.frozen {
			t.Errorf("%s, %s: got it frozen, want it to go on as its control does", r.seat, r.scene)
		}
		// A frame keeps as much ready as the gate's page likes, and needs no token for a while.
		if r.scene == last && kind != "iframe" && !slices.Contains(r.events, "end forbidden") {
			t.Errorf("%s, %s: got the events %q, want the end, forbidden", r.seat, r.scene, r.events)
		}
	}
}

// print writes the tables of docs/players.md: a line for each scene and a column
// for each player, with the seconds stalled (those of the control), dead requests
// of all, and tokens.
func (all table) print(t *testing.T, kinds []string) {
	w := tabwriter.NewWriter(t.Output(), 0, 0, 1, ' ', 0)
	defer w.Flush()
	fmt.Fprintf(w, "| scene\t| %s\t|\n|%s\n", strings.Join(kinds, "\t| "), strings.Repeat("---\t|", len(kinds)+1))
	for _, c := range tableScenes {
		fmt.Fprintf(w, "| %s\t|", c.name)
		for _, kind := range kinds {
			fmt.Fprintf(w, " %s\t|", all.cell(kind, c.name))
		}
		fmt.Fprintln(w)
	}
	var frozen []string
	for _, r := range all {
		if strings.HasSuffix(r.seat, "-naive") && r.scene == tableScenes[0].name && r.frozen {
			frozen = append(frozen, r.seat)
		}
	}
	fmt.Fprintf(w, "frozen after %s: %s\n", tableScenes[0].name, strings.Join(slices.Sorted(slices.Values(frozen)), ", "))
}

func (all table) cell(kind, scene string) string {
	with, ok := all.of(kind, "sdk", scene)
	if !ok {
		return "–"
	}
	if slices.Contains(with.events, "end forbidden") {
		return "over, told"
	}
	control := "–"
	if free, ok := all.of(kind, "free", scene); ok {
		control = free.still()
	}
	return fmt.Sprintf("%s (%s) · %d/%d · %d", with.still(), control, with.dead, with.asked, with.tokens)
}

func (r row) still() string {
	if r.frozen {
		return "frozen"
	}
	return fmt.Sprintf("%.1f", r.stalled)
}

func TestTheTablesCellsNameTheControl(t *testing.T) {
	all := table{}
	for _, kind := range kinds {
		all[kind+"-with-sdk a"] = row{stalled: 1, dead: 2, asked: 3, tokens: 4}
	}
	all["hls.js-with-free a"] = row{frozen: true}
	all["refused-with-sdk a"] = row{frozen: true, events: []string{"end forbidden"}}
	for kind, want := range map[string]string{"refused": "over, told", "hls.js": "1.0 (frozen) · 2/3 · 4", "element": "1.0 (frozen) · 2/3 · 4", "shaka": "1.0 (–) · 2/3 · 4", "other": "–"} {
		if got := all.cell(kind, "a"); got != want {
			t.Errorf("cell of %s: got %q, want %q", kind, got, want)
		}
	}
}
