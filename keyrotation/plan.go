package keyrotation

import (
	"fmt"
	"slices"
	"time"

	"playtoken/store"
)

// Action names a move.
type Action string

// The moves. Those marked * change something outside the ring.
const (
	Widen        Action = "widen"         // durations and largest lifetimes of the policy come into force
	Respec       Action = "respec"        // the policy's kind of key comes into force
	Observe      Action = "look"          // see what platform and store really hold
	PlanKey      Action = "plan"          // reserve a generation and a name
	Generate     Action = "generate"      // * make the private key, or room for an issued one
	Register     Action = "register"      // * hand over the public key, or ask for an issued one
	Adopt        Action = "adopt"         // take the id of a registration whose answer was lost
	Activate     Action = "activate"      // sign with the standby, retire the active key
	Discard      Action = "discard"       // a key that never signed is not wanted, or its value is lost
	Date         Action = "date"          // its retirement is known to all: from now its tokens die out
	Delete       Action = "delete"        // a retired key's time is over
	Withdraw     Action = "withdraw"      // * delete it at the platform
	Destroy      Action = "destroy"       // * destroy the private key, or the value
	Bury         Action = "bury"          // nothing is left of it but a tombstone
	Doubt        Action = "doubt"         // platform or store disagree: look again later
	Trust        Action = "trust"         // they agree again
	Quarantine   Action = "quarantine"    // they still disagree: stop using it
	NoteOrphan   Action = "note_orphan"   // a second registration of one of our keys was seen
	DeleteOrphan Action = "delete_orphan" // * and is deleted
	ForgetOrphan Action = "forget_orphan" // and is gone
)

// Move is one thing that Plan wants done.
type Move struct {
	Action     Action    `json:"action"`
	Generation int       `json:"generation,omitempty"`
	KeyID      string    `json:"key_id,omitempty"`
	Why        string    `json:"why"`
	NotBefore  time.Time `json:"not_before"`
	// Blocked moves wait for something other than time; Why says what.
	Blocked bool `json:"blocked,omitempty"`

	routine bool // nothing that anybody waits for
}

// due reports whether the move can be made at now.
func (m Move) due(now time.Time) bool { return !m.Blocked && !m.NotBefore.After(now) }

// Observation is what one complete look at platform and store showed. It is believed
// until the pass that took it changes something at the platform, or finds that
// somebody else changed the ring.
type Observation struct {
	At time.Time
	// Platform holds the whole list, by id; an id of ours that the list lacked
	// was asked for by itself, so absence is the platform's own word.
	Platform map[string]PlatformKey
	// Store holds the private keys of our generations by store name.
	Store map[string]store.KeyInfo
	// ClockAhead is our clock minus the store's.
	ClockAhead time.Duration
}

// Plan returns what has to happen to the keys of a ring, the moves that can be
// made at once first, in the order in which they should be. It is the
// scheduler, the dry run and the test's subject: pure, and right for any ring,
// whoever wrote it. look is nil when nobody has looked yet; a move that needs
// to see the platform is then preceded by the move to look.
func Plan(now time.Time, ring Ring, look *Observation, policy Policy) []Move {
	p := planner{now: now, ring: ring, look: look, policy: policy}
	p.plan()
	slices.SortStableFunc(p.moves, func(a, b Move) int {
		switch {
		case a.due(now) == b.due(now):
			return 0
		case a.due(now):
			return -1
		}
		return 1
	})
	return p.moves
}

// plan asks every rule, the urgent ones first.
func (p *planner) plan() {
	p.emergencies() // no clock holds them up
	if newest := p.ring.newest(); p.now.Add(p.ring.Durations.Skew).Before(newest) {
		p.block(Observe, Key{}, behind(newest))
		return
	}
	if !p.ring.EndedAt.IsZero() {
		p.remove()
		p.sweep()
		return
	}
	p.widen()
	p.respec()
	if p.wrongAccount() {
		p.block(Observe, Key{}, "the platform shows none of our keys: wrong account or credential? nothing is touched; "+
			"see the drift report")
		return
	}
	// What keeps tokens coming goes before what a platform may take long to
	// do, or refuse, time after time.
	p.suspect()
	p.promote()
	p.finish()
	p.prepare()
	p.leftovers()
	p.remove()
	p.sweep()
	p.observe()
}

