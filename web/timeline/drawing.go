package timeline

import (
	"encoding/xml"
	"strconv"
	"strings"
)

// drawing is SVG that is being written. All text and all values are escaped.
type drawing struct {
	picture Picture
	out     strings.Builder
}

// open begins an element; attributes are names and values in turn.
func (d *drawing) open(name string, attributes ...string) {
	d.begin(name, attributes)
	d.out.WriteByte('>')
}

func (d *drawing) close(name string) { d.out.WriteString("</" + name + ">\n") }

func (d *drawing) empty(name string, attributes ...string) {
	d.begin(name, attributes)
	d.out.WriteString("/>")
}

// text writes an element that holds nothing but text.
func (d *drawing) text(name, text string, attributes ...string) {
	d.open(name, attributes...)
	d.escape(text)
	d.out.WriteString("</" + name + ">")
}

func (d *drawing) begin(name string, attributes []string) {
	d.out.WriteString("<" + name)
	for i := 0; i+1 < len(attributes); i += 2 {
		d.out.WriteString(" " + attributes[i] + `="`)
		d.escape(attributes[i+1])
		d.out.WriteByte('"')
	}
}

// escape writes text that may be anything: what XML cannot hold becomes U+FFFD.
func (d *drawing) escape(text string) { _ = xml.EscapeText(&d.out, []byte(text)) } // a Builder takes everything

// percent writes a fraction as a place on the axis.
func percent(fraction float64) string {
	return strconv.FormatFloat(fraction*100, 'f', 2, 64) + "%"
}
