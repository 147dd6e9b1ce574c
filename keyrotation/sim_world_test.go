package keyrotation_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"playtoken/keyrotation"
)

// The simulator. A world has a clock that only the simulator moves, one store,
// one platform, and replicas that run the real Rotator. A replica runs as a
// coroutine which pauses at every outside call, so the simulator decides, from
// one seed, who goes on, what happens to the call, what its caller hears of it,
// and how much time has passed. After each step every promise is checked. A
// failure names the seed that leads to it.

// odds are per outside call, in per mille.
type odds struct {
	lost     int // never happens, the caller hears an error
	unheard  int // happens, the caller hears an error
	late     int // happens some time after the caller heard an error
	refused  int // the platform throttles or does not accept the credential
	crash    int // the process dies at the call, before or after it happens
	timeStep time.Duration
}

var calm = odds{timeStep: 2 * time.Second}

type world struct {
	t     *testing.T
	seed  uint64
	rng   *rand.Rand
	now   time.Time
	odds  odds
	late  []event
	steps int

	issues bool // the platform makes the keys; see sim_issuer_test.go

	script func(r *replica, op string) fate // decides in place of the odds

	store    *simStore
	platform *simPlatform
	replicas []*replica
	oracle   *oracle
}

type event struct {
	at time.Time
	do func()
}

var (
	errLost    = errors.New("sim: connection lost")
	errCrashed = errors.New("sim: process died")
)

func newWorld(t *testing.T, seed uint64, replicas int) *world {
	return worldOf(t, seed, replicas, false)
}

