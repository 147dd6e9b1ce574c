package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"playtoken/keyrotation"
	"playtoken/projects"
)

// Several projects may be on one account of a platform. Each ring knows its
// own keys alone, so before anybody calls a key nobody's, the rings of all
// projects are asked.

// ringsAtOnce is how many rings are read at a time.
const ringsAtOnce = 16

// holders says whose keys are: by id, and by fingerprint for those whose id is
// not known yet.
type holders struct{ byID, byFingerprint map[string]string }

// holders reads every ring there is, our own included. If one cannot be read,
// nothing is known of any key.
func (p *parts) holders(ctx context.Context) (holders, error) {
	ids, err := p.projectIDs(ctx)
	if err != nil {
		return holders{}, err
	}
	for _, id := range []string{projects.Default, ownKeys} { // neither has to be in the list
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	found := holders{map[string]string{}, map[string]string{}}
	var adding sync.Mutex
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(ringsAtOnce)
	for _, id := range ids {
		all.Go(func() error {
			ring, err := p.readRing(ctx, id)
			adding.Lock()
			defer adding.Unlock()
			found.add(id, ring)
			return err
		})
	}
	return found, all.Wait()
}

func (p *parts) readRing(ctx context.Context, id string) (keyrotation.Ring, error) {
	doc, err := p.store.Read(ctx, keyrotation.RingName(id))
	if errors.Is(err, keyrotation.ErrNotFound) {
		return keyrotation.Ring{}, nil
	}
	var ring keyrotation.Ring
	if err == nil {
		ring, err = keyrotation.ReadRing(doc)
	}
	if err != nil {
		return ring, fmt.Errorf("ring of %s: %w", id, err)
	}
	return ring, nil
}

func (h holders) add(project string, ring keyrotation.Ring) {
	for _, k := range ring.Keys {
		if k.State == keyrotation.Deleted {
			continue
		}
		h.byID[k.KeyID], h.byFingerprint[k.Fingerprint] = project, project
	}
}

// among returns the projects of those keys that have one, by key id.
func (h holders) among(shown []keyrotation.PlatformKey) map[string]string {
	of := map[string]string{}
	for _, k := range shown {
		project, known := h.byID[k.ID]
		if byFingerprint, same := h.byFingerprint[k.Fingerprint]; same && k.Fingerprint != "" {
			project, known = byFingerprint, true
		}
		if known && k.ID != "" {
			of[k.ID] = project
		}
	}
	return of
}

// elsewhere implements [keyrotation.Rotator.Elsewhere].
func (p *parts) elsewhere(ctx context.Context, shown []keyrotation.PlatformKey) (map[string]string, error) {
	held, err := p.holders(ctx)
	if err != nil {
		return nil, err
	}
	return held.among(shown), nil
}
