package keyrotation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"playtoken/store"
)

// State is where a signing key is in its life. The table below says what a state
// means; the plan and moves files say how a key moves between states.
type State string

// The states, in the order of a life without trouble, then the others.
const (
	Planned     State = "planned"     // a name is reserved; the store may hold a private key
	Generated   State = "generated"   // the private key (or the document for an issued one) exists, its identity is recorded
	Registering State = "registering" // the public half, or the request, may have reached the platform
	Registered  State = "registered"  // the platform knows it: a standby, once it has propagated
	Active      State = "active"      // signs; at most one key of a ring
	Retiring    State = "retiring"    // signs nothing new; its tokens may still be in use
	Deleting    State = "deleting"    // being removed: platform first, then private key
	Deleted     State = "deleted"     // a tombstone, so that late registrations are recognised
	Abandoning  State = "abandoning"  // never used and never will be; removed like Deleting
	Revoking    State = "revoking"    // compromised: private key first, then platform
	Quarantined State = "quarantined" // store or platform disagree with the ring: signs nothing
)

// trait is what a state means.
type trait struct {
	live    bool    // the platform may hold the key: it counts towards the budget
	leaving bool    // the key is on its way to Deleted, and never comes back
	shown   bool    // the platform has to show the key under its key id
	coming  bool    // the key is a standby, or will be one
	next    []State // that may follow
}

var states = map[State]trait{
	Planned:     {coming: true, next: []State{Generated, Abandoning, Revoking}},
	Generated:   {coming: true, next: []State{Registering, Registered, Abandoning, Revoking}},
	Registering: {coming: true, live: true, next: []State{Generated, Registered, Abandoning, Revoking}},
	Registered:  {coming: true, live: true, shown: true, next: []State{Active, Abandoning, Quarantined, Revoking}},
	Active:      {live: true, shown: true, next: []State{Retiring, Quarantined, Revoking}},
	Retiring:    {live: true, shown: true, next: []State{Active, Deleting, Revoking}},
	Quarantined: {live: true, next: []State{Registered, Retiring, Deleting, Revoking}},
	Deleting:    {live: true, leaving: true, next: []State{Deleted, Revoking}},
	Abandoning:  {live: true, leaving: true, next: []State{Deleted, Revoking}},
	Revoking:    {live: true, leaving: true, next: []State{Deleted}},
	Deleted:     {},
}

// Key is one generation of a project's signing key. Times are UTC; a zero time
// means "has not happened".
type Key struct {
	Generation  int        `json:"generation"` // 1, 2, 3…; never reused
	State       State      `json:"state"`
	StoreName   string     `json:"store_name"` // of the private key; server-made
	Name        string     `json:"name"`       // at the platform, for people; no move depends on it, but see Fingerprint
	KeyID       string     `json:"key_id,omitempty"`
	Fingerprint string     `json:"fingerprint,omitempty"` // of the public key; of an issued key, SHA-256 of its name
	PublicKey   string     `json:"public_key,omitempty"`  // PEM; dropped from tombstones; an issued key has none
	Kind        store.Kind `json:"-"`                     // see storedKey
	Exportable  bool       `json:"exportable"`
	Issued      bool       `json:"issued,omitzero"`    // made by the platform; its value is in the document IssuedName
	Published   bool       `json:"published,omitzero"` // verifiers fetch it; see Ring.Published
	Carried     bool       `json:"carried,omitzero"`   // an operator takes it to the verifiers; see Key.WaitsFor

	// MaxTTL is the longest lifetime that a token of this key may have. It only
	// grows, and grows here before any signer uses it.
	MaxTTL time.Duration `json:"max_ttl_ns"`

	CreatedAt       time.Time `json:"created_at,omitzero"`
	AttemptAt       time.Time `json:"attempt_at,omitzero"` // intent of the newest registration
	RegisteredAt    time.Time `json:"registered_at,omitzero"`
	ActivatedAt     time.Time `json:"activated_at,omitzero"`
	RetiredAt       time.Time `json:"retired_at,omitzero"`
	DeleteNotBefore time.Time `json:"delete_not_before,omitzero"`
	DoubtedAt       time.Time `json:"doubted_at,omitzero"`   // first observation that disagreed
	LostAt          time.Time `json:"lost_at,omitzero"`      // given up, because the platform lost it; see Ring.giveUp
	WithdrawnAt     time.Time `json:"withdrawn_at,omitzero"` // the platform agreed to delete it
	DestroyedAt     time.Time `json:"destroyed_at,omitzero"` // the private key is gone
	DeletedAt       time.Time `json:"deleted_at,omitzero"`
	SessionsEndedAt time.Time `json:"sessions_ended_at,omitzero"` // of a revoked key: the platform says that its sessions have ended

	// Unseen: the platform's response alone says that it has the key; no list
	// has shown it as ours. ConfirmedAt is when an operator said that it is.
	Unseen      bool      `json:"unseen,omitzero"`
	ConfirmedAt time.Time `json:"confirmed_at,omitzero"`

	Note string `json:"note,omitempty"` // why it was revoked, quarantined or abandoned
}

