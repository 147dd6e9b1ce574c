package keyrotation_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// exportable makes a key of the other kind than scenes want.
func exportable(k *keyrotation.Key) { k.Exportable = true }

// otherKind is a scene whose replica wants another kind of key than the ring.
func (s scene) otherKind() scene { s.policy.KeySpec.Exportable = true; return s.observedAt(s.now) }

func (s scene) respecced(at time.Time) scene { s.ring.SpecAt = at; return s }

func (s scene) budget(n int) scene { s.policy.KeyBudget = n; return s }

func TestAnotherKindOfKeyIsWantedOnceInARotation(t *testing.T) {
	ring := sceneOf(genKey(1, keyrotation.Active), genKey(2, keyrotation.Registered))
	if got := ring.otherKind().due(); got != "respec" {
		t.Errorf("the kind was never changed: got due %q, want respec", got)
	}
	if got := ring.observedAt(noon).due(); got != "" {
		t.Errorf("the kind is the policy's: got due %q, want no move", got)
	}
	becomesDue(t, "respec", noon.Add(interval), func(now time.Time) scene {
		s := ring.otherKind().respecced(noon)
		s.now = now
		return s
	})
	bits := ring
	if bits.policy.KeySpec.Kind = store.RSA3072; bits.observedAt(noon).due() != "respec" {
		t.Errorf("larger keys: got due %q, want respec", bits.due())
	}
}

func TestWhatIsDueAmongKeysOfTwoKinds(t *testing.T) {
	const registered = keyrotation.Registered
	young := func(k *keyrotation.Key) { k.RegisteredAt = noon }
	doubted := func(k *keyrotation.Key) { k.DoubtedAt = noon.Add(-time.Second) }
	right, wrong := genKey(1, keyrotation.Active), but(genKey(1, keyrotation.Active), exportable)
	spare := but(genKey(2, registered), exportable)
	for _, tt := range []struct {
		name  string
		scene scene
		want  string
	}{
		{"a standby of the wrong kind does not count", sceneOf(wrong, spare).observedAt(noon), "plan"},
		{"one of the right kind on its way is", sceneOf(wrong, spare, genKey(3, keyrotation.Planned)).observedAt(noon), "generate 3"},
		{"what was only begun is given up", sceneOf(right, but(genKey(2, keyrotation.Planned), exportable), but(genKey(3, keyrotation.Generated), exportable)).
			observedAt(noon), "discard 2, discard 3, plan"},
		{"and a registration that was begun is finished first", sceneOf(right, but(genKey(2, keyrotation.Registering), exportable, sentLongAgo)).
			sees(nil), "register 2, plan"},
		{"while it propagates the other one waits", sceneOf(wrong, spare, but(genKey(3, registered), young)).sees(nil), ""},
		{"then it takes over at once", sceneOf(wrong, spare, genKey(3, registered)).sees(nil), "activate 3"},
		{"a key that has served its time does not give way to the wrong kind",
			sceneOf(but(right, func(k *keyrotation.Key) { k.ActivatedAt = longAgo }), spare).sees(nil), "plan"},
		{"an emergency takes what there is", sceneOf(but(spare, func(*keyrotation.Key) {}), genKey(3, keyrotation.Planned), genKey(4, keyrotation.Planned)).
			sees(nil), "activate 2, generate 3, generate 4"},
		{"what is left over stays until there is something better", sceneOf(right, spare, but(genKey(3, registered), young)).sees(nil), ""},
		{"undoubted", sceneOf(right, spare, but(genKey(3, registered), doubted)).sees(lacks("id3")), ""},
		{"and goes then", sceneOf(right, spare, genKey(3, registered)).sees(nil), "discard 2"},
		{"after a look", sceneOf(right, spare, genKey(3, registered)).observedAt(noon), "look"},
		{"or makes room", sceneOf(right, spare).budget(2).sees(nil), "discard 2"},
		{"but not while its kind is active", sceneOf(wrong, spare).budget(2).sees(nil), ""},
		{"nor while nothing is", sceneOf(but(spare, young), but(genKey(3, registered), young)).sees(nil), "plan"},
		{"what never signed leaves like any other", sceneOf(right, but(spare, abandon), genKey(3, registered)).sees(nil), "withdraw 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.scene.due(); got != tt.want {
				t.Errorf("got due %q, want %q", got, tt.want)
			}
		})
	}
	other := sceneOf(right, spare, genKey(3, registered)).sees(shows("id2", "other", noon))
	if why := other.blocked("discard 2"); !strings.Contains(why, "another key under its id") {
		t.Errorf("another key under its id: got blocked by %q, want the other key as the reason", why)
	}
}

