package demo

import (
	"context"
	"crypto"
	"fmt"
	"sync/atomic"
	"time"

	"playtoken/service"
	"playtoken/signer"
	"playtoken/store"
)

// outage is an interruption of the store that a visitor of the page begins.
// While it lasts, each call fails as it does when a real store is away: nothing
// is read, written or signed.
type outage struct {
	until atomic.Int64 // Unix nanoseconds
}

// Stop begins an interruption.
func (o *outage) Stop(length time.Duration) { o.until.Store(time.Now().Add(length).UnixNano()) }

// Left is how long the interruption still lasts.
func (o *outage) Left() time.Duration {
	return max(time.Until(time.Unix(0, o.until.Load())), 0)
}

func (o *outage) err(operation string) error {
	if o.Left() > 0 {
		return fmt.Errorf("%s: the demo has stopped the store: %w", operation, store.ErrUnavailable)
	}
	return nil
}

// wrap puts the outage in front of a store.
func (o *outage) wrap(next service.Store) service.Store {
	return interruptible{next: next, outage: o}
}

// interruptible is a store that an outage makes unavailable.
type interruptible struct {
	next   service.Store
	outage *outage
}

func (s interruptible) Read(ctx context.Context, name string) (store.Document, error) {
	if err := s.outage.err("read"); err != nil {
		return store.Document{}, err
	}
	return s.next.Read(ctx, name)
}

func (s interruptible) Write(ctx context.Context, name string, data []byte, version int64) (int64, error) {
	if err := s.outage.err("write"); err != nil {
		return 0, err
	}
	return s.next.Write(ctx, name, data, version)
}

func (s interruptible) Delete(ctx context.Context, name string) error {
	if err := s.outage.err("delete"); err != nil {
		return err
	}
	return s.next.Delete(ctx, name)
}

func (s interruptible) Create(ctx context.Context, name string, spec store.KeySpec) (store.KeyInfo, error) {
	if err := s.outage.err("create a key"); err != nil {
		return store.KeyInfo{}, err
	}
	return s.next.Create(ctx, name, spec)
}

func (s interruptible) Describe(ctx context.Context, name string) (store.KeyInfo, error) {
	if err := s.outage.err("describe a key"); err != nil {
		return store.KeyInfo{}, err
	}
	return s.next.Describe(ctx, name)
}

func (s interruptible) Destroy(ctx context.Context, name string) error {
	if err := s.outage.err("destroy a key"); err != nil {
		return err
	}
	return s.next.Destroy(ctx, name)
}

func (s interruptible) Export(ctx context.Context, storeName string) (crypto.Signer, error) {
	if err := s.outage.err("export a key"); err != nil {
		return nil, err
	}
	return s.next.Export(ctx, storeName)
}

func (s interruptible) Sign(ctx context.Context, storeName string, scheme signer.Scheme, input []byte) (signer.Signature, error) {
	if err := s.outage.err("sign"); err != nil {
		return signer.Signature{}, err
	}
	return s.next.Sign(ctx, storeName, scheme, input)
}
