package service

import (
	"context"
	"errors"
	"time"

	"playtoken/projects"
)

var errStopping = errors.New("stopping")

// Stopping makes Ready fail from now on.
func (s *Service) Stopping() { s.stopping.Store(true) }

// Ready is nil if the service could mint now, for the project default where
// there is one. The outcome is up to a second old, because clients without a
// credential may ask as often as they like.
func (s *Service) Ready(ctx context.Context) error {
	if s.stopping.Load() {
		return errStopping
	}
	return s.readiness.get(ctx, s.examineReadiness)
}

func (s *Service) examineReadiness(ctx context.Context) error {
	if s.Projects.DefaultProject == nil {
		return s.Storage.Answers(ctx)
	}
	opened, err := s.tenants.of(ctx, projects.Default)
	if err != nil {
		return err
	}
	return opened.ready(ctx)
}

// readinessAge is how long the outcome of an examination holds.
const readinessAge = time.Second

// readiness examines once at a time, and remembers the outcome.
type readiness struct {
	turn chan struct{} // has room for the one who examines
	at   time.Time     // of the outcome; guarded by turn
	err  error
}

func newReadiness() *readiness { return &readiness{turn: make(chan struct{}, 1)} }

func (r *readiness) get(ctx context.Context, examine func(context.Context) error) error {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if !r.at.IsZero() && time.Since(r.at) < readinessAge {
		return r.err
	}
	err := examine(ctx)
	if ctx.Err() == nil { // otherwise the caller has gone, and nothing is known
		r.at, r.err = time.Now(), err
	}
	return err
}
