// Package terminal is the place of logs and errors, which may be a person's
// terminal: then a line below them says that a verb is at work.
//
// The decision a newcomer would get wrong: results may go to the same terminal, so
// they pass through here, too, and never stand behind that line.
package terminal

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Lines lets several logs write to one place, one write at a time.
type Lines struct {
	mu     sync.Mutex
	to     io.Writer
	status string // of the line below them; empty: no such line
}

// NewLines returns the lines of a place.
func NewLines(to io.Writer) *Lines { return &Lines{to: to} }

// Write implements [io.Writer].
func (l *Lines) Write(p []byte) (int, error) { return l.WriteTo(l.to, p) }

// WriteTo writes to a place that may be the same terminal.
func (l *Lines) WriteTo(place io.Writer, p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.status != "" {
		io.WriteString(l.to, Erase)
		defer io.WriteString(l.to, l.status)
	}
	return place.Write(p)
}

// Erase makes the line of a terminal's cursor empty.
const Erase = "\r\x1b[K"

// show replaces the line below.
func (l *Lines) show(status string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.status != "" || status != "" {
		io.WriteString(l.to, Erase+status)
	}
	l.status = status
}

// soonSaid is after what time a person wonders whether a verb is stuck.
const soonSaid = 2 * time.Second

// Working says after two seconds, and then every second, that a verb is at work,
// until the function that it returns is called.
func (l *Lines) Working(verb string) (done func()) {
	began, end := time.Now(), make(chan struct{})
	var saying sync.WaitGroup
	saying.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-end:
				l.show("")
				return
			case <-tick.C:
				if took := time.Since(began); took >= soonSaid {
					l.show(fmt.Sprintf("%s: at work for %d s", verb, took/time.Second))
				}
			}
		}
	})
	return sync.OnceFunc(func() {
		close(end)
		saying.Wait()
	})
}
