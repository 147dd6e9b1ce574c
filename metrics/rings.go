package metrics

import (
	"cmp"
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
	// knownFor and glances bound how often the rings of projects without series
	// are read, only to know whether one is in trouble: how long one is not read
	// again, and how many a scrape reads.
	knownFor = 5 * time.Minute
	glances  = 100
)

// Rotation is the part of a keyrotation.Rotator that is watched. Ring must
// return when its context ends, and no method may change anything.
type Rotation interface {
	Ring(ctx context.Context) (keyrotation.Ring, error)
	Overdue(ring keyrotation.Ring) bool
	Troubles(ring keyrotation.Ring) []keyrotation.Trouble
	KeyBudget() int
}

// Watch exposes the keys and the rotation of a project. A second call for the
// same project replaces the rotation.
func (s *Service) Watch(project string, rotation Rotation) {
	s.projects.mu.Lock()
	defer s.projects.mu.Unlock()
	p := s.projects.get(project)
	if p.watched == nil {
		p.watched = &watched{since: time.Now()}
	}
	p.watched.rotation = rotation
}

// Unwatch undoes Watch and CallsLeft for a project. What was counted stays.
func (s *Service) Unwatch(project string) {
	s.projects.mu.Lock()
	if p, known := s.projects.of[project]; known {
		p.watched = nil
	}
	s.projects.mu.Unlock()
	s.mu.Lock()
	delete(s.left, project)
	s.mu.Unlock()
}

// Forget ends all series of a project that was deleted.
func (s *Service) Forget(project string) {
	s.Unwatch(project)
	s.projects.forget(project)
}

// Ran counts a pass of a project's rotation; outcome is one of
// keyrotation.RunOK, RunFailed and RunBlocked.
func (s *Service) Ran(project, outcome string) { s.projects.ran(project, outcome) }

// outcomes of a pass.
var outcomes = []string{keyrotation.RunOK, keyrotation.RunFailed, keyrotation.RunBlocked}

// watched is what is known of a project's ring.
type watched struct {
	rotation Rotation
	asked    time.Time         // start of the newest read
	since    time.Time         // start of the newest read that succeeded; before the first, of the watch
	known    bool              // a read has succeeded
	ring     *keyrotation.Ring // the newest; nil: unknown, or the project has no series
	troubled bool              // it has something for an operator
}

// reader reads rings, and the store's clock, at scrapes.
type reader struct {
	reading sync.Mutex // held while rings are read
	clock   clock
}

// refresh reads what is no longer fresh, the rings that were least recently read
// first. While another scrape reads, it does nothing.
func (r *reader) refresh(ps *projects, now time.Time) {
	if !r.reading.TryLock() {
		return
	}
	defer r.reading.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, p := range ps.due(now) {
		if ctx.Err() != nil {
			return
		}
		ps.read(ctx, p)
	}
	r.clock.compare(ctx, now)
}

// due lists the projects whose rings to read: those with series, then a few
// others.
func (ps *projects) due(now time.Time) []*project {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	var shown, others []*project
	for _, p := range ps.of {
		switch w := p.watched; {
		case w == nil:
		case p.shown(now) && (now.Sub(w.asked) >= freshFor || w.known && w.ring == nil):
			shown = append(shown, p)
		case !p.shown(now) && now.Sub(w.asked) >= knownFor:
			others = append(others, p)
		}
	}
	oldest := func(a, b *project) int {
		return cmp.Or(a.watched.asked.Compare(b.watched.asked), cmp.Compare(a.id, b.id))
	}
	slices.SortFunc(shown, oldest)
	slices.SortFunc(others, oldest)
	return append(shown, others[:min(len(others), glances)]...)
}

// read reads a ring, and keeps it for a project with series.
func (ps *projects) read(ctx context.Context, p *project) {
	ps.mu.Lock()
	w, began := p.watched, time.Now()
	if w == nil {
		ps.mu.Unlock()
		return
	}
	rotation := w.rotation
	ps.mu.Unlock()
	ring, err := rotation.Ring(ctx)
	ps.mu.Lock()
	defer ps.mu.Unlock()
	w.asked = began
	if err != nil {
		return
	}
	_, signs := ring.Active()
	w.known, w.since, w.ring = true, began, nil
	w.troubled = !signs || slices.ContainsFunc(rotation.Troubles(ring), func(t keyrotation.Trouble) bool {
		return t.Code.Stops() >= keyrotation.StopsViewers
	})
	if p.shown(began) {
		w.ring = &ring
	}
}

// countUnread sends how many rings of projects with series are unknown.
func (ps *projects) countUnread(to sink, now time.Time) {
	unread := 0
	for _, p := range ps.of {
		if p.watched != nil && !p.watched.known && p.shown(now) {
			unread++
		}
	}
	to.gauge(ringsUnread, float64(unread))
}

// states are the states that are shown even while no key is in them.
var states = []keyrotation.State{
	keyrotation.Planned, keyrotation.Generated, keyrotation.Registering, keyrotation.Registered, keyrotation.Active,
	keyrotation.Retiring, keyrotation.Deleting, keyrotation.Deleted, keyrotation.Abandoning, keyrotation.Revoking,
	keyrotation.Quarantined,
}

// kinds of drift that are shown even while no key differs so.
var kinds = []keyrotation.FindingCode{
	keyrotation.KeyMissing, keyrotation.KeyMismatched, keyrotation.KeyUnconfirmed, keyrotation.KeyOrphan,
	keyrotation.KeyUnrecognised, keyrotation.KeyForgotten, keyrotation.KeyForeign,
}

func (w *watched) collect(to sink, now time.Time, project string) {
	to.gauge(ringStaleness, now.Sub(w.since).Seconds(), project)
	if w.ring == nil {
		return
	}
	w.countKeys(to, project)
	age := func(n name, since time.Time) {
		if !since.IsZero() {
			to.gauge(n, now.Sub(since).Seconds(), project)
		}
	}
	if active, ok := w.ring.Active(); ok {
		age(activeKeyAge, active.ActivatedAt)
	}
	age(lastSuccess, w.ring.LastRun.SuccessAt)
	age(lastLook, w.ring.ObservedAt)
	if next := w.ring.NextAction; !next.IsZero() {
		to.gauge(nextAction, next.Sub(now).Seconds(), project)
	}
	to.flag(overdue, w.rotation.Overdue(*w.ring), project)
	told := map[keyrotation.TroubleCode]bool{}
	for _, t := range w.rotation.Troubles(*w.ring) {
		if !told[t.Code] { // of several keys
			told[t.Code] = true
			to.gauge(findings, 1, project, string(t.Code))
		}
	}
}

func (w *watched) countKeys(to sink, project string) {
	count := map[string]int{}
	for _, state := range states {
		count[string(state)] = 0
	}
	for _, k := range w.ring.Keys {
		count[string(k.State)]++
	}
	for _, state := range sorted(count) {
		to.gauge(signingKeys, float64(count[state]), project, state)
	}
	to.gauge(unrecognised, float64(w.ring.Unrecognised()), project)
	to.gauge(keysHeld, float64(w.ring.Held()), project)
	to.gauge(keysBudget, float64(w.rotation.KeyBudget()), project)
	if w.ring.ObservedAt.IsZero() {
		return
	}
	for _, kind := range kinds {
		to.gauge(keysDrifted, float64(w.ring.Drifted[kind]), project, string(kind))
	}
}
