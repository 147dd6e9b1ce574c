package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// score is the result of one turn of a contestant.
type score struct {
	n         int           // responses, or calls in process
	cpu, wall time.Duration // for all of them
	resident  float64       // memory in MB; 0: not measured
	fill      float64       // signatures at a time; 0: not measured

	half, most time.Duration // in which half of all responses came, and 99 of 100
}

// cost is the CPU time of one response, in microseconds.
func (s score) cost() float64 { return micros(s.cpu) / float64(max(s.n, 1)) }

// rate is the number of responses in a second of wall-clock time.
func (s score) rate() float64 { return float64(s.n) / s.wall.Seconds() }

// p50 and p99 are response times in milliseconds.
func (s score) p50() float64 { return micros(s.half) / 1000 }
func (s score) p99() float64 { return micros(s.most) / 1000 }

func (s score) seconds() float64 { return s.wall.Seconds() }

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// contestant is measured once in each round.
type contestant struct {
	name string
	turn func(ctx context.Context, d time.Duration) (score, error)
}

// results has the scores of each contestant, one for each round.
type results map[string][]score

// play runs the rounds, in which contestants take turns.
func (r results) play(ctx context.Context, how effort, all []contestant, progress io.Writer) error {
	fmt.Fprintf(progress, "%d rounds of %d contestants, each for %s\n", how.rounds, len(all), how.turn)
	for range how.rounds {
		for _, c := range all {
			s, err := c.turn(ctx, how.turn)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			r[c.name] = append(r[c.name], s)
		}
	}
	return nil
}

// spread is a median with the lowest and the highest value.
type spread struct{ median, low, high float64 }

func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{median: (sorted[(n-1)/2] + sorted[n/2]) / 2, low: sorted[0], high: sorted[n-1]}
}

// of returns the spread of a quantity of a contestant; false if it was not
// measured.
func (r results) of(name string, quantity func(score) float64) (spread, bool) {
	return r.ratio(name, "", quantity)
}

// ratio returns the spread of a quantity of one contestant divided by that of
// another in the same round; false if one of them was not measured. Without
// the name of another, the divisor is 1.
func (r results) ratio(name, other string, quantity func(score) float64) (spread, bool) {
	if other == "" {
		return r.pairs(name, name, func(ours, _ score) float64 { return quantity(ours) })
	}
	return r.pairs(name, other, func(ours, theirs score) float64 { return quantity(ours) / quantity(theirs) })
}

// pairs returns the spread of what is calculated from the scores of two
// contestants in the same round.
func (r results) pairs(name, other string, calculate func(ours, theirs score) float64) (spread, bool) {
	ours, theirs := r[name], r[other]
	if len(ours) == 0 || len(theirs) != len(ours) {
		return spread{}, false
	}
	values := make([]float64, len(ours))
	for i := range ours {
		values[i] = calculate(ours[i], theirs[i])
	}
	return spreadOf(values), true
}
