package keyrotation

import (
	"time"

	"playtoken/store"
)

// KeySpec says what kind of key a ring gets.
type KeySpec struct {
	Kind       store.Kind `json:"-"`               // see storedSpec
	Exportable bool       `json:"exportable"`      // may leave the store, for signing in memory
	Issued     bool       `json:"issued,omitzero"` // made by the platform, see Issuer; the other fields are then zero
}

func (s KeySpec) String() string {
	if s.Issued {
		return "issued by the platform"
	}
	if s.Exportable {
		return string(s.Kind) + ", exportable"
	}
	return string(s.Kind) + ", not exportable"
}

// spec is what kind of key this is.
func (k *Key) spec() KeySpec {
	return KeySpec{Kind: k.Kind, Exportable: k.Exportable, Issued: k.Issued}
}

// storeSpec is what the store is asked to make for this key.
func (k *Key) storeSpec() store.KeySpec {
	return store.KeySpec{Kind: k.Kind, Exportable: k.Exportable}
}

// matches reports whether a key is of the kind that is in force.
func (r *Ring) matches(k Key) bool { return r.Spec == KeySpec{} || k.spec() == r.Spec }

// setSpec brings a kind of key into force.
func (r *Ring) setSpec(spec KeySpec, now time.Time) {
	if spec != r.Spec {
		r.Spec, r.SpecAt = spec, now
	}
}
