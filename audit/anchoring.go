package audit

import (
	"context"
	"sync"
	"time"
)

const (
	anchorEvery   = 10 * time.Second // at most, for each process
	anchorTimeout = 5 * time.Second
	lastAnchor    = 2 * time.Second // for the last attempt, when the log is closed
)

// anchoring writes the ends of a file's chains into the store, apart from the
// writing of lines: no entry waits for it.
type anchoring struct {
	anchors Anchors
	path    string
	stop    chan struct{}
	stopped chan struct{}
	settled string // the chain that is known to be the one at path

	mu      sync.Mutex
	newest  end           // on the disk and not anchored; zero: nothing waits
	changed chan struct{} // has room for one; tells that newest was set
}

func startAnchoring(anchors Anchors, path string) *anchoring {
	a := &anchoring{
		anchors: anchors, path: path,
		stop: make(chan struct{}), stopped: make(chan struct{}), changed: make(chan struct{}, 1),
	}
	go a.run()
	return a
}

// reached says that a chain is on the disk up to an end. It never waits.
func (a *anchoring) reached(e end) {
	if a == nil || e.Seq == 0 {
		return
	}
	a.mu.Lock()
	a.newest = e
	a.mu.Unlock()
	a.tell()
}

func (a *anchoring) tell() {
	select {
	case a.changed <- struct{}{}:
	default: // it was told already
	}
}

func (a *anchoring) take() end {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.newest
	a.newest = end{}
	return e
}

// giveBack returns an end that could not be anchored, unless there is a newer one.
func (a *anchoring) giveBack(e end) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.newest.Seq == 0 {
		a.newest = e
		a.tell()
	}
}

// close tries once more, and returns when nothing runs any more.
func (a *anchoring) close() {
	if a == nil {
		return
	}
	close(a.stop)
	<-a.stopped
}

func (a *anchoring) run() {
	defer close(a.stopped)
	for {
		select {
		case <-a.changed:
			a.anchor(anchorTimeout)
		case <-a.stop:
			a.anchor(lastAnchor)
			return
		}
		select {
		case <-time.After(anchorEvery):
		case <-a.stop:
			a.anchor(lastAnchor)
			return
		}
	}
}

// anchor makes one attempt. After an error the end, or a newer one, is tried again
// when the pause is over.
func (a *anchoring) anchor(timeout time.Duration) {
	e := a.take()
	if e.Seq == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err := a.attempt(ctx, e)
	if a.anchors.Watch != nil {
		a.anchors.Watch(err)
	}
	if err != nil {
		a.giveBack(e)
	}
}

// attempt first makes sure that the file still has what it should, and only then
// moves the anchor.
func (a *anchoring) attempt(ctx context.Context, e end) error {
	if a.settled != e.Chain {
		if err := a.anchors.settlePlace(ctx, a.path, e.Chain); err != nil {
			return err
		}
		a.settled = e.Chain
	}
	return a.anchors.advance(ctx, a.path, e)
}
