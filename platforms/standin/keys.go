// Package standin has the parts that stand-ins of video platforms are made
// of: a model of an account's keys ([Keys]), and the ways in which calls go
// wrong ([Fault]).
//
// The decision a newcomer would get wrong: what a call does and what its
// caller sees are two independent halves of a [Fault]. Real failures are those
// where the two differ, so a test chooses both for every call, over HTTP and
// in process alike.
package standin

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"playtoken/keyrotation"
	"playtoken/secret"
)

// World is the account that a platform's stand-in serves.
type World struct {
	Credential map[string]secret.Value // that the stand-in accepts, by the names of the platform's Kind
	Keys       *Keys                   // the account's keys; the stand-in also accepts issued ones
	PageSize   int                     // of lists
	Relative   bool                    // the link to the next page is a path without a host
}

// Op is an operation of a key API.
type Op string

// The operations of a key API. A platform has one of the first two. Over HTTP
// each page of a list is a call of its own; in process a list is one call.
const (
	OpRegister Op = "register"
	OpIssue    Op = "issue"
	OpList     Op = "list"
	OpGet      Op = "get"
	OpDelete   Op = "delete"

	// OpReplace puts another list in place of the one that names the keys, on a
	// platform that has one.
	OpReplace Op = "replace"
)

// Call is a well-formed call that reached the platform.
type Call struct {
	N           int // counts all calls, from 1
	Op          Op
	At          time.Time
	KeyID       string
	Name        string
	Fingerprint string
	Page        int // of a list; the first is 0
}

// Options of Keys. The zero value is an account without faults.
type Options struct {
	Now      func() time.Time // nil: time.Now
	Seed     uint64           // of ids and values
	ReuseIDs bool             // a new key gets the id of a deleted one

	// Fault decides what goes wrong with a call, before the call has any
	// effect. It may call the methods of the Keys. Nil: nothing goes wrong.
	Fault func(Call) Fault
}

// Keys is a model of the keys of one account. Register, List, Get and Delete
// make it a keyrotation.Registrar, and Issue instead of Register a
// keyrotation.Issuer. The stand-in of a platform serves it over HTTP with
// Begin, Put, Make, Drop, Rows and Find. It is safe for concurrent use.
type Keys struct {
	options Options

	mu      sync.Mutex
	rand    *rand.Rand
	script  []Fault
	scripts map[Op][]Fault
	calls   []Call
	records []Record // in order of creation; deleted ones stay, for stale views
	delayed []change
	serial  int
	used    map[string]bool
}

// Record is a key that exists, or existed, on the platform.
type Record struct {
	Serial    int // counts keys in order of creation, from 1
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

// change is a write that takes effect later than its call.
type change struct {
	due   time.Time
	apply func(at time.Time)
}

// New returns an account without keys.
func New(options Options) *Keys {
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Keys{
		options: options,
		rand:    rand.New(rand.NewPCG(options.Seed, 1)),
		used:    map[string]bool{},
		scripts: map[Op][]Fault{},
	}
}

// Script sets the faults of the next calls, one for each. They come before
// those of Options.Fault.
func (k *Keys) Script(faults ...Fault) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.script = append(k.script, faults...)
}

// ScriptOp sets the faults of the next calls of one operation, one for each. They come
// before those of Script.
func (k *Keys) ScriptOp(op Op, faults ...Fault) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.scripts[op] = append(k.scripts[op], faults...)
}

// Calls returns all calls so far.
func (k *Keys) Calls() []Call {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.calls)
}

// Count returns the number of calls of an operation.
func (k *Keys) Count(op Op) int {
	n := 0
	for _, call := range k.Calls() {
		if call.Op == op {
			n++
		}
	}
	return n
}

// Holds reports whether the platform would now accept a token that names keyID
// and is signed with the key of this fingerprint.
func (k *Keys) Holds(keyID, fingerprint string) bool {
	return fingerprint != "" && slices.ContainsFunc(k.Current(), func(key keyrotation.PlatformKey) bool {
		return key.ID == keyID && key.Fingerprint == fingerprint
	})
}

// Current returns the keys that exist now, oldest first, without faults.
func (k *Keys) Current() []keyrotation.PlatformKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	var keys []keyrotation.PlatformKey
	for _, r := range k.view(0) {
		keys = append(keys, r.key())
	}
	return keys
}

