package service

import (
	"context"
	"sync"
	"sync/atomic"

	"playtoken/signer"
)

// lazyRing is the view of a project's ring, opened by the first mint. Rotation
// reads the ring itself and needs no view, so the rings of thousands of
// projects that mint nothing are not read all the time.
type lazyRing struct {
	open   func() *signer.RingView
	once   sync.Once
	opened atomic.Pointer[signer.RingView]
}

func (r *lazyRing) view() *signer.RingView {
	r.once.Do(func() { r.opened.Store(r.open()) })
	return r.opened.Load()
}

func (r *lazyRing) close() {
	if opened := r.opened.Load(); opened != nil {
		opened.Close()
	}
}

// ringMinter signs with the active key of a ring.
type ringMinter struct {
	ring *lazyRing
	with signer.ShapeMinter // without its Ring
}

func (m ringMinter) minter() *signer.ShapeMinter {
	m.with.Ring = m.ring.view()
	return &m.with
}

// Mint implements [signer.Minter].
func (m ringMinter) Mint(ctx context.Context, req signer.Request) (signer.Token, error) {
	return m.minter().Mint(ctx, req)
}

// Ready reports whether Mint would find a key to sign with.
func (m ringMinter) Ready(ctx context.Context) error { return m.minter().Ready(ctx) }
