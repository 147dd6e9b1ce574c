package keyrotation

// Presence says whether store or platform have a key.
type Presence string

const (
	HasKey     Presence = "has"     // the same key as the ring, or as far as can be read
	LacksKey   Presence = "lacks"   // no such key
	DiffersKey Presence = "differs" // another key under its id or name, or one with other properties
	UnreadKey  Presence = "unclear" // one that cannot be read well enough to be told
)

// Known is which of ring, store and platform know a key.
type Known struct {
	Generation  int   // of the ring; 0: the ring does not have the key
	State       State // in the ring; "": the ring does not have it
	KeyID       string
	Name        string
	Fingerprint string
	Store       Presence // "": the store was not asked
	Platform    Presence
}

// known compares each key that ring or platform have, the ring's newest first.
func (o *Observation) known(ring Ring) (all []Known) {
	for i := len(ring.Keys) - 1; i >= 0; i-- {
		if k := ring.Keys[i]; k.State != Deleted {
			all = append(all, Known{
				Generation: k.Generation, State: k.State, KeyID: k.KeyID, Name: k.Name, Fingerprint: k.Fingerprint,
				Store: o.inStore(k), Platform: o.atPlatform(k),
			})
		}
	}
	for _, id := range o.ids() {
		shown := o.Platform[id]
		if _, ours := ring.owner(shown); ours && !ring.orphaned(shown) {
			continue
		}
		all = append(all, Known{KeyID: shown.ID, Name: shown.Name, Fingerprint: shown.Fingerprint, Platform: HasKey})
	}
	return all
}

func (o *Observation) inStore(k Key) Presence {
	stored, held := o.Store[k.StoreName]
	switch {
	case !states[k.State].shown && k.State != Quarantined:
		return "" // see observe
	case !held:
		return LacksKey
	case k.Issued:
		return HasKey
	case Fingerprint(stored.PublicKey) != k.Fingerprint || stored.Versions != 1 || stored.Spec.Exportable != k.Exportable:
		return DiffersKey
	}
	return HasKey
}

func (o *Observation) atPlatform(k Key) Presence {
	match, there := o.shows(k)
	switch {
	case !there:
		return LacksKey
	case match == Different:
		return DiffersKey
	case match == Unclear && k.ConfirmedAt.IsZero():
		return UnreadKey
	}
	return HasKey
}
