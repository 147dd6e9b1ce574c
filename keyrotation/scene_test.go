package keyrotation_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// scene is all that the planner sees.
type scene struct {
	now         time.Time
	ring        keyrotation.Ring
	observation *keyrotation.Observation
	policy      keyrotation.Policy
}

// noon is now in most scenes; what is over and done with was long ago.
var (
	noon    = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	longAgo = noon.Add(-24 * time.Hour)
)

// The durations of simPolicy, by the letters of the design.
const (
	interval    = 4 * time.Minute
	propagation = 30 * time.Second
	settle      = 10 * time.Second
	overlap     = 20*time.Second + 90*time.Second + 2*2*time.Second

	issuedOverlap = overlap - 90*time.Second // nothing lives on beside the key
)

// sceneOf is a scene at noon, before any observation.
func sceneOf(keys ...keyrotation.Key) scene {
	policy := simPolicy()
	return scene{now: noon, policy: policy, ring: keyrotation.Ring{Project: "default", StoreID: "abcdef",
		Durations: policy.Durations, Spec: policy.KeySpec, Keys: keys, ObservedAt: longAgo, Version: 1}}
}

// genKey is generation n as an uneventful life has left it: what led to its
// state was long ago, or at noon if the planner has to wait for it.
func genKey(n int, state keyrotation.State) keyrotation.Key {
	k := keyrotation.Key{Generation: n, State: state, StoreName: fmt.Sprintf("kstore%02d", n),
		Name: fmt.Sprintf("playtoken default #%d abcdef", n), Kind: store.RSA2048, MaxTTL: 90 * time.Second, CreatedAt: longAgo}
	if state == keyrotation.Planned {
		return k
	}
	k.PublicKey = pooledKey(n).public
	k.Fingerprint = keyrotation.Fingerprint(k.PublicKey)
	if state == keyrotation.Generated {
		return k
	}
	k.AttemptAt = noon
	if state == keyrotation.Registering {
		return k
	}
	k.AttemptAt, k.RegisteredAt, k.KeyID = longAgo, longAgo, fmt.Sprintf("id%d", n)
	switch state {
	case keyrotation.Active:
		k.ActivatedAt = noon
	case keyrotation.Retiring, keyrotation.Deleting:
		k.ActivatedAt, k.RetiredAt, k.DeleteNotBefore = longAgo, longAgo.Add(time.Hour), noon
	case keyrotation.Deleted:
		k.PublicKey, k.WithdrawnAt, k.DestroyedAt, k.DeletedAt = "", longAgo, longAgo, longAgo
	}
	return k
}

// issuedScene is the same of issued keys.
func issuedScene(keys ...keyrotation.Key) scene {
	s := sceneOf(keys...)
	for i := range s.ring.Keys {
		k := &s.ring.Keys[i]
		k.Issued, k.Kind, k.PublicKey, k.MaxTTL = true, "", "", 0
	}
	s.policy.KeySpec, s.policy.MaxTTL = keyrotation.KeySpec{Issued: true}, 0
	s.ring.Spec = s.policy.KeySpec
	return s
}

// but is a key with something about it changed.
func but(k keyrotation.Key, changes ...func(*keyrotation.Key)) keyrotation.Key {
	for _, change := range changes {
		change(&k)
	}
	return k
}

// agreeing is an observation at now that shows what the ring records.
func (s scene) agreeing() *keyrotation.Observation {
	o := &keyrotation.Observation{At: s.now, Platform: map[string]keyrotation.PlatformKey{}, Store: map[string]store.KeyInfo{}}
	for _, k := range s.ring.Keys {
		if k.KeyID != "" && k.State != keyrotation.Deleted && k.WithdrawnAt.IsZero() {
			o.Platform[k.KeyID] = keyrotation.PlatformKey{ID: k.KeyID, Fingerprint: k.Fingerprint, CreatedAt: k.RegisteredAt}
		}
		if k.Issued && k.KeyID != "" && k.DestroyedAt.IsZero() {
			o.Store[k.StoreName] = store.KeyInfo{Versions: 1}
		}
		if k.PublicKey != "" {
			o.Store[k.StoreName] = store.KeyInfo{Spec: store.KeySpec{Kind: k.Kind, Exportable: k.Exportable},
				PublicKey: k.PublicKey, Versions: 1}
		}
	}
	return o
}

// sees puts an agreeing observation into the scene, with something changed.
func (s scene) sees(change func(*keyrotation.Observation)) scene {
	s.observation = s.agreeing()
	if change != nil {
		change(s.observation)
	}
	return s
}

// shows makes an observation show one more key. The fingerprint of a key that is
// not ours is its name, too.
func shows(id string, fingerprint string, created time.Time) func(*keyrotation.Observation) {
	return func(l *keyrotation.Observation) {
		l.Platform[id] = keyrotation.PlatformKey{ID: id, Name: fingerprint, Fingerprint: fingerprint, CreatedAt: created}
	}
}

