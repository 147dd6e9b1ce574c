package apivideo_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/platforms/standin"
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
)

// documents are in memory.
type documents struct {
	mu   sync.Mutex
	docs map[string]store.Document
}

func (d *documents) Read(_ context.Context, name string) (store.Document, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	doc, ok := d.docs[name]
	if !ok {
		return doc, store.ErrNotFound
	}
	return doc, nil
}

func (d *documents) Write(_ context.Context, name string, data []byte, version int64) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.docs[name].Version != version {
		return 0, store.ErrConflict
	}
	d.docs[name] = store.Document{Data: data, Version: version + 1}
	return version + 1, nil
}

func (d *documents) Delete(_ context.Context, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.docs, name)
	return nil
}

// issuedBy is the active key of a ring, seen as a process sees it: at most
// viewAge old.
func issuedBy(rotator *keyrotation.Rotator, viewAge time.Duration) func(context.Context) (platforms.IssuedKey, error) {
	var mu sync.Mutex
	var seen platforms.IssuedKey
	var at time.Time
	return func(ctx context.Context) (platforms.IssuedKey, error) {
		mu.Lock()
		defer mu.Unlock()
		if seen.ID != "" && time.Since(at) < viewAge {
			return seen, nil
		}
		now := time.Now()
		ring, err := rotator.Ring(ctx)
		if err != nil {
			return platforms.IssuedKey{}, err
		}
		active, ok := ring.Active()
		if !ok {
			return platforms.IssuedKey{}, &signer.NoActiveKey{EarliestAt: ring.EarliestActive()}
		}
		key, err := keyrotation.ReadIssued(ctx, rotator.Documents, active)
		if err != nil {
			return platforms.IssuedKey{}, err
		}
		seen, at = platforms.IssuedKey{ID: key.ID, Value: secret.New(string(key.Value))}, now
		return seen, nil
	}
}

// rotation is a world whose keys are made and deleted by a rotator.
func rotation(t *testing.T, share float64) (*world, *keyrotation.Rotator) {
	w := newWorld(t, "issued", "yes")
	w.keys.Remove(w.active.ID)
	durations := keyrotation.Durations{Propagation: time.Minute, ViewAge: 15 * time.Second, Skew: time.Minute, Settle: 30 * time.Second}
	rotator := &keyrotation.Rotator{
		Project: "default", Documents: &documents{docs: map[string]store.Document{}}, Issuer: w.platform.Issuer,
		Policy: keyrotation.Policy{
			RotateEvery: 3 * time.Hour, ObserveEvery: 10 * time.Minute, Durations: durations,
			KeySpec: keyrotation.KeySpec{Issued: true}, KeyBudget: 10,
		},
		Log: slog.New(slog.DiscardHandler),
	}
	w.account.Issued = issuedBy(rotator, durations.ViewAge)
	w.platform = w.open(t)
	w.chaos = standin.Chaos(7, share, 20*time.Second)
	return w, rotator
}

// schedule has a rotator make its turns until ctx ends.
func schedule(ctx context.Context, rotator *keyrotation.Rotator) {
	for failures := 0; ctx.Err() == nil; {
		wait, err := rotator.Turn(ctx, failures)
		if failures++; err == nil {
			failures = 0
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// From its first key on, a project mints without interruption.
func TestNoMintIsRefusedDuringRotations(t *testing.T) {
	for name, share := range map[string]float64{"without trouble": 0, "with a third of all calls failing": 0.3} {
		bubble(t, name, func(t *testing.T) {
			w, rotator := rotation(t, share)
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { schedule(ctx, rotator) })
			var none *signer.NoActiveKey
			for {
				if _, err := w.mint(t.Context(), film); err == nil {
					break
				} else if !errors.As(err, &none) {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Second)
			}
			minted := 0
			for start := time.Now(); time.Since(start) < 24*time.Hour; minted++ {
				token, err := w.mint(t.Context(), film)
				if err != nil || w.get(t, token.URLs.HLS) != 200 {
					t.Errorf("%s after the first: %v", time.Since(start), err)
				}
				time.Sleep(71 * time.Second)
			}
			cancel()
			running.Wait()
			ring, err := rotator.Ring(t.Context())
			if active, ok := ring.Active(); err != nil || !ok || active.Generation < 7 {
				t.Errorf("the active key is %+v, %v, want generation 7 or later", active, err)
			}
			if n := len(w.keys.Current()); n > 4 {
				t.Errorf("%d keys are left at the platform: %v", n, w.keys.Current())
			}
			if minted < 1000 {
				t.Errorf("%d tokens", minted)
			}
		})
	}
}

// A stolen key ends at once, and with it what was bought with it; the next one
// takes over within the age of a view.
func TestARevokedKeyIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, rotator := rotation(t, 0)
		order := keyrotation.Order{Actor: "test", Reason: "stolen"}
		for range 100 {
			if _, err := rotator.Reconcile(t.Context(), order); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
		}
		w.must(t)
		ring, _ := rotator.Ring(t.Context())
		stolen, _ := ring.Active()
		gone, err := rotator.Revoke(t.Context(), stolen.Generation, order)
		if err != nil || gone.ActiveGeneration == 0 {
			t.Fatalf("Revoke = %+v, %v, want another active key", gone, err)
		}
		rotator.Reconcile(t.Context(), order)
		time.Sleep(rotator.Policy.Durations.ViewAge)
		w.must(t)
		for _, key := range w.keys.Current() {
			if key.ID == stolen.KeyID {
				t.Error(fmt.Sprint("it is still there: ", key))
			}
		}
	})
}
