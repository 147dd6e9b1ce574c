package main

import (
	"fmt"
	"log/slog"

	"playtoken/projects"
	"playtoken/signer"
)

// openSigning returns what tokens are signed with, and the view of the ring
// that says by which key.
func (p *parts) openSigning(log *slog.Logger) (signer.PrivateKeys, *signer.RingView, error) {
	if !p.config.holdsKeys {
		ring := signer.NewRingView(p.store, projects.Default)
		p.closers = append(p.closers, ring.Close)
		return p.store, ring, nil
	}
	if err := forbidDumps(); err != nil {
		return nil, nil, fmt.Errorf("before private keys are held in memory: %w", err)
	}
	memory := signer.NewMemory(struct {
		signer.PrivateKeys
		signer.Exporter
	}{p.store, p.exporter}, log)
	ring := memory.RingView(p.store, projects.Default)
	p.closers = append(p.closers, memory.Close, ring.Close)
	return memory, ring, nil
}
