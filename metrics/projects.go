package metrics

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"playtoken/keyrotation"
)

const (
	// maxShown is how many projects have series of their own, so that the number
	// of series stays within what a monitoring system handles.
	maxShown = 200
	// residence is how long a project keeps its place at least against a busier
	// one, and how long its series stay after it gave the place up, so that each
	// scraper gets the last counts.
	residence = 10 * time.Minute
	// fading is how soon what a project minted counts only half for its place.
	fading = time.Minute

	othersLabel = "others" // counts of projects that have no place
	noneLabel   = "none"   // counts of requests whose project is unknown
)

// series is a counter of a project: its metric, and the values of the labels
// after the project.
type series struct {
	of     *name
	labels [3]string
}

// project is what is counted and known about one.
type project struct {
	id     string
	minted atomic.Uint64 // counted without a lock; settle says in which series

	// The projects' lock guards the rest.
	settled uint64 // how much of minted is in a series
	counts  map[series]float64
	lately  float64 // tokens, older ones counting less
	placed  bool    // it has a place; what happens now is counted in its own series
	since   time.Time
	ended   time.Time // when it last gave its place up; zero: never

	ranAt   time.Time // end of the newest pass of the rotation in this process
	failing bool      // that pass did not succeed
	watched *watched  // nil: its ring is not read
}

// projects decides which projects have series of their own: all of them, up to
// maxShown; then those in trouble, and the busiest. What happens while a project
// has no place is counted under "others", and stays there, so no counter ever
// decreases, and each event is in one series. The zero value is not ready to use.
type projects struct {
	mu     sync.Mutex
	of     map[string]*project
	places int // that are taken
	others map[series]float64
	faded  time.Time
}

func newProjects() *projects {
	return &projects{of: map[string]*project{}, others: map[series]float64{}}
}

// get returns a project, which has a place if one is free. The lock is held.
func (ps *projects) get(id string) *project {
	if p, known := ps.of[id]; known {
		return p
	}
	p := &project{id: id, counts: map[series]float64{}, since: time.Now()}
	ps.of[id] = p
	switch {
	case id == noneLabel:
		p.placed = true
	case ps.places < maxShown:
		p.placed = true
		ps.places++
	}
	return p
}

// open returns a project.
func (ps *projects) open(id string) *project {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.get(id)
}

// forget ends the series of a project that does not exist any more.
func (ps *projects) forget(id string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p, known := ps.of[id]; known && p.placed {
		ps.places--
	}
	delete(ps.of, id)
}

// count counts an event of a project.
func (ps *projects) count(id string, of *name, labels ...string) {
	s := series{of: of}
	copy(s.labels[:], labels)
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.add(ps.get(cmp.Or(id, noneLabel)), s, 1)
}

// ran notes how a pass of a project's rotation ended.
func (ps *projects) ran(id, outcome string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.get(id)
	p.ranAt, p.failing = time.Now(), outcome != keyrotation.RunOK
	ps.add(p, series{of: &runs, labels: [3]string{outcome}}, 1)
}

// add counts in the series that the project has now. The lock is held.
func (ps *projects) add(p *project, s series, n float64) {
	if p.placed {
		p.counts[s] += n
		return
	}
	ps.others[s] += n
}

// arrange brings counts and places up to date. The lock is held.
func (ps *projects) arrange(now time.Time) {
	fade := now.Sub(ps.faded) >= fading
	if fade {
		ps.faded = now
	}
	for _, p := range ps.of {
		n := p.minted.Load()
		fresh := float64(n - p.settled)
		p.settled = n
		if fresh > 0 {
			ps.add(p, series{of: &tokensMinted}, fresh)
		}
		if p.lately += fresh; fade {
			p.lately /= 2
		}
	}
	ps.exchangePlaces(now)
}

