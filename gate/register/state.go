package register

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"playtoken/store"
)

// Document is the name of the one document that all gates of a store share.
const Document = "gate/register"

// The document stays far below the 512 KiB that a store takes. Registrations
// stop first, so that there is always room to end sessions.
const (
	maxDocument = 448 << 10 // bytes
	maxKeys     = 320 << 10 // bytes of a document to which a key is added
	format      = 1
)

// ErrFull means that the change would make the document too large. Nothing was
// changed.
var ErrFull = errors.New("the gate's register is full")

// state is the document. Its methods change it in memory and call nothing.
type state struct {
	Format int    `json:"format"`
	Owner  string `json:"owner"` // who created every key: the holder of the API key
	// The longest that any gate of this store was ever set to, so that each of
	// them keeps what another still needs.
	Longest durations `json:"longest"`

	Places uint64  `json:"places"` // how many keys were ever registered
	Keys   []entry `json:"keys"`   // by place

	// What is below is kept as long as a ticket can live that it is about.
	Gone      []gone      `json:"gone"`
	Cutoffs   []Cutoff    `json:"cutoffs"`
	Tickets   []TicketKey `json:"ticket_keys"`         // in the order in which they come into use
	TrustedTo time.Time   `json:"trusted_to,omitzero"` // until then tickets may name keys that an earlier file had forgotten

	TakenOver []takenOver `json:"taken_over"`

	// Unknown is what a later version added: gates are upgraded one by one.
	Unknown jsontext.Value `json:",embed"`
}

// durations are in seconds.
type durations struct {
	Session   int64 `json:"session"`   // that a ticket lives
	Staleness int64 `json:"staleness"` // that a gate goes on without the store
	Skew      int64 `json:"skew"`      // by which clocks differ
}

// entry is a registration with its place in the list, which rises with every
// registration and is never used twice.
type entry struct {
	Place        uint64       `json:"place"`
	Registration Registration `json:"key"`
}

// Registration is a public key as the key API shows it. Its id is the kid of
// the tokens that the key verifies.
type Registration struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	PublicKey   string `json:"public_key"` // the PEM text as it was sent
	CreatedBy   string `json:"created_by"`
	CreatedTime string `json:"created_time"`
	UpdatedBy   string `json:"updated_by"`
	UpdatedTime string `json:"updated_time"`
}

// timeForm is how the key API writes times.
const timeForm = "2006-01-02T15:04:05.000Z"

// gone is a deleted key.
type gone struct {
	ID    string    `json:"id"`
	At    time.Time `json:"at"`
	Until time.Time `json:"until"` // no session of it is alive after that
}

// takenOver records that a data file's content has been taken over.
type takenOver struct {
	File string    `json:"file"` // its owner id
	At   time.Time `json:"at"`
}

func decode(data []byte) (*state, error) {
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("read the gate's register: %w", err)
	}
	if s.Format > format {
		return nil, fmt.Errorf("read the gate's register: it has format %d, which only a later version of playtoken knows", s.Format)
	}
	return &s, nil
}

func (s *state) encode(limit int) ([]byte, error) {
	data, err := json.Marshal(s, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("write the gate's register: %w", err)
	}
	if len(data) > limit {
		return nil, fmt.Errorf("%w: %d bytes, want at most %d", ErrFull, len(data), limit)
	}
	return data, nil
}

// begin makes a new document what it has to be, or an old one what a gate of
// these durations needs: it widens those in force, and takes over what the gate
// kept before.
func (s *state) begin(own durations, earlier []Earlier, now time.Time) {
	s.Format = format
	s.Longest.Session = max(s.Longest.Session, own.Session)
	s.Longest.Staleness = max(s.Longest.Staleness, own.Staleness)
	s.Longest.Skew = max(s.Longest.Skew, own.Skew)
	for _, e := range earlier {
		s.takeOver(e, now)
	}
	if s.Owner == "" {
		s.Owner = newID()
	}
	if _, ok := s.newest(); !ok { // no gate has read a document without it
		s.Tickets = append(s.Tickets, newTicketKey(now))
	}
}

// tidy does what falls due with time. It is for a clock that can be trusted.
func (s *state) tidy(now time.Time) {
	s.turnTicketKeys(now)
	s.forget(now)
}

// batch is how long after its time the first of what is about tickets that are
// all over is dropped, with all that is over by then.
const batch = time.Hour

// due reports whether tidying is worth a write.
func (s *state) due(now time.Time) bool {
	first := now.Add(-batch)
	after := *s
	after.Tickets = slices.Clone(s.Tickets)
	after.turnTicketKeys(now)
	return !slices.EqualFunc(after.Tickets, s.Tickets, func(a, b TicketKey) bool { return a.ID == b.ID && a.From.Equal(b.From) }) ||
		slices.ContainsFunc(s.Gone, func(g gone) bool { return g.Until.Before(first) }) ||
		slices.ContainsFunc(s.Cutoffs, func(c Cutoff) bool { return c.Until.Before(first) })
}

// lastTicket is when the last ticket is over that some gate, by its own clock,
// made at the given moment.
func (s *state) lastTicket(made time.Time) time.Time {
	return made.Add(time.Duration(s.Longest.Session+2*s.Longest.Skew) * time.Second)
}

// forget drops what is about tickets that are all over.
func (s *state) forget(now time.Time) {
	s.Gone = slices.DeleteFunc(s.Gone, func(g gone) bool { return g.Until.Before(now) })
	s.Cutoffs = slices.DeleteFunc(s.Cutoffs, func(c Cutoff) bool { return c.Until.Before(now) })
	if s.TrustedTo.Before(now) {
		s.TrustedTo = time.Time{}
	}
}

func (s *state) add(name, publicKey string, now time.Time) Registration {
	stamp := now.UTC().Format(timeForm)
	r := Registration{ID: newID(), Name: name, PublicKey: publicKey,
		CreatedBy: s.Owner, CreatedTime: stamp, UpdatedBy: s.Owner, UpdatedTime: stamp}
	s.enter(r)
	return r
}

func (s *state) enter(r Registration) {
	s.Places++
	s.Keys = append(s.Keys, entry{Place: s.Places, Registration: r})
}

// remove deletes a key and returns what it was.
func (s *state) remove(id string, now time.Time) (Registration, error) {
	i := slices.IndexFunc(s.Keys, func(e entry) bool { return e.Registration.ID == id })
	if i < 0 {
		return Registration{}, store.ErrNotFound
	}
	was := s.Keys[i].Registration
	s.Keys = slices.Delete(s.Keys, i, i+1)
	s.Gone = append(s.Gone, gone{ID: id, At: now.UTC(), Until: s.lastTicket(now).UTC()})
	return was, nil
}
