package rsakey

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"playtoken/signer/rsakey/eight"
)

const (
	// queueLength is how many callers wait in a queue; more wait to get into it.
	queueLength = 1024
	// doubleCheck is how many signatures of batches there are to one that
	// crypto/rsa checks as well.
	doubleCheck = 1000
	// mostFaults is how many wrong signatures end the making of batches.
	mostFaults = 3
)

// ErrStopped: the workers have been stopped.
var ErrStopped = errors.New("the workers that sign have stopped")

// Workers sign with any number of keys, one worker for each core. A worker that
// becomes free takes as many of those who wait by then as cost each the least:
// those of a batch, whose cost goes up in steps (see [eight]), or one where that
// costs less. So no caller waits for others to come, and callers too few for a
// batch are left to other cores.
//
// Callers who arrive while a batch runs make the next batch: another core begins
// one of its own only if those who wait fill it. The time of a batch is that of one
// signature, however many it makes; if each core took the few who had arrived since
// the last one did, most lanes would be empty.
type Workers struct {
	config  WorkersConfig
	queues  map[int]chan *job // by the size of the key's signatures; 0: never in batches
	callers inUse
	stop    chan struct{} // closed when no more callers come
	running sync.WaitGroup

	turn    chan struct{} // holds an element while a worker has the turn to take callers
	network *network      // for the worker whose turn it is
	crowded bool          // whether the worker before made a batch

	signed atomic.Uint64 // in batches
	faults atomic.Uint64
}

// WorkersConfig is what workers are made of.
type WorkersConfig struct {
	Cores int // how many workers there are
	// Fault is called with each wrong signature that was caught before its
	// release. It may be nil.
	Fault func(error)
	// Engine makes what makes the batches of one worker; nil: no batches are made.
	Engine func() Engine
}

// Signature is a signature by a key.
type Signature struct {
	Value []byte
	// Verified is whether it was verified with the key's public key. That is so for
	// those of a batch; who asked for another one has to verify it.
	Verified bool
}

// Engine makes up to eight signatures at once, with keys of the same size. It
// releases none that it has not verified: that request's error is set instead.
type Engine interface {
	Sign(requests []*eight.Request)
	// Cost is what a batch of so many takes, in signatures of crypto/rsa.
	Cost(signatures int) float64
}

// job is one signature that a caller waits for.
type job struct {
	ctx       context.Context // of the caller, who may leave
	key       *Key
	digest    [32]byte
	signature Signature
	err       error
	done      chan struct{}
}

// FastEngine is the engine of this processor, or nil where batches are not worth
// while.
func FastEngine() func() Engine {
	if !eight.Fast() {
		return nil
	}
	return func() Engine { return eight.New() }
}

// NewWorkers starts workers. Stop must be called.
func NewWorkers(config WorkersConfig) *Workers {
	w := &Workers{queues: map[int]chan *job{}, stop: make(chan struct{}), config: config, turn: make(chan struct{}, 1), network: newNetwork()}
	for _, size := range []int{0, 2048 / 8, 3072 / 8, 4096 / 8} {
		w.queues[size] = make(chan *job, queueLength)
	}
	for range config.Cores {
		w.running.Go(w.work)
	}
	return w
}

// Stop ends the workers once all callers who wait have been served.
func (w *Workers) Stop() {
	w.callers.close()
	close(w.stop)
	w.running.Wait()
	w.network.close()
}

// Sign returns the RSASSA-PKCS1-v1_5 signature of a SHA-256 digest. A caller who
// does not wait any more changes nothing for the others. Errors: ErrClosed,
// ErrStopped, the cause of the context's end.
func (w *Workers) Sign(ctx context.Context, key *Key, digest [32]byte) (Signature, error) {
	if !w.callers.enter() {
		return Signature{}, ErrStopped
	}
	defer w.callers.leave()
	if !key.users.enter() {
		return Signature{}, ErrClosed
	}
	j := &job{ctx: ctx, key: key, digest: digest, done: make(chan struct{})}
	select {
	case w.queues[key.batchSize()] <- j: // a worker ends the job
	case <-ctx.Done():
		key.users.leave()
		return Signature{}, context.Cause(ctx)
	}
	select {
	case <-j.done:
		return j.signature, j.err
	case <-ctx.Done():
		return Signature{}, context.Cause(ctx)
	}
}

// Batches reports whether batches are made.
func (w *Workers) Batches() bool { return w.config.Engine != nil && w.faults.Load() < mostFaults }

func (w *Workers) work() {
	var engine Engine
	if w.config.Engine != nil {
		engine = w.config.Engine()
	}
	for w.serve(engine) {
	}
}

// serve signs for one caller, or for a batch of them. It returns false when no
// more come.
func (w *Workers) serve(engine Engine) bool {
	w.turn <- struct{}{}
	first := w.next()
	if first == nil {
		<-w.turn
		return false
	}
	queue := w.queues[first.key.batchSize()]
	w.letArrive(queue)
	jobs := w.take(first, engine)
	w.crowded = len(jobs) > 1
	if w.crowded && !w.fills(engine, len(queue)) { // those who wait make the next batch
		w.sign(engine, jobs)
		<-w.turn
		return true
	}
	<-w.turn
	w.sign(engine, jobs)
	return true
}

