package register

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Earlier is what a gate kept in a data file before it came to this store.
type Earlier struct {
	File     string // the owner id in it, which no other file has, except copies
	Keys     []Registration
	Gone     map[string]time.Time // ids of deleted keys
	Cutoffs  []Cutoff             // their Until does not count
	Tickets  []TicketKey          // theirs neither
	Trusting bool                 // the file does not say which keys it once had
}

// FromDocument reads the document of another store, or of a data file.
func FromDocument(data []byte) (Earlier, error) {
	s, err := decode(data)
	if err != nil {
		return Earlier{}, err
	}
	e := Earlier{File: s.Owner, Cutoffs: s.Cutoffs, Tickets: s.Tickets, Gone: map[string]time.Time{}, Trusting: !s.TrustedTo.IsZero()}
	for _, k := range s.Keys {
		e.Keys = append(e.Keys, k.Registration)
	}
	for _, g := range s.Gone {
		e.Gone[g.ID] = g.At
	}
	return e, nil
}

// takeOver adds what an earlier file has, once for each file, and reports
// whether it was new. It replaces nothing: where both know a key id, this
// document is right.
func (s *state) takeOver(e Earlier, now time.Time) bool {
	if e.File == "" || slices.ContainsFunc(s.TakenOver, func(t takenOver) bool { return t.File == e.File }) {
		return false
	}
	s.TakenOver = append(s.TakenOver, takenOver{File: e.File, At: now.UTC()})
	s.Owner = cmp.Or(s.Owner, e.File)
	until := s.lastTicket(now).UTC()
	for _, r := range e.Keys {
		if !s.knows(r.ID) {
			s.enter(r)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(e.Gone)) {
		if !s.knows(id) {
			s.Gone = append(s.Gone, gone{ID: id, At: e.Gone[id], Until: until})
		}
	}
	for _, c := range e.Cutoffs {
		if !s.lastTicket(c.At).Before(now) { // earlier versions kept them for good
			s.end(c.Subject, c.Value, c.At, until)
		}
	}
	for _, k := range e.Tickets {
		k.Until = until
		s.Tickets = append(s.Tickets, k)
	}
	if e.Trusting {
		s.TrustedTo = until
	}
	return true
}

func (s *state) knows(id string) bool {
	return slices.ContainsFunc(s.Keys, func(e entry) bool { return e.Registration.ID == id }) ||
		slices.ContainsFunc(s.Gone, func(g gone) bool { return g.ID == id })
}
