package keyrotation

import (
	"slices"
	"time"
)

// Action names a move.
type Action string

// The moves. Those marked * change something outside the ring.
const (
	Widen        Action = "widen"         // durations and longest lifetimes of the policy come into force
	Respec       Action = "respec"        // the policy's kind of key comes into force
	Observe      Action = "look"          // find out what platform and store really hold
	PlanKey      Action = "plan"          // reserve a generation and a name
	Generate     Action = "generate"      // * make the private key, or the document for an issued one
	Register     Action = "register"      // * hand over the public key, or ask for an issued one
	Adopt        Action = "adopt"         // take the id of a registration whose response was lost
	See          Action = "see"           // a list shows a registration that so far only its response spoke of
	Activate     Action = "activate"      // sign with the standby, retire the active key
	Discard      Action = "discard"       // give up a key that never signed
	Date         Action = "date"          // every signer knows that the key is retired: set its day of deletion
	Delete       Action = "delete"        // that day has come
	Withdraw     Action = "withdraw"      // * delete the key at the platform
	EndSessions  Action = "end_sessions"  // * have the platform end what viewers opened
	Destroy      Action = "destroy"       // * destroy the private key, or the value
	Bury         Action = "bury"          // keep nothing but a tombstone
	Doubt        Action = "doubt"         // platform or store disagree: observe again later
	Trust        Action = "trust"         // they agree again
	GiveUp       Action = "give_up"       // the platform lost our keys: standbys go, the others are marked until new keys replace them
	Quarantine   Action = "quarantine"    // they still disagree: stop using the key
	NoteOrphan   Action = "note_orphan"   // the platform shows a second registration of a key of ours
	DeleteOrphan Action = "delete_orphan" // * delete that registration
	ForgetOrphan Action = "forget_orphan" // it is gone
	NoteStray    Action = "note_stray"    // a registration without a usable response left a key that is not to be recognised
	ForgetStray  Action = "forget_stray"  // it is gone, or recognised
)

// Move is one change that Plan wants.
type Move struct {
	Action     Action
	Generation int    // 0: the move is not about one key of the ring
	KeyID      string // at the platform; empty before the key is registered
	Why        string
	NotBefore  time.Time
	Blocked    bool        // the move waits for something other than time, which Why names
	Trouble    TroubleCode // why it is blocked
	Sessions   Sessions    // that EndSessions ends

	routine bool // an observation that no other move waits for
}

// due reports whether the move can be made at now.
func (m Move) due(now time.Time) bool { return !m.Blocked && !m.NotBefore.After(now) }

// Plan returns the moves that the keys of a ring need, those that can be made
// now first, in the order in which to make them. The scheduler, the dry run and
// the tests all use it: it is a pure function, and right for any valid ring.
//
// observation is nil before platform and store have been observed. A move that
// depends on what they hold is then preceded by the move Observe.
func Plan(now time.Time, ring Ring, observation *Observation, policy Policy) []Move {
	p := planner{now: now, ring: ring, observation: observation, policy: policy}
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

// planner collects moves. Each of its rules adds those of one concern.
type planner struct {
	now         time.Time
	ring        Ring
	observation *Observation
	policy      Policy
	moves       []Move
	observing   bool // the moves contain one to observe
}

// plan applies every rule, the urgent ones first.
func (p *planner) plan() {
	p.finishRevocations() // even if the clocks disagree
	p.endSessions()
	if newest := p.ring.newest(); p.now.Add(p.ring.Durations.Skew).Before(newest) {
		p.block(Observe, Key{}, ClockApart, clockBehind(newest))
		return
	}
	if !p.ring.EndedAt.IsZero() {
		p.removeKeys()
		p.removeOrphans()
		return
	}
	p.widenDurations()
	p.changeSpec()
	if p.nothingShown() {
		return
	}
	// Rules that keep tokens coming precede those that a platform may delay or
	// refuse again and again.
	p.findLost()
	p.doubtKeys()
	p.countStrays()
	p.activateStandby()
	p.continueRegistrations()
	p.planStandby()
	p.discardUnwanted()
	p.removeKeys()
	p.removeOrphans()
	p.seeRegistered()
	p.observeRoutinely()
}

func clockBehind(newest time.Time) string {
	return "our clock is behind the newest time in the ring, " + newest.Format(time.RFC3339) +
		": one of two clocks is wrong; nothing moves until that time"
}

func (p *planner) add(a Action, k Key, notBefore time.Time, why string) {
	p.moves = append(p.moves, Move{Action: a, Generation: k.Generation, KeyID: k.KeyID, Why: why, NotBefore: notBefore.UTC()})
}

func (p *planner) block(a Action, k Key, code TroubleCode, why string) {
	p.moves = append(p.moves, Move{Action: a, Generation: k.Generation, KeyID: k.KeyID, Why: why, Blocked: true, Trouble: code})
}

// observed reports whether there is an observation, and plans one otherwise.
func (p *planner) observed(why string) bool {
	if p.observation != nil {
		return true
	}
	if !p.observing {
		p.observing = true
		p.add(Observe, Key{}, p.now, why)
	}
	return false
}

// observedSince reports whether there is an observation that began at t or
// later, and plans one otherwise: an earlier one cannot confirm itself.
func (p *planner) observedSince(t time.Time, why string) bool {
	if p.observation != nil && p.observation.At.Before(t) {
		p.observation = nil
	}
	return p.observed(why)
}

// after reports whether t has come, and plans the move for t otherwise.
func (p *planner) after(t time.Time, a Action, k Key, why string) bool {
	if p.now.Before(t) {
		p.add(a, k, t, why)
		return false
	}
	return true
}

// widenDurations brings longer durations into force before they are used.
func (p *planner) widenDurations() {
	wide := p.ring.Durations.widest(p.policy.Durations) == p.ring.Durations
	for _, k := range p.ring.Keys {
		wide = wide && k.allowsTTL(p.policy.MaxTTL)
	}
	if !wide && len(p.ring.Keys) > 0 {
		p.add(Widen, Key{}, p.now, "the policy allows longer tokens or delays than the ring records")
	}
}

// allowsTTL reports whether tokens of the key may already live for ttl, or no
// more tokens will be made with it.
func (k *Key) allowsTTL(ttl time.Duration) bool {
	signs := states[k.State].coming || k.State == Active
	return !signs || k.MaxTTL >= ttl
}

// observeRoutinely plans the next observation if no rule needs one sooner.
func (p *planner) observeRoutinely() {
	if p.observation != nil || p.observing {
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
