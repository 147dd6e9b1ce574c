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
	"playtoken/store"
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
	if errors.Is(err, store.ErrNotFound) {
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

// elsewhere implements [keyrotation.Rotator.OtherOwners]. Any project may ask,
// and each reading is of all rings: those who wait share one.
func (p *parts) elsewhere(ctx context.Context, shown []keyrotation.PlatformKey) (map[string]string, error) {
	held, err := p.held.get(ctx, p.holders)
	if err != nil {
		return nil, err
	}
	return held.among(shown), nil
}

// readings make sure that all rings are read once at a time, whoever asks how
// often. Whoever asks gets a reading that began after they did: what they have
// seen at the platform was written down in a ring before it was there.
type readings struct {
	turn chan struct{} // held by whoever reads; of size one
	mu   sync.Mutex
	next *reading // has not begun; nil: nobody waits
}

type reading struct {
	held holders
	done bool
}

func newReadings() *readings { return &readings{turn: make(chan struct{}, 1)} }

// get returns what read says. An error is only theirs who made that call: the
// others try themselves.
func (r *readings) get(ctx context.Context, read func(context.Context) (holders, error)) (holders, error) {
	mine := r.join()
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return holders{}, ctx.Err()
	}
	defer func() { <-r.turn }()
	if mine.done {
		return mine.held, nil
	}
	r.begin(mine)
	held, err := read(ctx)
	if err != nil {
		return holders{}, err
	}
	mine.held, mine.done = held, true
	return held, nil
}

// join returns the reading that is next.
func (r *readings) join() *reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = &reading{}
	}
	return r.next
}

// begin lets nobody else join.
func (r *readings) begin(mine *reading) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == mine {
		r.next = nil
	}
}
