package keyrotation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"playtoken/store"
)

// observe takes an observation and writes its time into the ring.
func (p *pass) observe(ctx context.Context, ring Ring, _ Move) error {
	observation, err := p.rotator.observe(ctx, ring)
	if err != nil {
		return err
	}
	p.ahead = observation.ClockAhead // dates what follows, even if setClock got no answer
	observation.At = observation.At.Add(-p.ahead)
	next := ring.clone()
	next.ObservedAt = later(ring.ObservedAt, observation.At)
	drift := p.rotator.compare(ring, ring, observation)
	next.Drifted = drift.counts()
	next.noteLoss(observation)
	next.Troubles = renew(ring.Troubles, p.seen(ctx, next, observation, drift), p.now(), func(t Trouble) bool { return !t.Code.kind().looked })
	if ring.Version > 0 {
		if err := p.save(ctx, ring, &next); err != nil {
			return err
		}
	}
	p.observation, p.looked = observation, true
	return nil
}

// lookAgain is the look with which an order ends that finds viewers or rotation
// stopped: what was done, here or at the platform, may have ended that.
func (p *pass) lookAgain(ring Ring) (again Move, wanted bool) {
	again = Move{Action: Observe}
	if !p.ordered || p.looked || p.lookedAgain || !ring.stoppedByLook() || p.failedBefore(again) {
		return Move{}, false
	}
	p.lookedAgain = true
	return again, true
}

// observe reads everything or fails: the platform's whole list, those of our
// ids that the list lacks, our private keys, and the clock.
func (r *Rotator) observe(ctx context.Context, ring Ring) (*Observation, error) {
	o := &Observation{At: r.now(), Account: r.Account, Platform: map[string]PlatformKey{}, Store: map[string]store.KeyInfo{}}
	if err := r.observePlatform(ctx, ring, o); err != nil {
		return nil, fmt.Errorf("look at the platform: %w", err)
	}
	ctx, cancel := call(ctx, ring)
	defer cancel()
	for _, k := range ring.Keys {
		if !states[k.State].shown && k.State != Quarantined {
			continue
		}
		stored, err := r.source().holds(ctx, k)
		if errors.Is(err, store.ErrNotFound) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("look at private key of generation %d: %w", k.Generation, err)
		}
		o.Store[k.StoreName] = stored
	}
	var err error
	o.ClockAhead, err = r.clockAhead(ctx)
	return o, err
}

func (r *Rotator) observePlatform(ctx context.Context, ring Ring, o *Observation) error {
	list, err := r.list(ctx, ring)
	if err != nil {
		return err
	}
	for _, k := range list {
		o.Platform[k.ID] = ring.recognise(k)
	}
	for _, k := range ring.Keys {
		if _, listed := o.Platform[k.KeyID]; listed || k.KeyID == "" || k.State == Deleted {
			continue
		}
		ctx, cancel := call(ctx, ring)
		shown, err := r.account().get(ctx, k.KeyID)
		cancel()
		if err == nil {
			o.Platform[k.KeyID] = ring.recognise(shown)
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}

func (r *Rotator) list(ctx context.Context, ring Ring) ([]PlatformKey, error) {
	ctx, cancel := call(ctx, ring)
	defer cancel()
	return r.account().list(ctx)
}

// clockResolution is how coarse a store's clock may be: a Date header has whole
// seconds.
const clockResolution = time.Second

// clockAhead is our clock minus the store's.
func (r *Rotator) clockAhead(ctx context.Context) (time.Duration, error) {
	if r.StoreTime == nil {
		return 0, nil
	}
	return ClockAhead(ctx, r.now, r.StoreTime)
}

// ClockAhead is a clock minus the store's; 0 if they differ by less than the
// store's clock can tell.
func ClockAhead(ctx context.Context, now func() time.Time, storeTime func(context.Context) (time.Time, error)) (time.Duration, error) {
	before := now()
	theirs, err := storeTime(ctx)
	if err != nil {
		return 0, fmt.Errorf("look at the store's clock: %w", err)
	}
	ours := before.Add(now().Sub(before) / 2)
	if ahead := ours.Sub(theirs); ahead.Abs() > clockResolution {
		return ahead, nil
	}
	return 0, nil
}
