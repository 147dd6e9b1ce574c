package keyrotation_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"playtoken/keyrotation"
)

// drama is a piece of a key's life, from a stage that is set to a quiet end.
type drama struct {
	name  string
	set   func(*testing.T) *stage
	plays func(*stage)
}

var dramas = []drama{
	{"bootstrap", newStage, func(s *stage) {
		s.pass()
		s.live(propagation)
	}},
	{"rotation", bootstrapped, func(s *stage) {
		s.live(interval - propagation)
	}},
	{"deletion", rotated, func(s *stage) {
		s.live(overlap + 10*time.Second - propagation)
	}},
	{"revocation", bootstrapped, func(s *stage) {
		s.lose(1)
		s.by(s.acts, func(ctx context.Context, r *keyrotation.Rotator) error {
			_, err := r.Revoke(ctx, 1, keyrotation.Order{Reason: "stolen"})
			return err
		})
		s.live(20 * time.Second)
	}},
	{"rollback", rotated, func(s *stage) {
		s.by(s.acts, func(ctx context.Context, r *keyrotation.Rotator) error {
			_, err := r.Rollback(ctx, 1, keyrotation.Order{Reason: "bad"})
			return err
		})
		s.live(20 * time.Second)
	}},
}

// issuedDramas are the same of issued keys.
var issuedDramas = []drama{
	{"bootstrap, issued", newIssuingStage, dramas[0].plays},
	{"rotation, issued", issued, dramas[1].plays},
	{"deletion, issued", issuedRotated, dramas[2].plays},
	{"revocation, issued", issued, dramas[3].plays},
	{"rollback, issued", issuedRotated, dramas[4].plays},
}

// mishaps are what may become of one outside call. To die before a call is to
// die after the one before it.
var mishaps = map[string]func(*stage) fate{
	"nothing happens":    func(*stage) fate { return fate{hears: errLost} },
	"nobody hears of it": func(*stage) fate { return fate{happens: 1, hears: errLost} },
	"the process dies":   func(*stage) fate { return fate{happens: 1, dies: true} },
	"happens late":       func(*stage) fate { return fate{late: 25 * time.Second, hears: errLost} },
	"another is faster": func(s *stage) fate {
		return fate{happens: 1, first: func() { s.passBy(s.fresh) }}
	},
}

func TestEveryCallMayFailInEveryWay(t *testing.T) {
	t.Parallel()
	for _, d := range slices.Concat(dramas, issuedDramas) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			calm := d.set(t)
			calm.as("")
			d.plays(calm)
			calls := calm.calls
			calm.recovers()
			t.Logf("%d outside calls, %d of them change something", len(calls), calm.platform.calls)
			for name, mishap := range mishaps {
				for i, op := range calls {
					if name == "happens late" && !mutating[op] {
						continue
					}
					d.playWith(t, fmt.Sprintf("%s at call %d, %s", name, i+1, op), i, mishap)
				}
			}
		})
	}
}

// playWith plays the drama with a mishap at call i, and lets a fresh replica
// clean up.
func (d drama) playWith(t *testing.T, what string, i int, mishap func(*stage) fate) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Log(d.name + ": " + what)
		}
	}()
	s := d.set(t)
	fates := make([]fate, i+1)
	for j := range fates {
		fates[j] = asAsked
	}
	fates[i] = mishap(s)
	s.as("any", fates...)
	d.plays(s)
	s.recovers()
}
