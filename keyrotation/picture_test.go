package keyrotation

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "draw docs/key-states.svg anew")

const picture = "../docs/key-states.svg"

// TestPictureShowsTheTableOfStates draws the table of states and holds the
// picture in the documentation against it.
func TestPictureShowsTheTableOfStates(t *testing.T) {
	want := draw(t)
	if *update {
		if err := os.WriteFile(picture, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("got a picture of another table in %s, want this one: go test ./keyrotation -run Picture -update", picture)
	}
}

// box is where a state stands in the picture: its column and its row.
type box struct{ column, row int }

const (
	boxWidth, boxHeight = 100, 40
	columnStep, rowStep = 122, 112
	left, top           = 16, 66
	rail                = top + 2*rowStep + boxHeight/2 // on which states lead to Revoking
)

var boxes = map[State]box{
	Planned: {column: 0}, Generated: {column: 1}, Registering: {column: 2}, Registered: {column: 3},
	Active: {column: 4}, Retiring: {column: 5}, Deleting: {column: 6}, Deleted: {column: 7},
	Abandoning: {column: 2, row: 1}, Quarantined: {column: 4, row: 1}, Revoking: {column: 6, row: 2},
}

// does is what a key does in a state, where a word says it.
var does = map[State]string{
	Registered: "standby", Active: "signs", Retiring: "tokens live on", Quarantined: "signs nothing", Deleted: "a record only",
}

func (b box) x() int { return left + b.column*columnStep }
func (b box) y() int { return top + b.row*rowStep }

// middle is the x of the box's centre, and a little to one side of it.
func (b box) middle(aside int) int { return b.x() + boxWidth/2 + aside }

const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 986 362" role="img" aria-labelledby="t d">
<title id="t">The states of a signing key</title>
<desc id="d">%s</desc>
<style>
  text { font: 14px system-ui, sans-serif; fill: #1f2328; text-anchor: middle }
  .small { font-size: 11.5px; fill: #59636e }
  .left { text-anchor: start }
  rect { fill: #f6f8fa; stroke: #59636e; stroke-width: 1.5 }
  .away { stroke-dasharray: 4 3 }
  .signs { fill: #1a7f37; stroke: #1a7f37 }
  text.on { fill: #ffffff; font-weight: 600 }
  path { fill: none; stroke: #59636e; stroke-width: 1.5; marker-end: url(#tip) }
  .revoke { stroke: #cf222e; stroke-dasharray: 2 3; marker-end: none }
  .revoke.last { stroke-dasharray: none; marker-end: url(#redtip) }
  #tip path { fill: #59636e; stroke: none; marker-end: none }
  #redtip path { fill: #cf222e; stroke: none; marker-end: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .small { fill: #b1bac4 }
    rect { fill: #212830; stroke: #9198a1 }
    .signs { fill: #238636; stroke: #238636 }
    path { stroke: #9198a1 }
    .revoke { stroke: #f85149 }
    #tip path { fill: #9198a1 }
    #redtip path { fill: #f85149 }
  }
</style>
<defs>
  <marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z"/></marker>
  <marker id="redtip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z"/></marker>
</defs>
`

// draw returns the picture, the same for the same table.
func draw(t *testing.T) string {
	t.Helper()
	order := make([]State, 0, len(states))
	for s := range states {
		if _, placed := boxes[s]; !placed {
			t.Fatalf("got the state %q without a place in the picture, want one in boxes", s)
		}
		order = append(order, s)
	}
	slices.SortFunc(order, func(a, b State) int {
		return (boxes[a].row*100 + boxes[a].column) - (boxes[b].row*100 + boxes[b].column)
	})
	for _, s := range order {
		if got, want := slices.Contains(states[s].next, Revoking), s != Deleted && s != Revoking; got != want {
			t.Errorf("%s leads to %s = %t, want %t as the legend says", s, Revoking, got, want)
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, head, words(order))
	for _, from := range order {
		for _, to := range states[from].next {
			out.WriteString(step(from, to))
		}
	}
	for _, s := range order {
		out.WriteString(state(s))
	}
	out.WriteString(legend + "</svg>\n")
	return out.String()
}

// words says what the picture shows, for readers who do not see it.
func words(order []State) string {
	var sentences []string
	for _, s := range order {
		var next []string
		for _, to := range states[s].next {
			next = append(next, string(to))
		}
		if len(next) > 0 {
			sentences = append(sentences, fmt.Sprintf("%s leads to %s.", s, strings.Join(next, ", ")))
		}
	}
	return strings.Join(sentences, " ")
}

// step draws one step of the table.
func step(from, to State) string {
	a, b := boxes[from], boxes[to]
	switch {
	case to == Revoking:
		x := a.middle(26)
		if from == Quarantined || from == Abandoning {
			x = a.middle(0)
		}
		return fmt.Sprintf("<path class=\"revoke\" d=\"M%d %dV%d\"/>\n", x, a.y()+boxHeight, rail) + railFrom(from, x)
	case from == Revoking:
		return fmt.Sprintf("<path class=\"revoke last\" d=\"M%d %dH%dV%d\"/>\n", a.x()+boxWidth, rail, b.middle(14), b.y()+boxHeight+3)
	case a.row == 0 && b.row == 0 && b.column == a.column+1:
		return fmt.Sprintf("<path d=\"M%d %dH%d\"/>\n", a.x()+boxWidth, a.y()+boxHeight/2, b.x()-3)
	case a.row == 0 && b.row == 0: // back, or past a state: above
		leaves, arrives, height := a.middle(-14), b.middle(-14), 44
		if b.column < a.column {
			leaves, arrives, height = a.middle(-14), b.middle(26), 28
		}
		return fmt.Sprintf("<path d=\"M%d %dC%d %d %d %d %d %d\"/>\n", leaves, a.y(), leaves, a.y()-height,
			arrives, b.y()-height, arrives, b.y()-3)
	case a.row == 1 && b.row == 0 && b.column > a.column+1: // the long way round, below the first row
		return fmt.Sprintf("<path d=\"M%d %dC%d %d %d %d %d %d\"/>\n", a.middle(30), a.y()+boxHeight, a.middle(60), a.y()+86,
			b.middle(-14), b.y()+200, b.middle(-14), b.y()+boxHeight+3)
	case a.row == 0:
		return fmt.Sprintf("<path d=\"M%d %dL%d %d\"/>\n", a.middle(-6), a.y()+boxHeight, b.middle(14*(a.column-b.column)-6), b.y()-3)
	default:
		return fmt.Sprintf("<path d=\"M%d %dL%d %d\"/>\n", a.middle(20*(b.column-a.column)+16), a.y(), b.middle(14), b.y()+boxHeight+3)
	}
}

// railFrom draws the rail once, from the first state that leads to it.
func railFrom(from State, x int) string {
	if from != Planned {
		return ""
	}
	return fmt.Sprintf("<path class=\"revoke last\" d=\"M%d %dH%d\"/>\n", x, rail, boxes[Revoking].x()-3)
}

func state(s State) string {
	b, class, on := boxes[s], "", ""
	switch {
	case s == Active:
		class, on = ` class="signs"`, ` class="on"`
	case !states[s].live:
		class = ` class="away"`
	}
	y := b.y() + boxHeight/2 + 5
	out := fmt.Sprintf("<rect%s x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", class, b.x(), b.y(), boxWidth, boxHeight)
	if what := does[s]; what != "" {
		small := "small"
		if s == Active {
			small = "small on"
		}
		y -= 6
		out += fmt.Sprintf("<text class=\"%s\" x=\"%d\" y=\"%d\">%s</text>\n", small, b.middle(0), y+15, what)
	}
	return out + fmt.Sprintf("<text%s x=\"%d\" y=\"%d\">%s</text>\n", on, b.middle(0), y, s)
}

const legend = `<text class="small left" x="16" y="350">solid border: the platform may hold its public half</text>
<text class="small left" x="330" y="350">dashed border: it does not</text>
<text class="small left" x="520" y="350">red: the key is revoked, from every state but deleted</text>
`
