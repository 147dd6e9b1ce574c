package keyrotation_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"playtoken/keyrotation"
)

// What happens between calls, as data: outages, changes by hand, clocks,
// backups, and orders of operators.

// incident is something that no call of ours causes. It reports whether it was
// possible.
type incident struct {
	name   string
	seldom int // it may happen in one of so many lives
	happen func(*world) bool
}

var incidents = []incident{
	{"store sealed", 2, func(w *world) bool { w.store.sealed = w.now.Add(2 * w.shortly()); return true }},
	{"platform away", 2, func(w *world) bool { w.platform.away = w.now.Add(2 * w.shortly()); return true }},
	{"account full", 3, func(w *world) bool { w.platform.full = w.now.Add(3 * w.shortly()); return true }},
	{"deleted by hand", 4, (*world).handDeletes},
	{"made by hand", 3, (*world).handMakes},
	{"private key damaged", 4, (*world).handDamages},
	{"clock jumped", 3, (*world).clockJumps},
	{"environment changed", 4, (*world).redeploy},
	{"backup taken", 1, func(w *world) bool { w.store.backup = maps.Clone(w.store.docs); return true }},
	{"backup restored", 3, (*world).handRestores},
}

// incident lets one of those happen that this world knows.
func (w *world) incident() {
	if len(w.incidents) == 0 {
		return
	}
	s := w.incidents[w.rng.IntN(len(w.incidents))]
	if s.happen(w) {
		w.faults[s.name]++
		fmt.Fprintln(w.trace, s.name)
	}
}

// pick is any replica.
func (w *world) pick() *replica { return w.replicas[w.rng.IntN(len(w.replicas))] }

// someKey is any key of the ring for which fit holds.
func (w *world) someKey(fit func(keyrotation.Key) bool) (keyrotation.Key, bool) {
	ring := w.store.ring()
	keys := slices.DeleteFunc(slices.Clone(ring.Keys), func(k keyrotation.Key) bool { return !fit(k) })
	if len(keys) == 0 {
		return keyrotation.Key{}, false
	}
	return keys[w.rng.IntN(len(keys))], true
}

// handDeletes: a person deletes a key, and its tokens are lost.
func (w *world) handDeletes() bool {
	k, ok := w.someKey(func(k keyrotation.Key) bool { return k.KeyID != "" && !onTheWayOut[k.State] })
	if ok {
		w.oracle.forgive(k.KeyID)
		w.platform.remove(k.KeyID)
	}
	return ok
}

// breaksGlass: the same, and the store is away meanwhile.
func (w *world) breaksGlass() bool {
	w.store.sealed = w.now.Add(2 * w.shortly())
	return w.handDeletes()
}

func (w *world) handMakes() bool {
	name := fmt.Sprintf("playtoken default #%d abcdef", w.rng.IntN(9))
	if w.issues {
		w.platform.issue(name)
	} else {
		w.platform.add(name, pooledKey(w.rng.IntN(2)).public)
	}
	return true
}

// handDamages damages a private key, which harms no token that was signed before.
func (w *world) handDamages() bool {
	k, ok := w.someKey(func(k keyrotation.Key) bool {
		_, held := w.store.keys[k.StoreName]
		return held && k.KeyID != "" && !onTheWayOut[k.State]
	})
	if !ok {
		return false
	}
	w.oracle.damaged[k.Generation] = true
	private := w.store.keys[k.StoreName]
	private.versions++
	if w.store.keys[k.StoreName] = private; w.rng.IntN(2) == 0 {
		delete(w.store.keys, k.StoreName)
	}
	return true
}

// redeploy restarts a replica with another environment.
func (w *world) redeploy() bool {
	r := w.pick()
	r.crash()
	r.settingsOf(w.rng.IntN(5))
	return true
}

// clockJumps: far, if rotations can ask the store for the time.
func (w *world) clockJumps() bool {
	r := w.pick()
	if r.busy() {
		return false
	}
	off := time.Duration(w.rng.IntN(3)-1) * time.Second
	if r.offset = off; r.rotator.StoreTime != nil {
		r.setClock(time.Duration(w.rng.IntN(5)-2) * 45 * time.Second)
	}
	return true
}

// verbs are what operators order, the frequent ones more than once. Most of it
// is refused, most of the time.
var verbs = []func(w *world, r *keyrotation.Rotator, generation int) func(context.Context) error{
	now, now, now, now,
	func(_ *world, r *keyrotation.Rotator, generation int) func(context.Context) error {
		return func(ctx context.Context) error { _, err := r.Activate(ctx, generation, byOperator); return err }
	},
	func(_ *world, r *keyrotation.Rotator, generation int) func(context.Context) error {
		return func(ctx context.Context) error { _, err := r.Rollback(ctx, generation, byOperator); return err }
	},
	func(_ *world, r *keyrotation.Rotator, generation int) func(context.Context) error {
		return func(ctx context.Context) error { _, err := r.Release(ctx, generation, byOperator); return err }
	},
	func(_ *world, r *keyrotation.Rotator, _ int) func(context.Context) error {
		return func(ctx context.Context) error { _, err := r.Drift(ctx); return err }
	},
	func(_ *world, r *keyrotation.Rotator, _ int) func(context.Context) error {
		return func(ctx context.Context) error { _, err := r.Status(ctx); return err }
	},
	revoke, removeUnmanaged,
}

