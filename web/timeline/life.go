package timeline

import (
	"slices"
	"time"
)

// Span is a part of a key's life.
type Span struct {
	// State is the state of the key, with two more words: "made" is how it came
	// to be registered, and "free" is a retired key after the time that had to
	// pass before its deletion.
	State string
	From  time.Time
	Until time.Time // zero: its end is not known
	Ahead bool      // it has not happened yet: what is planned, or has to pass
	Note  string    // why, where there is a reason on record
}

// Row is a key's row of the table.
type Row struct {
	Key
	Does  string // what the key does now, in words
	Spans []Span // in the order of time
	Marks []Mark // its next moves
}

// Rows returns a row for each key, in the order of Keys.
func (p Picture) Rows() []Row {
	rows, marks := []Row{}, p.Marks()
	for _, k := range p.Keys {
		row := Row{Key: k, Does: k.does(p.Now), Spans: p.life(k)}
		for _, m := range marks {
			if m.Generation == k.Generation {
				row.Marks = append(row.Marks, m)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// meanings says what a key does in each state.
var meanings = map[string]string{
	"planned":     "about to be made",
	"generated":   "made; the platform does not know it yet",
	"registering": "being registered with the platform",
	"registered":  "stands by, known to the platform",
	"active":      "signs every new token",
	"retiring":    "signs nothing new; still opens what it signed",
	"deleting":    "being removed from the platform",
	"deleted":     "gone",
	"abandoning":  "never used, being removed",
	"revoking":    "compromised, being removed",
	"quarantined": "set aside: store and platform disagree",
}

func (k Key) does(now time.Time) string {
	if k.free(now) {
		return "signs nothing new; every token of it has ended, so it may go"
	}
	if waits, ok := waiting[k.WaitsFor]; ok {
		return waits
	}
	return meanings[k.State]
}

// waiting says what a key waits for that an operator takes to the verifiers.
var waiting = map[string]string{
	"carrying": "waits until an operator has taken it to the verifiers, and confirmed that",
	"removal":  "signs nothing, and waits until an operator has taken it out of the verifiers, and confirmed that",
}

// free reports whether no time has to pass any more before the key is deleted.
func (k Key) free(now time.Time) bool {
	return k.State == "retiring" && !k.DeleteNotBefore.IsZero() && !k.DeleteNotBefore.After(now)
}

// unplanned are states that a key enters at a time that is not on record: the
// whole part of its life in which that happened is drawn as the state.
var unplanned = []string{"abandoning", "revoking", "quarantined"}

// life is what happened to a key and what will.
func (p Picture) life(k Key) []Span {
	spans := p.past(k)
	return append(spans, p.future(k)...)
}

// past is the key's life until now.
func (p Picture) past(k Key) []Span {
	spans := begun(k, p.Now)
	if len(spans) == 0 {
		return nil
	}
	last := &spans[len(spans)-1]
	switch {
	case slices.Contains(unplanned, k.State):
		last.State, last.Note = k.State, k.Note
	case last.State == "made" && k.State != "deleted":
		last.State = k.State
	case k.State == "deleting" || k.State == "deleted" && k.DeleteNotBefore.IsZero():
		last.State, last.Note = "deleting", k.Note
	}
	end := p.Now
	if !k.DeletedAt.IsZero() {
		end = k.DeletedAt
	}
	for i := range spans {
		if i+1 < len(spans) {
			end := spans[i+1].From
			spans[i].Until = end
			continue
		}
		spans[i].Until = end
	}
	return slices.DeleteFunc(spans, func(s Span) bool { return !s.Until.After(s.From) })
}

// begun returns the parts of a life with their beginnings.
func begun(k Key, now time.Time) []Span {
	parts := []Span{
		{State: "made", From: k.CreatedAt}, {State: "registered", From: k.RegisteredAt},
		{State: "active", From: k.ActivatedAt}, {State: "retiring", From: k.RetiredAt},
	}
	switch {
	case k.State == "deleting" || k.State == "deleted":
		parts = append(parts, Span{State: "deleting", From: k.DeleteNotBefore})
	case k.free(now):
		parts = append(parts, Span{State: "free", From: k.DeleteNotBefore})
	}
	return slices.DeleteFunc(parts, func(s Span) bool { return s.From.IsZero() || s.From.After(now) })
}

// future is what is planned for a key.
func (p Picture) future(k Key) []Span {
	next, at := p.successor()
	switch {
	case k.State == "retiring" && k.DeleteNotBefore.After(p.Now):
		return []Span{{State: "retiring", From: p.Now, Until: k.DeleteNotBefore, Ahead: true}}
	case next == 0:
		return nil
	case k.State == "active":
		return []Span{{State: "active", From: p.Now, Until: at, Ahead: true}}
	case k.Generation == next:
		return []Span{{State: k.State, From: p.Now, Until: at, Ahead: true}, {State: "active", From: at, Ahead: true}}
	}
	return nil
}

// successor returns the generation that will be activated next, and when. It is
// 0 if that is due, or is not planned.
func (p Picture) successor() (generation int, at time.Time) {
	for _, m := range p.Moves {
		if m.Action == "activate" && m.NotBefore.After(p.Now) {
			return m.Generation, m.NotBefore
		}
	}
	return 0, time.Time{}
}
