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

// effects is what each move does. Each is: write the intent, make at most one
// call that changes something outside, write the result; one write of the ring
// is one transition. A move whose result could not be written is found
// half-done by the next Plan, and made again or adopted.
var effects = map[Action]func(*pass, context.Context, Ring, Move) error{
	Widen:        (*pass).widen,
	Respec:       (*pass).respec,
	Observe:      (*pass).lookAround,
	PlanKey:      (*pass).planKey,
	Generate:     (*pass).generate,
	Register:     (*pass).register,
	Adopt:        (*pass).adopt,
	Activate:     (*pass).activate,
	Discard:      (*pass).discard,
	Date:         (*pass).date,
	Delete:       (*pass).markDeleting,
	Withdraw:     (*pass).withdraw,
	Destroy:      (*pass).destroy,
	Bury:         (*pass).bury,
	Doubt:        (*pass).doubt,
	Trust:        (*pass).trust,
	Quarantine:   (*pass).quarantine,
	NoteOrphan:   (*pass).noteOrphan,
	DeleteOrphan: (*pass).deleteOrphan,
	ForgetOrphan: (*pass).forgetOrphan,
}

// update saves the ring with one key changed.
func (p *pass) update(ctx context.Context, ring *Ring, generation int, change func(*Key)) error {
	next := ring.clone()
	change(next.key(generation))
	if err := p.save(ctx, *ring, &next); err != nil {
		return err
	}
	*ring = next
	return nil
}

func (p *pass) widen(ctx context.Context, ring Ring, _ Move) error {
	next := ring.clone()
	next.Durations = ring.Durations.widest(p.Policy.Durations)
	for i := range next.Keys {
		if k := &next.Keys[i]; !k.mayOutlive(p.Policy.MaxTTL) {
			k.MaxTTL = p.Policy.MaxTTL
		}
	}
	return p.save(ctx, ring, &next)
}

func (p *pass) respec(ctx context.Context, ring Ring, _ Move) error {
	next := ring.clone()
	next.want(p.Policy.KeySpec, p.now())
	return p.save(ctx, ring, &next)
}

// lookAround sees everything or nothing: the whole list, the platform's own
// word on ids that the list lacks, and our private keys.
func (p *pass) lookAround(ctx context.Context, ring Ring, _ Move) error {
	look, err := p.see(ctx, ring)
	if err != nil {
		return err
	}
	p.ahead = look.ClockAhead // what is done next is dated by it, even if the store did not say so before
	look.At = look.At.Add(-p.ahead)
	next := ring.clone()
	next.ObservedAt = later(ring.ObservedAt, look.At)
	if ring.Version > 0 {
		if err := p.save(ctx, ring, &next); err != nil {
			return err
		}
	}
	p.look = look
	return nil
}

func (r *Rotator) see(ctx context.Context, ring Ring) (*Observation, error) {
	look := &Observation{At: r.now(), Platform: map[string]PlatformKey{}, Store: map[string]store.KeyInfo{}}
	if err := r.seePlatform(ctx, ring, look); err != nil {
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
		look.Store[k.StoreName] = stored
	}
	var err error
	look.ClockAhead, err = r.clockAhead(ctx)
	return look, err
}

