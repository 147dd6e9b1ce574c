package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
)

// vaultHost stands in for a test, so that the bench starts its Vault the way
// tests do, with package vaulttest.
type vaultHost struct {
	testing.TB // nil: vaulttest calls none of its methods but those below

	ctx      context.Context
	cleanups []func()
	err      error
	skipped  string
}

// visit runs f and its cleanups. If f ends early, its reason is in skipped, or in
// the error that visit returns.
func (h *vaultHost) visit(f func(testing.TB) error) error {
	done := make(chan struct{})
	go func() { // because Fatal and Skip end their goroutine
		defer close(done)
		h.err = errors.New("ended early")
		h.err = f(h)
	}()
	<-done
	for i := len(h.cleanups) - 1; i >= 0; i-- {
		h.cleanups[i]()
	}
	if h.skipped != "" {
		return nil
	}
	return h.err
}

func (h *vaultHost) Helper() {}

func (h *vaultHost) Context() context.Context { return h.ctx }

func (h *vaultHost) Cleanup(f func()) { h.cleanups = append(h.cleanups, f) }

func (h *vaultHost) Skipf(format string, args ...any) {
	h.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (h *vaultHost) Fatalf(format string, args ...any) {
	h.err = fmt.Errorf(format, args...)
	runtime.Goexit()
}

func (h *vaultHost) Fatal(args ...any) {
	h.err = errors.New(fmt.Sprint(args...))
	runtime.Goexit()
}
