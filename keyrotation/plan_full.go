package keyrotation

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The rules in this file are for accounts that hold few keys, other parties' among them:
// of three, a key that was made by hand leaves no place for the next one until a key of
// ours has gone.

// fits reports whether the account has room for one more key. If it has none, the
// registration waits for a key of ours that is about to go, or else for an operator.
func (p *planner) fits(k Key, why string) bool {
	held, most := len(p.observation.Platform), p.policy.MaxKeys
	if most == 0 || held < most {
		return true
	}
	why = fmt.Sprintf("%s, but the account holds %d keys, as many as the platform takes%s", why, held, p.others())
	if next, at, ok := p.nextToGo(); ok {
		p.add(Register, k, later(at, p.observation.At.Add(p.ring.Durations.Settle)), fmt.Sprintf("%s; generation %d goes first", why, next.Generation))
		return false
	}
	p.block(Register, k, AccountFull, why)
	return false
}

// others names the keys that are not of this ring.
func (p *planner) others() string {
	var names []string
	for _, id := range p.observation.ids() {
		if _, ours := p.ring.owner(p.observation.Platform[id]); !ours {
			names = append(names, fmt.Sprintf("%s (%q)", id, shortened(p.observation.Platform[id].Name, 60)))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ", not of this project: " + strings.Join(names, ", ")
}

// nextToGo is the key of ours that leaves the account first, and when.
func (p *planner) nextToGo() (next Key, at time.Time, ok bool) {
	for _, k := range p.ring.Keys {
		there := k.KeyID != "" && p.observation.holds(k)
		goes := k.State == Retiring && !k.DeleteNotBefore.IsZero() || states[k.State].leaving
		if there && goes && (!ok || k.DeleteNotBefore.Before(at)) {
			next, at, ok = k, k.DeleteNotBefore, true
		}
	}
	return next, at, ok
}

// wasFull reports whether the newest look, not long ago, found no room: a registration
// that waits for that need not look each time.
func (p *planner) wasFull() bool {
	foreign := 0
	for _, t := range p.ring.Troubles {
		if t.Code == KeyIsUnmanaged {
			foreign++
		}
	}
	atPlatform := slices.DeleteFunc(slices.Clone(p.ring.Keys), func(k Key) bool { return k.KeyID == "" || k.State == Deleted })
	full := p.policy.MaxKeys > 0 && foreign > 0 && foreign+len(atPlatform) >= p.policy.MaxKeys
	return full && p.now.Before(p.ring.ObservedAt.Add(p.policy.ObserveEvery))
}