func (r *Rotator) seePlatform(ctx context.Context, ring Ring, look *Observation) error {
	list, err := r.list(ctx, ring)
	if err != nil {
		return err
	}
	for _, k := range list {
		look.Platform[k.ID] = k
	}
	for _, k := range ring.Keys {
		if _, listed := look.Platform[k.KeyID]; listed || k.KeyID == "" || k.State == Deleted {
			continue
		}
		ctx, cancel := call(ctx, ring)
		shown, err := r.account().get(ctx, k.KeyID)
		cancel()
		if err == nil {
			look.Platform[k.KeyID] = shown
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

// clockResolution is what a store's clock may be coarse by: a Date header has
// whole seconds.
const clockResolution = time.Second

// clockAhead is our clock minus the store's.
func (r *Rotator) clockAhead(ctx context.Context) (time.Duration, error) {
	if r.StoreTime == nil {
		return 0, nil
	}
	before := r.now()
	theirs, err := r.StoreTime(ctx)
	if err != nil {
		return 0, fmt.Errorf("look at the store's clock: %w", err)
	}
	ours := before.Add(r.now().Sub(before) / 2)
	if ahead := ours.Sub(theirs); ahead.Abs() > clockResolution {
		return ahead, nil
	}
	return 0, nil
}

func (l *Observation) ids() []string {
	ids := make([]string, 0, len(l.Platform))
	for id := range l.Platform {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (p *pass) planKey(ctx context.Context, ring Ring, m Move) error {
	next := ring.clone()
	if next.StoreID == "" {
		next.StoreID = strings.ToLower(rand.Text())[:6]
	}
	if next.Spec == (KeySpec{}) {
		next.Spec = p.Policy.KeySpec // a beginning, no change: SpecAt stays open
	}
	k := Key{
		Generation: m.Generation,
		State:      Planned,
		StoreName:  "k" + strings.ToLower(rand.Text()),
		Name:       fmt.Sprintf("playtoken %.20s #%d %s", p.Project, m.Generation, next.StoreID),
		Bits:       next.Spec.Bits,
		Exportable: next.Spec.Exportable,
		Issued:     next.Spec.Issued,
		MaxTTL:     p.Policy.MaxTTL,
		CreatedAt:  p.now(),
	}
	if k.Issued { // a generation comes again when an old ring is restored, this does not
		k.Name = fmt.Sprintf("playtoken #%d %s", m.Generation, k.StoreName)
	}
	next.Keys = append(next.Keys, k)
	return p.save(ctx, ring, &next)
}

func (p *pass) generate(ctx context.Context, ring Ring, m Move) error {
	fingerprint, public, err := p.source().prepare(ctx, *ring.key(m.Generation))
	if errors.Is(err, errUnfit) {
		return errors.Join(err, p.unfit(ctx, ring, m.Generation, err))
	}
	if err != nil {
		return err
	}
	return p.update(ctx, &ring, m.Generation, func(k *Key) {
		k.State, k.PublicKey, k.Fingerprint = Generated, public, fingerprint
	})
}

// unfit gives a key up that cannot be made, and puts off the next one: a store
// that always makes something else must not be filled with it.
func (p *pass) unfit(ctx context.Context, ring Ring, generation int, why error) error {
	next := ring.clone()
	k := next.key(generation)
	k.State, k.Note = Abandoning, why.Error()
	next.failed(nil, p.now())
	return p.save(ctx, ring, &next)
}

// register: after the first save everybody knows that a request may be under
// way and leaves the platform alone until it has settled; then one request;
// then its answer, the value of an issued key before anybody may count on it.
func (p *pass) register(ctx context.Context, ring Ring, m Move) error {
	err := p.update(ctx, &ring, m.Generation, func(k *Key) { k.State, k.AttemptAt = Registering, p.now() })
	if err != nil {
		return err
	}
	p.look = nil // whatever happens now, it is no longer what we saw
	k := *ring.key(m.Generation)
	sent, cancel := call(ctx, ring)
	made, err := p.source().request(sent, k)
	cancel()
	if err != nil {
		return errors.Join(err, p.unregistered(ctx, ring, k, err))
	}
	// A value is shown once: it is kept, and known to be kept, even if the
	// caller has gone away.
	ctx = context.WithoutCancel(ctx)
	sent, cancel = call(ctx, ring)
	err = p.source().keep(sent, k, made)
	cancel()
	if err != nil {
		return err
	}
	return p.answered(ctx, ring, k, made.ID)
}

// answered records the answer to a registration, on whatever others have made
// of the ring meanwhile, as long as they have left the key to us: nobody else
// would ever know that the value of an issued key is kept.
func (p *pass) answered(ctx context.Context, ring Ring, k Key, id string) error {
	for range maxMoves {
		next := ring.clone()
		next.Failures, next.RetryAt = 0, time.Time{}
		registered(next.key(k.Generation), id, p.now())
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

func registered(k *Key, id string, now time.Time) {
	k.State, k.KeyID, k.RegisteredAt = Registered, id, now
}

// unregistered records a definite no. After any other error nobody knows, and
// the key stays Registering until a look tells.
func (p *pass) unregistered(ctx context.Context, ring Ring, k Key, why error) error {
	next := ring.clone()
	key := next.key(k.Generation)
	switch {
	case errors.Is(why, ErrRefused):
		key.State, key.Note = Abandoning, why.Error()
		key.AttemptAt = time.Time{} // it did nothing: there is nothing to wait for
	case errors.Is(why, ErrThrottled), errors.Is(why, ErrUnauthorized):
		key.State = Generated
	default:
		return nil
	}
	next.failed(why, p.now())
	return p.save(ctx, ring, &next)
}

// failed puts off the next registration.
func (r *Ring) failed(why error, now time.Time) {
	r.Failures++
	r.RetryAt = now.Add(retryIn(why, r.Failures, r.Durations.Settle))
}

// retryIn is the platform's own wish, or doubles with every failure in a row,
// up to an hour.
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
		registered(k, m.KeyID, p.now())
		next.Failures, next.RetryAt = 0, time.Time{}
		// The look did not ask for the private key of what was no standby yet,
		// so by it the key would be in doubt at once.
		defer func() { p.look = nil }()
	}
	return p.save(ctx, ring, &next)
}
