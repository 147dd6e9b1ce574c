// Package platformtest holds what every client of a platform is tested with:
// a stand-in for the platform's key API that can fail in all the ways real
// ones do, and the promises that a client must keep against it.
//
// The decision a newcomer would get wrong: what a call does and what its
// caller gets to see are two independent halves of a [Fault]. Real trouble is
// where they differ, so both can be chosen for every call, over HTTP and in
// process alike, on one model of the truth that tests can ask.
package platformtest

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"playtoken/keyrotation"
	"playtoken/secret"
)

// Op is what a call asks for.
type Op string

// The calls of a key API. Each page of a list is a call over HTTP; in process
// a list is one call.
const (
	OpRegister Op = "register"
	OpList     Op = "list"
	OpGet      Op = "get"
	OpDelete   Op = "delete"
)

// Call is one call that reached the platform and was well-formed.
type Call struct {
	N           int // 1, 2, 3…
	Op          Op
	At          time.Time
	KeyID       string
	Name        string
	Fingerprint string
	Page        int // of a list; 0 is the first
}

// Options of a Standin; the zero value will do.
type Options struct {
	Credential secret.Value     // wanted by the HTTP face; none: everybody is let in
	Now        func() time.Time // nil: time.Now
	Seed       uint64           // of the ids it makes
	PageSize   int              // 0: 25
	Relative   bool             // links to the next page name no host
	ReuseIDs   bool             // a new key gets the id of a deleted one

	// Fault is asked about every call before anything happens; nil: all is
	// well. It may ask the Standin questions.
	Fault func(Call) Fault
}

// Standin is one account at a platform with Vidbeo's key API. Its methods
// Register, List, Get and Delete are a keyrotation.Registrar; Handler is the
// same account over HTTP. It is safe for concurrent use.
type Standin struct {
	options Options

	mu      sync.Mutex
	rand    *rand.Rand
	script  []Fault
	calls   []Call
	records []record // by age; deleted ones stay, for stale views
	late    []late
	serial  int
	used    map[string]bool
	sent    int
}

// record is a key that is, or was, registered.
type record struct {
	serial           int
	id, name, public string
	created, deleted time.Time
}

func (r record) visible(at time.Time) bool {
	return !r.created.After(at) && (r.deleted.IsZero() || r.deleted.After(at))
}

func (r record) key() keyrotation.PlatformKey {
	return keyrotation.PlatformKey{
		ID:          r.id,
		Name:        r.name,
		PublicKey:   r.public,
		Fingerprint: keyrotation.Fingerprint(r.public),
		CreatedAt:   r.created.UTC().Truncate(time.Millisecond),
	}
}

// late is a change that has been asked for but not happened yet.
type late struct {
	due    time.Time
	change func(at time.Time)
}

// New returns an account without keys.
func New(options Options) *Standin {
	if options.Now == nil {
		options.Now = time.Now
	}
	options.PageSize = cmp.Or(options.PageSize, 25)
	return &Standin{
		options: options,
		rand:    rand.New(rand.NewPCG(options.Seed, 1)),
		used:    map[string]bool{},
	}
}

// Script says what goes wrong with the next calls, one by one. It comes before
// Options.Fault.
func (s *Standin) Script(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = append(s.script, faults...)
}

// Calls returns all calls so far.
func (s *Standin) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// Count returns how many calls asked for op.
func (s *Standin) Count(op Op) int {
	n := 0
	for _, call := range s.Calls() {
		if call.Op == op {
			n++
		}
	}
	return n
}

// Holds reports whether, right now, the platform would verify a token that
// names keyID and is signed by the key with this fingerprint.
func (s *Standin) Holds(keyID, fingerprint string) bool {
	return fingerprint != "" && slices.ContainsFunc(s.Keys(), func(k keyrotation.PlatformKey) bool {
		return k.ID == keyID && k.Fingerprint == fingerprint
	})
}

// Keys is the truth, oldest first.
func (s *Standin) Keys() []keyrotation.PlatformKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []keyrotation.PlatformKey
	for _, r := range s.view(0) {
		keys = append(keys, r.key())
	}
	return keys
}

// Add registers a key as somebody else would, by hand. The public key may be
// any text.
func (s *Standin) Add(name, publicKey string) (keyID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.newID()
	s.insert(id, name, publicKey, s.settle())
	return id
}

// Remove deletes a key as somebody else would, by hand.
func (s *Standin) Remove(keyID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(keyID, s.settle())
}

// Land makes everything happen that was to happen later.
func (s *Standin) Land() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.land(time.Time{})
}

// Pending returns how many changes are still to happen.
func (s *Standin) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	return len(s.late)
}

// begin records a call and learns what goes wrong with it.
func (s *Standin) begin(call Call) Fault {
	s.mu.Lock()
	call.N, call.At = len(s.calls)+1, s.settle()
	s.calls = append(s.calls, call)
	if len(s.script) > 0 {
		fault := s.script[0]
		s.script = s.script[1:]
		s.mu.Unlock()
		return fault
	}
	s.mu.Unlock() // so that the hook may ask questions
	if s.options.Fault == nil {
		return Fault{}
	}
	return s.options.Fault(call)
}

// settle lets happen what is due, and returns the time.
func (s *Standin) settle() time.Time {
	now := s.options.Now()
	s.land(now)
	return now
}

// land lets happen what is due by a time; all of it, by the zero time.
func (s *Standin) land(by time.Time) {
	slices.SortStableFunc(s.late, func(a, b late) int { return a.due.Compare(b.due) })
	for len(s.late) > 0 && (by.IsZero() || !s.late[0].due.After(by)) {
		next := s.late[0]
		s.late = s.late[1:]
		if at := next.due; by.IsZero() {
			next.change(s.options.Now())
		} else {
			next.change(at)
		}
	}
}

// view is what was registered that long ago.
func (s *Standin) view(age time.Duration) []record {
	at := s.settle().Add(-age)
	var rows []record
	for _, r := range s.records {
		if r.visible(at) {
			rows = append(rows, r)
		}
	}
	return rows
}

func (s *Standin) insert(id, name, public string, at time.Time) {
	s.serial++
	s.records = append(s.records, record{serial: s.serial, id: id, name: name, public: public, created: at})
}

func (s *Standin) remove(id string, at time.Time) {
	for i := range s.records {
		if s.records[i].id == id && s.records[i].deleted.IsZero() {
			s.records[i].deleted = at
		}
	}
}

func (s *Standin) newID() string {
	if s.options.ReuseIDs {
		for _, r := range s.records {
			if _, taken := find(s.view(0), r.id); !taken {
				return r.id
			}
		}
	}
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	for {
		id := make([]byte, 21)
		for i := range id {
			id[i] = alphabet[s.rand.IntN(len(alphabet))]
		}
		if !s.used[string(id)] {
			s.used[string(id)] = true
			return string(id)
		}
	}
}