// mode gives both replicas of a stage another environment.
func (s *stage) mode(memory bool) {
	for _, r := range s.replicas {
		r.setMode(memory)
	}
}

func TestARotationNowBringsThePolicysKindAlong(t *testing.T) {
	s := bootstrapped(t)
	s.mode(true)
	s.must(s.pass()) // the first change needs no order
	s.mode(false)
	s.must(s.pass())
	if ring := s.store.ring(); !ring.Spec.Exportable {
		s.failf("changed back at once: %+v", ring.Spec)
	}
	s.must(s.rotate()) // to generation 2, which is still there
	if ring := s.store.ring(); ring.Spec.Exportable {
		s.failf("an order to rotate now did not bring the policy's kind into force")
	}
	s.want("1 retiring, 2 active, 3 registered, 4 registered")
	s.recovers()
}

func TestARollbackToAnotherKindIsNotUndone(t *testing.T) {
	s := bootstrapped(t)
	s.mode(true)
	s.must(s.pass())
	s.wait(propagation)
	s.must(s.pass())
	s.want("1 retiring, 2 registered, 3 active, 4 registered")
	s.must(s.by(s.acts, func(ctx context.Context, r *keyrotation.Rotator) error {
		_, err := r.Rollback(ctx, 1, keyrotation.Order{Reason: "players choke on it"})
		return err
	}))
	s.must(s.live(interval / 2))
	if k := s.key(1); k.State != keyrotation.Active {
		s.failf("the rollback was undone: %s", s.states())
	}
	s.must(s.live(interval))
	if k := s.key(1); k.State != keyrotation.Retiring {
		s.failf("the policy's kind did not come back after a rotation: %s", s.states())
	}
}

func TestAnEmergencyUsesWhatThereIsAndTheRightKindFollows(t *testing.T) {
	s := bootstrapped(t)
	s.mode(true)
	s.must(s.pass())
	s.want("1 active, 2 registered, 3 registered")
	s.lose(1)
	s.must(s.by(s.acts, func(ctx context.Context, r *keyrotation.Rotator) error {
		_, err := r.Revoke(ctx, 1, keyrotation.Order{Reason: "stolen"})
		return err
	}))
	if k := s.key(2); k.State != keyrotation.Active {
		s.failf("after the revocation: %s", s.states())
	}
	s.must(s.live(propagation + 10*time.Second))
	if k := s.key(3); k.State != keyrotation.Active || !k.Exportable {
		s.failf("the right kind did not follow: %s", s.states())
	}
	s.recovers()
}

func TestReplicasThatDifferWriteNothingInTurns(t *testing.T) {
	s := bootstrapped(t)
	for _, r := range s.replicas {
		r.rotator.Policy.RotateEvery = time.Hour
	}
	s.acts.setMode(true)
	s.must(s.live(10 * time.Minute)) // nothing is left to wait for but that hour
	both := func() {
		s.must(s.passBy(s.acts))
		s.must(s.passBy(s.fresh))
	}
	both()
	before := s.store.ring().Version
	for range 5 {
		both()
	}
	if after := s.store.ring().Version; after != before {
		s.failf("%d writes with nothing to do", after-before)
	}
	s.must(s.by(s.fresh, func(ctx context.Context, r *keyrotation.Rotator) error {
		status, err := r.Status(ctx)
		planned := ""
		for _, m := range status.Plan {
			planned += moveName(m) + ", "
		}
		if status.Due || !strings.Contains(planned, "respec") {
			s.failf("due %t, planned: %s", status.Due, planned)
		}
		return err
	}))
}
