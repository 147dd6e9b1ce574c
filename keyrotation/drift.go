package keyrotation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"playtoken/store"
)

// Drift is every difference between ring, store and platform.
type Drift struct {
	Orphans    []Finding // second registrations of keys of ours
	Missing    []Finding // keys of ours that the platform does not show
	Unmanaged  []Finding // not ours; never touched by a rotation
	Mismatched []Finding // under our id, or in our store, but another key

	Keys []Known // each key that ring or platform have, except deleted ones
}

// FindingCode says what a [Finding] is, for programs.
type FindingCode string

// The codes. The first four are about keys of the ring.
const (
	KeyMissing      FindingCode = "missing"       // the platform does not show the key
	KeyMismatched   FindingCode = "mismatched"    // platform or store hold another key than the ring records
	KeyUnconfirmed  FindingCode = "unconfirmed"   // what the platform shows under the key's id cannot be read
	KeyOrphan       FindingCode = "orphan"        // a second registration of the key; rotations delete it
	KeyUnrecognised FindingCode = "unrecognised"  // left behind by a registration of this ring, which it cannot be told to be
	KeyForgotten    FindingCode = "forgotten"     // named as this ring names its keys, but not in the ring
	KeyOfProject    FindingCode = "other_project" // another project of this deployment owns the key
	KeyUnattributed FindingCode = "unattributed"  // not of this project; the other projects could not be read
	KeyForeign      FindingCode = "foreign"       // this deployment did not make the key
)

// Finding is one difference between ring, store and platform. It says what is
// wrong, in Code and, for people, in Meaning; callers know what to do about it.
type Finding struct {
	Code        FindingCode
	Meaning     string
	KeyID       string
	Name        string
	Fingerprint string
	Generation  int // of the ring's key; 0 if the key is not in the ring
	// RegisteredAt is when the platform says that it was registered; zero if it
	// does not say.
	RegisteredAt time.Time

	// TokensFor is how long tokens of a forgotten key may still be in use,
	// counted from the moment when the ring forgot it.
	TokensFor time.Duration
	// Project owns the key, if Code is KeyOfProject: for operators only.
	Project string
}

// Drift compares the ring with the platform and the store. It changes nothing.
func (r *Rotator) Drift(ctx context.Context) (Drift, error) {
	if err := r.permit(ctx); err != nil {
		return Drift{}, err
	}
	ring, err := r.load(ctx)
	if err != nil {
		return Drift{}, err
	}
	observation, err := r.observe(ctx, ring)
	if err != nil {
		return Drift{}, err
	}
	// A key that was registered meanwhile was announced in the ring before: what
	// a newer ring does not contain is not ours.
	newer, err := r.load(ctx)
	if err != nil {
		return Drift{}, err
	}
	d := r.compare(ring, newer, observation)
	r.attribute(ctx, &d, observation)
	d.Keys = observation.known(newer)
	return d, nil
}

// compare finds how an observation differs from the ring before it. Which keys
// are not ours, the newer ring says.
func (r *Rotator) compare(ring, newer Ring, observation *Observation) (d Drift) {
	for _, k := range ring.Keys {
		d.compare(observation, k)
	}
	for _, id := range observation.ids() {
		r.classify(&d, newer, observation.Platform[id])
	}
	return d
}

// DriftCounts says how many keys differ, by how they do. Keys of other projects
// count as foreign.
type DriftCounts map[FindingCode]int

func (d *Drift) counts() DriftCounts {
	counts := DriftCounts{}
	for _, f := range slices.Concat(d.Orphans, d.Missing, d.Unmanaged, d.Mismatched) {
		counts[f.Code]++
	}
	return counts
}

// compare reports a key of the ring, if platform or store disagree about it.
func (d *Drift) compare(observation *Observation, k Key) {
	if !k.examined() {
		return
	}
	reason, unread := observation.disagrees(k), k.State == Registered && observation.unconfirmed(k)
	if unread {
		reason = unreadable
	}
	if reason == "" {
		return
	}
	f := Finding{
		Code: KeyMissing, KeyID: k.KeyID, Name: k.Name, Fingerprint: k.Fingerprint, Generation: k.Generation,
		Meaning: fmt.Sprintf("generation %d is %s, but %s", k.Generation, k.State, reason),
	}
	if shown, there := observation.Platform[k.KeyID]; there && !shown.Unlisted {
		if f.Code = KeyMismatched; unread {
			f.Code = KeyUnconfirmed
		}
		d.Mismatched = append(d.Mismatched, f)
	} else {
		d.Missing = append(d.Missing, f)
	}
}

// classify reports a key of the platform that no generation stands for.
func (r *Rotator) classify(d *Drift, ring Ring, shown PlatformKey) {
	f := Finding{KeyID: shown.ID, Name: shown.Name, Fingerprint: shown.Fingerprint, RegisteredAt: shown.CreatedAt}
	switch owner, ours := ring.owner(shown); {
	case ours && ring.orphaned(shown):
		f.Code, f.Generation = KeyOrphan, owner
		f.Meaning = fmt.Sprintf("a second registration of generation %d, left behind by a lost response", owner)
		d.Orphans = append(d.Orphans, f)
	case ours:
	case ring.isStray(shown.ID):
		f.Code, f.Generation = KeyUnrecognised, ring.strayOf(shown.ID)
		f.Meaning = fmt.Sprintf("appeared when generation %d was registered and no usable response came, and cannot be recognised as that key; "+
			"rotations never touch it", f.Generation)
		d.Unmanaged = append(d.Unmanaged, f)
	case ring.named(shown):
		f.Code, f.TokensFor = KeyForgotten, r.Policy.MaxTTL
		f.Meaning = "named as this ring names its keys, but not in the ring: either the store is older than the platform, " +
			"as after restoring a backup, or a copy of the store is in use with the same account; " +
			"rotations never touch this key, and its tokens play until they expire"
		d.Unmanaged = append(d.Unmanaged, f)
	default:
		f.Code = KeyForeign
		f.Meaning = "not made by this deployment, but by hand or by another deployment; rotations never touch it"
		d.Unmanaged = append(d.Unmanaged, f)
	}
}

