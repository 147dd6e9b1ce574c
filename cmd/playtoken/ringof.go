package main

import (
	"context"
	"sync"
	"sync/atomic"

	"playtoken/signer"
)

// ringOf is the view of a project's ring, opened when somebody mints. Whoever
// only rotates has none: it reads the ring itself, and thousands of views of
// projects that nobody plays from would be read for nothing.
type ringOf struct {
	open   func() *signer.RingView
	once   sync.Once
	opened atomic.Pointer[signer.RingView]
}

func (r *ringOf) view() *signer.RingView {
	r.once.Do(func() { r.opened.Store(r.open()) })
	return r.opened.Load()
}

func (r *ringOf) close() {
	if opened := r.opened.Load(); opened != nil {
		opened.Close()
	}
}

// ringMinter signs with the active key of a ring.
type ringMinter struct {
	ring *ringOf
	with signer.RS256 // but for its Ring
}

func (m ringMinter) rs256() *signer.RS256 {
	m.with.Ring = m.ring.view()
	return &m.with
}

// Mint implements [signer.Minter].
func (m ringMinter) Mint(ctx context.Context, req signer.Request) (signer.Token, error) {
	return m.rs256().Mint(ctx, req)
}

// Ready reports whether Mint would find a key to sign with.
func (m ringMinter) Ready(ctx context.Context) error { return m.rs256().Ready(ctx) }
