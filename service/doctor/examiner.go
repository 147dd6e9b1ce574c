package doctor

import (
	"context"
	"sync"
	"time"

	"playtoken/handlers"
	"playtoken/service"
)

const (
	// keptFor is for how long the report of an examination is good enough for the
	// next one who asks.
	keptFor = 5 * time.Second
	// longest is how long one examination may take. Platforms that hang cost the
	// deadline of their calls each, several at a time.
	longest = 2 * time.Minute
	// sideBySide is how many examinations, each of another subject, run at a time.
	sideBySide = 2
)

// Report is what one examination found.
type Report struct {
	At       time.Time // when it ended
	Findings []Finding
}

// Examiner examines a service while that runs. Callers who ask about the same subject
// share one examination: it calls platforms, and an operator who is impatient asks
// again. It is safe for concurrent use. Close must be called.
type Examiner struct {
	examine func(context.Context, handlers.Subject) ([]Finding, error)
	turn    chan struct{} // has an element for each examination that runs
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu   sync.Mutex
	held map[handlers.Subject]*examined
}

// examined is an examination that runs, or ran a moment ago.
type examined struct {
	done   chan struct{} // closed when report and err are there
	report Report
	err    error
}

// NewExaminer returns the examiner of a service.
func NewExaminer(s *service.Service) *Examiner {
	return newExaminer(func(ctx context.Context, about handlers.Subject) ([]Finding, error) {
		return newExamination(ctx, s).about(ctx, about)
	})
}

func newExaminer(examine func(context.Context, handlers.Subject) ([]Finding, error)) *Examiner {
	e := &Examiner{examine: examine, turn: make(chan struct{}, sideBySide), held: map[handlers.Subject]*examined{}}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e
}

// Close stops what is under way and waits for it.
func (e *Examiner) Close() {
	e.cancel()
	e.running.Wait()
}

// Examine returns what there is to say about a subject, at most some seconds old. An
// examination goes on when its caller leaves: the next one wants it, too. Errors:
// projects.ErrNotFound for a project that does not exist; that of ctx.
func (e *Examiner) Examine(ctx context.Context, about handlers.Subject) (Report, error) {
	one := e.of(about)
	select {
	case <-one.done:
		return one.report, one.err
	case <-ctx.Done():
		return Report{}, ctx.Err()
	}
}

// of returns the examination of a subject, and begins it unless there is one.
func (e *Examiner) of(about handlers.Subject) *examined {
	e.mu.Lock()
	defer e.mu.Unlock()
	for subject, one := range e.held {
		if one.old() {
			delete(e.held, subject)
		}
	}
	if one, ok := e.held[about]; ok {
		return one
	}
	one := &examined{done: make(chan struct{})}
	e.held[about] = one
	e.running.Go(func() { e.run(one, about) })
	return one
}

func (e *Examiner) run(one *examined, about handlers.Subject) {
	defer close(one.done)
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-e.ctx.Done():
		one.err = e.ctx.Err()
		return
	}
	ctx, cancel := context.WithTimeout(e.ctx, longest)
	defer cancel()
	one.report.Findings, one.err = e.examine(ctx, about)
	one.report.At = time.Now()
}

// old reports whether the examination ended too long ago to be shown.
func (one *examined) old() bool {
	select {
	case <-one.done:
		return one.err != nil || time.Since(one.report.At) >= keptFor
	default:
		return false
	}
}