// named reports whether the key's name says that this ring made it. That is
// told to people only: names can be chosen freely, so no move depends on one.
func (r *Ring) named(shown PlatformKey) bool {
	return r.StoreID != "" && strings.HasPrefix(shown.Name, "playtoken ") && strings.HasSuffix(shown.Name, " "+r.StoreID)
}

// attribute says which unmanaged keys belong to other projects, whose viewers
// would be locked out if the keys were removed.
func (r *Rotator) attribute(ctx context.Context, d *Drift, observation *Observation) {
	if r.OtherOwners == nil || len(d.Unmanaged) == 0 {
		return
	}
	var shown []PlatformKey
	for _, f := range d.Unmanaged {
		shown = append(shown, observation.Platform[f.KeyID])
	}
	projects, err := r.OtherOwners(ctx, shown)
	for i := range d.Unmanaged {
		f := &d.Unmanaged[i]
		project, known := projects[f.KeyID]
		switch {
		case err != nil:
			f.Code, f.TokensFor = KeyUnattributed, 0
			f.Meaning = fmt.Sprintf("not of this project; whether another project of this deployment owns it is unknown: %v", err)
		case known:
			f.Code, f.TokensFor, f.Project = KeyOfProject, 0, project
			f.Meaning = "a key of another project of this deployment, which uses the same account"
		}
	}
}

// owner returns the generation with this public key, or with this key id
// unless it is deleted.
func (r *Ring) owner(shown PlatformKey) (generation int, ours bool) {
	for _, k := range r.Keys {
		same := k.Fingerprint != "" && k.Fingerprint == shown.Fingerprint
		if same || k.State != Deleted && k.KeyID != "" && k.KeyID == shown.ID {
			return k.Generation, true
		}
	}
	return 0, false
}

// RemoveUnmanaged deletes a key at the platform that is not ours, such as a
// hand-made one that this deployment replaces. Errors: store.ErrNotFound;
// *Guard if the key is ours or another project's, if its owner is unknown, or
// if no key of ours could take its place.
func (r *Rotator) RemoveUnmanaged(ctx context.Context, keyID string, order Order) error {
	if err := r.permit(ctx); err != nil {
		return err
	}
	ring, err := r.load(ctx)
	if err != nil {
		return err
	}
	observation, err := r.observe(ctx, ring)
	if err != nil {
		return err
	}
	shown, there := observation.Platform[keyID]
	if !there {
		return fmt.Errorf("key at the platform: %w", store.ErrNotFound)
	}
	// A key that was registered meanwhile was announced in the ring before.
	if ring, err = r.load(ctx); err != nil {
		return err
	}
	if err := r.mayRemove(ctx, ring, observation, shown); err != nil {
		return err
	}
	if r.Record != nil {
		err := r.Record(ctx, Transition{Project: r.Project, Actor: order.Actor, ActorName: order.ActorName, Reason: order.Reason,
			KeyID: shown.ID, Fingerprint: shown.Fingerprint, To: Deleted})
		if err != nil {
			return fmt.Errorf("record the removal: %w", err)
		}
	}
	r.Log.Warn("removing a key that is not ours", "project", r.Project, "key_id", keyID, "name", shown.Name,
		"fingerprint", shown.Fingerprint, "actor", order.Actor, "reason", order.Reason)
	ctx, cancel := call(ctx, ring)
	defer cancel()
	if err := r.account().delete(ctx, keyID); err != nil {
		return fmt.Errorf("delete at the platform: %w", err)
	}
	return nil
}

// mayRemove returns a *Guard if the key must not be removed.
func (r *Rotator) mayRemove(ctx context.Context, ring Ring, observation *Observation, shown PlatformKey) error {
	if generation, ours := ring.owner(shown); ours {
		return &Guard{Why: fmt.Sprintf("this key is generation %d of ours: use revoke", generation)}
	}
	if err := r.othersOwn(ctx, shown); err != nil {
		return err
	}
	if ring.isStray(shown.ID) {
		return nil // it came with this ring's own registrations, so it is in no signer's use
	}
	if active, ok := ring.Active(); !ok || !observation.has(active) {
		return &Guard{Why: "no active key of ours is at the platform yet: nothing could take this key's place",
			EarliestAt: ring.EarliestActive()}
	}
	return nil
}

// othersOwn returns a *Guard if another project of this deployment owns the key,
// or may own it.
func (r *Rotator) othersOwn(ctx context.Context, shown PlatformKey) error {
	if r.OtherOwners == nil {
		return nil
	}
	projects, err := r.OtherOwners(ctx, []PlatformKey{shown})
	if err != nil {
		return &Guard{Why: fmt.Sprintf("it is unknown whether another project owns this key, whose viewers would be locked out: %v", err)}
	}
	if _, known := projects[shown.ID]; known {
		return &Guard{Why: "another project of this deployment owns this key: its viewers would be locked out"}
	}
	return nil
}
