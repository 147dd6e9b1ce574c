package console

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"
)

// metricsPage is what the page of metrics shows.
type metricsPage struct {
	Charts []chart
	Since  time.Time // of the oldest value; zero: there is no value yet
}

// chart is a line of the last hours.
type chart struct {
	Title  string
	Unit   string
	Now    float64
	Most   float64
	Points []point
}

func showMetrics(v *visit) (any, error) {
	// The counts are those of /metrics, which every operator may read.
	h := v.console.history
	shown := metricsPage{Charts: []chart{
		newChart("Tokens made", "a minute", h.series(func(t Totals) uint64 { return t.Minted })),
		newChart("Requests for tokens refused", "a minute", h.series(func(t Totals) uint64 { return t.Refused })),
	}}
	if points := shown.Charts[0].Points; len(points) > 0 {
		shown.Since = points[0].at
	}
	return shown, nil
}

func newChart(title, unit string, points []point) chart {
	c := chart{Title: title, Unit: unit, Points: points}
	for _, p := range points {
		c.Most = max(c.Most, p.value)
		c.Now = p.value
	}
	return c
}

const (
	chartWidth  = 600
	chartHeight = 120
)

// SVG draws the chart. It has no text, so that it may be stretched: the page says
// what it shows.
func (c chart) SVG() template.HTML {
	if len(c.Points) < 2 {
		return ""
	}
	first, last := c.Points[0].at, c.Points[len(c.Points)-1].at
	top := ceiling(c.Most)
	var line strings.Builder
	for i, p := range c.thin() {
		x := float64(p.at.Sub(first)) / float64(last.Sub(first)) * chartWidth
		y := chartHeight - p.value/top*chartHeight
		verb := "L"
		if i == 0 {
			verb = "M"
		}
		fmt.Fprintf(&line, "%s%.1f %.1f", verb, x, y)
	}
	return template.HTML(fmt.Sprintf(`<svg class="chart" viewBox="0 0 %d %d" preserveAspectRatio="none" role="img" aria-label="%s"><path class="area" d="%sL%d %dL0 %dZ"/><path class="line" d="%s"/></svg>`,
		chartWidth, chartHeight, template.HTMLEscapeString(c.words()), line.String(), chartWidth, chartHeight, chartHeight, line.String()))
}

// thin are at most as many points as can be seen, each the largest of its part: a
// peak must not vanish.
func (c chart) thin() []point {
	each := (len(c.Points) + chartWidth/2 - 1) / (chartWidth / 2)
	var kept []point
	for from := 0; from < len(c.Points); from += each {
		peak := c.Points[from]
		for _, p := range c.Points[from:min(from+each, len(c.Points))] {
			if p.value > peak.value {
				peak.value = p.value
			}
		}
		kept = append(kept, peak)
	}
	return kept
}

// words is the chart for people who do not see it.
func (c chart) words() string {
	return fmt.Sprintf("%s %s: now %s, at most %s", c.Title, c.Unit, rateWords(c.Now), rateWords(c.Most))
}

// Top is the value at the upper edge.
func (c chart) Top() float64 { return ceiling(c.Most) }

// ceiling is a round number that is not smaller.
func ceiling(value float64) float64 {
	if value <= 1 {
		return 1
	}
	size := math.Pow(10, math.Floor(math.Log10(value)))
	for _, step := range []float64{1, 2, 5} {
		if value <= step*size {
			return step * size
		}
	}
	return 10 * size
}
