// Package audit writes and verifies the audit log: what was done, by whom, and
// whether it was allowed. Each line is a JSON object, and a MAC chains it to the
// line before, so that lines cannot be altered, removed, reordered or cut off
// unnoticed.
//
// The decision a newcomer would get wrong: an entry is written before its effect. A
// change that cannot be recorded is not made. Minting and revoking do not wait for
// the log, because viewers and emergencies cannot wait for a disk.
//
// The MACs have two limits. An attacker with the key can write any history; a copy
// that is sent to another machine line by line shows that. An attacker with an older
// copy of the log and its head can put both back; [Anchors], which say in the store
// how far the log got, show that.
package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// Entry is one action, or one attempt. It never contains a secret. Empty members
// are left out.
type Entry struct {
	Actor     string `json:"actor"`                // "admin", an API key's id, "scheduler", "cli", or the client's address
	ActorName string `json:"actor_name,omitempty"` // of the person: an admin key's name, or the user who ran a command
	Action    string `json:"action"`               // "project.update", "signing_key.active", "authenticate", "mint"…
	Project   string `json:"project_id,omitempty"`
	Subject   string `json:"subject,omitempty"`         // the id of the changed object
	Key       string `json:"key_fingerprint,omitempty"` // of a signing key
	RequestID string `json:"request_id,omitempty"`
	// ProxyRequestID is what a trusted proxy calls the request.
	ProxyRequestID string `json:"proxy_request_id,omitempty"`
	Result         string `json:"result"` // "intent", "ok", or a problem's code
	Reason         string `json:"reason,omitempty"`
}

// Actions of entries that the log writes about itself; their actor is "audit".
const (
	actionBroken   = "audit.broken"   // the file is not as it was written
	actionRepaired = "audit.repaired" // an incomplete last line was removed
	actionLost     = "audit.lost"     // entries could not be written
)

// Errors of Record and RecordLazily, in addition to those of the disk and the key.
var (
	ErrClosed = errors.New("the audit log is closed")
	ErrBehind = errors.New("the queue of the audit log is full")
)

const (
	queueLength = 4096            // entries waiting to be written
	batchLength = 256             // entries written at once
	keyTimeout  = 5 * time.Second // for reading the key
	settleAfter = time.Second     // how long the head may be behind lines of RecordLazily
)

// Key returns the key of the MACs. It is called until it succeeds once.
type Key func(context.Context) ([]byte, error)

// Log is an audit log that is open for writing. It is safe for concurrent use, and
// several processes may write the same file.
type Log struct {
	to        sink
	chain     string // of a log to a writer
	key       Key
	known     []byte // the key, after it was read
	queue     chan job
	lost      atomic.Int64 // entries that could not be written
	anchoring *anchoring   // nil: there are no anchors
	behind    bool         // lines were written that may not be on the disk yet

	closing chan struct{}
	closed  chan struct{}
	ended   error // of the last settle, once closed
}

// job is an entry that waits to be written.
type job struct {
	stamped
	done chan error // nil for RecordLazily, which does not wait for the disk
}

// stamped is an entry with its time.
type stamped struct {
	Entry
	at time.Time
}

// sink receives lines. It is used by one goroutine at a time.
type sink interface {
	// append writes entries at the end of the chain, all of them or none. If
	// durable, they are on the disk when it returns.
	append(key []byte, entries []stamped, durable bool) error
	// settle makes earlier entries durable.
	settle(key []byte) error
	// confirmed is the end of the chain that is on the disk; zero if there is no
	// disk.
	confirmed() end
	close() error
}

// Open opens the log in a file, which it creates if necessary. The file path +
// ".head" says where the log ends, and so do the anchors. The log must be closed.
func Open(path string, key Key, anchors Anchors) (*Log, error) {
	to := &file{path: path}
	if err := to.open(); err != nil {
		return nil, fmt.Errorf("open the audit log: %w", err)
	}
	var kept *anchoring
	if anchors.Documents != nil {
		kept = startAnchoring(anchors, path)
	}
	return start(to, key, kept), nil
}

// To returns a log that writes to w, as a new chain. There is no head, so the
// receiver of the lines has to notice if the end is missing. The log must be
// closed; w stays open.
func To(w io.Writer, key Key) *Log {
	to := &stream{w: w, end: end{Chain: rand.Text()}}
	l := start(to, key, nil)
	l.chain = to.end.Chain
	return l
}

// ToTerminal returns a log that a person reads, without a chain. The log must be
// closed; w stays open.
func ToTerminal(w io.Writer, key Key) *Log { return start(person{w: w}, key, nil) }

// Chain is the name of the chain that a log to a writer begins with; empty for a log
// in a file, which goes on with that of others.
func (l *Log) Chain() string { return l.chain }

func start(to sink, key Key, kept *anchoring) *Log {
	l := &Log{
		to: to, key: key, anchoring: kept, queue: make(chan job, queueLength),
		closing: make(chan struct{}), closed: make(chan struct{}),
	}
	go l.write()
	return l
}

// Record writes an entry and returns when it is on the disk. After an error the
// entry may or may not be written, and the action that it announces must not be
// done. Record does not retry.
func (l *Log) Record(ctx context.Context, e Entry) error {
	done := make(chan error, 1)
	select {
	case l.queue <- job{stamped: stamped{e, time.Now()}, done: done}:
	case <-l.closing:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("record %s: %w", e.Action, ctx.Err())
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("record %s: %w", e.Action, ctx.Err())
	case <-l.closed:
	}
	select { // the entry may have been among the last ones written
	case err := <-done:
		return err
	default:
		return ErrClosed
	}
}

// RecordLazily queues an entry and does not wait. Entries that cannot be written
// are counted, and the log says how many were lost as soon as it can be written
// again. A crash loses about the last second. Errors: ErrBehind, ErrClosed.
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

// Close writes the queued entries and closes the log. It must be called once.
func (l *Log) Close() error {
	close(l.closing)
	<-l.closed
	l.anchoring.close()
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
			_ = l.settle() // after an error, the next entry settles it
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

// gather takes the jobs that wait behind a job, so that one write serves them all.
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

// commit writes a batch, and returns the result to the callers that wait.
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
		l.lost.Add(-lost) // their number is in the log now
		l.behind = !durable
	} else {
		l.lost.Add(int64(len(batch)))
		err = fmt.Errorf("write the audit log: %w", err)
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
			return fmt.Errorf("read its key: %w", err)
		}
		if len(key) < minKey {
			return fmt.Errorf("its key has %d bytes: it must have at least %d", len(key), minKey)
		}
		l.known = key
	}
	err := l.to.append(l.known, entries, durable)
	if err == nil && durable {
		l.anchoring.reached(l.to.confirmed())
	}
	return err
}

func (l *Log) settle() error {
	if !l.behind {
		return nil
	}
	if err := l.to.settle(l.known); err != nil {
		return fmt.Errorf("settle the audit log: %w", err)
	}
	l.behind = false
	l.anchoring.reached(l.to.confirmed())
	return nil
}

// own is an entry that the log writes about itself.
func own(action, reason string) stamped {
	return stamped{Entry{Actor: "audit", Action: action, Result: "ok", Reason: reason}, time.Now()}
}