// letArrive lets those get into the queue whom nothing keeps from it but that this
// worker runs: the first caller wakes it before others have run who arrived with
// it, and, where there are many, before Go has read the requests that came while
// the batch before was computed. None of them has to be waited for.
func (w *Workers) letArrive(queue chan *job) {
	if w.crowded && len(queue) < eight.Lanes-1 {
		w.network.poll()
	}
	for waiting := -1; waiting < len(queue) && waiting < eight.Lanes-1; {
		waiting = len(queue)
		runtime.Gosched()
	}
}

// fills reports whether so many make a batch that costs each no more than a full
// one.
func (w *Workers) fills(engine Engine, signatures int) bool {
	return engine.Cost(signatures)*eight.Lanes <= engine.Cost(eight.Lanes)*float64(signatures)
}

func (w *Workers) sign(engine Engine, jobs []*job) {
	if w.pays(engine, len(jobs)) {
		w.signBatch(engine, jobs)
		return
	}
	for _, j := range jobs {
		j.signature.Value, j.err = j.key.sign(j.digest)
		j.end()
	}
}

// end tells the caller, and leaves the key.
func (j *job) end() {
	j.key.users.leave()
	close(j.done)
}

// gone reports whether the caller has left, and ends the job in that case:
// signing for those who have left would make the others wait longer, and leave.
func (j *job) gone() bool {
	if j.ctx.Err() == nil {
		return false
	}
	j.err = context.Cause(j.ctx)
	j.end()
	return true
}

// next is the next caller of any queue, or nil when no more come.
func (w *Workers) next() *job {
	select {
	case j := <-w.queues[0]:
		return j
	case j := <-w.queues[2048/8]:
		return j
	case j := <-w.queues[3072/8]:
		return j
	case j := <-w.queues[4096/8]:
		return j
	case <-w.stop:
	}
	for _, queue := range w.queues { // those whose callers left while they waited
		select {
		case j := <-queue:
			return j
		default:
		}
	}
	return nil
}

// take adds to a caller those who wait by now, as many as cost each the least.
// Those who have left do not count. It returns no job if all have left.
func (w *Workers) take(first *job, engine Engine) []*job {
	queue := w.queues[first.key.batchSize()]
	jobs := make([]*job, 0, eight.Lanes)
	for j := first; ; {
		if !j.gone() {
			jobs = append(jobs, j)
		}
		if len(jobs) >= w.cheapest(engine, len(jobs)+len(queue)) {
			return jobs
		}
		select {
		case j = <-queue:
		default:
			return jobs
		}
	}
}

// cheapest is how many of so many callers to sign for at once.
func (w *Workers) cheapest(engine Engine, waiting int) int {
	if !w.Batches() {
		return 1
	}
	many, least := 1, libraryCost
	for n := 1; n <= min(waiting, eight.Lanes); n++ {
		if each := engine.Cost(n) / float64(n); each <= least {
			many, least = n, each
		}
	}
	return many
}

// pays reports whether a batch of so many costs no more than their signatures one
// after another.
func (w *Workers) pays(engine Engine, signatures int) bool {
	return signatures > 0 && w.Batches() && engine.Cost(signatures) <= float64(signatures)*libraryCost
}

func (w *Workers) signBatch(engine Engine, jobs []*job) {
	requests := make([]*eight.Request, len(jobs))
	for i, j := range jobs {
		requests[i] = &eight.Request{Key: j.key.lanes, Message: padded(j.digest, j.key.size), Signature: make([]byte, j.key.size)}
	}
	engine.Sign(requests)
	for i, j := range jobs {
		w.finish(j, requests[i])
		j.end()
	}
}

// finish takes over a signature of a batch.
func (w *Workers) finish(j *job, r *eight.Request) {
	j.err = r.Err
	first := !j.key.checked.Swap(true)
	if n := w.signed.Add(1); j.err == nil && (first || n%doubleCheck == 0) {
		j.err = rsa.VerifyPKCS1v15(&j.key.public, crypto.SHA256, j.digest[:], r.Signature)
	}
	if j.err == nil {
		j.signature = Signature{Value: r.Signature, Verified: true}
		return
	}
	j.err = fmt.Errorf("sign eight at once: %w", j.err)
	w.faults.Add(1)
	if w.config.Fault != nil {
		w.config.Fault(j.err)
	}
}

// sha256Prefix is the DER of a DigestInfo for SHA-256 up to the digest (RFC 8017,
// section 9.2, note 1).
var sha256Prefix = [...]byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}

// padded is the digest as RSASSA-PKCS1-v1_5 pads it (EMSA-PKCS1-v1_5).
func padded(digest [32]byte, size int) []byte {
	message := make([]byte, size)
	message[1] = 1
	prefix := size - len(digest) - len(sha256Prefix)
	for i := 2; i < prefix-1; i++ {
		message[i] = 0xff
	}
	copy(message[prefix:], sha256Prefix[:])
	copy(message[size-len(digest):], digest[:])
	return message
}
