package service

import (
	"context"
	"errors"
	"time"
)

var errStopping = errors.New("stopping")

// Stopping makes Ready fail from now on, and ends what would not end by itself.
func (s *Service) Stopping() {
	s.stopping.Store(true)
	if s.console != nil {
		s.console.Stopping()
	}
}

// Ready is nil if a token of at least one project could be minted now, or if the
// store answers that there is no project yet. So the trouble of one project takes
// no replica from the others. The outcome is up to a second old, because clients
// without a credential may ask as often as they like.
func (s *Service) Ready(ctx context.Context) error {
	if s.stopping.Load() {
		return errStopping
	}
	return s.readiness.get(ctx, func(ctx context.Context) error {
		return s.readiness.search.any(ctx, s.ProjectIDs, s.mints)
	})
}

// ProjectReady is nil if a token of this project could be minted now. Errors:
// projects.ErrNotFound; those of its minter.
func (s *Service) ProjectReady(ctx context.Context, projectID string) error {
	if s.stopping.Load() {
		return errStopping
	}
	return s.mints(ctx, projectID)
}

func (s *Service) mints(ctx context.Context, projectID string) error {
	opened, err := s.tenants.of(ctx, projectID)
	if err != nil {
		return err
	}
	return opened.ready(ctx)
}

const (
	// searched is how many projects one search asks. Where none of a thousand can
	// mint, a search reads no more rings than that.
	searched = 20
	// searchTime bounds a search while the store does not respond.
	searchTime = 2 * time.Second
)

// search finds a project that could mint. As long as the one that it found last
// can, that one is all that it asks about.
type search struct {
	found string // "": none
	next  int    // where the next search goes on
}

// any is nil if one of the projects mints, or there is no project. Otherwise its
// error is that of the first project that it asked about.
func (s *search) any(ctx context.Context, list func(context.Context) ([]string, error), mints func(context.Context, string) error) error {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	if s.found != "" && mints(ctx, s.found) == nil {
		return nil
	}
	ids, err := list(ctx)
	if err != nil {
		return err
	}
	var first error
	for range min(searched, len(ids)) {
		id := ids[s.next%len(ids)]
		err := mints(ctx, id)
		if err == nil {
			s.found = id
			return nil
		}
		s.next++
		if first == nil {
			first = err
		}
	}
	return first
}

// readinessAge is how long the outcome of an examination holds.
const readinessAge = time.Second

// readiness examines once at a time, and remembers the outcome.
type readiness struct {
	turn   chan struct{} // has room for the one who examines
	search search        // guarded by turn, as are the others
	at     time.Time     // of the outcome
	err    error
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
