package console

import (
	"maps"
	"sync"
	"time"
)

// Totals is what this process has counted of one project since it began.
type Totals struct{ Minted, Refused uint64 }

// Replica is how this process is.
type Replica struct {
	Store   string // where the store is
	Login   string // how the login to it is, in words; "": it needs none
	Trouble bool   // the login fails
	// Totals are by project; those of requests whose project is unknown are under "".
	Totals map[string]Totals
}

const (
	// SampleEvery is how often Sample should be called.
	SampleEvery = 15 * time.Second
	// keptSamples is four hours.
	keptSamples = 960
	// rateOver is the time that rates are of.
	rateOver = time.Minute
)

// history is what this process has counted in the last hours: sums for the charts,
// and by project as far back as rates need.
type history struct {
	clock func() time.Time
	now   func() map[string]Totals

	mu      sync.Mutex
	sums    []reading
	details []detail
}

// reading is what was counted up to a moment, of all projects.
type reading struct {
	at  time.Time
	all Totals
}

// detail is the same by project.
type detail struct {
	at time.Time
	of map[string]Totals
}

// rate is what happened within a minute.
type rate struct{ Minted, Refused float64 }

func (r rate) plus(other rate) rate { return rate{r.Minted + other.Minted, r.Refused + other.Refused} }

// Sample notes what has been counted up to now, for the charts of the last hours.
func (c *Console) Sample() { c.history.sample() }

func (h *history) sample() {
	of, at := h.now(), h.clock()
	h.mu.Lock()
	defer h.mu.Unlock()
	s := reading{at: at}
	for _, one := range of {
		s.all.Minted += one.Minted
		s.all.Refused += one.Refused
	}
	if h.sums = append(h.sums, s); len(h.sums) > keptSamples {
		h.sums = h.sums[1:]
	}
	h.details = append(h.details, detail{at, maps.Clone(of)})
	for len(h.details) > 1 && at.Sub(h.details[1].at) >= rateOver {
		h.details = h.details[1:]
	}
}

// rates are those of the last minute, by project.
func (h *history) rates() map[string]rate {
	of, now := h.now(), h.clock()
	h.mu.Lock()
	defer h.mu.Unlock()
	rates := map[string]rate{}
	if len(h.details) == 0 || !now.After(h.details[0].at) {
		return rates
	}
	from := h.details[0]
	minutes := max(now.Sub(from.at), SampleEvery).Minutes()
	for id, one := range of {
		was := from.of[id]
		if one.Minted > was.Minted || one.Refused > was.Refused {
			rates[id] = rate{float64(one.Minted-was.Minted) / minutes, float64(one.Refused-was.Refused) / minutes}
		}
	}
	return rates
}

// series are the rates between samples, oldest first, of one count.
func (h *history) series(of func(Totals) uint64) (points []point) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := 1; i < len(h.sums); i++ {
		was, is := h.sums[i-1], h.sums[i]
		minutes := is.at.Sub(was.at).Minutes()
		if minutes <= 0 || of(is.all) < of(was.all) {
			continue // a project was deleted, and its counts with it
		}
		points = append(points, point{is.at, float64(of(is.all)-of(was.all)) / minutes})
	}
	return points
}

// point is a value at a moment.
type point struct {
	at    time.Time
	value float64
}
