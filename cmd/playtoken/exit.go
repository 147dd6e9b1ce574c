package main

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"playtoken/cmd/playtoken/keyfile"
	"playtoken/filekeys"
	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/settings"
	"playtoken/store"
)

// The exit codes, as documented.
const (
	exitDone       = 0
	exitFailed     = 1
	exitUsage      = 2 // command line or environment
	exitSomeFailed = 3 // some projects, not all
	exitRefused    = 4 // by a guard, which says when it will be possible; or a token would be
	exitDown       = 5 // something that playtoken depends on does not answer
)

// usageError is a command line that cannot be understood.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text + " (see --help)" }

// someFailed: the results say which projects.
type someFailed struct{ failed, all int }

func (e someFailed) Error() string { return fmt.Sprintf("%d of %d projects failed", e.failed, e.all) }

// usage makes one for what the verbs are made of.
func usage(text string) error { return usageError{text} }

// exits is the one place where an error becomes an exit code; the first row
// that fits decides, and exitFailed is for an error that fits no row. Verbs that are
// requests to the API have its problems; the other rows are for what happens
// before a request, and for verbs that look at the stores themselves.
var exits = []struct {
	is   func(error) bool
	code int
}{
	{isA[usageError], exitUsage},
	{isA[settings.Error], exitUsage},
	{isA[someFailed], exitSomeFailed},
	{isA[tokenRefused], exitRefused},

	{hasCode("invalid_request", "payload_too_large"), exitUsage},
	{hasCode("conflict"), exitRefused},
	{isA[waits], exitRefused},
	{isEarly, exitRefused},
	{hasCode("no_active_key"), exitFailed},
	{needsOperator, exitFailed},
	{hasCode("signer_unavailable", "platform_unavailable", "audit_unavailable"), exitDown},

	{is(store.ErrUnavailable), exitDown},
	{isA[keyfile.Unreachable], exitDown},
	{isA[accountUnknown], exitDown},
	{is(keyrotation.ErrUnauthorized), exitFailed},
	{is(keyrotation.ErrRefused), exitFailed},
	{is(store.ErrNotFound), exitFailed},
	{isA[*keyrotation.PlatformError], exitDown}, // any other trouble of a platform
}

// errorRemedies are what people can do about errors that only say what is wrong; the
// first row that fits counts.
var errorRemedies = []struct {
	is func(error) bool
	do string
}{
	{isA[unfinished], "playtoken rotate goes on with it at once; playtoken doctor says what is in the way"},
	{is(filekeys.ErrMissing), "playtoken serve and playtoken rotate make it; if there should be one, PLAYTOKEN_STORE has another path"},
	{needsLogin, "playtoken login signs you in; or set PLAYTOKEN_ADMIN_KEY"},
	{hasCode("unauthenticated"), "playtoken login signs you in again; or check PLAYTOKEN_ADMIN_KEY"},
	{hasCode("not_found"), "playtoken project list and playtoken api-key list --project PROJECT_ID show what there is"},
	{is(projects.ErrNotFound), "playtoken project list shows the projects"},
	{isEarly, "try again then, or let playtoken rotate wait for it"},
	{hasCode("internal"), "the log line \"request failed\" above says what happened"},
	{hasCode("no_active_key"), "playtoken rotate makes one, or else says why not"},
	{isA[waits], "another operator says: playtoken approvals approve APPROVAL_ID; an admin who cannot wait adds --override"},
	{is(syscall.EADDRINUSE), "stop what listens there, or set another address: PLAYTOKEN_LISTEN, PLAYTOKEN_METRICS_LISTEN, PLAYTOKEN_GATE_LISTEN, or --listen of the demo"},
}

func remedy(err error) string {
	if p, ok := errors.AsType[*apiProblem](err); ok && p.Remedy != "" {
		return p.Remedy
	}
	for _, row := range errorRemedies {
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

// isEarly: the first key is still propagating, and the problem says until when.
func isEarly(err error) bool {
	return anyProblem(err, func(p *apiProblem) bool { return p.Code == "no_active_key" && p.EarliestAt != nil })
}

// needsOperator: waiting does not help.
func needsOperator(err error) bool {
	return anyProblem(err, func(p *apiProblem) bool { return p.NeedsOperator })
}

// hasCode: the API answered with a problem that has one of these codes.
func hasCode(codes ...string) func(error) bool {
	return func(err error) bool {
		return anyProblem(err, func(p *apiProblem) bool { return slices.Contains(codes, p.Code) })
	}
}

// anyProblem looks at the problems of all projects that failed, so that their
// order does not decide the exit code.
func anyProblem(err error, fits func(*apiProblem) bool) bool {
	switch e := err.(type) {
	case *apiProblem:
		return fits(e)
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), func(err error) bool { return anyProblem(err, fits) })
	case interface{ Unwrap() error }:
		return anyProblem(e.Unwrap(), fits)
	}
	return false
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
