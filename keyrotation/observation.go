package keyrotation

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"playtoken/durations"
	"playtoken/store"
)

// Observation is what platform and store really held at one moment. A pass
// relies on it until it changes something at the platform, or finds that
// another process changed the ring.
type Observation struct {
	At time.Time // when it began
	// Platform is the platform's whole list, by key id. An id of ours that the
	// list lacked was asked for by itself, so a missing key is really missing.
	Platform map[string]PlatformKey
	// Store has the private keys of our generations, by store name.
	Store map[string]store.KeyInfo
	// ClockAhead is our clock minus the store's.
	ClockAhead time.Duration
	// Account is with what the platform was asked; see Rotator.Account.
	Account string
}

// ids are the key ids in a fixed order.
func (o *Observation) ids() []string {
	ids := make([]string, 0, len(o.Platform))
	for id := range o.Platform {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// byFingerprint returns the oldest registration of a public key.
func (o *Observation) byFingerprint(fingerprint string) (oldest PlatformKey, ok bool) {
	for _, k := range o.Platform {
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

// shows says what the platform shows under the key's id, if anything.
func (o *Observation) shows(k Key) (match Match, there bool) {
	shown, there := o.Platform[k.KeyID]
	return k.Match(shown), there
}

// has reports whether the platform accepts a key under the key's id that may be
// this key: nothing that can be read contradicts it.
func (o *Observation) has(k Key) bool { return o.holds(k) && !o.Platform[k.KeyID].Unlisted }

// holds reports the same also of a key that the platform does not accept.
func (o *Observation) holds(k Key) bool {
	match, there := o.shows(k)
	return there && match != Different
}

// hasOther reports whether the platform shows another key under the key's id.
func (o *Observation) hasOther(k Key) bool {
	match, there := o.shows(k)
	return there && match == Different
}

// unconfirmed reports whether only an operator can say that the platform has
// this key.
func (o *Observation) unconfirmed(k Key) bool {
	match, there := o.shows(k)
	return there && match == Unclear && k.ConfirmedAt.IsZero()
}

// disagrees says how platform or store differ from the ring's record of a key
// that should be able to sign. It returns "" if they do not.
func (o *Observation) disagrees(k Key) string {
	_, held := o.Store[k.StoreName]
	reason := o.compromises(k)
	switch {
	case reason != "":
		return reason
	case !o.holds(k):
		return "the platform does not show it"
	case !o.has(k):
		return "the platform has it, and the list of the keys that it accepts does not name it"
	case !held && k.Issued:
		return "its value is not in the store"
	case !held:
		return "its private key is not in the store"
	}
	return ""
}

// compromises says what suggests that another party signs, or could sign, under
// the key's id. A key that is merely missing was not stolen. It returns "" if
// nothing does.
func (o *Observation) compromises(k Key) string {
	stored, held := o.Store[k.StoreName]
	switch {
	case o.hasOther(k):
		return "the platform shows another key under its id"
	case !held || k.Issued:
		return ""
	case Fingerprint(stored.PublicKey) != k.Fingerprint || stored.Versions != 1:
		return "its private key in the store was replaced or rotated"
	case stored.Spec.Exportable != k.Exportable:
		return fmt.Sprintf("its private key in the store has exportable=%t", stored.Spec.Exportable)
	}
	return ""
}

// lost reports whether the platform has the key neither under its id nor under
// another, and nothing suggests that another party could sign with it.
func (o *Observation) lost(k Key) bool {
	_, there := o.shows(k)
	_, again := o.byFingerprint(k.Fingerprint)
	return !there && !again && o.compromises(k) == ""
}

// against says why a key must not be activated. It returns "" if it may be.
func (o *Observation) against(k Key, d Durations) string {
	if o.clockOff(d) {
		return o.clockReason()
	}
	if !k.DoubtedAt.IsZero() {
		return "platform or store disagreed about it at the last look"
	}
	if reason := o.disagrees(k); reason != "" {
		return reason
	}
	if o.unconfirmed(k) {
		return unreadable
	}
	return ""
}

// codeAgainst is the code of the same.
func (o *Observation) codeAgainst(k Key, d Durations) TroubleCode {
	if o.clockOff(d) {
		return ClockApart
	}
	return cmp.Or(o.trouble(k), MoveBlocked)
}

// trouble is how platform or store differ from the ring's record of a key; ""
// if they do not.
func (o *Observation) trouble(k Key) TroubleCode {
	_, there := o.shows(k)
	switch reason := o.disagrees(k); {
	case reason != "" && there && !o.Platform[k.KeyID].Unlisted:
		return KeyIsMismatched
	case reason != "":
		return KeyIsMissing
	case k.State == Registered && o.unconfirmed(k):
		return KeyIsUnconfirmed
	}
	return ""
}

// deploying is why a key that has propagated is not made active, and deployed is when
// the platform is asked again.
const deploying = "the platform is still deploying the list of the keys that it accepts"

func (o *Observation) deployed(d Durations) time.Time { return o.At.Add(d.Settle) }

func (o *Observation) clockOff(d Durations) bool { return o.ClockAhead.Abs() > d.Skew }

func (o *Observation) clockReason() string {
	return fmt.Sprintf("our clock is %s ahead of the store's, more than the allowed skew: set the clock",
		durations.Text(o.ClockAhead))
}
