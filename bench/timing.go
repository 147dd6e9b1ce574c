package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"playtoken/signer/rsakey/eight"
)

// observation is what the timing test saw.
type observation struct {
	Batches  int     `json:"batches"`
	T        float64 `json:"t"`
	Controls int     `json:"controls"`
	ControlT float64 `json:"control_t"`
}

// Below traces, chance explains a |t|; above leaks, little else than the input
// does. What lies between needs more batches.
const traces, leaks = 4.5, 10.0

func (o observation) String() string {
	return fmt.Sprintf("Times of %d batches with a fixed or with random keys and messages: |t| is %.1f at most (Welch; above %.1f it would be a trace, above %.0f a leak): %s. "+
		"The control, %d powers by square and multiply, which leaks: %.0f.", o.Batches, o.T, traces, leaks, o.saw(), o.Controls, o.ControlT)
}

func (o observation) saw() string {
	switch {
	case o.T == 0:
		return "too few batches to tell"
	case o.T > leaks:
		return "A LEAK"
	case o.T > traces:
		return "perhaps a difference; measure for longer"
	}
	return "no difference"
}

// observeTiming has a worker run the timing test, while nothing else runs.
func (b *bench) observeTiming(ctx context.Context) error {
	if !eight.Fast() {
		b.note("the timing test: this processor has no engine for batches")
		return nil
	}
	const turns = 25
	b.timing = &observation{}
	fmt.Fprintf(b.progress, "timing test for %s\n", turns*b.turn)
	return b.standard.ask(ctx, "timing", job{For: turns * b.turn}, b.timing)
}

// observe is the timing test: batches of a fixed key and message and of random
// ones in a random order.
func observe(j job, stdout io.Writer) error {
	inputs, err := newInputs()
	if err != nil {
		return err
	}
	batches := interleave(j.For*4/5, inputs.next)
	controls := interleave(j.For/5, control)
	return json.NewEncoder(stdout).Encode(observation{
		Batches: len(batches), T: strongest(batches), Controls: len(controls), ControlT: strongest(controls),
	})
}

// interleave times what next returns, for a fixed input as often as for a random
// one. What next does itself is the same for both, and not timed.
func interleave(d time.Duration, next func(fixed bool) func()) []timed {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	const first = 10 // that warm up, and are left out
	var all []timed
	for began := time.Now(); time.Since(began) < d || len(all) <= first; {
		fixed := mathrand.IntN(2) == 0
		once := next(fixed)
		before := time.Now()
		once()
		all = append(all, timed{fixed: fixed, took: float64(time.Since(before))})
	}
	return all[first:]
}

// inputs are the keys and messages of batches. There are as many copies of the
// fixed key as there are random keys, so that both lie as far apart in memory.
type inputs struct {
	engine        *eight.Engine
	fixed, random []*eight.Key
	message       []byte // the fixed one
	requests      []*eight.Request
}

// size is that of a signature.
const size = 2048 / 8

func newInputs() (*inputs, error) {
	const keys = 12
	pairs := make([]*rsa.PrivateKey, 1+keys)
	var all errgroup.Group
	for i := range pairs {
		all.Go(func() (err error) {
			pairs[i], err = rsa.GenerateKey(rand.Reader, 8*size)
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	in := &inputs{engine: eight.New(), message: make([]byte, size)}
	fillRandom(in.message)
	for i := range keys {
		fixed, err := eight.NewKey(pairs[keys])
		if err != nil {
			return nil, err
		}
		random, err := eight.NewKey(pairs[i])
		if err != nil {
			return nil, err
		}
		in.fixed, in.random = append(in.fixed, fixed), append(in.random, random)
	}
	in.requests = batchOf(in.fixed[0], size)
	return in, nil
}

// fillRandom makes a message that is less than every modulus.
func fillRandom(message []byte) {
	rand.Read(message[1:])
	message[0] = 0
}

// next is a full batch whose keys and messages are all fixed, or all random.
func (in *inputs) next(fixed bool) func() {
	from := map[bool][]*eight.Key{true: in.fixed, false: in.random}[fixed]
	made := make([]byte, size)
	for _, r := range in.requests {
		fillRandom(made)
		message := map[bool][]byte{true: in.message, false: made}[fixed]
		copy(r.Message, message)
		r.Key = from[mathrand.IntN(len(from))]
	}
	return func() { in.engine.Sign(in.requests) }
}

// control is a calculation that leaks its exponent by the time that it takes. A
// test that does not see that sees nothing.
func control(fixed bool) func() {
	const bits = 256
	modulus := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 1024), big.NewInt(105))
	exponent, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), bits))
	if fixed {
		exponent = new(big.Int).Lsh(big.NewInt(1), bits-1)
	}
	return func() {
		power := big.NewInt(3)
		for i := bits - 2; i >= 0; i-- {
			power.Mul(power, power).Mod(power, modulus)
			if exponent.Bit(i) == 1 {
				power.Mul(power, big.NewInt(3)).Mod(power, modulus)
			}
		}
	}
}
