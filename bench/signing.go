package main

import (
	"context"
	"crypto/rsa"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/cpu"

	"playtoken/signer/rsakey"
	"playtoken/signer/rsakey/eight"
)

// The names of what signs eight at once. A processor with the first has the
// second, too.
const (
	wideEngine   = "eight at once, AVX-512 IFMA"
	narrowEngine = "eight at once, AVX2"
)

// engines lists what this processor has of them, the faster first.
func engines() []string {
	switch {
	case !eight.Fast():
		return nil
	case cpu.X86.HasAVX512F && cpu.X86.HasAVX512IFMA:
		return []string{wideEngine, narrowEngine}
	}
	return []string{narrowEngine}
}

// withEngine is a build whose workers sign with one of them.
func (b build) withEngine(name string) build {
	if name == narrowEngine && len(engines()) > 1 {
		b.godebug = "cpu.avx512ifma=off"
	}
	return b
}

// signing is a calculation with one key.
func signing(ctx context.Context, task string, private *rsa.PrivateKey) (calculation, error) {
	if task == "sign eight" {
		return signEight(private)
	}
	key, err := rsakey.New(private)
	if err != nil {
		return calculation{}, err
	}
	if task == "sign" {
		return calculation{many: 1, end: key.Close, once: func(n uint64) error {
			_, err := key.SignSHA256(digestOf(n, 0))
			return err
		}}, nil
	}
	return signTogether(ctx, task, key), nil
}

func digestOf(n, i uint64) [32]byte {
	return [32]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), byte(i)}
}

// signEight makes full batches, without the workers that collect callers.
func signEight(private *rsa.PrivateKey) (calculation, error) {
	key, err := eight.NewKey(private)
	if err != nil {
		return calculation{}, err
	}
	type bench struct {
		engine   *eight.Engine
		requests []*eight.Request
	}
	free := make(chan bench, runtime.GOMAXPROCS(0))
	for range cap(free) {
		free <- bench{engine: eight.New(), requests: batchOf(key, private.Size())}
	}
	return calculation{many: eight.Lanes, end: key.Wipe, once: func(n uint64) error {
		b := <-free
		defer func() { free <- b }()
		for i, r := range b.requests {
			digest := digestOf(n, uint64(i))
			copy(r.Message[1:], digest[:])
		}
		b.engine.Sign(b.requests)
		return errorOf(b.requests)
	}}, nil
}

// batchOf are requests whose messages are still to be filled in.
func batchOf(key *eight.Key, size int) []*eight.Request {
	requests := make([]*eight.Request, eight.Lanes)
	for i := range requests {
		requests[i] = &eight.Request{Key: key, Message: make([]byte, size), Signature: make([]byte, size)}
	}
	return requests
}

func errorOf(requests []*eight.Request) error {
	for _, r := range requests {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}

// signTogether signs through the workers: for callers who each wait for a
// signature, or, at once, for as many in each call as two batches have room for.
func signTogether(ctx context.Context, task string, key *rsakey.Key) calculation {
	counts := &counted{}
	workers := rsakey.NewWorkers(rsakey.WorkersConfig{Cores: runtime.GOMAXPROCS(0), Engine: counts.engines()})
	sign := func(n, i uint64) error {
		_, err := workers.Sign(ctx, key, digestOf(n, i))
		return err
	}
	c := calculation{many: 1, fill: counts.fill, once: func(n uint64) error { return sign(n, 0) },
		end: func() { workers.Stop(); key.Close() }}
	if task == "sign at once" {
		c.many = 2 * eight.Lanes
		c.once = func(n uint64) error {
			var all errgroup.Group
			for i := range uint64(2 * eight.Lanes) {
				all.Go(func() error { return sign(n, i) })
			}
			return all.Wait()
		}
	}
	return c
}

// counted counts batches, and the signatures in them.
type counted struct{ batches, signatures atomic.Int64 }

// engines makes engines that count, where the processor has any.
func (c *counted) engines() func() rsakey.Engine {
	made := rsakey.FastEngine()
	if made == nil {
		return nil
	}
	return func() rsakey.Engine { return counting{engine: made(), counts: c} }
}

// fill is how many signatures were made at a time, if there were so many.
func (c *counted) fill(signed int) float64 {
	alone := signed - int(c.signatures.Load())
	return float64(signed) / float64(alone+int(c.batches.Load()))
}

// counting is an engine whose batches are counted.
type counting struct {
	engine rsakey.Engine
	counts *counted
}

func (c counting) Cost(signatures int) float64 { return c.engine.Cost(signatures) }

func (c counting) Sign(requests []*eight.Request) {
	c.counts.batches.Add(1)
	c.counts.signatures.Add(int64(len(requests)))
	c.engine.Sign(requests)
}
