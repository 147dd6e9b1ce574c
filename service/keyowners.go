package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/store"
)

// ringsAtOnce is how many rings are read at a time.
const ringsAtOnce = 16

// keyOwners knows which project a key at a platform belongs to. Several
// projects may be on one account, and each ring knows only its own keys, so a
// key is called unmanaged only after the rings of all projects were read.
type keyOwners struct {
	documents store.Documents
	ids       func(context.Context) ([]string, error) // of all projects
	reads     *sharedRead
	last      atomic.Pointer[Owners] // that was read; nil: none
}

// Owners maps keys to the projects that own them: by id, and by fingerprint
// where the id is not known yet.
type Owners struct {
	byID, byFingerprint map[string]string
	began               time.Time // when the rings began to be read
}

// ownersAge is how long a look at the platform believes that another project owns a
// key.
const ownersAge = 10 * time.Minute

// read reads the rings of all projects, and that of the keys that sign access
// tokens. If one cannot be read, the owner of no key is known.
func (o *keyOwners) read(ctx context.Context) (Owners, error) {
	found := Owners{byID: map[string]string{}, byFingerprint: map[string]string{}, began: time.Now()}
	ids, err := o.ids(ctx)
	if err != nil {
		return Owners{}, err
	}
	for _, id := range []string{projects.Default, access.RingID} { // neither has to be in the list
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	var adding sync.Mutex
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(ringsAtOnce)
	for _, id := range ids {
		all.Go(func() error {
			ring, err := readRing(ctx, o.documents, id)
			adding.Lock()
			defer adding.Unlock()
			found.add(id, ring)
			return err
		})
	}
	err = all.Wait()
	if err == nil {
		o.last.Store(&found)
	}
	return found, err
}

// readRing reads the ring of a project, which is empty before the first
// rotation.
func readRing(ctx context.Context, documents store.Documents, id string) (keyrotation.Ring, error) {
	doc, err := documents.Read(ctx, keyrotation.RingName(id))
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

func (o Owners) add(project string, ring keyrotation.Ring) {
	for _, k := range ring.Keys {
		if k.State == keyrotation.Deleted {
			continue
		}
		o.byID[k.KeyID], o.byFingerprint[k.Fingerprint] = project, project
	}
}

// Among returns the owners of those keys that have one, by key id.
func (o Owners) Among(shown []keyrotation.PlatformKey) map[string]string {
	owners := map[string]string{}
	for _, k := range shown {
		project, known := o.byID[k.ID]
		if byFingerprint, same := o.byFingerprint[k.Fingerprint]; same && k.Fingerprint != "" {
			project, known = byFingerprint, true
		}
		if known && k.ID != "" {
			owners[k.ID] = project
		}
	}
	return owners
}

// among implements [keyrotation.Rotator.OtherOwners]. A read is of all rings,
// and any project may ask for one, so callers that wait share a read.
func (o *keyOwners) among(ctx context.Context, shown []keyrotation.PlatformKey) (map[string]string, error) {
	owners, err := o.reads.get(ctx, o.read)
	if err != nil {
		return nil, err
	}
	return owners.Among(shown), nil
}

// ofLook is among for what a look at the platform reports. Where many projects use
// one account, each look shows the keys of all, and must not read all rings again:
// only a key whose owner is not known makes it do so.
func (o *keyOwners) ofLook(ctx context.Context, shown []keyrotation.PlatformKey) (map[string]string, error) {
	if last := o.last.Load(); last != nil && time.Since(last.began) < ownersAge {
		if owners := last.Among(shown); len(owners) == len(shown) {
			return owners, nil
		}
	}
	return o.among(ctx, shown)
}

// sharedRead makes sure that all rings are read once at a time, however many
// callers ask. A caller gets a read that began after it asked: what it has seen
// at the platform was written to a ring before it appeared there.
type sharedRead struct {
	turn chan struct{} // held by the caller that reads; of size one
	mu   sync.Mutex
	next *oneRead // has not begun; nil: no caller waits
}

type oneRead struct {
	owners Owners
	done   bool
}

func newSharedRead() *sharedRead { return &sharedRead{turn: make(chan struct{}, 1)} }

// get returns what read returns. An error is only that caller's whose call
// failed: the others try themselves.
func (r *sharedRead) get(ctx context.Context, read func(context.Context) (Owners, error)) (Owners, error) {
	mine := r.join()
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return Owners{}, ctx.Err()
	}
	defer func() { <-r.turn }()
	if mine.done {
		return mine.owners, nil
	}
	r.begin(mine)
	owners, err := read(ctx)
	if err != nil {
		return Owners{}, err
	}
	mine.owners, mine.done = owners, true
	return owners, nil
}

// join returns the read that is next.
func (r *sharedRead) join() *oneRead {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = &oneRead{}
	}
	return r.next
}

// begin makes later callers join another read.
func (r *sharedRead) begin(mine *oneRead) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == mine {
		r.next = nil
	}
}
