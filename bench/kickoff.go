package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"time"
)

// The kick-off: so many viewers open one page within so long, on machines that are
// as busy as is wise, because viewers do not come evenly.
const (
	viewers = 1_000_000
	within  = time.Minute
	busy    = 0.7
)

// Machines that a cloud rents: cores of two sizes, and what an hour of a core costs
// in US dollars. Lists of prices of machines for computing were near that in 2026.
const (
	smallMachine, largeMachine = 2, 8
	coreHour                   = 0.045
)

// kickOffOf names a server that is as busy as at the kick-off.
func kickOffOf(name string) string { return name + ", as busy as at a kick-off" }

// readsOfRing is how signing replicas notice a rotation.
const readsOfRing = "Vault: a ring read through playtoken, 16 at once"

// enterKickOff adds a server that gets requests at random moments, at a share of the
// rate at which it served callers who wait. That contestant is played before it.
func (b *bench) enterKickOff(ctx context.Context, s *server, name string, l *load) error {
	l.pace = func() float64 {
		full, _ := b.results.of(name, score.rate)
		return busy * full.median
	}
	l.next.Store(1 << 42) // other tokens
	return b.enter(ctx, s, kickOffOf(name), l)
}

// kickOffTable says what the viewers of a kick-off take.
func (b *bench) kickOffTable() table {
	t := table{
		heading: []string{"A million viewers in a minute", "CPU µs for one token", "cores", fmt.Sprintf("machines of %d, of %d", smallMachine, largeMachine), "p50, p99 ms", "US dollars for a million"},
		note: fmt.Sprintf("Cores of this machine, %.0f %% busy, and what a million tokens cost at $%.3f for an hour of one, busy as much. Response times are those at so much load.",
			100*busy, coreHour),
	}
	for _, name := range []string{by(standard, overHTTPSame), by(standard, overHTTP), by(standard, overHTTPBatch)} {
		cost, known := b.results.of(name, score.cost)
		b.kickOffRow(&t, name, cost.median, known)
	}
	for _, n := range b.callers {
		rate, known := b.results.of(shared(n), score.rate)
		b.kickOffRow(&t, shared(n)+", both programs", float64(runtime.NumCPU())*1e6/rate.median, known)
	}
	return t
}

func (b *bench) kickOffRow(t *table, name string, microseconds float64, known bool) {
	if !known {
		t.row(name, unknown, unknown, unknown, unknown, unknown)
		return
	}
	cores := microseconds / 1e6 * viewers / within.Seconds() / busy
	t.row(name, fmt.Sprintf("%.0f", microseconds), fmt.Sprintf("%.1f", cores),
		fmt.Sprintf("%.0f, %.0f", math.Ceil(cores/smallMachine), math.Ceil(cores/largeMachine)),
		b.latencies(kickOffOf(name)), fmt.Sprintf("%.4f", microseconds/1e6*viewers/busy/time.Hour.Seconds()*coreHour))
}
