// Package audit keeps the record of what was done, by whom, and whether it was
// allowed: one JSON object a line, each chained to the one before it by a MAC,
// so that no line can be altered, removed, reordered or cut off unnoticed.
//
// The decision a newcomer would get wrong: an entry is written before its
// effect. A change that cannot be recorded is not made; minting and revoking go
// on without a record, because viewers and emergencies do not wait for a disk.
//
// What the MACs cannot tell: whoever holds the key can write any history, and
// whoever kept a copy of the log together with its head can put both back. A
// copy that leaves the machine line by line is the answer to both.
package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// Entry is one thing that somebody did, or tried to do. It never holds a
// secret. Empty members are left out.
type Entry struct {
	Actor     string `json:"actor"`  // "admin", an API key's id, "scheduler", "cli", or where it came from
	Action    string `json:"action"` // "project.update", "signing_key.active", "authenticate", "mint"…
	Project   string `json:"project_id,omitempty"`
	Subject   string `json:"subject,omitempty"`         // what it was done to: an id
	Key       string `json:"key_fingerprint,omitempty"` // of a signing key
	RequestID string `json:"request_id,omitempty"`
	Result    string `json:"result"` // "intent", "ok", or a problem's code
	Reason    string `json:"reason,omitempty"`
}

// What the log says about itself, as Entry.Action; the actor is "audit".
const (
	actionBroken   = "audit.broken"   // what was here is not what was written
	actionRepaired = "audit.repaired" // the last write had been broken off
	actionLost     = "audit.lost"     // entries that could not be written
)

// Errors of Record and RecordLazily, beside those of the disk and of the key.
var (
	ErrClosed = errors.New("the audit log is closed")
	ErrBehind = errors.New("the audit log is too far behind")
)

const (
	queueLength = 4096            // entries that wait to be written
	batchLength = 256             // entries that are written at once
	keyTimeout  = 5 * time.Second // for reading the key
	settleAfter = time.Second     // how far the head may be behind lines that nobody waits for
)

// Key returns the key of the MACs. It is asked until it has answered once.
type Key func(context.Context) ([]byte, error)

// Log is an audit log that is open for writing. It is safe for concurrent use,
// and several processes may write one file at the same time.
type Log struct {
	to     sink
	key    Key
	known  []byte // the key, once it was read
	queue  chan job
	lost   atomic.Int64 // entries that are not on record
	behind bool         // lines were written that the disk may not have yet

	closing chan struct{}
	closed  chan struct{}
	ended   error // of the last settling, once closed
}

// job is an entry that waits to be written.
type job struct {
	stamped
	done chan error // nil: nobody waits, and the disk need not have it at once
}

// stamped is an entry and when it was made.
type stamped struct {
	Entry
	at time.Time
}

// sink is where lines go. It is used by one goroutine at a time.
type sink interface {
	// append writes entries where the chain ends, all or none of them. If
	// durable, the disk has them when it returns.
	append(key []byte, entries []stamped, durable bool) error
	// settle makes durable what was appended before.
	settle(key []byte) error
	close() error
}

// Open opens the log in a file, which is made if there is none. Beside it, in
// path + ".head", is how far it goes. The log has to be closed.
func Open(path string, key Key) (*Log, error) {
	to := &file{path: path}
	if err := to.open(); err != nil {
		return nil, fmt.Errorf("opening the audit log: %w", err)
	}
	return start(to, key), nil
}

// To returns a log that writes to w, as a chain of its own. Whoever keeps what
// is written has to see to its end: there is no head. The log has to be closed;
// w stays open.
func To(w io.Writer, key Key) *Log { return start(&stream{w: w}, key) }

func start(to sink, key Key) *Log {
	l := &Log{
		to: to, key: key, queue: make(chan job, queueLength),
		closing: make(chan struct{}), closed: make(chan struct{}),
	}
	go l.write()
	return l
}

// Record puts an entry on record, and returns when the disk has it. After an
// error, the entry may or may not be on record: what it announces must not be
// done. It is not tried again.
func (l *Log) Record(ctx context.Context, e Entry) error {
	done := make(chan error, 1)
	select {
	case l.queue <- job{stamped{e, time.Now()}, done}:
	case <-l.closing:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("recording %s: %w", e.Action, ctx.Err())
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("recording %s: %w", e.Action, ctx.Err())
	case <-l.closed:
	}
	select { // it may have been among the last that were written
	case err := <-done:
		return err
	default:
		return ErrClosed
	}
}

// RecordLazily puts an entry on record soon, and waits for nothing. An entry
// that is lost on the way is counted, and the log says how many were as soon
// as it can be written again; a crash loses about the last second. Errors:
// ErrBehind, ErrClosed.
func (l *Log) RecordLazily(e Entry) error {
	select {
	case <-l.closing:
		return ErrClosed
	default:
	}
	select {
	case l.queue <- job{stamped: stamped{e, time.Now()}}:
		return nil
	default:
		l.lost.Add(1)
		return ErrBehind
	}
}

// Close writes what waits, and closes the log. It is called once.
func (l *Log) Close() error {
	close(l.closing)
	<-l.closed
	return errors.Join(l.ended, l.to.close())
}

// write owns the sink until the log is closed.
func (l *Log) write() {
	defer close(l.closed)
	var due <-chan time.Time
	for {
		select {
		case first := <-l.queue:
			l.commit(l.gather(first))
		case <-due:
			due = nil
			_ = l.settle() // what cannot be settled now is settled with the next entry
		case <-l.closing:
			for len(l.queue) > 0 {
				l.commit(l.gather(<-l.queue))
			}
			l.ended = l.settle()
			return
		}
		if l.behind && due == nil {
			due = time.After(settleAfter)
		}
	}
}

// gather takes what waits behind a job: one trip to the disk is enough for all.
func (l *Log) gather(first job) []job {
	batch := []job{first}
	for len(batch) < batchLength {
		select {
		case next := <-l.queue:
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

// commit writes a batch, and tells whoever waits.
func (l *Log) commit(batch []job) {
	lost := l.lost.Load()
	durable := false
	var entries []stamped
	if lost > 0 {
		entries = append(entries, own(actionLost, fmt.Sprintf("%d entries before this one could not be written", lost)))
	}
	for _, j := range batch {
		entries = append(entries, j.stamped)
		durable = durable || j.done != nil
	}
	err := l.append(entries, durable)
	if err == nil {
		l.lost.Add(-lost) // those are on record, as a number
		l.behind = !durable
	} else {
		l.lost.Add(int64(len(batch)))
		err = fmt.Errorf("writing the audit log: %w", err)
	}
	for _, j := range batch {
		if j.done != nil {
			j.done <- err
		}
	}
}

func (l *Log) append(entries []stamped, durable bool) error {
	if l.known == nil {
		ctx, cancel := context.WithTimeout(context.Background(), keyTimeout)
		defer cancel()
		key, err := l.key(ctx)
		if err != nil {
			return fmt.Errorf("reading its key: %w", err)
		}
		if len(key) < minKey {
			return fmt.Errorf("its key has %d bytes, want at least %d", len(key), minKey)
		}
		l.known = key
	}
	return l.to.append(l.known, entries, durable)
}

func (l *Log) settle() error {
	if !l.behind {
		return nil
	}
	if err := l.to.settle(l.known); err != nil {
		return fmt.Errorf("settling the audit log: %w", err)
	}
	l.behind = false
	return nil
}

// own is an entry of the log about itself.
func own(action, reason string) stamped {
	return stamped{Entry{Actor: "audit", Action: action, Result: "ok", Reason: reason}, time.Now()}
}
