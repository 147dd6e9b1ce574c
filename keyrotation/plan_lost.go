package keyrotation

import (
	"slices"
	"time"
)

// The rules in this file are for a platform that shows none of our keys. As a
// rule the credential is of another account, where nothing is ours, so nothing
// is touched. Tokens are still made: the platform may be wrong, and show the
// keys again. See plan_replace.go for when they are replaced.

// showsNone reports that the platform shows none of the keys that it must have.
func (r *Ring) showsNone(o *Observation) bool {
	expected := 0
	for _, k := range r.Keys {
		if !r.mustShow(o, k) {
			continue
		}
		if o.has(k) {
			return false
		}
		expected++
	}
	return expected > 0
}

// mustShow reports whether an observation has to show a key: it is not so new
// that lists may lag, and not already given up as lost.
func (r *Ring) mustShow(o *Observation, k Key) bool {
	return states[k.State].shown && k.LostAt.IsZero() && !o.At.Before(k.RegisteredAt.Add(r.Durations.Settle))
}

// nothingShown reports that the platform shows none of our keys, by this
// observation or else by the last one, and plans all that can be done then: to
// look again, or to replace them.
func (p *planner) nothingShown() bool {
	none := p.ring.losing()
	if p.observation != nil {
		none = p.ring.showsNone(p.observation)
	}
	if !none {
		return false
	}
	if p.replaceLost() {
		return true
	}
	p.block(Observe, Key{}, p.ring.LossCode(p.ring.Lost), noneShown)
	p.observeLoss()
	return true
}

// losing reports whether the last observation showed none of our keys. Once all
// that were missing are revoked or given up, it says nothing any more.
func (r *Ring) losing() bool {
	return !r.LostAt.IsZero() && slices.ContainsFunc(r.Keys, func(k Key) bool { return states[k.State].shown && k.LostAt.IsZero() })
}

// noneShown is what an operator should know about it.
const noneShown = "the platform shows none of our keys: nothing is touched, because address or credential may be those of another account; " +
	"if they are right, playtoken rotate --replace-lost makes new keys"

// observeLoss plans the next look, soon: every viewer may be refused meanwhile.
func (p *planner) observeLoss() {
	if p.observation == nil {
		at := p.ring.ObservedAt.Add(min(p.policy.ObserveEvery, p.ring.Durations.Settle))
		p.add(Observe, Key{}, at, "whether the platform shows our keys again")
		p.moves[len(p.moves)-1].routine = true
	}
}

// LossCode says why the platform shows none of our keys when it is asked with an
// account, as far as that can be told: it lost them if it showed them to the same
// account; see Rotator.Account.
func (r *Ring) LossCode(account string) TroubleCode {
	if r.Account == account && account != "" {
		return AllKeysMissing
	}
	return AccountWithoutOurKeys
}

// noteLoss records whether an observation shows our keys.
func (r *Ring) noteLoss(o *Observation) {
	shown := false
	for _, k := range r.Keys {
		shown = shown || k.KeyID != "" && k.State != Deleted && o.has(k)
	}
	switch none := r.showsNone(o); {
	case !none:
		r.LostAt, r.Lost = time.Time{}, ""
		if shown {
			r.Account = o.Account
		}
	case r.LostAt.IsZero() || r.Lost != o.Account:
		r.LostAt, r.Lost = o.At, o.Account
	}
}
