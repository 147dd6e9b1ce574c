package demo

import (
	"context"
	"crypto"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/service"
	"playtoken/signer"
	"playtoken/store"
)

// counting is a store that counts its calls.
type counting struct {
	service.Store
	calls int
}

func (c *counting) Read(context.Context, string) (store.Document, error) {
	c.calls++
	return store.Document{}, nil
}

func (c *counting) Write(context.Context, string, []byte, int64) (int64, error) {
	c.calls++
	return 0, nil
}

func (c *counting) Delete(context.Context, string) error {
	c.calls++
	return nil
}

func (c *counting) Create(context.Context, string, store.KeySpec) (store.KeyInfo, error) {
	c.calls++
	return store.KeyInfo{}, nil
}

func (c *counting) Describe(context.Context, string) (store.KeyInfo, error) {
	c.calls++
	return store.KeyInfo{}, nil
}

func (c *counting) Destroy(context.Context, string) error {
	c.calls++
	return nil
}

func (c *counting) Export(context.Context, string) (crypto.Signer, error) {
	c.calls++
	return nil, nil
}

func (c *counting) Sign(context.Context, string, signer.Scheme, []byte) (signer.Signature, error) {
	c.calls++
	return signer.Signature{}, nil
}

// errs makes every call that a store has.
func errs(ctx context.Context, s service.Store) []error {
	_, read := s.Read(ctx, "")
	_, write := s.Write(ctx, "", nil, 0)
	_, create := s.Create(ctx, "", store.KeySpec{})
	_, describe := s.Describe(ctx, "")
	_, export := s.Export(ctx, "")
	_, sign := s.Sign(ctx, "", signer.RS256, nil)
	return []error{read, write, create, describe, export, sign, s.Delete(ctx, ""), s.Destroy(ctx, "")}
}

func TestAStoppedStoreFailsEachCallAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		behind, stop := &counting{}, &outage{}
		s := stop.wrap(behind)
		for _, err := range errs(t.Context(), s) {
			if err != nil {
				t.Errorf("before: got %v, want no error", err)
			}
		}
		calls := behind.calls
		stop.Stop(10 * time.Second)
		time.Sleep(9 * time.Second)
		for i, err := range errs(t.Context(), s) {
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("call %d while it is stopped: got %v, want %v", i, err, store.ErrUnavailable)
			}
		}
		if behind.calls != calls || stop.Left() != time.Second {
			t.Errorf("got %d calls of the store and %v left, want none and a second", behind.calls-calls, stop.Left())
		}
		time.Sleep(time.Second)
		for _, err := range errs(t.Context(), s) {
			if err != nil {
				t.Errorf("afterwards: got %v, want no error", err)
			}
		}
	})
}
