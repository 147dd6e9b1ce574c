package metrics

import (
	"context"
	"slices"
	"sync"
	"time"

	"playtoken/keyrotation"
)

const (
	// freshFor is how long a ring is not read again, however often scrapes
	// come.
	freshFor = 5 * time.Second
	// patience is how long a scrape waits for the store. After that it shows
	// the ring that was read last, and its age.
	patience = time.Second
)

// Rotation is the part of a keyrotation.Rotator that is watched. Ring must
// return when its context ends, and neither method may change anything.
type Rotation interface {
	Ring(ctx context.Context) (keyrotation.Ring, error)
	Overdue(ring keyrotation.Ring) bool
}

// maxProjects is how many projects have series of their own, so that the
// number of series stays within what a monitoring system handles.
const maxProjects = 200

// Watch exposes the keys and the rotation of a project. A second call for the
// same project replaces the rotation. A project is ignored once maxProjects
// others are watched.
func (s *Service) Watch(project string, rotation Rotation) {
	s.rings.mu.Lock()
	defer s.rings.mu.Unlock()
	for _, w := range s.rings.watched {
		if w.project == project {
			w.rotation = rotation
			return
		}
	}
	if len(s.rings.watched) < maxProjects {
		s.rings.watched = append(s.rings.watched, &watched{project: project, rotation: rotation, since: time.Now()})
	}
}

// Unwatch undoes Watch and CallsLeft for a project.
func (s *Service) Unwatch(project string) {
	s.rings.mu.Lock()
	s.rings.watched = slices.DeleteFunc(s.rings.watched, func(w *watched) bool { return w.project == project })
	s.rings.mu.Unlock()
	s.mu.Lock()
	delete(s.left, project)
	s.mu.Unlock()
}

// rings has the newest known ring of each project.
type rings struct {
	reading sync.Mutex // held while rings are read
	mu      sync.Mutex // guards the fields below
	watched []*watched
}

type watched struct {
	project  string
	rotation Rotation
	asked    time.Time // start of the newest read
	since    time.Time // start of the newest read that succeeded; before the first, of the watch
	known    bool      // a read has succeeded
	ring     keyrotation.Ring
}

func (r *rings) collect(to sink, now time.Time) {
	r.refresh(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.watched {
		w.collect(to, time.Now())
	}
}

// refresh reads the rings that are no longer fresh, least recently read first.
// While another scrape reads, it does nothing.
func (r *rings) refresh(now time.Time) {
	if !r.reading.TryLock() {
		return
	}
	defer r.reading.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, w := range r.due(now) {
		if ctx.Err() != nil {
			return
		}
		began := time.Now()
		r.mu.Lock()
		rotation := w.rotation
		r.mu.Unlock()
		ring, err := rotation.Ring(ctx)
		r.mu.Lock()
		w.asked = began
		if err == nil {
			w.ring, w.known, w.since = ring, true, began
		}
		r.mu.Unlock()
	}
}

func (r *rings) due(now time.Time) []*watched {
	r.mu.Lock()
	defer r.mu.Unlock()
	due := slices.DeleteFunc(slices.Clone(r.watched), func(w *watched) bool { return now.Sub(w.asked) < freshFor })
	slices.SortStableFunc(due, func(a, b *watched) int { return a.asked.Compare(b.asked) })
	return due
}

// states are the states that are shown even while no key is in them.
var states = []keyrotation.State{
	keyrotation.Planned, keyrotation.Generated, keyrotation.Registering, keyrotation.Registered, keyrotation.Active,
	keyrotation.Retiring, keyrotation.Deleting, keyrotation.Deleted, keyrotation.Abandoning, keyrotation.Revoking,
	keyrotation.Quarantined,
}

func (w *watched) collect(to sink, now time.Time) {
	to.gauge(ringStaleness, now.Sub(w.since).Seconds(), w.project)
	if !w.known {
		return
	}
	w.countStates(to)
	to.gauge(unrecognised, float64(w.ring.Unrecognised()), w.project)
	age := func(n name, since time.Time) {
		if !since.IsZero() {
			to.gauge(n, now.Sub(since).Seconds(), w.project)
		}
	}
	if active, ok := w.ring.Active(); ok {
		age(activeKeyAge, active.ActivatedAt)
	}
	age(lastSuccess, w.ring.LastRun.SuccessAt)
	age(lastLook, w.ring.ObservedAt)
	if next := w.ring.NextAction; !next.IsZero() {
		to.gauge(nextAction, next.Sub(now).Seconds(), w.project)
	}
	to.flag(overdue, w.rotation.Overdue(w.ring), w.project)
}

func (w *watched) countStates(to sink) {
	count := map[string]int{}
	for _, state := range states {
		count[string(state)] = 0
	}
	for _, k := range w.ring.Keys {
		count[string(k.State)]++
	}
	for _, state := range sorted(count) {
		to.gauge(signingKeys, float64(count[state]), w.project, state)
	}
}
