package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"syscall"

	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/signer"
	"playtoken/store"
)

// The exit codes, as documented.
const (
	exitDone       = 0
	exitFailed     = 1
	exitUsage      = 2 // command line or environment
	exitSomeFailed = 3 // some projects, not all
	exitRefused    = 4 // by a guard, which says when it will be possible
	exitDown       = 5 // something that we depend on does not answer
)

// usageError is a command line that means nothing.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text + " (see --help)" }

// someFailed: the results say which projects.
type someFailed struct{ failed, all int }

func (e someFailed) Error() string { return fmt.Sprintf("%d of %d projects failed", e.failed, e.all) }

// exits is the one place where an error becomes an exit code; the first row
// that fits decides, and exitFailed is for what fits none.
var exits = []struct {
	is   func(error) bool
	code int
}{
	{isA[usageError], exitUsage},
	{isA[configError], exitUsage},
	{refusedWith(http.StatusBadRequest, http.StatusUnprocessableEntity), exitUsage},
	{refusedWith(http.StatusConflict), exitRefused},
	{refusedWith(http.StatusServiceUnavailable), exitDown},
	{isA[someFailed], exitSomeFailed},
	{isA[*keyrotation.Guard], exitRefused},
	{isEarly, exitRefused},
	{is(store.ErrUnavailable), exitDown},
	{is(signer.ErrUnavailable), exitDown},
	{is(keyrotation.ErrUnauthorized), exitFailed},
	{is(keyrotation.ErrRefused), exitFailed},
	{is(store.ErrNotFound), exitFailed},
	{isA[*keyrotation.PlatformError], exitDown}, // whatever else a platform does to us
}

// remedies are what people can do about errors that only say what is wrong; the
// first row that fits counts.
var remedies = []struct {
	is func(error) bool
	do string
}{
	{refusedWith(http.StatusNotFound), "playtoken project list and playtoken api-key list --project PROJECT_ID show what there is"},
	{is(projects.ErrNotFound), "playtoken project list shows which there are"},
	{is(store.ErrNotFound), "playtoken keys list shows our keys, playtoken doctor those at the platform that are not ours"},
	{isEarly, "try again then, or let playtoken rotate wait for it"},
	{isA[*signer.NoActiveKey], "playtoken rotate makes one, or else says why not"},
	{is(syscall.EADDRINUSE), "stop what listens there, or set another address: PLAYTOKEN_LISTEN, PLAYTOKEN_METRICS_LISTEN, PLAYTOKEN_GATE_LISTEN, or --listen of the demo"},
}

func remedy(err error) string {
	for _, row := range remedies {
		if row.is(err) {
			return row.do
		}
	}
	return ""
}

func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	for _, row := range exits {
		if row.is(err) {
			return row.code
		}
	}
	return exitFailed
}

// isEarly: the first key is still propagating, and the error says until when.
func isEarly(err error) bool {
	none, ok := errors.AsType[*signer.NoActiveKey](err)
	return ok && !none.EarliestAt.IsZero()
}

// refusedWith: our own handlers answered with one of these.
func refusedWith(statuses ...int) func(error) bool {
	return func(err error) bool {
		r, ok := errors.AsType[refusal](err)
		return ok && slices.Contains(statuses, r.Status)
	}
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
