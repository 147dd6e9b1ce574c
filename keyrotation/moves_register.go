package keyrotation

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"playtoken/store"
)

// The moves in this file make a key and register it.

func (p *pass) planKey(ctx context.Context, ring Ring, m Move) error {
	next := ring.clone()
	if next.StoreID == "" {
		next.StoreID = strings.ToLower(rand.Text())[:6]
	}
	if next.Spec == (KeySpec{}) {
		next.Spec = p.rotator.Policy.KeySpec // the ring's first kind is no change: SpecAt stays zero
	}
	k := Key{
		Generation: m.Generation,
		State:      Planned,
		StoreName:  "k" + strings.ToLower(rand.Text()),
		Name:       fmt.Sprintf("playtoken %.20s #%d %s", p.rotator.Project, m.Generation, next.StoreID),
		Kind:       next.Spec.Kind,
		Exportable: next.Spec.Exportable,
		Issued:     next.Spec.Issued,
		MaxTTL:     p.rotator.Policy.MaxTTL,
		CreatedAt:  p.now(),
	}
	if k.Issued { // generations repeat after an old ring is restored, this name does not
		k.Name = fmt.Sprintf("playtoken #%d %s", m.Generation, k.StoreName)
	}
	next.Keys = append(next.Keys, k)
	return p.save(ctx, ring, &next)
}

func (p *pass) generate(ctx context.Context, ring Ring, m Move) error {
	fingerprint, public, err := p.rotator.source().prepare(ctx, *ring.key(m.Generation))
	if errors.Is(err, errUnfit) {
		return errors.Join(err, p.abandonUnfit(ctx, ring, m.Generation, err))
	}
	if err != nil {
		return err
	}
	return p.update(ctx, &ring, m.Generation, func(k *Key) {
		k.State, k.PublicKey, k.Fingerprint = Generated, public, fingerprint
	})
}

// abandonUnfit gives up a key that the store cannot make, and delays the next
// one, so that such a store is not filled with unusable keys.
func (p *pass) abandonUnfit(ctx context.Context, ring Ring, generation int, why error) error {
	next := ring.clone()
	k := next.key(generation)
	k.State, k.Note = Abandoning, why.Error()
	next.delayRegistration(nil, p.now())
	return p.save(ctx, ring, &next)
}

// register writes that a request is about to be sent, after which no replica
// sends one before the settle time is over; then sends one request; then writes
// the result. The value of an issued key is stored before the ring names the
// key, which every signer relies on.
func (p *pass) register(ctx context.Context, ring Ring, m Move) error {
	if p.rotator.Policy.Carried {
		return p.offer(ctx, ring, m)
	}
	if err := p.intend(ctx, &ring, m.Generation); err != nil {
		return err
	}
	p.observation = nil // out of date from now on, even if the request fails
	k := *ring.key(m.Generation)
	sent, cancel := call(ctx, ring)
	made, err := p.rotator.source().request(sent, k)
	cancel()
	if err != nil {
		return errors.Join(err, p.recordRefusal(ctx, ring, k, err))
	}
	// A value is shown once, so it is stored and recorded even if the caller
	// cancels meanwhile.
	ctx = context.WithoutCancel(ctx)
	sent, cancel = call(ctx, ring)
	err = p.rotator.source().keep(sent, k, made)
	cancel()
	if err != nil {
		return err
	}
	return p.recordRegistration(ctx, ring, k, made.ID)
}

// intend writes the intent to register a key, and which keys at the platform
// are strange: only one that comes later can be this registration.
func (p *pass) intend(ctx context.Context, ring *Ring, generation int) error {
	next := ring.clone()
	another := func(k Key) bool { return k.Generation != generation && k.unanswered(k.AttemptAt, 0) }
	if !slices.ContainsFunc(ring.Keys, another) {
		next.Strangers = ring.strangers(p.observation)
	}
	k := next.key(generation)
	k.State, k.AttemptAt = Registering, p.now()
	k.Published = p.rotator.Policy.Fetched
	if err := p.save(ctx, *ring, &next); err != nil {
		return err
	}
	*ring = next
	return nil
}

// recordRegistration writes the id of a registered key. If other replicas
// change the ring meanwhile, it writes to the changed ring, unless they changed
// this key: only this process knows that the value of an issued key is stored.
func (p *pass) recordRegistration(ctx context.Context, ring Ring, k Key, id string) error {
	for range maxMoves {
		next := ring.clone()
		next.Failures, next.RetryAt = 0, time.Time{}
		next.key(k.Generation).register(id, p.now())
		next.key(k.Generation).Unseen = true
		err := p.save(ctx, ring, &next)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		if ring, err = p.read(ctx); err != nil {
			return err
		}
		if now, _ := ring.Key(k.Generation); now.State != Registering {
			return store.ErrConflict
		}
	}
	return store.ErrConflict
}

func (k *Key) register(id string, now time.Time) {
	k.State, k.KeyID, k.RegisteredAt = Registered, id, now
}

// recordRefusal writes that the platform did not register the key. After any
// other error that is unknown, and the key stays Registering until an
// observation shows it.
func (p *pass) recordRefusal(ctx context.Context, ring Ring, k Key, why error) error {
	next := ring.clone()
	key := next.key(k.Generation)
	switch {
	case errors.Is(why, ErrRefused):
		key.State, key.Note = Abandoning, why.Error()
		key.AttemptAt = time.Time{} // the platform did nothing: there is nothing to wait for
	case errors.Is(why, ErrThrottled), errors.Is(why, ErrUnauthorized):
		key.State = Generated
	default:
		return nil
	}
	next.delayRegistration(why, p.now())
	return p.save(ctx, ring, &next)
}

// delayRegistration delays the next registration after one that failed.
func (r *Ring) delayRegistration(why error, now time.Time) {
	r.Failures++
	r.RetryAt = now.Add(retryIn(why, r.Failures, r.Durations.Settle))
}

// retryIn is the platform's Retry-After, or else doubles with every failure in
// a row; at most an hour.
func retryIn(why error, failures int, settle time.Duration) time.Duration {
	var wish interface{ RetryAfter() time.Duration }
	if errors.As(why, &wish) && wish.RetryAfter() > 0 {
		return min(wish.RetryAfter(), time.Hour)
	}
	return min(settle<<min(failures, 12), time.Hour)
}

func (p *pass) adopt(ctx context.Context, ring Ring, m Move) error {
	next := ring.clone()
	k := next.key(m.Generation)
	if states[k.State].leaving {
		k.KeyID = m.KeyID // now it can be deleted
	} else {
		k.register(m.KeyID, p.now())
		k.Published = k.Published || p.rotator.Policy.Fetched // it was to be carried
		next.Failures, next.RetryAt = 0, time.Time{}
		// The observation lacks the private key, because the key was no standby
		// when it was taken: relying on it would put the key in doubt at once.
		defer func() { p.observation = nil }()
	}
	return p.save(ctx, ring, &next)
}
