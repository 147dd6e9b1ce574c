package keyrotation_test

import (
	"context"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// The simulator. A world has a clock that only the simulator moves, one store,
// one platform, and replicas that run the real Rotator. A replica runs as a
// coroutine which pauses at every outside call, so the simulator decides, from
// one seed, which replica goes on, what happens to the call, what it returns,
// and how much time has passed. After each step every promise is checked. A
// failure names the seed that leads to it.

// odds are per mille: of outside calls (see mischief), or of turns.
type odds struct {
	lost       int // never happens, the caller gets an error
	unanswered int // happens, the caller gets an error
	late       int // happens some time after the caller got an error
	twice      int // happens once more than it was asked for
	refused    int // the platform says no
	crash      int // the process dies at the call, before or after it happens
	incidents  int // something happens that no call of ours causes
	timeStep   time.Duration
}

var calm = odds{timeStep: 2 * time.Second}

type world struct {
	t     *testing.T
	seed  uint64
	rng   *rand.Rand
	now   time.Time
	odds  odds
	late  []arrival
	steps int

	issues bool // the platform makes the keys; see sim_issuer_test.go
	mixed  bool // environments disagree about the kind of key, or will

	verifiers []*simVerifier // that fetch our keys; nil: the platform is handed them; see sim_fetched_test.go
	person    *simPerson     // who carries our keys; nil: see verifiers; see sim_carried_test.go

	script func(r *replica, op string) fate // decides in place of the odds

	store     *simStore
	platform  *simPlatform
	replicas  []*replica
	started   []*replica // all that were ever made, also those that were replaced
	oracle    *oracle
	neighbour *world // another deployment on the same account, with its own store

	incidents []incident     // those that this world knows
	faults    map[string]int // how often each came
	trace     hash.Hash64    // of what happened
}

// arrival is a call that happens late.
type arrival struct {
	at time.Time
	do func()
}

func newWorld(t *testing.T, seed uint64, replicas int) *world {
	return worldOf(t, seed, replicas, false)
}

func worldOf(t *testing.T, seed uint64, replicas int, issues bool) *world {
	w := &world{t: t, seed: seed, issues: issues, rng: rand.New(rand.NewPCG(seed, 1)), odds: calm,
		now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), faults: map[string]int{}, trace: fnv.New64a()}
	w.store, w.platform, w.oracle = newStore(w), newPlatform(w), newOracle(w)
	w.platform.inhabit()
	w.populate(replicas)
	t.Cleanup(w.close)
	return w
}

// close ends every task and frees the memory of the world.
func (w *world) close() {
	for _, r := range w.started {
		r.crash()
		r.stop()
	}
	if w.neighbour != nil {
		w.neighbour.close()
	}
	*w = world{}
}

func (w *world) populate(replicas int) {
	for i := range replicas {
		w.replicas = append(w.replicas, w.newReplica(i))
	}
}

// settleNeighbour lets another deployment move in: the same platform and clock, and
// names that look the same, but nothing else in common.
func (w *world) settleNeighbour(replicas int) {
	n := *w
	n.store, n.oracle, n.replicas, n.started, n.late = newStore(&n), newOracle(&n), nil, nil, nil
	n.populate(replicas)
	w.neighbour = &n
}

// failf reports a broken promise, with the way back to it.
func (w *world) failf(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("seed %d, step %d, %s: %s\nagain: PLAYTOKEN_TEST_SEEDS=%d go test ./keyrotation -run '^%s$'", w.seed, w.steps,
		w.now.Format("15:04:05"), fmt.Sprintf(format, args...), w.seed+1, strings.ReplaceAll(w.t.Name(), "/", "$/^"))
}

// simPolicy is what the first replica's environment says; the others differ.
func simPolicy() keyrotation.Policy {
	return keyrotation.Policy{
		RotateEvery:  4 * time.Minute,
		ObserveEvery: time.Minute,
		MaxTTL:       90 * time.Second,
		Durations: keyrotation.Durations{Propagation: 30 * time.Second, ViewAge: 20 * time.Second,
			Skew: 2 * time.Second, Settle: 10 * time.Second},
		KeySpec:   keyrotation.KeySpec{Kind: store.RSA2048},
		KeyBudget: 10,
	}
}

// replica is one process: a rotator and a signer.
type replica struct {
	w       *world
	id      int
	rotator *keyrotation.Rotator
	signer  simSigner
	serves  simPublisher
	offset  time.Duration // of its clock

	task   func(context.Context) error // nil: none
	resume func() (struct{}, bool)
	kill   func()
	yield  func(struct{}) bool
	dead   bool
	result error // of the task that ended last
}

func (w *world) newReplica(id int) *replica {
	r := &replica{w: w, id: id, offset: time.Duration(id%3-1) * time.Second}
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
	if w.platform.sessions != nil {
		r.rotator.Sessions = platformView{r}
	}
	if w.verifiers != nil {
		r.publishing()
	}
	if w.person != nil {
		r.carried()
	}
	r.listing()
	r.signer = simSigner{replica: r}
	w.started = append(w.started, r)
	return r
}

