package service

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"playtoken/projects"
	"playtoken/projects/access"
)

// Schedule starts the rotation of every project, and of the keys that sign
// access tokens. The function that it returns ends the rotation and waits until
// it has ended. Requests that are still finished after ctx has ended may need
// the rotation, so the end of ctx does not end it.
func (s *Service) Schedule(ctx context.Context) (end func()) {
	s.rotators.told.speak.Store(true)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { newSchedule(s).run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

// schedule rotates projects side by side: each waits, fails and is tried again
// by itself, so that a broken platform delays no other.
type schedule struct {
	everyProject bool // and not only the keys that sign access tokens
	permit       func(context.Context) error
	projects     *projects.Store
	tenants      *tenants
	wakeups      *wakeups
	added        <-chan struct{}
	log          *slog.Logger
	rotates      func(bool) // is told whether projects are rotated

	running    sync.WaitGroup
	maintained map[string]func() // by project: ends its rotation
}

func newSchedule(s *Service) *schedule {
	return &schedule{
		everyProject: s.Settings.Scheduler, permit: s.Storage.Permit, projects: s.Projects, tenants: s.tenants,
		wakeups: s.wakeups, added: s.added, log: s.log, rotates: s.Metrics.Rotates, maintained: map[string]func(){},
	}
}

const (
	// listEvery is how often the schedule looks for projects that are new or
	// gone. A project that this process creates is seen at once.
	listEvery = 30 * time.Second
	// spread is how far apart the first turns of projects are that were there
	// when the schedule started.
	spread = 20 * time.Millisecond
)

// run rotates until ctx ends, and returns when every rotation has ended.
func (s *schedule) run(ctx context.Context) {
	defer s.running.Wait()
	if !s.awaitPermission(ctx) {
		return
	}
	s.running.Go(func() { s.ensureDefault(ctx) })
	s.maintain(ctx, access.RingID, 0) // even where cron rotates the projects
	if !s.everyProject {
		return
	}
	s.rotates(true)
	defer s.rotates(false)
	s.maintain(ctx, projects.Default, 0)
	for {
		s.follow(ctx)
		select {
		case <-ctx.Done():
			return
		case <-time.After(listEvery):
		case <-s.added:
		}
	}
}

// follow begins to maintain projects that are new, and ends it for those that
// are gone. If the projects cannot be listed, nothing changes.
func (s *schedule) follow(ctx context.Context) {
	ids, err := s.projects.ProjectIDs(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.log.Warn("cannot list the projects to rotate", "error", err)
		}
		return
	}
	there := map[string]bool{projects.Default: true, access.RingID: true}
	fresh := 0
	for _, id := range ids {
		there[id] = true
		if s.maintained[id] == nil {
			s.maintain(ctx, id, rand.N(time.Duration(fresh)*spread+1))
			fresh++
		}
	}
	for id, end := range s.maintained {
		if !there[id] {
			end()
			delete(s.maintained, id)
			s.wakeups.forget(id)
			s.tenants.forget(id)
		}
	}
}

// maintain rotates one project, after a first wait, until ctx or the project
// ends. The project may have changed at each turn.
func (s *schedule) maintain(ctx context.Context, id string, wait time.Duration) {
	if s.maintained[id] != nil {
		return
	}
	ctx, end := context.WithCancel(ctx)
	s.maintained[id] = end
	wakeup := s.wakeups.listen(id)
	s.running.Go(func() {
		defer end()
		for failures, awake := 0, pause(ctx, wait); awake; {
			wait, err := s.turn(ctx, id, failures)
			if err == nil {
				failures, awake = 0, sleep(ctx, wait, wakeup)
			} else { // a wakeup does not make sooner due what failed
				failures, awake = failures+1, pause(ctx, wait)
			}
		}
	})
}

// turn makes a project's moves that are due, and returns how long to wait
// before the next turn. The waits are random in part, so that replicas do not
// all take their turns at once.
func (s *schedule) turn(ctx context.Context, id string, failures int) (_ time.Duration, err error) {
	ctx, done := s.tenants.tracer.Start(ctx, "rotation", id)
	defer func() { done(err) }()
	rotator, err := s.tenants.rotator(ctx, id)
	if errors.Is(err, projects.ErrNotFound) || errors.Is(err, projects.ErrNoKeys) {
		return listEvery, nil
	}
	wait := listEvery
	if err == nil {
		wait, err = rotator.Turn(ctx, failures)
	}
	if err != nil && ctx.Err() == nil {
		s.log.Error("rotation stopped", "project", id, "error", err, "again_in", wait)
	}
	return wait + rand.N(wait/10+1), err
}

// ensureDefault makes the project default appear in lists, as soon as the store
// answers.
func (s *schedule) ensureDefault(ctx context.Context) {
	if s.projects.DefaultProject == nil {
		return
	}
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		err := s.projects.EnsureDefault(ctx, *s.projects.DefaultProject)
		if err == nil || ctx.Err() != nil {
			return
		}
		s.log.Warn("the project default cannot be stored yet", "error", err, "again_in", wait)
		if !pause(ctx, wait) {
			return
		}
	}
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
