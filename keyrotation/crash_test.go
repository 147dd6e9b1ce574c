package keyrotation_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"playtoken/keyrotation"
)

// scenario is a part of a key's life: how the stage is set, and what happens.
type scenario struct {
	name  string
	set   func(*testing.T) *stage
	plays func(*stage)
}

var scenarios = []scenario{
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

// sessionScenarios are those of a platform with sessions.
var sessionScenarios = []scenario{
	{"revocation with sessions", sessioned, scenarios[3].plays},
	{"end of sessions", sessioned, func(s *stage) {
		for _, which := range []keyrotation.SessionsOf{{Viewer: "viewer 1"}, {Generation: 1}, {VideoID: "video 0"}} {
			s.endSessions(which)
		}
		s.live(20 * time.Second)
	}},
}

// issuedScenarios are the same of issued keys.
var issuedScenarios = []scenario{
	{"bootstrap, issued", newIssuingStage, scenarios[0].plays},
	{"rotation, issued", issued, scenarios[1].plays},
	{"deletion, issued", issuedRotated, scenarios[2].plays},
	{"revocation, issued", issued, scenarios[3].plays},
	{"rollback, issued", issuedRotated, scenarios[4].plays},
}

// mishaps are what may become of one outside call. A process that dies before a
// call is one that dies after the call before it.
var mishaps = []struct {
	name     string
	concerns map[string]bool // operations; nil: all
	fate     func(*stage) fate
}{
	{"the request is lost", nil, func(*stage) fate { return fate{err: errLost} }},
	{"the response is lost", nil, func(*stage) fate { return fate{happens: 1, err: errLost} }},
	{"the process dies", nil, func(*stage) fate { return fate{happens: 1, dies: true} }},
	{"happens late", mutating, func(*stage) fate { return fate{late: 25 * time.Second, err: errLost} }},
	{"happens twice", posts, func(*stage) fate { return fate{happens: 2} }},
	{"another replica is faster", nil, func(s *stage) fate {
		return fate{happens: 1, first: func() { s.passBy(s.fresh) }}
	}},
}

func TestEveryCallMayFailInEveryWay(t *testing.T) {
	t.Parallel()
	var points, plays atomic.Int64
	t.Run("scenarios", func(t *testing.T) {
		for _, d := range slices.Concat(scenarios, sessionScenarios, issuedScenarios, fetchedScenarios, carriedScenarios, listedScenarios, lossScenarios, kindScenarios) {
			t.Run(d.name, func(t *testing.T) {
				t.Parallel()
				calm := d.set(t)
				calm.as("")
				d.plays(calm)
				calls := calm.calls
				calm.recovers()
				points.Add(int64(len(calls)))
				plays.Add(d.playAll(t, calls))
			})
		}
	})
	t.Logf("%d outside calls, up to %d mishaps at each: %d plays", points.Load(), len(mishaps), plays.Load())
}

// playAll plays the scenario with every mishap at every call, or with a share of them;
// see mishapsApart.
func (d scenario) playAll(t *testing.T, calls []string) (plays int64) {
	met := 0
	for _, m := range mishaps {
		for i, op := range calls {
			if m.concerns != nil && !m.concerns[op] {
				continue
			}
			if met++; met%mishapsApart == 0 {
				d.playWith(t, fmt.Sprintf("%s at call %d, %s", m.name, i+1, op), i, m.fate)
				plays++
			}
		}
	}
	return plays
}

// playWith plays the scenario with a mishap at call i, and lets a fresh replica
// clean up.
func (d scenario) playWith(t *testing.T, what string, i int, mishap func(*stage) fate) {
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
	s.close()
}
