// Package durations writes durations as people do: 30 days, 3 min 20 s.
//
// The decision a newcomer would get wrong: this is for people alone. Settings and
// JSON have forms of their own, which programs read back.
package durations

import (
	"strconv"
	"strings"
	"time"
)

// units are those that a duration is told in, the largest first.
var units = []struct {
	one, many string
	is        time.Duration
}{
	{one: "day", many: "days", is: 24 * time.Hour},
	{one: "hour", many: "hours", is: time.Hour},
	{one: "min", many: "min", is: time.Minute},
	{one: "s", many: "s", is: time.Second},
	{one: "ms", many: "ms", is: time.Millisecond},
}

// Text is a duration to the millisecond, with each unit that it needs: "30 days",
// "1 hour 30 min", "250 ms".
func Text(d time.Duration) string { return text(d, len(units)) }

// About is a duration in its two largest units, cut off, for what need not be exact:
// "3 days 2 hours".
func About(d time.Duration) string { return text(d, 2) }

// text writes at most so many neighbouring units from the largest one on.
func text(d time.Duration, most int) string {
	rest, sign := d, ""
	if d < 0 {
		sign = "-"
	}
	var parts []string
	first := -1
	for i, unit := range units {
		n := rest / unit.is
		rest -= n * unit.is
		switch n = n.Abs(); {
		case n == 0 || first >= 0 && i-first >= most:
			continue
		case n == 1:
			parts = append(parts, "1 "+unit.one)
		default:
			parts = append(parts, strconv.FormatInt(int64(n), 10)+" "+unit.many)
		}
		if first < 0 {
			first = i
		}
	}
	if len(parts) == 0 {
		return "0 s"
	}
	return sign + strings.Join(parts, " ")
}