// ringName is the ring's document.
var ringName = keyrotation.RingName("default")

// clock is the replica's own, up to half the allowed skew off; but see setClock.
func (r *replica) clock() time.Time { return r.w.now.Add(r.offset) }

// setClock sets it, for rotations only, that much more off: a minter so far
// off is of no interest here.
func (r *replica) setClock(off time.Duration) {
	r.rotator.Clock = func() time.Time { return r.clock().Add(off) }
}

func (r *replica) busy() bool { return r.task != nil }

// start begins a task; it runs up to its first outside call when resumed. All
// tasks of a replica run in one coroutine: to the race detector, each that
// there ever was costs memory to the end.
func (r *replica) start(task func(ctx context.Context) error) {
	r.dead, r.task = false, task
	if r.resume == nil {
		r.resume, r.kill = iter.Pull(r.work)
	}
}

func (r *replica) work(yield func(struct{}) bool) {
	for !r.dead {
		r.yield = yield
		r.result = r.task(r.w.t.Context())
		if r.task = nil; r.dead || !yield(struct{}{}) {
			return
		}
	}
}

// step lets the task go on to its next outside call.
func (r *replica) step() {
	if _, more := r.resume(); !more {
		r.resume = nil
	}
}

// crash ends the task where it is. Calls that it has not made are never made.
func (r *replica) crash() {
	if r.busy() {
		r.dead = true
		r.stop()
	}
	r.signer, r.serves = simSigner{replica: r}, simPublisher{}
}

// stop ends the coroutine.
func (r *replica) stop() {
	if r.resume != nil {
		r.kill()
		r.resume, r.task = nil, nil
	}
}

// finish runs the task to its end.
func (r *replica) finish() error {
	for r.busy() {
		r.step()
	}
	return r.result
}

// call is an outside call: effect happens, or does not, or does later, and the
// caller gets its result, or an error.
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
		r.w.late = append(r.w.late, arrival{r.w.now.Add(f.late), func() { effect() }})
	}
	if f.dies {
		r.dead = true
		return none, errCrashed
	}
	if f.err != nil {
		return none, f.err
	}
	return answer, err
}

// advance moves the clock, for the neighbour too, and lets late calls arrive.
func (w *world) advance(d time.Duration) {
	w.now = w.now.Add(d)
	due := slices.Clone(w.late)
	w.late = slices.DeleteFunc(w.late, func(a arrival) bool { return !a.at.After(w.now) })
	for _, a := range due {
		if !a.at.After(w.now) {
			a.do()
		}
	}
	if w.neighbour != nil {
		w.neighbour.advance(d)
	}
}

// turn is one step of the simulation.
func (w *world) turn() {
	w.steps++
	switch dice := w.rng.IntN(10); {
	case dice < 2:
		w.advance(w.pause())
	case w.rng.IntN(1000) < w.odds.incidents:
		w.incident()
	case w.person != nil && w.rng.IntN(w.person.seldom) == 0:
		w.person.act()
	case w.neighbour != nil && dice == 9:
		w.neighbour.steps = w.steps
		w.neighbour.act(w.rng.IntN(10))
	default:
		w.act(dice)
	}
	fmt.Fprintln(w.trace, w.steps, w.now.UnixNano(), w.store.docs[ringName].Version, len(w.platform.keys), len(w.oracle.live))
	w.check()
}

// act lets one replica do something: mint, begin a task, or go on with it.
func (w *world) act(dice int) {
	r := w.replicas[w.rng.IntN(len(w.replicas))]
	switch {
	case dice < 4, !r.busy() && w.rng.IntN(2) == 0:
		r.signer.mint()
	case r.busy():
		r.step()
		if r.dead {
			r.crash()
		}
	case dice < 9 || w.odds == calm:
		r.start(func(ctx context.Context) error { _, err := r.rotator.Reconcile(ctx, keyrotation.Order{}); return err })
	default:
		r.start(w.verb(r))
	}
}

func (w *world) check() {
	w.oracle.check()
	if w.neighbour != nil {
		w.neighbour.oracle.check()
	}
}

// pause is how long until something happens again: very short while a replica
// works, so that passes end quickly; sometimes long, and often so while all
// replicas are idle.
func (w *world) pause() time.Duration {
	idle := !slices.ContainsFunc(w.replicas, (*replica).busy)
	if w.rng.IntN(16) == 0 || idle && w.rng.IntN(2) == 0 {
		return time.Duration(w.rng.Int64N(int64(8 * w.odds.timeStep)))
	}
	return time.Duration(w.rng.Int64N(int64(w.odds.timeStep / 32)))
}

// run takes n turns with the given odds.
func (w *world) run(n int, o odds) {
	w.odds = o
	if w.neighbour != nil {
		w.neighbour.odds = o
	}
	for range n {
		w.turn()
	}
}

func (w *world) reconcile(r *replica) error {
	return r.do(func(ctx context.Context) error { _, err := r.rotator.Reconcile(ctx, keyrotation.Order{}); return err })
}

func (r *replica) do(task func(context.Context) error) error {
	r.start(task)
	return r.finish()
}
