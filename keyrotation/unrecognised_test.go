package keyrotation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// oddStage is a stage whose platform shows keys in a layout.
func oddStage(t *testing.T, issues bool, odd layout) *stage {
	s := newStage(t)
	if issues {
		s = newIssuingStage(t)
	}
	s.platform.odd = odd
	return s
}

// confirm is the operator's word.
func (s *stage) confirm(generation int, keyID string) error {
	return s.by(s.acts, func(ctx context.Context, r *keyrotation.Rotator) error {
		_, err := r.Confirm(ctx, generation, keyID, byOperator)
		return err
	})
}

// held is how many keys of ours the platform has.
func (s *stage) held() (n int) {
	for id := range s.platform.keys {
		if s.platform.makers[id] == s.world {
			n++
		}
	}
	return n
}

// wantRegistrations: after hours, the platform was asked for so many keys and
// has so many.
func (s *stage) wantRegistrations(op string, n int) {
	s.t.Helper()
	for range 2 * 60 {
		s.wait(time.Minute)
		s.pass()
	}
	if got := s.count(op); got != n || s.held() != n {
		s.t.Errorf("after two hours: got %d registrations, %d keys at the platform, want %d; keys %s", got, s.held(), n, s.states())
	}
}

func TestALegibleLayoutCostsNothing(t *testing.T) {
	t.Parallel()
	for _, kind := range []struct {
		issues  bool
		layouts map[string]layout
	}{{false, legible}, {true, legibleNames}} {
		for name, odd := range kind.layouts {
			t.Run(name, func(t *testing.T) {
				s := oddStage(t, kind.issues, odd)
				s.bootstrap()
				s.must(s.live(2 * interval))
				if n := s.store.ring(); n.Unrecognised() != 0 || n.LastRun.Outcome != "ok" {
					t.Errorf("got %d unrecognised keys, last run %+v, want none and success", n.Unrecognised(), n.LastRun)
				}
				s.recovers()
			})
		}
	}
}

// A lost response costs nothing where enough of the key is shown to find it.
func TestALostResponseIsFoundInALegibleLayout(t *testing.T) {
	t.Parallel()
	for name, odd := range legible {
		t.Run(name, func(t *testing.T) {
			s := unanswered(t, fate{happens: 1, err: errLost})
			s.platform.odd = odd
			s.must(s.pass())
			s.want("1 retiring, 2 active, 3 registered")
			s.recovers()
		})
	}
}

func TestAnIllegibleKeyWaitsForAnOperator(t *testing.T) {
	t.Parallel()
	for _, kind := range illegibleAt() {
		for name, odd := range kind.layouts {
			t.Run(name, func(t *testing.T) {
				s := oddStage(t, kind.issues, odd)
				s.as("")
				s.wantRegistrations(kind.op, 2)
				s.want("1 registered, 2 registered")
				s.mustGuard(s.by(s.acts, func(ctx context.Context, r *keyrotation.Rotator) error {
					_, err := r.Activate(ctx, 1, byOperator)
					return err
				}), "an operator has to confirm")
				s.must(s.confirm(2, s.key(2).KeyID))
				s.want("1 registered, 2 active")
				s.must(s.confirm(1, ""))
				s.must(s.confirm(1, "")) // once more
				s.must(s.rotate())
				s.want("1 active, 2 retiring, 3 registered")
				s.must(s.live(overlap + time.Minute))
				s.want("1 active, 2 deleted, 3 registered")
				s.platform.odd = nil
				s.recovers()
			})
		}
	}
}

