package viewers

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// The calls that one process makes to the webhook of one project. A slow webhook
// must not use up the connections of other projects, and one caller's bulk request
// must not keep other callers of the project waiting.
const (
	maxWebhookCalls = 64 // in progress
	maxWaiting      = 4096

	viewerShare   = 8 // of the calls in progress, for one viewer
	viewerWaiting = 100
	// A back end calls for many viewers with one API key.
	backEndShare   = 32
	backEndWaiting = 1000

	// maxWait is the longest wait for a turn. With the longest webhook timeout it
	// is shorter than the time that a response may take.
	maxWait = 15 * time.Second
)

// claim is a wish to call a webhook, on behalf of one caller's request.
type claim struct {
	backEnd         bool
	caller, request string
	share, waiting  int // at most this many of the caller's calls are in progress, and wait
}

func claimOf(request Request) claim {
	c := claim{backEnd: true, caller: request.CallerID, request: request.RequestID, share: backEndShare, waiting: backEndWaiting}
	if request.Caller == ByViewer {
		c.backEnd, c.share, c.waiting = false, viewerShare, viewerWaiting
	}
	return c
}

// turns decides which call to a project's webhook comes next. Back ends and viewers
// get half of the calls each, as long as both want them; of each half, the caller
// with the fewest calls in progress comes first, and of that caller's requests the
// one with the fewest. Calls that are equal in this come in the order of their
// arrival.
type turns struct {
	mu       sync.Mutex
	projects map[string]*line
}

// line has a project's calls in progress and those that wait. Whenever a call could
// begin, it does; so all that wait are of callers at their share, or there are as
// many calls in progress as may be.
type line struct {
	active    int
	byHalf    map[bool]int   // calls in progress; true: of back ends
	byCaller  map[string]int // calls in progress
	byRequest map[string]int // calls in progress
	waiting   []*waiter
}

type waiter struct {
	claim
	begins chan struct{} // closed when the call may begin
}

// take waits for a turn. Errors: *Unavailable if too many calls wait, or none ended
// within maxWait; the context's.
func (t *turns) take(ctx context.Context, project string, c claim) error {
	w, ok := t.join(project, c)
	if !ok {
		return errBusyWebhook
	}
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	var err error
	select {
	case <-w.begins:
		return nil
	case <-timer.C:
		err = errBusyWebhook
	case <-ctx.Done():
		err = ctx.Err()
	}
	t.leave(project, w)
	return err
}

// errBusyWebhook says nothing about the viewer.
var errBusyWebhook = &Unavailable{What: "the project's webhook is busy", After: time.Second}

// join lets a call begin or puts it in line; ok is false if the line is too long.
func (t *turns) join(project string, c claim) (w *waiter, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.projects[project]
	if l == nil {
		l = &line{byHalf: map[bool]int{}, byCaller: map[string]int{}, byRequest: map[string]int{}}
		if t.projects == nil {
			t.projects = map[string]*line{}
		}
		t.projects[project] = l
	}
	own := 0
	for _, other := range l.waiting {
		if other.caller == c.caller {
			own++
		}
	}
	if own >= c.waiting || len(l.waiting) >= maxWaiting {
		return nil, false
	}
	w = &waiter{claim: c, begins: make(chan struct{})}
	l.waiting = append(l.waiting, w)
	l.advance()
	return w, true
}

// leave takes a call out of the line. If its turn came in the meantime, it ends.
func (t *turns) leave(project string, w *waiter) {
	t.mu.Lock()
	l := t.projects[project]
	at := slices.Index(l.waiting, w)
	if at >= 0 {
		l.waiting = slices.Delete(l.waiting, at, at+1)
	}
	t.mu.Unlock()
	if at < 0 {
		t.release(project, w.claim)
	}
}

// release ends a call.
func (t *turns) release(project string, c claim) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.projects[project]
	l.active--
	l.byHalf[c.backEnd]--
	decrement(l.byCaller, c.caller)
	decrement(l.byRequest, c.request)
	l.advance()
	if l.active == 0 {
		delete(t.projects, project)
	}
}

func decrement(counts map[string]int, name string) {
	if counts[name]--; counts[name] == 0 {
		delete(counts, name)
	}
}

// advance lets calls begin while there is room.
func (l *line) advance() {
	for l.active < maxWebhookCalls {
		next := -1
		for i, w := range l.waiting {
			if l.byCaller[w.caller] < w.share && (next < 0 || l.before(w.claim, l.waiting[next].claim)) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		w := l.waiting[next]
		l.waiting = slices.Delete(l.waiting, next, next+1)
		l.active++
		l.byHalf[w.backEnd]++
		l.byCaller[w.caller]++
		l.byRequest[w.request]++
		close(w.begins)
	}
}

// before reports whether a's turn comes before b's, in either order of arrival.
func (l *line) before(a, b claim) bool {
	if a.backEnd != b.backEnd {
		return l.byHalf[a.backEnd] < l.byHalf[b.backEnd]
	}
	return cmp.Or(cmp.Compare(l.byCaller[a.caller], l.byCaller[b.caller]), cmp.Compare(l.byRequest[a.request], l.byRequest[b.request])) < 0
}
