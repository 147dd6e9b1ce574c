package reload_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/reload"
)

// running runs a reloader with one part, whose looks it counts, until the test
// ends.
type running struct {
	log     bytes.Buffer
	hangups chan os.Signal

	mu      sync.Mutex // held by each look
	looks   int
	changed bool // what the next look says
	err     error
}

func run(t *testing.T) *running {
	r := &running{hangups: make(chan os.Signal, 1)}
	reloader := reload.New(slog.New(slog.NewTextHandler(&r.log, nil)))
	reloader.Add("SOME_FILE", func(context.Context) (bool, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.looks++
		changed := r.changed
		r.changed = false
		return changed, r.err
	})
	reloader.NeedsRestart("OTHER_FILE")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		reloader.Run(ctx, r.hangups)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

// later returns after so many seconds what the log has, and empties it.
func (r *running) later(seconds int) string {
	r.mu.Lock()
	//lint:ignore SA2001 the lock only orders what the test did before the looks to come
	r.mu.Unlock()
	time.Sleep(time.Duration(seconds)*time.Second + time.Millisecond)
	synctest.Wait()
	defer r.log.Reset()
	return r.log.String()
}

func TestEveryPartIsLookedAtEachSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t)
		if log := r.later(3); r.looks != 3 || log != "" {
			t.Errorf("three seconds: got %d looks and the log %q, want 3 and nothing", r.looks, log)
		}
		r.changed = true
		if log := r.later(2); strings.Count(log, "a file changed and is in use") != 1 {
			t.Errorf("a change: got the log %q, want it told once", log)
		}
	})
}

func TestAProblemIsToldOnceAndNotBeforeItLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t)
		r.err = errors.New("its file is empty")
		if log := r.later(1); log != "" {
			t.Errorf("a first look: got the log %q, want nothing", log)
		}
		r.err = nil
		if log := r.later(1); log != "" {
			t.Errorf("a problem that did not last: got the log %q, want nothing", log)
		}
		r.err = errors.New("its file is empty")
		if log := r.later(10); strings.Count(log, "its file is empty") != 1 {
			t.Errorf("a problem that lasts: got the log %q, want it told once", log)
		}
	})
}

func TestAHangupSaysHowEachPartFared(t *testing.T) {
	for name, c := range map[string]struct {
		changed bool
		err     error
		want    string
	}{
		"new":       {changed: true, want: "replaced=[SOME_FILE] unchanged=[] failed=[]"},
		"unchanged": {want: "replaced=[] unchanged=[SOME_FILE] failed=[]"},
		"failed":    {err: errors.New("its file is empty"), want: "replaced=[] unchanged=[] failed=[SOME_FILE]"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := run(t)
				r.changed, r.err = c.changed, c.err
				r.hangups <- syscall.SIGHUP
				log := r.later(0)
				if !strings.Contains(log, c.want) || !strings.Contains(log, "need_restart=[OTHER_FILE]") {
					t.Errorf("got the log %q, want %s and need_restart=[OTHER_FILE]", log, c.want)
				}
				if told := strings.Contains(log, "stays in use"); told != (c.err != nil) {
					t.Errorf("the log %q tells a problem: got %t, want %t", log, told, c.err != nil)
				}
			})
		})
	}
}