var byOperator = keyrotation.Order{Actor: "cli", Reason: "test"}

func now(_ *world, r *keyrotation.Rotator, _ int) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := r.Reconcile(ctx, keyrotation.Order{Now: true, Actor: "cli"})
		return err
	}
}

func revoke(w *world, r *keyrotation.Rotator, generation int) func(context.Context) error {
	w.oracle.revoked[generation] = true
	return func(ctx context.Context) error { _, err := r.Revoke(ctx, generation, byOperator); return err }
}

// removeUnmanaged names any key but one of another deployment.
func removeUnmanaged(w *world, r *keyrotation.Rotator, _ int) func(context.Context) error {
	ids := slices.DeleteFunc(w.platform.ids(), func(id string) bool {
		maker := w.platform.makers[id]
		return id == foreign[1] || maker != nil && maker != w || w.strays(id)
	})
	if len(ids) == 0 {
		return now(w, r, 0)
	}
	id := ids[w.rng.IntN(len(ids))]
	if w.platform.makers[id] == nil {
		w.oracle.ordered[id] = true
	}
	return func(ctx context.Context) error { return r.RemoveUnmanaged(ctx, id, byOperator) }
}

// verb is one of them, about a generation that there is, mostly.
func (w *world) verb(r *replica) func(context.Context) error {
	generation := 1 + w.rng.IntN(3)
	if k, ok := w.someKey(func(k keyrotation.Key) bool { return k.State != keyrotation.Deleted }); ok {
		generation = k.Generation
	}
	if w.platform.sessions != nil && w.rng.IntN(3) == 0 {
		return endSessions(w, r.rotator, generation)
	}
	i := w.rng.IntN(len(verbs))
	return verbs[i](w, r.rotator, generation)
}

// mayLose: in one of three lives the platform loses our keys, or shows none of
// them for a moment; in half of those a setting says that they are replaced.
func (w *world) mayLose(rng *rand.Rand) {
	if rng.IntN(3) > 0 {
		return
	}
	w.incidents = append(w.incidents, incident{name: "platform lost our keys", seldom: 1, happen: (*world).losesAll},
		incident{name: "platform shows none of our keys", seldom: 1, happen: (*world).showsNone})
	for auto, i := rng.IntN(2) == 0, 0; auto && i < len(w.replicas); i++ {
		w.replicas[i].rotator.Account, w.replicas[i].rotator.Policy.ReplaceLost = account, true
	}
}

// showsNone: for less than the settle time, and once in a life, because two looks
// that hit two such moments agree.
func (w *world) showsNone() bool {
	if !w.platform.hides.IsZero() {
		return false
	}
	w.platform.hides = w.now.Add(8 * time.Second)
	return true
}

// losesAll: the platform forgets every key of ours.
func (w *world) losesAll() bool {
	lost := false
	for _, id := range w.platform.ids() {
		if w.platform.makers[id] == w {
			w.oracle.forgive(id)
			w.platform.remove(id)
			lost = true
		}
	}
	return lost
}

// replaced: an operator has ordered that lost keys be replaced, or has to wait.
func (w *world) replaced(r *replica) bool {
	err := r.do(func(ctx context.Context) error { _, err := r.rotator.Reconcile(ctx, orderedLost); return err })
	guard, refused := errors.AsType[*keyrotation.Guard](err)
	return err == nil || refused && !guard.EarliestAt.IsZero()
}

// tidy is what an operator does whom a status or a drift report has told to:
// keys in quarantine are revoked, and all of them where none is to be seen, or
// replaced.
func (w *world) tidy(r *replica) {
	ring := w.store.ring()
	lost := slices.ContainsFunc(ring.Troubles, func(t keyrotation.Trouble) bool {
		return t.Code == keyrotation.AllKeysMissing || t.Code == keyrotation.AccountWithoutOurKeys
	})
	if lost && w.seed%2 == 0 && w.replaced(r) {
		return
	}
	for _, k := range ring.Keys {
		shown := k.State == keyrotation.Active || k.State == keyrotation.Registered || k.State == keyrotation.Retiring
		if k.State == keyrotation.Quarantined || lost && shown {
			w.oracle.forgive(k.KeyID)
			r.do(revoke(w, r.rotator, k.Generation))
			w.oracle.check()
		}
	}
}
