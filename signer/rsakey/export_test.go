package rsakey

import (
	"crypto/rsa"

	"playtoken/signer/rsakey/eight"
)

// NewForBatches is New for a key that takes part in batches on any processor.
func NewForBatches(private *rsa.PrivateKey) (*Key, error) {
	lanes, err := eight.NewKey(private)
	if err != nil {
		return nil, err
	}
	k, err := New(private)
	if err != nil {
		return nil, err
	}
	k.lanes = lanes
	return k, nil
}

const MostFaults = mostFaults

const LibraryCost = libraryCost

// Cheapest is how many of so many callers a worker takes, given what batches cost.
func Cheapest(engine Engine, waiting int) int {
	w := &Workers{config: WorkersConfig{Engine: func() Engine { return engine }}}
	return w.cheapest(engine, waiting)
}

// Pays reports whether workers make a batch of so many, given what it costs.
func Pays(engine Engine, signatures int) bool {
	w := &Workers{config: WorkersConfig{Engine: func() Engine { return engine }}}
	return w.pays(engine, signatures)
}

// ServeOnce does one turn of a worker, and returns how many callers it took.
func (w *Workers) ServeOnce(engine Engine) int {
	jobs := w.take(w.next(), engine)
	w.sign(engine, jobs)
	return len(jobs)
}

// Start adds workers, so that a test can let callers wait first.
func (w *Workers) Start(n int) {
	for range n {
		w.running.Go(w.work)
	}
}

// Poll returns once Go has looked at the network.
func Poll() {
	n := newNetwork()
	defer n.close()
	n.poll()
}
