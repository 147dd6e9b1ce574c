package keyrotation_test

import (
	"errors"
	"fmt"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// What goes wrong with a call, as data.

// fate is what becomes of one outside call.
type fate struct {
	first   func()        // what another process does just before
	happens int           // how often it happens now
	late    time.Duration // it happens (once more) that much later
	err     error         // what the caller gets, if not the call's own result
	dies    bool          // the process, before it gets anything
}

var asAsked = fate{happens: 1}

var (
	errLost    = errors.New("sim: connection lost")
	errGarbled = errors.New("sim: response cannot be decoded")
	errPartial = errors.New("sim: the second page of three did not come")
	errCrashed = errors.New("sim: process died")
)

// The operations, by who carries them out.
var (
	// mutating change something beside the ring, and so may arrive late.
	mutating = map[string]bool{"create": true, "destroy": true, "register": true, "delete": true, "end": true,
		"issue": true, "keep": true, "forget": true, "put": true}
	// posts make something anew each time they happen.
	posts      = map[string]bool{"register": true, "issue": true}
	atPlatform = map[string]bool{"register": true, "issue": true, "delete": true, "end": true, "list": true, "get": true, "names": true, "put": true}
	lists      = map[string]bool{"list": true}
)

// mischief is what may become of one outside call.
var mischief = []struct {
	name     string
	odds     func(odds) int
	concerns map[string]bool // nil: every operation
	fate     func(*world) fate
}{
	{"lost", func(o odds) int { return o.lost }, nil,
		func(*world) fate { return fate{err: errLost} }},
	{"response lost", func(o odds) int { return o.unanswered }, nil,
		func(*world) fate { return fate{happens: 1, err: errLost} }},
	{"late", func(o odds) int { return o.late }, mutating,
		func(w *world) fate { return fate{late: w.shortly(), err: errLost} }},
	{"twice", func(o odds) int { return o.twice }, posts,
		func(*world) fate { return fate{happens: 2} }},
	{"once more, late", func(o odds) int { return o.twice }, posts,
		func(w *world) fate { return fate{happens: 1, late: w.shortly()} }},
	{"garbled", func(o odds) int { return o.unanswered / 2 }, atPlatform,
		func(w *world) fate { return fate{happens: w.rng.IntN(2), err: errGarbled} }},
	{"a part of a list", func(o odds) int { return o.lost }, lists,
		func(*world) fate { return fate{err: errPartial} }},
	{"throttled", func(o odds) int { return o.refused / 4 }, atPlatform,
		func(*world) fate { return fate{err: keyrotation.ErrThrottled} }},
	{"throttled for a time", func(o odds) int { return o.refused / 4 }, atPlatform,
		func(w *world) fate { return fate{err: retryAfter{keyrotation.ErrThrottled, w.shortly()}} }},
	{"not authorized", func(o odds) int { return o.refused / 4 }, atPlatform,
		func(*world) fate { return fate{err: keyrotation.ErrUnauthorized} }},
	{"refused", func(o odds) int { return o.refused / 4 }, posts,
		func(*world) fate { return fate{err: keyrotation.ErrRefused} }},
	{"process died", func(o odds) int { return o.crash }, nil,
		func(w *world) fate { return fate{happens: w.rng.IntN(2), dies: true} }},
}

// shortly is up to three times the settle time.
func (w *world) shortly() time.Duration {
	return time.Duration(1 + w.rng.Int64N(int64(30*time.Second)))
}

// fate follows the script, if there is one, and otherwise throws dice.
func (w *world) fate(r *replica, op string) fate {
	if w.script != nil {
		return w.script(r, op)
	}
	if err := w.out(op); err != nil {
		return fate{err: err}
	}
	dice := w.rng.IntN(1000)
	for _, m := range mischief {
		if m.concerns != nil && !m.concerns[op] {
			continue
		}
		if dice -= m.odds(w.odds); dice < 0 {
			w.faults[m.name]++
			fmt.Fprintln(w.trace, r.id, op, m.name)
			return m.fate(w)
		}
	}
	return asAsked
}

// out is the error of every call while store or platform are down.
func (w *world) out(op string) error {
	switch {
	case atPlatform[op] && w.now.Before(w.platform.away):
		return errLost
	case !atPlatform[op] && w.now.Before(w.store.sealed):
		return store.ErrUnavailable
	case posts[op] && w.now.Before(w.platform.full):
		return keyrotation.ErrRefused
	}
	return nil
}
