package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"playtoken/keyrotation"
	"playtoken/projects"
)

// scheduler runs the rotation of every project by itself: each waits, fails
// and is tried again on its own, so that one broken platform delays nobody.
type scheduler struct {
	*workshop
	running sync.WaitGroup
	tending map[string]func() // by project: ends its rotation
}

const (
	// lookForProjects is how often the scheduler looks whether there are new
	// ones, or some are gone. What this process makes it is told at once.
	lookForProjects = 30 * time.Second
	// spread is how far apart the first looks at projects are that were there
	// when we started.
	spread = 20 * time.Millisecond
)

// run rotates until ctx ends, and returns when every rotation has ended.
func (s *scheduler) run(ctx context.Context) {
	defer s.running.Wait()
	if !s.awaitPermission(ctx) {
		return
	}
	s.running.Go(func() { s.ensureDefault(ctx) })
	s.tend(ctx, ownKeys, 0) // even where cron sees to the projects': one that asks over HTTP does not rotate these
	if !s.config.Scheduler {
		return
	}
	s.tend(ctx, projects.Default, 0)
	for {
		s.follow(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookForProjects):
		case <-s.news:
		}
	}
}

// follow begins with the projects that are new, and lets go of those that are
// gone. A list that cannot be had changes nothing.
func (s *scheduler) follow(ctx context.Context) {
	ids, err := s.projects.ProjectIDs(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("cannot list the projects to rotate", "error", err)
		}
		return
	}
	there := map[string]bool{projects.Default: true, ownKeys: true}
	fresh := 0
	for _, id := range ids {
		there[id] = true
		if s.tending[id] == nil {
			s.tend(ctx, id, rand.N(time.Duration(fresh)*spread+1))
			fresh++
		}
	}
	for id, end := range s.tending {
		if !there[id] {
			end()
			delete(s.tending, id)
			s.bells.leave(id)
			s.forget(id)
		}
	}
}

// tend rotates one project, from a while from now until ctx or the project
// ends. Its works may be others at each turn: the project may have changed.
func (s *scheduler) tend(ctx context.Context, id string, wait time.Duration) {
	if s.tending[id] != nil {
		return
	}
	ctx, end := context.WithCancel(ctx)
	s.tending[id] = end
	bell := s.bells.listen(id)
	s.running.Go(func() {
		defer end()
		for failures, awake := 0, pause(ctx, wait); awake; {
			wait, err := s.turn(ctx, id, failures)
			if err == nil {
				failures, awake = 0, sleep(ctx, wait, bell)
			} else { // what failed is not due sooner for being asked for
				failures, awake = failures+1, pause(ctx, wait)
			}
		}
	})
}

// turn makes a project's moves that are due, and returns how long to wait
// before the next turn. Replicas should not all come at once.
func (s *scheduler) turn(ctx context.Context, id string, failures int) (time.Duration, error) {
	rotator, err := s.rotatorOf(ctx, id)
	if errors.Is(err, projects.ErrNotFound) || errors.Is(err, projects.ErrNoKeys) {
		return lookForProjects, nil
	}
	wait := lookForProjects
	if err == nil {
		wait, err = rotator.Turn(ctx, failures)
	}
	if err != nil && ctx.Err() == nil {
		s.log.Error("rotation stopped", "project", id, "error", err, "again_in", wait)
	}
	return wait + rand.N(wait/10+1), err
}

// pause reports whether the time passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return ctx.Err() == nil
	}
}

// rotatorOf is whoever rotates a project's keys, or our own.
func (w *workshop) rotatorOf(ctx context.Context, id string) (*keyrotation.Rotator, error) {
	if id == ownKeys {
		return w.own, nil
	}
	opened, err := w.of(ctx, id)
	if err != nil {
		return nil, err
	}
	if opened.rotator == nil {
		return nil, projects.ErrNoKeys
	}
	return opened.rotator, nil
}
