package main

import (
	"context"
	"errors"
	"time"

	"playtoken/keyrotation"
	"playtoken/projects"
)

// readOnly is the answer of a process that may only sign to whoever wants
// more. Callers learn that from it, and not that there is a Vault.
type readOnly struct{}

func (readOnly) Error() string {
	return "this instance may only sign: its rights at the store do not allow it to rotate; ask one that may"
}

func (readOnly) Unwrap() error { return projects.ErrForbidden }

// permitted is a Rotator that changes keys only if the store lets this process
// do so. It asks each time: a right may be given, or taken, while we run.
type permitted struct {
	*keyrotation.Rotator
	may func(context.Context) (bool, error) // nil: always
	// changed is told after each change: the ring may have something due
	// sooner than the scheduler thinks.
	changed func()
}

func (p permitted) check(ctx context.Context) error {
	if p.may == nil {
		return nil
	}
	may, err := p.may(ctx)
	if err == nil && !may {
		err = readOnly{}
	}
	return err
}

// result carries out a change, if we may.
func (p permitted) result(ctx context.Context, change func() (keyrotation.Result, error)) (keyrotation.Result, error) {
	if err := p.check(ctx); err != nil {
		return keyrotation.Result{}, err
	}
	defer p.changed()
	return change()
}

func (p permitted) Reconcile(ctx context.Context, order keyrotation.Order) (keyrotation.Result, error) {
	return p.result(ctx, func() (keyrotation.Result, error) { return p.Rotator.Reconcile(ctx, order) })
}

func (p permitted) Activate(ctx context.Context, generation int, order keyrotation.Order) (keyrotation.Result, error) {
	return p.result(ctx, func() (keyrotation.Result, error) { return p.Rotator.Activate(ctx, generation, order) })
}

func (p permitted) Rollback(ctx context.Context, generation int, order keyrotation.Order) (keyrotation.Result, error) {
	return p.result(ctx, func() (keyrotation.Result, error) { return p.Rotator.Rollback(ctx, generation, order) })
}

func (p permitted) Release(ctx context.Context, generation int, order keyrotation.Order) (keyrotation.Result, error) {
	return p.result(ctx, func() (keyrotation.Result, error) { return p.Rotator.Release(ctx, generation, order) })
}

func (p permitted) Revoke(ctx context.Context, generation int, order keyrotation.Order) (keyrotation.Revocation, error) {
	if err := p.check(ctx); err != nil {
		return keyrotation.Revocation{}, err
	}
	defer p.changed()
	return p.Rotator.Revoke(ctx, generation, order)
}

func (p permitted) End(ctx context.Context, order keyrotation.Order) error {
	if err := p.check(ctx); err != nil {
		return err
	}
	return p.Rotator.End(ctx, order)
}

func (p permitted) RemoveUnmanaged(ctx context.Context, keyID string, order keyrotation.Order) error {
	if err := p.check(ctx); err != nil {
		return err
	}
	return p.Rotator.RemoveUnmanaged(ctx, keyID, order)
}

// Drift changes nothing, but it looks at private keys in the store.
func (p permitted) Drift(ctx context.Context) (keyrotation.Drift, error) {
	if err := p.check(ctx); err != nil {
		return keyrotation.Drift{}, err
	}
	return p.Rotator.Drift(ctx)
}

// Between questions of a scheduler that may not, or does not know whether it
// may.
const (
	askAgain  = 5 * time.Minute
	askUnsure = 2 * time.Second
)

// awaitPermission returns true once this process may rotate, false when ctx
// ends before.
func (s *scheduler) awaitPermission(ctx context.Context) bool {
	told := false
	for {
		err := s.permitted(nil).check(ctx)
		if err == nil {
			return true
		}
		wait := askUnsure
		if errors.Is(err, projects.ErrForbidden) {
			wait = askAgain
			if !told {
				s.log.Warn("the scheduler is off: our rights at the store allow signing, not rotation")
				told = true
			}
		}
		if !pause(ctx, wait) {
			return false
		}
	}
}