// A platform that begins to show keys illegibly takes no key from those that
// sign, retire or are revoked.
func TestAnIllegibleLayoutStopsNothingElse(t *testing.T) {
	t.Parallel()
	for _, kind := range []struct {
		set     func(*testing.T) *stage
		layouts map[string]layout
	}{{rotated, illegible}, {issuedRotated, illegibleNames}} {
		for name, odd := range kind.layouts {
			t.Run(name, func(t *testing.T) {
				s := kind.set(t)
				s.platform.odd = odd
				s.live(overlap + time.Minute)
				s.want("1 deleted, 2 active, 3 registered")
				s.live(2 * interval)
				s.want("1 deleted, 2 active, 3 registered") // 3 was seen, and needs an operator nevertheless
				s.must(s.confirm(3, ""))
				s.want("1 deleted, 2 retiring, 3 active, 4 registered")
				s.live(propagation)
				s.lose(3)
				revocation, err := s.revoke(3)
				if err != nil || revocation.ActiveGeneration != 0 {
					t.Errorf("got %+v, %v, want no active key: no list has shown generation 4", revocation, err)
				}
				s.must(s.confirm(4, ""))
				s.live(time.Minute)
				s.platform.odd = nil
				s.recovers()
			})
		}
	}
}

// oddPlatform shows keys, or their names, in layouts that cannot be read.
type oddPlatform struct {
	issues  bool
	op      string // that makes a key
	layouts map[string]layout
}

func illegibleAt() []oddPlatform {
	return []oddPlatform{{issues: false, op: "register", layouts: illegible}, {issues: true, op: "issue", layouts: illegibleNames}}
}

// Nothing tells the keys that the platform took, and no response comes.
func TestRegisteringStops(t *testing.T) {
	t.Parallel()
	for _, kind := range illegibleAt() {
		for name, odd := range kind.layouts {
			for _, lost := range []fate{{happens: 1, err: errLost}, {late: settle / 2, err: errGarbled}} {
				t.Run(fmt.Sprint(name, lost.err), func(t *testing.T) {
					s := oddStage(t, kind.issues, odd)
					alarms := &alarms{}
					s.acts.rotator.Log = slog.New(alarms)
					s.always(kind.op, lost)
					s.wantRegistrations(kind.op, keyrotation.MaxUnrecognised)
					ring := s.store.ring()
					if ring.Unrecognised() != keyrotation.MaxUnrecognised || !strings.Contains(ring.LastRun.Error, "until an operator") || alarms.n != 1 {
						t.Errorf("got %d unrecognised, last run %+v, %d alarms; want an alarm", ring.Unrecognised(), ring.LastRun, alarms.n)
					}
				})
			}
		}
	}
}

// alarms counts what is logged as an error about registering.
type alarms struct{ n int }

func (a *alarms) Enabled(context.Context, slog.Level) bool { return true }
func (a *alarms) WithAttrs([]slog.Attr) slog.Handler       { return a }
func (a *alarms) WithGroup(string) slog.Handler            { return a }
func (a *alarms) Handle(_ context.Context, r slog.Record) error {
	if r.Level == slog.LevelError && strings.Contains(r.Message, "registering has stopped") {
		a.n++
	}
	return nil
}

// stopped is a stage with an active key whose registering has stopped.
func stopped(t *testing.T) *stage {
	s := bootstrapped(t)
	s.platform.odd = illegible["40 characters"]
	s.must(s.confirm(2, ""))
	s.always("register", fate{happens: 1, err: errLost})
	s.live(interval + time.Hour)
	if n := s.count("register"); n != keyrotation.MaxUnrecognised {
		s.failf("got %d registrations, want %d; %s", n, keyrotation.MaxUnrecognised, s.states())
	}
	return s
}

func TestTheRestGoesOnWhileRegisteringHasStopped(t *testing.T) {
	t.Parallel()
	s := stopped(t)
	s.want("1 deleted, 2 active, 3 registering")
	minted := s.oracle.total
	s.live(10 * time.Minute)
	if s.oracle.total == minted {
		t.Error("got no tokens, want minting to go on")
	}
	drift, err := ask(s, (*keyrotation.Rotator).Drift)
	s.must(err)
	codes := map[keyrotation.FindingCode]int{}
	for _, f := range drift.Unmanaged {
		codes[f.Code]++
	}
	if codes[keyrotation.KeyUnrecognised] != keyrotation.MaxUnrecognised {
		t.Errorf("got findings %v, want each stray", codes)
	}
	s.lose(2)
	_, err = s.revoke(2)
	s.must(err)
	s.want("1 deleted, 2 deleted, 3 registering")
}

