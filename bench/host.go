package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
)

// host is what package vaulttest asks of a test, for a visit that is none: its
// Vault is the tests' and needs no second way to be started.
type host struct {
	testing.TB // what nobody there asks for

	ctx      context.Context
	cleanups []func()
	err      error
	skipped  string
}

// visit runs f, and cleans up after it. What ends f early is in h then.
func (h *host) visit(f func(testing.TB) error) error {
	done := make(chan struct{})
	go func() { // of its own, because Fatal and Skip end it
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

func (h *host) Helper() {}

func (h *host) Context() context.Context { return h.ctx }

func (h *host) Cleanup(f func()) { h.cleanups = append(h.cleanups, f) }

func (h *host) Skipf(format string, args ...any) {
	h.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (h *host) Fatalf(format string, args ...any) {
	h.err = fmt.Errorf(format, args...)
	runtime.Goexit()
}

func (h *host) Fatal(args ...any) { h.Fatalf("%s", fmt.Sprint(args...)) }
