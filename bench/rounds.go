package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// score is what one turn of a contestant came to.
type score struct {
	n         int           // answers
	cpu, wall time.Duration // for all of them
	resident  float64       // MB, where it was looked at
}

// cost is CPU time for one answer, in microseconds.
func (s score) cost() float64 { return micros(s.cpu) / float64(max(s.n, 1)) }

// rate is answers per second by the clock.
func (s score) rate() float64 { return float64(s.n) / s.wall.Seconds() }

func (s score) seconds() float64 { return s.wall.Seconds() }

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// contestant is measured once a round.
type contestant struct {
	name string
	turn func(ctx context.Context, d time.Duration) (score, error)
}

// results are the scores of each contestant, one a round.
type results map[string][]score

// play has the contestants take turns.
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

// spread is a median and what lies around it.
type spread struct{ median, low, high float64 }

func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return spread{(sorted[(n-1)/2] + sorted[n/2]) / 2, sorted[0], sorted[n-1]}
}

// of spreads one quantity of a contestant; false if it was not measured.
func (r results) of(name string, quantity func(score) float64) (spread, bool) {
	return r.ratio(name, "", quantity)
}

// ratio spreads a quantity of one contestant divided by that of another in the
// same round; false if one of them was not measured. Without a name, the
// other's is 1.
func (r results) ratio(name, other string, quantity func(score) float64) (spread, bool) {
	ours, theirs := r[name], r[other]
	if len(ours) == 0 || other != "" && len(theirs) != len(ours) {
		return spread{}, false
	}
	values := make([]float64, len(ours))
	for i := range ours {
		values[i] = quantity(ours[i])
		if other != "" {
			values[i] /= quantity(theirs[i])
		}
	}
	return spreadOf(values), true
}