// exchangePlaces gives free places, and those of quiet projects, to projects that
// deserve them more.
func (ps *projects) exchangePlaces(now time.Time) {
	var with, without []*project
	shown := 0
	for id, p := range ps.of {
		if id == noneLabel {
			continue
		}
		if p.shown(now) {
			shown++
		}
		if p.placed {
			with = append(with, p)
		} else {
			without = append(without, p)
		}
	}
	slices.SortFunc(without, func(a, b *project) int { return cmp.Or(byMerit(b, a), cmp.Compare(a.id, b.id)) })
	for len(without) > 0 && ps.places < maxShown {
		ps.place(without[0], now)
		without = without[1:]
	}
	slices.SortFunc(with, func(a, b *project) int { return cmp.Or(byMerit(a, b), cmp.Compare(a.id, b.id)) })
	for i := range min(len(with), len(without), 2*maxShown-min(shown, 2*maxShown)) {
		if !deserves(without[i], with[i], now) {
			return
		}
		with[i].placed, with[i].ended = false, now
		ps.places--
		ps.place(without[i], now)
	}
}

func (ps *projects) place(p *project, now time.Time) {
	p.placed, p.since = true, now
	ps.places++
}

// byMerit sorts the projects that most deserve a place last.
func byMerit(a, b *project) int {
	return cmp.Or(cmp.Compare(a.trouble(), b.trouble()), cmp.Compare(a.lately, b.lately))
}

// deserves reports whether p should have the place of another project. Twice as
// busy is what it takes, so that two of a kind do not take turns.
func deserves(p, other *project, now time.Time) bool {
	if p.trouble() != other.trouble() {
		return p.trouble() > other.trouble()
	}
	return p.lately > 2*other.lately && now.Sub(other.since) >= residence
}

// trouble is 1 if an operator may have something to mend, else 0.
func (p *project) trouble() int {
	if p.failing || p.watched != nil && p.watched.troubled {
		return 1
	}
	return 0
}

// shown reports whether scrapes show the series of a project.
func (p *project) shown(now time.Time) bool {
	return p.placed || !p.ended.IsZero() && now.Sub(p.ended) < residence
}

// collect sends the counts. The lock is held.
func (ps *projects) collect(to sink, now time.Time) {
	missing := map[string]int{"well": 0, "troubled": 0, "unread": 0}
	for _, id := range sorted(ps.of) {
		p := ps.of[id]
		if p.shown(now) {
			p.collect(to, now)
			continue
		}
		missing[p.state()]++
	}
	for s, n := range ps.others {
		s.send(to, n, othersLabel)
	}
	for _, state := range sorted(missing) {
		to.gauge(projectsNotShown, float64(missing[state]), state)
	}
}

// state is what is known of a project that is not shown.
func (p *project) state() string {
	switch {
	case p.trouble() > 0:
		return "troubled"
	case p.watched != nil && !p.watched.known:
		return "unread"
	}
	return "well"
}

// collect sends the project's own series. Those that alerts compare with an
// earlier value begin at zero.
func (p *project) collect(to sink, now time.Time) {
	if p.id != noneLabel {
		p.counts[series{of: &tokensMinted}] += 0
	}
	if p.watched != nil {
		for _, outcome := range outcomes {
			p.counts[series{of: &runs, labels: [3]string{outcome}}] += 0
		}
		p.watched.collect(to, now, p.id)
	}
	for s, n := range p.counts {
		s.send(to, n, p.id)
	}
	if !p.ranAt.IsZero() {
		to.gauge(lastRun, float64(p.ranAt.UnixMilli())/1000, p.id)
	}
}

func (s series) send(to sink, n float64, project string) {
	labels := append([]string{project}, s.labels[:len(s.of.labels)-1]...)
	to.counter(*s.of, n, labels...)
}

// scrape sends what is known of projects.
func (ps *projects) scrape(to sink, now time.Time) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.arrange(now)
	ps.collect(to, now)
	ps.countUnread(to, now)
}
