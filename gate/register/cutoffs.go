package register

import (
	"slices"
	"time"
)

// Subject is what a cutoff is about.
type Subject string

// The subjects.
const (
	ByKey    Subject = "key"    // sessions opened with tokens of a key id
	ByViewer Subject = "viewer" // sessions of a viewer
	ByVideo  Subject = "video"  // sessions of a video
	All      Subject = "all"    // every session; the value is empty
)

// Cutoff ends the sessions that were opened up to a moment.
type Cutoff struct {
	Subject Subject   `json:"subject"`
	Value   string    `json:"value"`
	At      time.Time `json:"at"`
	Until   time.Time `json:"until"` // no session that it ends is alive after that
}

// maxCutoffs is how many cutoffs are kept: as many as a document has room for
// that takes no further key.
const maxCutoffs = 700

// Session is what of a session decides whether it was ended.
type Session struct {
	KeyID, Viewer, Video string // Viewer may be empty: then it is of no known viewer
	Began                int64  // a stamp, or 0 if that is not known: before everything
}

// Ended reports whether a session was ended. The sessions of a deleted key are
// ended as a whole: another gate may have begun one before it read of the
// deletion.
func (r *Register) Ended(s Session) bool {
	v := r.current.Load()
	if len(v.cutoffs) == 0 {
		return false
	}
	if at, ok := v.cutoffs[cut{ByKey, s.KeyID}]; ok && (s.Began <= at || v.keys[s.KeyID] == nil) {
		return true
	}
	return v.ended(All, "", s.Began) || v.ended(ByVideo, s.Video, s.Began) || s.Viewer != "" && v.ended(ByViewer, s.Viewer, s.Began)
}

func (v *view) ended(subject Subject, value string, began int64) bool {
	at, ok := v.cutoffs[cut{subject, value}]
	return ok && began <= at
}

// end records that sessions which began up to a moment have ended. A later one
// of the same subject takes the place of an earlier one, and one for all
// sessions that of every earlier one. It returns how many cutoffs were too many.
func (s *state) end(subject Subject, value string, at, until time.Time) (merged int) {
	c := Cutoff{Subject: subject, Value: value, At: at.UTC(), Until: until.UTC()}
	if i := s.cutoff(subject, value); i >= 0 {
		c.At, c.Until = latest(c.At, s.Cutoffs[i].At), latest(c.Until, s.Cutoffs[i].Until)
		s.Cutoffs = slices.Delete(s.Cutoffs, i, i+1)
	}
	if subject == All {
		s.Cutoffs = slices.DeleteFunc(s.Cutoffs, func(old Cutoff) bool { return old.Subject != ByKey && !old.At.After(c.At) })
	}
	s.Cutoffs = append(s.Cutoffs, c)
	for len(s.Cutoffs) > maxCutoffs {
		merged += s.merge()
	}
	return merged
}

// merge makes the oldest cutoff one for all sessions that began by then. That
// ends sessions of others, and none that was ended goes on.
func (s *state) merge() int {
	i := 0
	for j, c := range s.Cutoffs {
		if s.Cutoffs[i].Subject == All || c.Subject != All && c.At.Before(s.Cutoffs[i].At) {
			i = j
		}
	}
	before, oldest := len(s.Cutoffs), s.Cutoffs[i]
	s.Cutoffs = slices.Delete(s.Cutoffs, i, i+1)
	s.end(All, "", oldest.At, oldest.Until)
	return before - len(s.Cutoffs)
}

func (s *state) cutoff(subject Subject, value string) int {
	return slices.IndexFunc(s.Cutoffs, func(c Cutoff) bool { return c.Subject == subject && c.Value == value })
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