func behind(newest time.Time) string {
	return "our clock is behind the newest time in the ring, " + newest.Format(time.RFC3339) +
		": one of two clocks is wrong; nothing moves until that time"
}

// planner collects moves. Each of its rules adds what one concern wants.
type planner struct {
	now    time.Time
	ring   Ring
	look   *Observation
	policy Policy
	moves  []Move
	looks  bool // a look was asked for already
}

func (p *planner) add(a Action, k Key, notBefore time.Time, why string) {
	p.moves = append(p.moves, Move{Action: a, Generation: k.Generation, KeyID: k.KeyID, Why: why, NotBefore: notBefore.UTC()})
}

func (p *planner) block(a Action, k Key, why string) {
	p.moves = append(p.moves, Move{Action: a, Generation: k.Generation, KeyID: k.KeyID, Why: why, Blocked: true})
}

// seen reports whether there is a look, and asks for one if there is not.
func (p *planner) seen(why string) bool {
	if p.look != nil {
		return true
	}
	if !p.looks {
		p.looks = true
		p.add(Observe, Key{}, p.now, why)
	}
	return false
}

// seenSince reports whether there is a look that was begun at t or later, and
// otherwise asks for one: an older look cannot confirm itself.
func (p *planner) seenSince(t time.Time, why string) bool {
	if p.look != nil && p.look.At.Before(t) {
		p.look = nil
	}
	return p.seen(why)
}

// after reports whether t has come, and otherwise adds the move for then.
func (p *planner) after(t time.Time, a Action, k Key, why string) bool {
	if p.now.Before(t) {
		p.add(a, k, t, why)
		return false
	}
	return true
}

// widen brings longer durations into force before anybody uses them.
func (p *planner) widen() {
	wide := p.ring.Durations.widest(p.policy.Durations) == p.ring.Durations
	for _, k := range p.ring.Keys {
		wide = wide && k.mayOutlive(p.policy.MaxTTL)
	}
	if !wide && len(p.ring.Keys) > 0 {
		p.add(Widen, Key{}, p.now, "the policy allows longer tokens or delays than the ring records")
	}
}

// mayOutlive reports whether tokens of the key may already live for ttl, or
// none will be made with it.
func (k *Key) mayOutlive(ttl time.Duration) bool {
	signs := states[k.State].coming || k.State == Active
	return !signs || k.MaxTTL >= ttl
}

// emergencies: a compromised private key is destroyed before anything else,
// and without looking at anything. Of an issued key the platform goes first:
// there a stolen value is honoured, whatever we do to our copy of it, and by
// the ring nobody of ours uses it any more. The copy does not wait for the
// platform's answer, though.
func (p *planner) emergencies() {
	for _, k := range p.ring.Keys {
		if k.State != Revoking {
			continue
		}
		ours, theirs := k.DestroyedAt.IsZero(), k.KeyID != "" && k.WithdrawnAt.IsZero()
		if theirs && (k.Issued || !ours) {
			p.add(Withdraw, k, p.now, "it is revoked")
		}
		if ours {
			p.add(Destroy, k, p.now, "it is revoked")
		}
	}
}

// finish goes on with registrations that were begun.
func (p *planner) finish() {
	for _, k := range p.ring.Keys {
		switch begun := k.State == Planned || k.State == Generated; {
		case begun && !p.ring.wants(k):
			p.add(Discard, k, p.now, unwanted) // perhaps it cannot even be made
		case k.State == Planned:
			p.add(Generate, k, p.now, "it is planned")
		case k.State == Generated:
			// A look first: the account may have become another one, or know
			// the key already, when the ring is an old one that was restored.
			if p.after(p.ring.RetryAt, Register, k, "the last registration did not succeed") &&
				p.seen(fmt.Sprintf("before generation %d is registered", k.Generation)) && !p.adopt(k) {
				p.add(Register, k, p.now, "its private key is made")
			}
		case k.State == Registering:
			p.heal(k)
		}
	}
}