// Durations are in force for every replica that uses the ring, even if its own
// environment differs. They only grow.
type Durations struct {
	Propagation time.Duration `json:"propagation_ns"` // D: from registration until every edge knows the key
	ViewAge     time.Duration `json:"view_age_ns"`    // V: how old a signer's view of the ring may be
	Staleness   time.Duration `json:"staleness_ns"`   // W: the same while the store is unavailable (memory signing)
	Skew        time.Duration `json:"skew_ns"`        // S: how far clocks may be apart
	Settle      time.Duration `json:"settle_ns"`      // after which a call without a response has arrived or never will
}

// widest returns, field by field, the longer of two.
func (d Durations) widest(e Durations) Durations {
	return Durations{
		Propagation: max(d.Propagation, e.Propagation),
		ViewAge:     max(d.ViewAge, e.ViewAge),
		Staleness:   max(d.Staleness, e.Staleness),
		Skew:        max(d.Skew, e.Skew),
		Settle:      max(d.Settle, e.Settle),
	}
}

// overlap is how long a key must stay at the platform after the ring said that
// it is retired. Skew counts twice: the clocks that begin and end the wait may
// differ, and so may those of signer and platform.
func (d Durations) overlap(maxTTL time.Duration) time.Duration {
	return max(d.ViewAge, d.Staleness) + maxTTL + 2*d.Skew
}

// Orphan is a second registration of a key of ours under another id. A lost
// response leaves it behind.
type Orphan struct {
	KeyID       string    `json:"key_id"`
	Fingerprint string    `json:"fingerprint"`
	SeenAt      time.Time `json:"seen_at"`              // when a complete list first showed it
	DeletingAt  time.Time `json:"deleting_at,omitzero"` // intent to delete
}

// How a run ended.
const (
	RunOK      = "ok"
	RunFailed  = "failed"
	RunBlocked = "blocked" // what is due waits for an operator
)

// Run tells how the newest reconcile that did something ended.
type Run struct {
	At        time.Time `json:"at,omitzero"`
	Outcome   string    `json:"outcome,omitempty"` // RunOK, RunFailed or RunBlocked
	Error     string    `json:"error,omitempty"`
	SuccessAt time.Time `json:"success_at,omitzero"`
}

// Ring is all that is known about the signing keys of a project: the one
// document that rotation reads and writes. One write of it is one atomic
// transition.
type Ring struct {
	Project    string       `json:"project"`
	StoreID    string       `json:"store_id"` // random, made once: tells our keys from another deployment's
	Durations  Durations    `json:"durations"`
	Spec       KeySpec      `json:"spec,omitzero"`    // the kind of key that is made
	SpecAt     time.Time    `json:"spec_at,omitzero"` // when the kind last changed
	Keys       []Key        `json:"keys"`             // by rising generation
	Orphans    []Orphan     `json:"orphans,omitempty"`
	Strangers  []string     `json:"strangers,omitempty"` // see Ring.strangers; as they were before the registrations under way
	Strays     []Stray      `json:"strays,omitempty"`
	Ends       []SessionEnd `json:"session_ends,omitempty"` // that the platform has not confirmed
	ObservedAt time.Time    `json:"looked_at,omitzero"`     // newest complete observation
	Drifted    DriftCounts  `json:"drifted,omitempty"`      // what it showed
	Account    string       `json:"account,omitempty"`      // with which the platform last showed a key of ours; see Rotator.Account
	LostAt     time.Time    `json:"lost_at,omitzero"`       // since then it shows none; see noteLoss
	Lost       string       `json:"lost_account,omitempty"` // the account that shows none
	Troubles   []Trouble    `json:"findings,omitempty"`     // see Rotator.Troubles
	RetryAt    time.Time    `json:"retry_at,omitzero"`      // no new registration before
	Failures   int          `json:"failures,omitempty"`     // registrations refused in a row
	LastRun    Run          `json:"last_run,omitzero"`
	NextAction time.Time    `json:"next_action_at,omitzero"`
	EndedAt    time.Time    `json:"ended_at,omitzero"` // after it no key is made; see Rotator.End

	// Version is the document's version in the store, 0 before the first write.
	Version int64 `json:"-"`
}

