package keyrotation_test

import (
	"context"
	"errors"
	"testing"

	"playtoken/keyrotation"
)

// everyVerb are all that an operator can ask of a rotator. Those that change the
// ring report it.
var everyVerb = map[string]struct {
	changes bool
	do      func(context.Context, *keyrotation.Rotator, keyrotation.Order) error
}{
	"Reconcile": {true, func(ctx context.Context, r *keyrotation.Rotator, o keyrotation.Order) error {
		_, err := r.Reconcile(ctx, o)
		return err
	}},
	"Activate": {true, func(ctx context.Context, r *keyrotation.Rotator, o keyrotation.Order) error {
		_, err := r.Activate(ctx, 2, o)
		return err
	}},
	"Rollback": {true, func(ctx context.Context, r *keyrotation.Rotator, o keyrotation.Order) error {
		_, err := r.Rollback(ctx, 1, o)
		return err
	}},
	"Release": {true, func(ctx context.Context, r *keyrotation.Rotator, o keyrotation.Order) error {
		_, err := r.Release(ctx, 1, o)
		return err
	}},
	"Confirm": {true, func(ctx context.Context, r *keyrotation.Rotator, o keyrotation.Order) error {
		_, err := r.Confirm(ctx, 2, "", o)
		return err
	}},
	"Revoke": {true, func(ctx context.Context, r *keyrotation.Rotator, o keyrotation.Order) error {
		_, err := r.Revoke(ctx, 2, o)
		return err
	}},
	"End": {true, func(ctx context.Context, r *keyrotation.Rotator, o keyrotation.Order) error { return r.End(ctx, o) }},
	"RemoveUnmanaged": {false, func(ctx context.Context, r *keyrotation.Rotator, o keyrotation.Order) error {
		return r.RemoveUnmanaged(ctx, "id9999", o)
	}},
	"Drift": {false, func(ctx context.Context, r *keyrotation.Rotator, _ keyrotation.Order) error {
		_, err := r.Drift(ctx)
		return err
	}},
}

func TestAVerbWithoutPermissionCallsNothing(t *testing.T) {
	refusal := errors.New("this process may only sign")
	for name, verb := range everyVerb {
		t.Run(name, func(t *testing.T) {
			s := rotated(t)
			s.as("")
			changed := 0
			err := s.by(s.acts, func(ctx context.Context, r *keyrotation.Rotator) error {
				r.Permit = func(context.Context) error { return refusal }
				r.Changed = func() { changed++ }
				return verb.do(ctx, r, keyrotation.Order{Actor: "cli", Reason: "test"})
			})
			if !errors.Is(err, refusal) {
				t.Errorf("%s error = %v, want %v", name, err, refusal)
			}
			if len(s.calls) != 0 || changed != 0 {
				t.Errorf("%s made the calls %v and reported %d changes, want no calls and no change", name, s.calls, changed)
			}
		})
	}
}

func TestAVerbReportsThatItMayHaveChangedTheRing(t *testing.T) {
	for name, verb := range everyVerb {
		t.Run(name, func(t *testing.T) {
			s := rotated(t)
			for _, generation := range []int{1, 2, 3} {
				s.lose(generation)
			}
			asked, changed, want := 0, 0, 0
			s.by(s.acts, func(ctx context.Context, r *keyrotation.Rotator) error {
				r.Permit = func(context.Context) error { asked++; return nil }
				r.Changed = func() { changed++ }
				return verb.do(ctx, r, keyrotation.Order{Actor: "cli", Reason: "test"})
			})
			if verb.changes {
				want = 1
			}
			if asked != 1 || changed != want {
				t.Errorf("%s asked for permission %d times and reported %d changes, want 1 and %d", name, asked, changed, want)
			}
		})
	}
}

func TestPlatformErrorsAreToldFromTheStores(t *testing.T) {
	for op, want := range map[string]bool{
		"list": true, "register": true, "read": false, "create": false, "describe": false,
	} {
		t.Run(op, func(t *testing.T) {
			s := bootstrapped(t)
			s.always(op, fate{err: errLost})
			err := s.by(s.acts, func(ctx context.Context, r *keyrotation.Rotator) error {
				_, err := r.Reconcile(ctx, keyrotation.Order{Now: true, Actor: "cli"})
				return err
			})
			if err == nil { // the next key is registered after the rotation that was ordered
				err = s.live(propagation)
			}
			var platform *keyrotation.PlatformError
			if got := errors.As(err, &platform); !errors.Is(err, errLost) || got != want {
				t.Errorf("error of %s = %v, a PlatformError: %t, want %t", op, err, got, want)
			}
		})
	}
}
