package rsakey

import (
	"context"
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"playtoken/signer/rsakey/eight"
)

const (
	// queueLength is how many callers of one size of key wait in a queue; more
	// wait to get into it.
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
// becomes free takes all callers who wait by then, up to eight, and signs for all
// at once where the processor can (see [eight]); so no caller waits for others to
// come, and a caller alone is served as without batches.
type Workers struct {
	config  WorkersConfig
	queues  map[int]chan *job // by the size of the key's signatures
	callers gate
	stop    chan struct{} // closed when no more callers come
	running sync.WaitGroup

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

// Engine makes up to eight signatures at once, with keys of the same size. It
// releases none that it has not verified: that request's error is set instead.
type Engine interface {
	Sign(requests []*eight.Request)
	// Cost is what a batch of so many takes, in signatures of crypto/rsa.
	Cost(signatures int) float64
}

// job is one signature that a caller waits for.
type job struct {
	key       *Key
	digest    [32]byte
	signature []byte
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
	w := &Workers{queues: map[int]chan *job{}, stop: make(chan struct{}), config: config}
	for _, bits := range []int{2048, 3072, 4096} {
		w.queues[bits/8] = make(chan *job, queueLength)
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
}

// Sign returns the RSASSA-PKCS1-v1_5 signature of a SHA-256 digest. A caller who
// does not wait any more changes nothing for the others. Errors: ErrClosed,
// ErrStopped, the cause of the context's end.
func (w *Workers) Sign(ctx context.Context, key *Key, digest [32]byte) ([]byte, error) {
	queue, ok := w.queues[key.size]
	if !ok {
		return key.SignSHA256(digest)
	}
	if !w.callers.enter() {
		return nil, ErrStopped
	}
	defer w.callers.leave()
	if !key.users.enter() {
		return nil, ErrClosed
	}
	j := &job{key: key, digest: digest, done: make(chan struct{})}
	select {
	case queue <- j: // a worker leaves the key
	case <-ctx.Done():
		key.users.leave()
		return nil, context.Cause(ctx)
	}
	select {
	case <-j.done:
		return j.signature, j.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Batches reports whether batches are made.
func (w *Workers) Batches() bool { return w.config.Engine != nil && w.faults.Load() < mostFaults }

func (w *Workers) work() {
	var engine Engine
	if w.config.Engine != nil {
		engine = w.config.Engine()
	}
	for {
		first := w.next()
		if first == nil {
			return
		}
		jobs := []*job{first}
		if w.Batches() {
			jobs = w.others(jobs, w.queues[first.key.size])
		}
		w.sign(engine, jobs)
		for _, j := range jobs {
			j.key.users.leave()
			close(j.done)
		}
	}
}

// next is the next caller of any queue, or nil when no more come.
func (w *Workers) next() *job {
	select {
	case j := <-w.queues[256]:
		return j
	case j := <-w.queues[384]:
		return j
	case j := <-w.queues[512]:
		return j
	case <-w.stop:
	}
	for _, queue := range w.queues { // those whose callers went away while they waited
		select {
		case j := <-queue:
			return j
		default:
		}
	}
	return nil
}

// others adds the callers who wait by now.
func (w *Workers) others(jobs []*job, queue chan *job) []*job {
	for len(jobs) < eight.Lanes {
		select {
		case j := <-queue:
			jobs = append(jobs, j)
		default:
			return jobs
		}
	}
	return jobs
}

// sign makes signatures one after another if there are too few for a batch, or
// if a key is of another kind.
func (w *Workers) sign(engine Engine, jobs []*job) {
	single := func(j *job) bool { return j.key.lanes == nil }
	if n := len(jobs); n == 1 || engine == nil || engine.Cost(n) > float64(n)*libraryCost || slices.ContainsFunc(jobs, single) {
		for _, j := range jobs {
			j.signature, j.err = j.key.sign(j.digest)
		}
		return
	}
	requests := make([]*eight.Request, len(jobs))
	for i, j := range jobs {
		requests[i] = &eight.Request{Key: j.key.lanes, Message: padded(j.digest, j.key.size), Signature: make([]byte, j.key.size)}
	}
	engine.Sign(requests)
	for i, j := range jobs {
		w.finish(j, requests[i])
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
		j.signature = r.Signature
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
