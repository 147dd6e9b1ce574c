package main

import (
	"fmt"

	"playtoken/signer"
)

// openSigning makes what tokens are signed with, of all projects together.
func (p *parts) openSigning() error {
	var keys signer.PrivateKeys = p.store
	if p.config.HoldsKeys {
		if err := forbidDumps(); err != nil {
			return fmt.Errorf("before private keys are held in memory: %w", err)
		}
		p.memory = signer.NewMemory(struct {
			signer.PrivateKeys
			signer.Exporter
		}{p.store, p.exporter}, p.log)
		p.closers = append(p.closers, p.memory.Close)
		keys = p.memory
	}
	signatures, err := signer.NewSignatures(p.metrics.Signing(keys), remembered)
	if err != nil {
		return err
	}
	p.signatures = signatures
	p.metrics.Shared(signatures.Shared)
	p.closers = append(p.closers, signatures.Close)
	return nil
}

// ringView is a view of a project's ring that says by which key.
func (p *parts) ringView(projectID string) *signer.RingView {
	if p.memory != nil {
		return p.memory.RingView(p.store, projectID)
	}
	return signer.NewRingView(p.store, projectID)
}
