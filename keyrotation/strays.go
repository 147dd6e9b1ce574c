package keyrotation

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The types and functions in this file are about registrations that the
// platform took and that cannot be recognised in its list. Every attempt to
// register a key again would leave one more of them behind, so they are counted
// and registering ends at MaxUnrecognised.

// MaxUnrecognised is how many registrations may be unrecognised. With so many,
// no further key is registered until an operator has looked at them.
const MaxUnrecognised = 3

// unreadable is why a key waits for an operator.
const unreadable = "what the platform shows under its id cannot be read as a public key (or a name): an operator has to confirm the key"

// Stray is a key at the platform that appeared there when a registration got no
// usable response, and that is not to be recognised as the key registered. It
// may be that key: an operator can say so with Confirm. No move deletes it.
type Stray struct {
	KeyID      string    `json:"key_id"`
	Generation int       `json:"generation"` // whose registration got no usable response
	SeenAt     time.Time `json:"seen_at"`
}

// Unrecognised counts the keys that the platform took without showing, in any
// list so far, that they are ours; see MaxUnrecognised.
func (r *Ring) Unrecognised() int {
	n := len(r.Strays)
	for _, k := range r.Keys {
		if k.Unseen && (k.State == Registered || k.State == Quarantined) {
			n++
		}
	}
	return n
}

func (r *Ring) isStray(keyID string) bool { return r.strayOf(keyID) > 0 }

// strayOf returns the generation whose registration left a key; 0 if the key is no
// stray.
func (r *Ring) strayOf(keyID string) int {
	for _, s := range r.Strays {
		if s.KeyID == keyID {
			return s.Generation
		}
	}
	return 0
}

// recognise gives a key that a platform shows incompletely the fingerprint of
// the key of the ring that it is. An issued key is looked for under its id only:
// its name is its identity, and under other ids that is compared in full.
func (r *Ring) recognise(shown PlatformKey) PlatformKey {
	for _, k := range r.Keys {
		if k.Fingerprint != "" && (!k.Issued || k.KeyID == shown.ID) && k.Match(shown) == Same {
			shown.Fingerprint = k.Fingerprint
			return shown
		}
	}
	return shown
}

// otherNames is the form of the names that deployments give their keys.
var otherNames = regexp.MustCompile(`^playtoken (.+ )?#[0-9]+ ([a-z2-7]{6}|k[a-z2-7]{26})$`)

// strangers are the ids of the keys that may be unrecognised registrations of
// ours, and are not counted as such. Those that another deployment named are
// not: it may use the same account and register keys at the same time.
func (r *Ring) strangers(o *Observation) []string {
	return slices.DeleteFunc(o.ids(), func(id string) bool {
		shown := o.Platform[id]
		_, ours := r.owner(shown)
		return ours || r.isStray(id) || otherNames.MatchString(shown.Name) && !r.named(shown)
	})
}

// newStranger returns the key that most likely is the registration that got no
// usable response.
func (r *Ring) newStranger(o *Observation, k Key) (found PlatformKey, ok bool) {
	for _, id := range r.strangers(o) {
		shown := o.Platform[id]
		if slices.Contains(r.Strangers, id) {
			continue
		}
		if !ok || likelier(shown, found, k) {
			found, ok = shown, true
		}
	}
	return found, ok
}

// likelier compares two keys: the one with the name that k was registered under
// is likelier to be it, then the newer one.
func likelier(a, b PlatformKey, k Key) bool {
	if ours := a.Name == k.Name; ours != (b.Name == k.Name) {
		return ours
	}
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID)) > 0
}

// unanswered reports whether the key's registration got no usable response, and
// has arrived or never will by time t.
func (k *Key) unanswered(t time.Time, settle time.Duration) bool {
	pending := k.State == Registering || states[k.State].leaving
	return pending && k.KeyID == "" && !k.AttemptAt.IsZero() && !t.Before(k.AttemptAt.Add(settle))
}