// lacks makes an observation lack some keys.
func lacks(ids ...string) func(*keyrotation.Observation) {
	return func(l *keyrotation.Observation) {
		for _, id := range ids {
			delete(l.Platform, id)
		}
	}
}

func (s scene) plan() []keyrotation.Move {
	return keyrotation.Plan(s.now, s.ring, s.observation, s.policy)
}

func isDue(m keyrotation.Move, now time.Time) bool { return !m.Blocked && !m.NotBefore.After(now) }

// due names the moves that can be made, in order: "look, activate 2".
func (s scene) due() string {
	var names []string
	for _, m := range s.plan() {
		if isDue(m, s.now) {
			names = append(names, moveName(m))
		}
	}
	return strings.Join(names, ", ")
}

func moveName(m keyrotation.Move) string {
	name := string(m.Action)
	if m.Generation > 0 && m.Action != keyrotation.PlanKey { // that is the next one; see forbids
		name += fmt.Sprintf(" %d", m.Generation)
	}
	if m.KeyID != "" && (m.Generation == 0 || m.Action == keyrotation.Adopt) {
		name += " " + m.KeyID
	}
	return name
}

// blocked returns why a move waits for something other than time.
func (s scene) blocked(name string) (why string) {
	for _, m := range s.plan() {
		if m.Blocked && moveName(m) == name {
			why = m.Why
		}
	}
	return why
}

// becomesDue: the move is planned for an instant, and can be made from then on
// but not a nanosecond sooner. Scene makes the scene of an instant.
func becomesDue(t *testing.T, name string, when time.Time, sceneAt func(now time.Time) scene) {
	t.Helper()
	for _, instant := range []struct {
		now time.Time
		due bool
	}{{when.Add(-time.Nanosecond), false}, {when, true}} {
		s := sceneAt(instant.now)
		i := slices.IndexFunc(s.plan(), func(m keyrotation.Move) bool { return moveName(m) == name && isDue(m, s.now) })
		if (i >= 0) != instant.due {
			t.Errorf("at %s: got %s due: %t, want the opposite; plan %+v", instant.now.Format(time.RFC3339Nano), name, i >= 0, s.plan())
		}
		if planned := slices.ContainsFunc(s.plan(), func(m keyrotation.Move) bool {
			return moveName(m) == name && m.NotBefore.Equal(when)
		}); !instant.due && !planned {
			t.Errorf("a nanosecond before: want %s planned for %s, got the plan %+v", name, when.Format(time.RFC3339Nano), s.plan())
		}
	}
}

// instantCase is a move that becomes due at an instant, in a scene with an
// observation if observed is not nil.
type instantCase struct {
	name, move string
	when       time.Time
	scene      scene
	observed   func(*keyrotation.Observation)
}

func (c instantCase) check(t *testing.T) {
	becomesDue(t, c.move, c.when, func(now time.Time) scene {
		s := c.scene
		if s.now = now; c.observed != nil {
			s = s.sees(c.observed)
		}
		return s
	})
}

// dueCase is a scene and all that is due in it.
type dueCase struct {
	name  string
	scene scene
	want  string
}

func (c dueCase) check(t *testing.T) {
	if got := c.scene.due(); got != c.want {
		t.Errorf("got due %q, want %q", got, c.want)
	}
}

// blockedCase is a scene and why a move is blocked in it.
type blockedCase struct {
	name  string
	scene scene
	move  string
	why   string // empty: it is due
}

func (c blockedCase) check(t *testing.T) {
	if why := c.scene.blocked(c.move); !strings.Contains(why, c.why) || (why == "") != (c.why == "") {
		t.Errorf("got %s blocked by %q, want %q", c.move, why, c.why)
	}
	if strings.Contains(c.scene.due(), c.move) != (c.why == "") {
		t.Errorf("got due %q, want %s due: %t", c.scene.due(), c.move, c.why == "")
	}
}

// Changes to keys and scenes.

func undated(k *keyrotation.Key) { k.DeleteNotBefore = time.Time{} }

func abandon(k *keyrotation.Key) { k.State = keyrotation.Abandoning }

func neverSent(k *keyrotation.Key) {
	k.KeyID, k.AttemptAt, k.RegisteredAt = "", time.Time{}, time.Time{}
}

func withdrawn(k *keyrotation.Key) { k.WithdrawnAt = longAgo }

func destroyed(k *keyrotation.Key) { k.DestroyedAt = longAgo }

func sentLongAgo(k *keyrotation.Key) { k.AttemptAt = longAgo }

func (s scene) retryAt(t time.Time) scene    { s.ring.RetryAt = t; return s }
func (s scene) observedAt(t time.Time) scene { s.ring.ObservedAt = t; return s }
func (s scene) longerTokens() scene          { s.policy.MaxTTL++; return s.observedAt(s.now) }

func (s scene) orphan(o keyrotation.Orphan) scene {
	s.ring.Orphans = append(slices.Clone(s.ring.Orphans), o)
	return s
}