// Add registers a key without a call, as a person does in the platform's
// console. The public key may be any text.
func (k *Keys) Add(name, publicKey string) (keyID string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := Record{ID: k.newID(), Name: name, PublicKey: publicKey, Created: k.settle()}
	k.insert(r)
	return r.ID
}

// AddIssued issues a key without a call, as a person does in the platform's
// console.
func (k *Keys) AddIssued(name string) Record {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := Record{ID: k.newID(), Name: name, Value: k.newValue(), Created: k.settle()}
	k.insert(r)
	return r
}

// Issued returns the issued keys that the platform accepts now, by value.
func (k *Keys) Issued() map[string]Record {
	k.mu.Lock()
	defer k.mu.Unlock()
	values := map[string]Record{}
	for _, r := range k.view(0) {
		if r.Value != "" {
			values[r.Value] = r
		}
	}
	return values
}

// Remove deletes a key without a call, as a person does in the platform's
// console.
func (k *Keys) Remove(keyID string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.remove(keyID, k.settle())
}

// Land applies all delayed changes now.
func (k *Keys) Land() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.land(time.Time{})
}

// Pending returns the number of delayed changes that have not taken effect.
func (k *Keys) Pending() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.settle()
	return len(k.delayed)
}

// Begin records a call and returns what goes wrong with it.
func (k *Keys) Begin(call Call) Fault {
	k.mu.Lock()
	call.N, call.At = len(k.calls)+1, k.settle()
	k.calls = append(k.calls, call)
	if fault, ok := k.scripted(call.Op); ok {
		k.mu.Unlock()
		return fault
	}
	k.mu.Unlock() // before Options.Fault, which may call the methods of k
	if k.options.Fault == nil {
		return Fault{}
	}
	return k.options.Fault(call)
}

// scripted takes the next fault of the scripts.
func (k *Keys) scripted(op Op) (next Fault, ok bool) {
	script := k.scripts[op]
	if len(script) == 0 {
		if len(k.script) == 0 {
			return Fault{}, false
		}
		next, k.script = k.script[0], k.script[1:]
		return next, true
	}
	k.scripts[op] = script[1:]
	return script[0], true
}

// settle applies the changes that are due, and returns the time.
func (k *Keys) settle() time.Time {
	now := k.options.Now()
	k.land(now)
	return now
}

// land applies the changes that are due by a time; by the zero time, all.
func (k *Keys) land(by time.Time) {
	slices.SortStableFunc(k.delayed, func(a, b change) int { return a.due.Compare(b.due) })
	for len(k.delayed) > 0 && (by.IsZero() || !k.delayed[0].due.After(by)) {
		next := k.delayed[0]
		k.delayed = k.delayed[1:]
		at := next.due
		if by.IsZero() {
			at = k.options.Now()
		}
		next.apply(at)
	}
}

// view returns the keys that existed that long ago.
func (k *Keys) view(age time.Duration) []Record {
	at := k.settle().Add(-age)
	var rows []Record
	for _, r := range k.records {
		if r.visible(at) {
			rows = append(rows, r)
		}
	}
	return rows
}

func (k *Keys) insert(r Record) {
	k.serial++
	r.Serial = k.serial
	k.records = append(k.records, r)
}

func (k *Keys) remove(id string, at time.Time) {
	for i := range k.records {
		if k.records[i].ID == id && k.records[i].deleted.IsZero() {
			k.records[i].deleted = at
		}
	}
}

func (k *Keys) newID() string {
	if k.options.ReuseIDs {
		for _, r := range k.records {
			if _, taken := find(k.view(0), r.ID); !taken {
				return r.ID
			}
		}
	}
	return k.text(21)
}

// newValue returns a credential that anyone who knows the seed can compute.
func (k *Keys) newValue() string { return "issued-" + k.text(40) }

// text returns letters and digits that it has not returned before.
func (k *Keys) text(length int) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	for {
		text := make([]byte, length)
		for i := range text {
			text[i] = alphabet[k.rand.IntN(len(alphabet))]
		}
		if !k.used[string(text)] {
			k.used[string(text)] = true
			return string(text)
		}
	}
}