func worldOf(t *testing.T, seed uint64, replicas int, issues bool) *world {
	w := &world{t: t, seed: seed, issues: issues, rng: rand.New(rand.NewPCG(seed, 1)), odds: calm,
		now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.store = &simStore{w: w, docs: map[string]keyrotation.Document{}, keys: map[string]simKey{}}
	w.platform = &simPlatform{w: w, keys: map[string]keyrotation.PlatformKey{}, values: map[string]string{}, issued: map[string]*int{}}
	w.oracle = &oracle{w: w, every: 8, used: map[string]time.Time{}, forgiven: map[string]bool{}}
	w.platform.inhabit()
	w.store.made = 2
	for i := range replicas {
		w.replicas = append(w.replicas, w.newReplica(i))
	}
	return w
}

// failf reports a broken promise, with the way back to it.
func (w *world) failf(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("seed %d, step %d, %s: %s", w.seed, w.steps, w.now.Format("15:04:05"), fmt.Sprintf(format, args...))
}

// simPolicy is what the first replica's environment says; the others differ.
func simPolicy() keyrotation.Policy {
	return keyrotation.Policy{
		RotateEvery:  4 * time.Minute,
		ObserveEvery: time.Minute,
		MaxTTL:       90 * time.Second,
		Durations: keyrotation.Durations{Propagation: 30 * time.Second, ViewAge: 20 * time.Second,
			Skew: 2 * time.Second, Settle: 10 * time.Second},
		KeySpec:   keyrotation.KeySpec{Bits: 2048},
		KeyBudget: 10,
	}
}

// replica is one process: a rotator and a signer.
type replica struct {
	w       *world
	id      int
	rotator *keyrotation.Rotator
	signer  simSigner

	resume func() (struct{}, bool)
	kill   func()
	yield  func(struct{}) bool
	dead   bool
	result error // of the task that ended last
}

func (w *world) newReplica(id int) *replica {
	r := &replica{w: w, id: id}
	policy := simPolicy()
	if w.seed%2 == 1 { // environments differ
		policy.MaxTTL += time.Duration(id%3) * 15 * time.Second
		policy.Durations.ViewAge -= time.Duration(id%3) * time.Second
	}
	r.rotator = &keyrotation.Rotator{Project: "default", Documents: storeView{r}, Keys: storeView{r}, Platform: platformView{r},
		Policy: policy, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Clock: r.clock}
	if w.issues {
		r.issuedTo()
	}
	r.signer = simSigner{replica: r}
	return r
}

// clock is the replica's own, up to half the allowed skew off.
func (r *replica) clock() time.Time { return r.w.now.Add(time.Duration(r.id%3-1) * time.Second) }

func (r *replica) busy() bool { return r.resume != nil }

// start begins a task; it runs up to its first outside call when resumed.
func (r *replica) start(task func(ctx context.Context) error) {
	r.dead = false
	r.resume, r.kill = iter.Pull(func(yield func(struct{}) bool) {
		r.yield = yield
		r.result = task(r.w.t.Context())
	})
}

// step lets the task go on to its next outside call.
func (r *replica) step() {
	if _, more := r.resume(); !more {
		r.resume = nil
	}
}

// crash ends the task where it is. Whatever it has not sent is never sent.
func (r *replica) crash() {
	if r.busy() {
		r.dead = true
		r.kill()
		r.resume = nil
	}
	r.signer = simSigner{replica: r}
}

// finish runs the task to its end.
func (r *replica) finish() error {
	for r.busy() {
		r.step()
	}
	return r.result
}

// fate is what becomes of one outside call.
type fate struct {
	first   func()        // what somebody else does just before
	happens int           // how often it happens now
	late    time.Duration // it happens (once more) that much later
	hears   error         // what the caller hears, if not the call's own answer
	dies    bool          // the process, before it hears anything
}

var asAsked = fate{happens: 1}

// call is an outside call: effect happens, or does not, or does later, and the
// caller hears of it, or does not.
func call[T any](r *replica, op string, effect func() (T, error)) (T, error) {
	var none T
	began := r.w.now
	if r.dead || !r.yield(struct{}{}) {
		r.dead = true
		return none, errCrashed
	}
	if r.w.now.Sub(began) > simPolicy().Durations.CallTimeout() {
		return none, context.DeadlineExceeded // it was paused until it was too late to send anything
	}
	return callNow(r, op, effect)
}

func callNow[T any](r *replica, op string, effect func() (T, error)) (answer T, err error) {
	var none T
	f := r.w.fate(r, op)
	if f.first != nil {
		f.first()
	}
	for range f.happens {
		answer, err = effect()
	}
	if f.late > 0 {
		r.w.late = append(r.w.late, event{r.w.now.Add(f.late), func() { effect() }})
	}
	if f.dies {
		r.dead = true
		return none, errCrashed
	}
	if f.hears != nil {
		return none, f.hears
	}
	return answer, err
}

// fate follows the script, if there is one, and otherwise throws dice.
func (w *world) fate(r *replica, op string) fate {
	if w.script != nil {
		return w.script(r, op)
	}
	dice := w.rng.IntN(1000)
	pick := func(n int) bool { dice -= n; return dice < 0 }
	switch {
	case pick(w.odds.lost):
		return fate{hears: errLost}
	case pick(w.odds.unheard):
		return fate{happens: 1, hears: errLost}
	case mutating[op] && pick(w.odds.late):
		return fate{late: time.Duration(1 + w.rng.Int64N(int64(30*time.Second))), hears: errLost}
	case pick(w.odds.crash):
		return fate{happens: w.rng.IntN(2), dies: true}
	}
	return asAsked
}

// advance moves the clock and lets late calls arrive.
func (w *world) advance(d time.Duration) {
	w.now = w.now.Add(d)
	w.late = slices.DeleteFunc(w.late, func(e event) bool {
		if e.at.After(w.now) {
			return false
		}
		e.do()
		return true
	})
}

// turn is one step of the simulation.
func (w *world) turn() {
	w.steps++
	r := w.replicas[w.rng.IntN(len(w.replicas))]
	switch dice := w.rng.IntN(10); {
	case dice < 2:
		w.advance(w.pause())
	case dice < 4:
		r.signer.mint()
	case r.busy():
		r.step()
		if r.dead {
			r.crash()
		}
	case dice < 9 || w.odds == calm:
		r.start(func(ctx context.Context) error { _, err := r.rotator.Reconcile(ctx, keyrotation.Order{}); return err })
	default:
		r.start(func(ctx context.Context) error {
			_, err := r.rotator.Reconcile(ctx, keyrotation.Order{Now: true})
			return err
		})
	}
	w.oracle.check()
}

// pause is how long until something happens again: mostly hardly anything, so
// that passes run through quickly, sometimes long.
func (w *world) pause() time.Duration {
	if w.rng.IntN(16) == 0 {
		return time.Duration(w.rng.Int64N(int64(8 * w.odds.timeStep)))
	}
	return time.Duration(w.rng.Int64N(int64(w.odds.timeStep / 32)))
}

// run takes n turns with the given odds.
func (w *world) run(n int, o odds) {
	w.odds = o
	for range n {
		w.turn()
	}
}

// quiet ends all faults and tasks, and lets the first replica reconcile until
// nothing is left to do.
func (w *world) quiet() {
	w.odds = calm
	for _, r := range w.replicas {
		r.crash()
	}
	w.advance(time.Minute) // what is late has arrived
	for range 40 {
		w.reconcile(w.replicas[0])
		w.advance(10 * time.Second)
		w.oracle.check()
	}
}

func (w *world) reconcile(r *replica) error {
	r.start(func(ctx context.Context) error { _, err := r.rotator.Reconcile(ctx, keyrotation.Order{}); return err })
	return r.finish()
}