// heal finds out what became of a registration whose answer was lost.
func (p *planner) heal(k Key) {
	settled := k.AttemptAt.Add(p.ring.Durations.Settle)
	if k.Issued {
		p.forsake(k, settled)
		return
	}
	if p.now.Before(settled) {
		if p.ring.ObservedAt.After(k.AttemptAt) && p.look == nil {
			p.add(Register, k, settled, "its registration was not answered; it may still arrive")
		} else if p.seen("a registration was not answered") && !p.adopt(k) {
			p.add(Register, k, settled, "its registration was not answered; it may still arrive")
		}
		return
	}
	if !p.seen("a registration was not answered") || p.adopt(k) {
		return
	}
	if p.seenSince(settled, "a registration was not answered") && p.after(p.ring.RetryAt, Register, k, "the last registration did not succeed") {
		p.add(Register, k, p.now, "its registration never arrived")
	}
}

// adopt: the platform already has this key, so its id is ours. An issued key
// is of no use without its value: its id is wanted only to delete it.
func (p *planner) adopt(k Key) bool {
	if p.look == nil {
		return false
	}
	found, ok := p.look.byFingerprint(k.Fingerprint)
	switch {
	case !ok:
		return false
	case k.Issued && !states[k.State].leaving:
		p.add(Discard, k, p.now, valueLost)
	default:
		k.KeyID = found.ID
		p.add(Adopt, k, p.now, "the platform has this key")
	}
	return true
}

// byFingerprint returns the oldest registration of a public key.
func (l *Observation) byFingerprint(fingerprint string) (oldest PlatformKey, ok bool) {
	for _, k := range l.Platform {
		if fingerprint == "" || k.Fingerprint != fingerprint {
			continue
		}
		older := k.CreatedAt.Before(oldest.CreatedAt) || k.CreatedAt.Equal(oldest.CreatedAt) && k.ID < oldest.ID
		if !ok || older {
			oldest, ok = k, true
		}
	}
	return oldest, ok
}

// promote: a standby takes over when the active key has served its time, when
// it is of a kind that is not wanted any more, or when there is none.
func (p *planner) promote() {
	active, has := p.ring.Active()
	standby, ok := p.ring.standby()
	if has {
		standby, ok = p.ring.successor()
	}
	if !ok {
		return
	}
	at, why := p.ring.readyAt(standby), "no key is active"
	if has && !p.ring.wants(active) {
		why = fmt.Sprintf("generation %d is of a kind that is not wanted any more: %s", active.Generation, active.spec())
	} else if has {
		at, why = later(at, active.ActivatedAt.Add(p.policy.RotateEvery)),
			fmt.Sprintf("generation %d has been active for its %s", active.Generation, p.policy.RotateEvery)
	}
	if !p.after(at, Activate, standby, why) || !p.seen("before a key is activated") {
		return
	}
	if reason := p.look.against(standby, p.ring.Durations); reason != "" {
		p.block(Activate, standby, reason)
		return
	}
	p.add(Activate, standby, p.now, why)
}

// prepare: there is always a standby on its way, of the kind that is wanted;
// two keys if none is active.
func (p *planner) prepare() {
	want, coming, live := 1, 0, p.ring.live()
	if _, has := p.ring.Active(); !has {
		want = 2
	}
	for _, k := range p.ring.Keys {
		if states[k.State].coming && p.ring.wants(k) {
			coming++
		}
	}
	why, next := "there is no standby", Key{Generation: p.ring.nextGeneration()}
	switch {
	case coming >= want:
	case live >= p.policy.KeyBudget:
		p.block(PlanKey, next, fmt.Sprintf("%s, but the platform already holds %d keys of ours, the whole budget", why, live))
	case p.after(p.ring.RetryAt, PlanKey, next, "the last registration did not succeed"):
		p.add(PlanKey, next, p.now, why)
	}
}

// observe keeps an eye on the platform while nothing else does.
func (p *planner) observe() {
	if p.look != nil || p.looks {
		return
	}
	p.add(Observe, Key{}, p.ring.ObservedAt.Add(p.policy.ObserveEvery), "it is time to look at the platform again")
	p.moves[len(p.moves)-1].routine = true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