// An operator says which of the strays is the key, and removes the others.
func TestRegisteringGoesOnAfterAnOperatorLooked(t *testing.T) {
	t.Parallel()
	s := stopped(t)
	s.as("")
	strays := s.store.ring().Strays
	s.mustGuard(s.confirm(3, ""), "say under which id")
	s.mustGuard(s.confirm(3, s.key(2).KeyID), "is generation 2")
	s.mustGuard(s.confirm(3, foreign[0]), "before generation 3 was registered")
	cut := s.platform.odd
	s.platform.odd = nil
	s.mustGuard(s.confirm(3, s.platform.add("later", pooledKey(0).public)), "another public key")
	s.platform.odd = cut
	s.mustFail(s.confirm(3, "id9999"), store.ErrNotFound)
	s.mustFail(s.confirm(9, ""), store.ErrNotFound)
	s.mustGuard(s.confirm(2, ""), "only a key that waits")
	s.must(s.confirm(3, strays[1].KeyID))
	for _, id := range []string{strays[0].KeyID, strays[2].KeyID} {
		s.oracle.ordered[id] = true
		s.must(s.removeUnmanaged(id))
	}
	s.must(s.live(time.Minute))
	s.want("1 deleted, 2 retiring, 3 active, 4 registered")
	if ring := s.store.ring(); len(ring.Strays) != 0 {
		t.Errorf("got strays %v, want none", ring.Strays)
	}
	s.must(s.confirm(4, ""))
	s.must(s.rotate())
	s.platform.odd = nil
	s.recovers()
}

// The platform mends what it shows: the strays turn out to be ours.
func TestRegisteringGoesOnWhenThePlatformShowsKeysAgain(t *testing.T) {
	t.Parallel()
	s := stopped(t)
	s.as("")
	s.platform.odd = nil
	s.live(5 * time.Minute)
	s.recovers()
	if n := s.held(); n > 4 {
		t.Errorf("got %d keys at the platform, want the orphans deleted", n)
	}
}

func TestABudgetCountsStrays(t *testing.T) {
	t.Parallel()
	for budget, most := range map[int]int{2: 2, 3: 2, 4: 3, 9: keyrotation.MaxUnrecognised} {
		s := newStage(t)
		for _, r := range s.replicas {
			r.rotator.Policy.KeyBudget = budget
		}
		s.platform.odd = illegible["no key"]
		s.always("register", fate{happens: 1, err: errLost})
		s.wantRegistrations("register", most)
	}
}

// Keys that others make while a response of ours is lost are not taken for ours.
func TestAStrangerIsNoStray(t *testing.T) {
	for name, given := range map[string]string{
		"another deployment's": "playtoken default #7 zzzzzz", "another project's": "playtoken other project #1 yyyyyy",
	} {
		t.Run(name, func(t *testing.T) {
			s := unanswered(t, fate{err: errLost})
			s.mustFail(s.pass(), errLost)
			s.platform.add(given, "")
			s.always("register", fate{err: errLost})
			s.wait(settle)
			s.mustFail(s.pass(), errLost)
			if ring := s.store.ring(); len(ring.Strays) != 0 {
				t.Errorf("got strays %v, want none", ring.Strays)
			}
		})
	}
}

// A ring that an older version wrote lacks the members about strays.
func TestAnOldRingIsReadAndGoesOn(t *testing.T) {
	s := bootstrapped(t)
	doc := s.store.docs[ringName]
	var old map[string]any
	s.must(json.Unmarshal(doc.Data, &old))
	delete(old, "strangers")
	delete(old, "strays")
	for _, k := range old["keys"].([]any) {
		if unseen, there := k.(map[string]any)["unseen"]; there {
			t.Errorf("got unseen %v, want every key seen by now, and nothing that an older version cannot read", unseen)
		}
	}
	var err error
	doc.Data, err = json.Marshal(old)
	s.must(err)
	s.store.docs[ringName] = doc
	s.lose(1)
	_, err = s.revoke(1) // nothing is known against the standby
	s.must(err)
	s.want("1 deleted, 2 active, 3 registered")
	s.recovers()
}
