package main

import (
	"fmt"
	"html"
	"strings"
)

// picture draws the ratios of a run as bars. It is readable in light and dark, and
// without colours: our own bars are named first in each panel and are filled.
func (b *bench) picture() []byte {
	var all []panel
	for _, p := range []panel{b.signaturePanel(), b.minterPanel(), b.latencyPanel(), b.fillPanel()} {
		if len(p.bars) > 0 {
			all = append(all, p)
		}
	}
	return draw("playtoken, measured", b.setting(), all)
}

// panel is one group of bars.
type panel struct {
	title string
	bars  []bar
}

type bar struct {
	label string
	value float64
	ours  bool
}

func (p *panel) add(label string, ours bool, value spread, known bool) {
	if known {
		p.bars = append(p.bars, bar{label: label, value: value.median, ours: ours})
	}
}

func (b *bench) signaturePanel() panel {
	p := panel{title: "Signatures on one core, in times of crypto/rsa (more is better)"}
	for _, name := range append(engines(), openSSL, standard) {
		value, known := b.results.ratio(by(standard, onOneCore), by(name, onOneCore), score.cost)
		p.add(name, name != openSSL && name != standard, value, known)
	}
	value, known := b.results.ratio(by(standard, onOneCore), opensslSpeed, score.cost)
	p.add("openssl speed", false, value, known)
	return p
}

func (b *bench) minterPanel() panel {
	p := panel{title: "CPU of a distinct token over HTTP, of the naive Go server's (less is better)"}
	for _, name := range b.minters {
		value, known := b.results.ratio(name, naiveServing, score.cost)
		p.add(shortly(name), isOurs(name), value, known)
	}
	return p
}

func (b *bench) latencyPanel() panel {
	p := panel{title: "Time in which 99 of 100 tokens came at full load, of the naive Go server's (less is better)"}
	for _, name := range b.minters {
		value, known := b.results.ratio(name, naiveServing, score.p99)
		p.add(shortly(name), isOurs(name), value, known)
	}
	return p
}

func (b *bench) fillPanel() panel {
	p := panel{title: "Signatures at a time, of eight, by how many callers wait"}
	for _, n := range b.waiting {
		value, known := b.results.of(waitingCallers(n), func(s score) float64 { return s.fill })
		p.add(fmt.Sprint(n), true, value, known)
	}
	return p
}

func isOurs(minter string) bool { return strings.HasPrefix(minter, overHTTP) }

// shortly is a server's name for a picture whose title says the rest.
func shortly(minter string) string {
	if library, ok := strings.CutPrefix(minter, overHTTP+" ("); ok {
		return "playtoken (" + library
	}
	return strings.TrimSuffix(minter, " over HTTP")
}

// The measures of a picture, in its own units.
const (
	wide     = 720 // of the picture
	labels   = 230 // of the labels, on the left
	rowHigh  = 22
	gapBelow = 16
	headHigh = 26
)

const style = `<style>
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .label { text-anchor: end }
  rect { fill: #d1d9e0; stroke: #59636e; stroke-width: 1 }
  .ours { fill: #1a7f37; stroke: #1a7f37 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    rect { fill: #3d444d; stroke: #9198a1 }
    .ours { fill: #238636; stroke: #3fb950 }
  }
</style>
`

func draw(title, description string, panels []panel) []byte {
	var body strings.Builder
	y := 4
	for _, p := range panels {
		fmt.Fprintf(&body, "<text class=\"title\" x=\"8\" y=\"%d\">%s</text>\n", y+15, html.EscapeString(p.title))
		y += headHigh
		most := 0.0
		for _, b := range p.bars {
			most = max(most, b.value)
		}
		for _, b := range p.bars {
			b.draw(&body, y, most)
			y += rowHigh
		}
		y += gapBelow
	}
	head := fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" aria-labelledby=\"t d\">\n<title id=\"t\">%s</title>\n<desc id=\"d\">%s</desc>\n",
		wide, y, html.EscapeString(title), html.EscapeString(description))
	return []byte(head + style + body.String() + "</svg>\n")
}

// draw draws one bar, as a share of the longest of its panel.
func (b bar) draw(out *strings.Builder, y int, most float64) {
	const values = 60 // of the number on the right
	class := ""
	if b.ours {
		class = ` class="ours"`
	}
	long := b.value / most * (wide - labels - values)
	fmt.Fprintf(out, "<text class=\"label\" x=\"%d\" y=\"%d\">%s</text>\n", labels-8, y+13, html.EscapeString(b.label))
	fmt.Fprintf(out, "<rect%s x=\"%d\" y=\"%d\" width=\"%.0f\" height=\"%d\"/>\n", class, labels, y, max(long, 1), rowHigh-5)
	fmt.Fprintf(out, "<text x=\"%.0f\" y=\"%d\">%.2f</text>\n", labels+max(long, 1)+6, y+13, b.value)
}
