// Package platformtest holds what every platform is tested with: the promises
// that an opened platforms.Platform keeps ([Run]), whatever its platform and
// the network do, and a model of the keys of an account ([Standin]) for the
// stand-ins that platforms bring along.
//
// The decision a newcomer would get wrong: what a call does and what its
// caller gets to see are two independent halves of a [Fault]. Real trouble is
// where they differ, so both can be chosen for every call, over HTTP and in
// process alike, on one model of the truth that tests can ask.
package platformtest

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"playtoken/keyrotation"
)

// Op is what a call asks for.
type Op string

// The calls of a key API. Each page of a list is a call over HTTP; in process
// a list is one call. A platform has one of the first two.
const (
	OpRegister Op = "register"
	OpIssue    Op = "issue"
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
	Now      func() time.Time // nil: time.Now
	Seed     uint64           // of the ids it makes
	ReuseIDs bool             // a new key gets the id of a deleted one

	// Fault is asked about every call before anything happens; nil: all is
	// well. It may ask the Standin questions.
	Fault func(Call) Fault
}

// Standin is the keys of one account. Its methods Register, List, Get and
// Delete are a keyrotation.Registrar, and with Issue instead of Register a
// keyrotation.Issuer; a platform's own stand-in puts them behind HTTP, with
// Begin and what follows it. It is safe for concurrent use.
type Standin struct {
	options Options

	mu      sync.Mutex
	rand    *rand.Rand
	script  []Fault
	calls   []Call
	records []Record // by age; deleted ones stay, for stale views
	late    []late
	serial  int
	used    map[string]bool
}

// Record is a key that is, or was, registered or issued.
type Record struct {
	Serial    int // 1, 2, 3…; greater for younger ones
	ID, Name  string
	PublicKey string // of a registered key
	Value     string // of an issued key
	Created   time.Time

	deleted time.Time
}

func (r Record) visible(at time.Time) bool {
	return !r.Created.After(at) && (r.deleted.IsZero() || r.deleted.After(at))
}

func (r Record) key() keyrotation.PlatformKey {
	return keyrotation.PlatformKey{
		ID:          r.ID,
		Name:        r.Name,
		PublicKey:   r.PublicKey,
		Fingerprint: keyrotation.Fingerprint(r.PublicKey),
		CreatedAt:   r.Created.UTC().Truncate(time.Millisecond),
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
	r := Record{ID: s.newID(), Name: name, PublicKey: publicKey, Created: s.settle()}
	s.insert(r)
	return r.ID
}

// AddIssued has a key made as somebody else would, by hand.
func (s *Standin) AddIssued(name string) Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := Record{ID: s.newID(), Name: name, Value: s.newValue(), Created: s.settle()}
	s.insert(r)
	return r
}

// Issued is every key that lets its bearer in right now, by its value.
func (s *Standin) Issued() map[string]Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	values := map[string]Record{}
	for _, r := range s.view(0) {
		if r.Value != "" {
			values[r.Value] = r
		}
	}
	return values
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

// Begin records a call and learns what goes wrong with it.
func (s *Standin) Begin(call Call) Fault {
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
func (s *Standin) view(age time.Duration) []Record {
	at := s.settle().Add(-age)
	var rows []Record
	for _, r := range s.records {
		if r.visible(at) {
			rows = append(rows, r)
		}
	}
	return rows
}

func (s *Standin) insert(r Record) {
	s.serial++
	r.Serial = s.serial
	s.records = append(s.records, r)
}

func (s *Standin) remove(id string, at time.Time) {
	for i := range s.records {
		if s.records[i].ID == id && s.records[i].deleted.IsZero() {
			s.records[i].deleted = at
		}
	}
}

func (s *Standin) newID() string {
	if s.options.ReuseIDs {
		for _, r := range s.records {
			if _, taken := find(s.view(0), r.ID); !taken {
				return r.ID
			}
		}
	}
	return s.text(21)
}

// newValue is no secret to anybody who knows the seed.
func (s *Standin) newValue() string { return "issued-" + s.text(40) }

// text is letters and digits that were never used before.
func (s *Standin) text(length int) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	for {
		text := make([]byte, length)
		for i := range text {
			text[i] = alphabet[s.rand.IntN(len(alphabet))]
		}
		if !s.used[string(text)] {
			s.used[string(text)] = true
			return string(text)
		}
	}
}
