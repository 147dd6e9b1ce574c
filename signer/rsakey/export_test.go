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

// Start adds workers, so that a test can let callers wait first.
func (w *Workers) Start(n int) {
	for range n {
		w.running.Go(w.work)
	}
}
