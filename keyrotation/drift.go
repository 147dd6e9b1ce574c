package keyrotation

import (
	"context"
	"fmt"
	"strings"

	"playtoken/store"
)

// Drift looks at the platform and the store and tells every difference from
// the ring. It changes nothing.
func (r *Rotator) Drift(ctx context.Context) (Drift, error) {
	if err := r.permit(ctx); err != nil {
		return Drift{}, err
	}
	ring, err := r.load(ctx)
	if err != nil {
		return Drift{}, err
	}
	look, err := r.see(ctx, ring)
	if err != nil {
		return Drift{}, err
	}
	// Whatever the look shows that was registered meanwhile was announced in the
	// ring before: what a newer ring does not know is not ours.
	newer, err := r.load(ctx)
	if err != nil {
		return Drift{}, err
	}
	d := Drift{Orphans: []Finding{}, Missing: []Finding{}, Unmanaged: []Finding{}, Mismatched: []Finding{}}
	for _, k := range ring.Keys {
		r.compare(&d, look, k)
	}
	for _, id := range look.ids() {
		r.classify(&d, newer, look.Platform[id])
	}
	r.attribute(ctx, &d, look)
	return d, nil
}

// compare files a key of the ring under what is wrong with it, if anything is.
func (r *Rotator) compare(d *Drift, look *Observation, k Key) {
	if !states[k.State].shown && k.State != Quarantined {
		return
	}
	reason := look.disagrees(k)
	if reason == "" {
		return
	}
	f := Finding{KeyID: k.KeyID, Name: k.Name, Fingerprint: k.Fingerprint, Generation: k.Generation,
		Meaning: fmt.Sprintf("generation %d is %s, but %s", k.Generation, k.State, reason),
		Remedy: fmt.Sprintf("if somebody did this on purpose: playtoken keys revoke %d --project %s --reason TEXT",
			k.Generation, r.Project)}
	if _, there := look.Platform[k.KeyID]; there {
		d.Mismatched = append(d.Mismatched, f)
	} else {
		d.Missing = append(d.Missing, f)
	}
}

// classify files a key of the platform that no generation stands for.
func (r *Rotator) classify(d *Drift, ring Ring, shown PlatformKey) {
	f := Finding{KeyID: shown.ID, Name: shown.Name, Fingerprint: shown.Fingerprint}
	switch owner, ours := ring.owner(shown); {
	case ours && ring.orphaned(shown):
		f.Generation = owner
		f.Meaning = fmt.Sprintf("generation %d a second time, left behind by a lost answer", owner)
		f.Remedy = "none needed: the next rotations delete it; to hurry: playtoken rotate --project " + r.Project
		d.Orphans = append(d.Orphans, f)
	case ours:
	case ring.named(shown):
		f.Forgotten = true
		f.Meaning = "named as this ring names its keys, and unknown to it: the store looks older than the platform, " +
			"as when a backup was put back, or else a copy of the store is at work with the same account; " +
			"rotations never touch this key, and its tokens play until they expire"
		f.Remedy = fmt.Sprintf("if no copy of the store is at work, and %s after the backup was put back: %s", r.Policy.MaxTTL, r.removal(shown))
		d.Unmanaged = append(d.Unmanaged, f)
	default:
		f.Meaning = "not made by this deployment: by hand, or by another one; rotations never touch it"
		f.Remedy = "if nothing signs with it any more: " + r.removal(shown)
		d.Unmanaged = append(d.Unmanaged, f)
	}
}

func (r *Rotator) removal(shown PlatformKey) string {
	return fmt.Sprintf("playtoken keys remove-unmanaged %s --project %s --reason TEXT", shown.ID, r.Project)
}

// named: the key's name says that it was made with this ring. People are told;
// anybody can give a key a name, so nothing is ever done because of it.
func (r *Ring) named(shown PlatformKey) bool {
	return r.StoreID != "" && strings.HasPrefix(shown.Name, "playtoken ") && strings.HasSuffix(shown.Name, " "+r.StoreID)
}

// attribute says which unmanaged keys are of other projects, whose viewers
// would be locked out if they were removed.
func (r *Rotator) attribute(ctx context.Context, d *Drift, look *Observation) {
	if r.OtherOwners == nil || len(d.Unmanaged) == 0 {
		return
	}
	var shown []PlatformKey
	for _, f := range d.Unmanaged {
		shown = append(shown, look.Platform[f.KeyID])
	}
	projects, err := r.OtherOwners(ctx, shown)
	for i := range d.Unmanaged {
		f := &d.Unmanaged[i]
		project, known := projects[f.KeyID]
		switch {
		case err != nil:
			f.Meaning = fmt.Sprintf("not of this project; whether of another one of this deployment nobody can say now: %v", err)
			f.Remedy = "none until that can be said: playtoken doctor"
		case known:
			// Which one is not this project's business; see Finding.Project.
			f.Meaning = "key of another project of this deployment, which has the same account"
			f.Remedy = "none needed: that project rotates it"
			f.Project, f.Forgotten = project, false
		}
	}
}

// owner finds the generation whose public key, or whose live id, this is.
func (r *Ring) owner(shown PlatformKey) (generation int, ours bool) {
	for _, k := range r.Keys {
		same := k.Fingerprint != "" && k.Fingerprint == shown.Fingerprint
		if same || k.State != Deleted && k.KeyID != "" && k.KeyID == shown.ID {
			return k.Generation, true
		}
	}
	return 0, false
}

// RemoveUnmanaged deletes a key at the platform that is not ours, such as the
// hand-made one that this deployment replaces. Errors: ErrNotFound; *Guard if
// it is ours, or of another project, or if that is not known, or if no key of
// ours could take its place.
func (r *Rotator) RemoveUnmanaged(ctx context.Context, keyID string, order Order) error {
	if err := r.permit(ctx); err != nil {
		return err
	}
	ring, err := r.load(ctx)
	if err != nil {
		return err
	}
	look, err := r.see(ctx, ring)
	if err != nil {
		return err
	}
	shown, there := look.Platform[keyID]
	if !there {
		return fmt.Errorf("key at the platform: %w", store.ErrNotFound)
	}
	// The look shows nothing that was not announced in a ring before it.
	if ring, err = r.load(ctx); err != nil {
		return err
	}
	if err := r.mayRemove(ctx, ring, look, shown); err != nil {
		return err
	}
	if r.Record != nil {
		err := r.Record(ctx, Transition{Project: r.Project, Actor: order.Actor, Reason: order.Reason,
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

// mayRemove returns the *Guard that forbids to remove a key, if there is one.
func (r *Rotator) mayRemove(ctx context.Context, ring Ring, look *Observation, shown PlatformKey) error {
	if generation, ours := ring.owner(shown); ours {
		return &Guard{Why: fmt.Sprintf("this key is generation %d of ours: use revoke", generation)}
	}
	if r.OtherOwners != nil {
		projects, err := r.OtherOwners(ctx, []PlatformKey{shown})
		if err != nil {
			return &Guard{Why: fmt.Sprintf("it cannot be said whether this key is another project's, whose viewers would be locked out: %v", err)}
		}
		if _, known := projects[shown.ID]; known {
			return &Guard{Why: "this key is of another project of this deployment: its viewers would be locked out"}
		}
	}
	if active, ok := ring.Active(); !ok || !look.shows(active) {
		return &Guard{Why: "no active key of ours is at the platform yet: nothing could take this key's place",
			EarliestAt: ring.EarliestActive()}
	}
	return nil
}