// RingName is the name of the document that holds a project's ring.
func RingName(project string) string { return "ring/" + project }

// Active returns the key that signs.
func (r *Ring) Active() (Key, bool) {
	for _, k := range r.Keys {
		if k.State == Active {
			return k, true
		}
	}
	return Key{}, false
}

// Key returns the key of a generation.
func (r *Ring) Key(generation int) (Key, bool) {
	if k := r.key(generation); k != nil {
		return *k, true
	}
	return Key{}, false
}

// nextGeneration is the number of the key that will be made next.
func (r *Ring) nextGeneration() int {
	if n := len(r.Keys); n > 0 {
		return r.Keys[n-1].Generation + 1
	}
	return 1
}

func (r *Ring) key(generation int) *Key {
	for i := range r.Keys {
		if r.Keys[i].Generation == generation {
			return &r.Keys[i]
		}
	}
	return nil
}

// clone returns a copy that shares no slice with the ring.
func (r *Ring) clone() Ring {
	c := *r
	c.Keys = slices.Clone(r.Keys)
	c.Orphans = slices.Clone(r.Orphans)
	c.Ends = slices.Clone(r.Ends)
	c.Strays = slices.Clone(r.Strays)
	c.Troubles = slices.Clone(r.Troubles)
	return c
}

// check refuses a ring that no sequence of moves leads to. It is called after
// every decoding and before every write.
func (r *Ring) check() error {
	active, last := 0, 0
	ids := map[string]bool{}
	for _, k := range r.Keys {
		if _, known := states[k.State]; !known {
			return fmt.Errorf("generation %d: unknown state %q", k.Generation, k.State)
		}
		if k.Generation <= last {
			return fmt.Errorf("generation %d: after %d", k.Generation, last)
		}
		last = k.Generation
		if k.State == Active {
			active++
		}
		if states[k.State].shown && (k.KeyID == "" || k.Fingerprint == "" || k.PublicKey == "" && !k.Issued) {
			return fmt.Errorf("generation %d: %s without key id or public key", k.Generation, k.State)
		}
		if k.State == Deleted {
			continue // a platform may reuse an id
		}
		for _, id := range []string{"id " + k.KeyID, "fingerprint " + k.Fingerprint} {
			if ids[id] && !strings.HasSuffix(id, " ") {
				return fmt.Errorf("generation %d: %s is also that of another key", k.Generation, id)
			}
			ids[id] = true
		}
	}
	if active > 1 {
		return fmt.Errorf("%d active keys", active)
	}
	return nil
}

// standby returns the key that becomes active if no key is: the oldest
// registered one that nothing is known against, or else the oldest. See
// successor.
func (r *Ring) standby() (Key, bool) {
	return r.oldest(func(Key) bool { return true })
}

func (r *Ring) oldest(fit func(Key) bool) (Key, bool) {
	var found *Key
	for i, k := range r.Keys {
		if k.State == Registered && fit(k) && (found == nil || !found.sure() && k.sure()) {
			found = &r.Keys[i]
		}
	}
	if found == nil {
		return Key{}, false
	}
	return *found, true
}

// sure reports whether nothing is known against a registered key: the newest
// observation did not contradict the ring, and one has shown the key.
func (k *Key) sure() bool { return k.DoubtedAt.IsZero() && !k.Unseen }

// readyAt is when a registered key has propagated: every replica serves it, if
// verifiers fetch it, and every verifier knows it.
func (r *Ring) readyAt(k Key) time.Time {
	return k.RegisteredAt.Add(r.servedLate(k) + r.Durations.Propagation)
}

// EarliestActive is when the standby can be active at the soonest. It is zero if
// the ring has no standby.
func (r *Ring) EarliestActive() time.Time {
	if standby, ok := r.standby(); ok {
		return r.readyAt(standby)
	}
	return time.Time{}
}

// newest is the newest time at which something happened, by the ring's record.
func (r *Ring) newest() time.Time {
	newest := later(later(r.ObservedAt, r.LastRun.At), r.SpecAt)
	for _, k := range r.Keys {
		for _, t := range []time.Time{k.CreatedAt, k.AttemptAt, k.RegisteredAt, k.ActivatedAt, k.RetiredAt,
			k.DoubtedAt, k.LostAt, k.ConfirmedAt, k.WithdrawnAt, k.DestroyedAt, k.DeletedAt, k.SessionsEndedAt} {
			newest = later(newest, t)
		}
	}
	for _, end := range r.Ends {
		newest = later(newest, end.AskedAt)
	}
	return newest
}
