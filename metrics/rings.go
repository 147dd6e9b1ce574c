package metrics

import (
	"context"
	"slices"
	"sync"
	"time"

	"playtoken/keyrotation"
)

const (
	// freshFor is how long a ring is not read again, however often we are
	// scraped.
	freshFor = 5 * time.Second
	// patience is how long a scrape waits for the store. After that it shows
	// what it has, and how old that is.
	patience = time.Second
)

// Rotation is what is watched of a keyrotation.Rotator. Ring has to end with
// its context.
type Rotation interface {
	Ring(ctx context.Context) (keyrotation.Ring, error)
	Overdue(ring keyrotation.Ring) bool
}

// maxProjects is how many projects have series of their own. More would be
// more than anybody looks at, and than a monitoring system likes.
const maxProjects = 200

// Watch shows the keys and rotations of a project, from now on by this
// rotation. What is beyond the projects that have series of their own is not
// shown.
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

// Unwatch ends that.
func (s *Service) Unwatch(project string) {
	s.rings.mu.Lock()
	defer s.rings.mu.Unlock()
	s.rings.watched = slices.DeleteFunc(s.rings.watched, func(w *watched) bool { return w.project == project })
}

// rings are the newest known ring of each project.
type rings struct {
	reading sync.Mutex // held while rings are read
	mu      sync.Mutex // guards what follows
	watched []*watched
}

type watched struct {
	project  string
	rotation Rotation
	asked    time.Time // start of the newest read
	since    time.Time // start of the newest read that succeeded; before that, of our watch
	known    bool      // one has succeeded
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

// refresh reads the rings that are no longer fresh, those first that were not
// read for longest. If another scrape is at it, that has to do.
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

// states are shown even while no key is in them.
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
	late := 0.0
	if w.rotation.Overdue(w.ring) {
		late = 1
	}
	to.gauge(overdue, late, w.project)
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
