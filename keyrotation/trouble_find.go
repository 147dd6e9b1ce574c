package keyrotation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"playtoken/store"
)

// seen returns what a look at the platform finds. The ring already says whether
// the platform shows none of our keys.
func (p *pass) seen(ctx context.Context, ring Ring, o *Observation, drift Drift) (found []Trouble) {
	if o.clockOff(ring.Durations) {
		found = append(found, Trouble{Code: ClockApart, Detail: o.clockReason()})
	}
	restored, old := drift.Restored(ring)
	switch {
	case old:
		found = append(found, Trouble{Code: restored.Code, Generation: restored.Active,
			Detail: "the store looks older than the platform, which has keys named after this ring that the ring does not know"})
	case !ring.LostAt.IsZero():
		found = append(found, Trouble{Code: ring.LossCode(ring.Lost), Detail: noneShown})
	}
	if !ring.LostAt.IsZero() {
		return found // the keys there may be those of another account
	}
	for _, k := range ring.Keys {
		if code := o.trouble(k); code != "" && k.examined() {
			found = append(found, Trouble{Code: code, Generation: k.Generation, KeyID: k.KeyID,
				Detail: fmt.Sprintf("generation %d is %s, but %s", k.Generation, k.State, o.reason(k))})
		}
	}
	for _, f := range drift.Orphans {
		found = append(found, Trouble{Code: KeyIsOrphaned, Generation: f.Generation, KeyID: f.KeyID, Detail: f.Meaning})
	}
	return append(found, p.strangers(ctx, ring, o, drift)...)
}

// reason says what the trouble of a key is.
func (o *Observation) reason(k Key) string {
	if reason := o.disagrees(k); reason != "" {
		return reason
	}
	return unreadable
}

// strangers are the keys at the platform that this deployment did not make, as
// good as signing keys in the hands of another. Rings of other projects are read
// only for keys that no look before has told about. If they cannot be read, the
// next look tells.
func (p *pass) strangers(ctx context.Context, ring Ring, o *Observation, drift Drift) (found []Trouble) {
	var unknown []PlatformKey
	add := func(f Finding) { found = append(found, f.trouble()) }
	told := map[string]bool{}
	for _, t := range ring.Troubles {
		told[t.KeyID] = told[t.KeyID] || t.Code == KeyIsUnmanaged
	}
	for _, f := range drift.Unmanaged {
		switch {
		case f.Code == KeyForgotten: // see Drift.Restored
		case f.Code != KeyForeign || told[f.KeyID] || p.rotator.OtherOwners == nil:
			add(f)
		default:
			unknown = append(unknown, o.Platform[f.KeyID])
		}
	}
	if len(unknown) == 0 {
		return found
	}
	ask := p.rotator.OtherOwners
	if p.rotator.LookOwners != nil {
		ask = p.rotator.LookOwners
	}
	owners, err := ask(ctx, unknown)
	for _, f := range drift.Unmanaged {
		if _, owned := owners[f.KeyID]; err == nil && f.Code == KeyForeign && !told[f.KeyID] && !owned {
			add(f)
		}
	}
	return found
}

// trouble is a key at the platform that is not of the ring. Its name is what
// another party chose.
func (f Finding) trouble() Trouble {
	since := "at an unknown time"
	if !f.RegisteredAt.IsZero() {
		since = "at " + f.RegisteredAt.UTC().Format(time.RFC3339)
	}
	code := KeyIsUnmanaged
	if f.Code == KeyUnrecognised {
		code = KeyIsUnrecognised
	}
	return Trouble{Code: code, Generation: f.Generation, KeyID: f.KeyID,
		Detail: fmt.Sprintf("key %q, registered %s: %s", shortened(f.Name, 60), since, f.Meaning)}
}

// troubles returns those of the ring after this pass.
func (p *pass) troubles(ring Ring) []Trouble {
	found := p.found(ring)
	waits := p.now().Before(ring.RetryAt)
	return renew(ring.Troubles, found, p.now(), func(t Trouble) bool {
		kind := t.Code.kind()
		return kind.looked && ring.mayLast(t) || (kind.called || t.Code == LastRunFailed) && waits || kind.called && !p.called
	})
}

// mayLast reports whether what a look has found may be so still: moves that were
// made since may have ended it.
func (r *Ring) mayLast(t Trouble) bool {
	switch k, known := r.Key(t.Generation); t.Code {
	case KeyIsMissing, KeyIsMismatched:
		return known && k.examined()
	case KeyIsUnconfirmed:
		return known && k.State == Registered && k.ConfirmedAt.IsZero()
	case AllKeysMissing, AccountWithoutOurKeys:
		return r.losing()
	case RestoredActiveGone, RestoredBothGone, RestoredAllGone, RestoredOnlyActiveGone, RestoredKeysRevoked:
		active, _ := r.Active()
		return active.Generation == t.Generation
	}
	return true
}

// stoppedByLook reports whether a look at the platform could end something that
// stops viewers or rotation.
func (r *Ring) stoppedByLook() bool {
	return slices.ContainsFunc(r.Troubles, func(t Trouble) bool {
		kind := t.Code.kind()
		return kind.stops >= StopsViewers && (kind.looked || kind.called)
	})
}

// found returns what the pass itself has found.
func (p *pass) found(ring Ring) (found []Trouble) {
	_, signs := ring.Active()
	if !signs && ring.EndedAt.IsZero() && ring.hasSigned() {
		found = append(found, Trouble{Code: ActiveKeyMissing, Detail: "no key signs"})
	}
	for _, m := range p.moves {
		switch m.Trouble {
		case ClockApart, RegisteringStopped:
			found = append(found, Trouble{Code: m.Trouble, Detail: m.Why})
		case MoveBlockedByBudget, AccountFull, MoveBlocked, KeyCarryDue, KeyToCarry, RevokedKeyToRemove, KeyToRemove:
			found = append(found, Trouble{Code: m.Trouble, Generation: m.Generation, KeyID: m.KeyID, Detail: m.describe() + ": " + m.Why})
		}
	}
	for _, f := range p.failures {
		found = append(found, Trouble{Code: codeOf(f.err), Detail: shortened(f.move.describe()+": "+f.err.Error(), longestDetail)})
	}
	return found
}

// hasSigned reports whether a key of the ring has ever been active.
func (r *Ring) hasSigned() bool {
	for _, k := range r.Keys {
		if !k.ActivatedAt.IsZero() {
			return true
		}
	}
	return false
}

// codeOf says what kind of trouble an error of a move is.
func codeOf(err error) TroubleCode {
	_, platform := errors.AsType[*PlatformError](err)
	switch {
	case errors.Is(err, ErrUnauthorized):
		return PlatformRefusesCredential
	case errors.Is(err, ErrThrottled):
		return PlatformThrottles
	case errors.Is(err, ErrRefused):
		return LastRunFailed
	case platform:
		return PlatformUnreachable
	case errors.Is(err, store.ErrUnavailable):
		return StoreUnreachable
	}
	return LastRunFailed
}

// longestDetail is how much of an error a ring keeps, in bytes.
const longestDetail = 500

// shortened is a text of another party as a ring keeps it.
func shortened(text string, most int) string {
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strings.ToValidUTF8(text, "") // a ring with anything else cannot be written
}
