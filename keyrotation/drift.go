package keyrotation

import (
	"context"
	"fmt"
)

// Drift looks at the platform and the store and tells every difference from
// the ring. It changes nothing.
func (r *Rotator) Drift(ctx context.Context) (Drift, error) {
	ring, err := r.load(ctx)
	if err != nil {
		return Drift{}, err
	}
	look, err := r.see(ctx, ring)
	if err != nil {
		return Drift{}, err
	}
	d := Drift{Orphans: []Finding{}, Missing: []Finding{}, Unmanaged: []Finding{}, Mismatched: []Finding{}}
	for _, k := range ring.Keys {
		r.compare(&d, look, k)
	}
	for _, id := range look.ids() {
		r.classify(&d, ring, look.Platform[id])
	}
	return d, nil
}

// compare files a key of the ring under what is wrong with it, if anything is.
func (r *Rotator) compare(d *Drift, look *Look, k Key) {
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
	default:
		f.Meaning = "not made by this deployment: by hand, or by another one; rotations never touch it"
		f.Remedy = fmt.Sprintf("if nothing signs with it any more: playtoken keys remove-unmanaged %s --project %s --reason TEXT",
			shown.ID, r.Project)
		d.Unmanaged = append(d.Unmanaged, f)
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
// it is ours, or if no key of ours could take its place.
func (r *Rotator) RemoveUnmanaged(ctx context.Context, keyID string, order Order) error {
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
		return fmt.Errorf("key at the platform: %w", ErrNotFound)
	}
	if generation, ours := ring.owner(shown); ours {
		return &Guard{Why: fmt.Sprintf("this key is generation %d of ours: use revoke", generation)}
	}
	active, ok := ring.Active()
	if !ok || !look.shows(active) {
		return &Guard{Why: "no active key of ours is at the platform yet: nothing could take this key's place",
			EarliestAt: ring.EarliestActive()}
	}
	r.Log.Warn("removing a key that is not ours", "project", r.Project, "key_id", keyID, "name", shown.Name,
		"fingerprint", shown.Fingerprint, "actor", order.Actor, "reason", order.Reason)
	ctx, cancel := call(ctx, ring)
	defer cancel()
	if err := r.source().Delete(ctx, keyID); err != nil {
		return fmt.Errorf("delete at the platform: %w", err)
	}
	return nil
}
