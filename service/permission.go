package service

import (
	"context"
	"errors"
	"time"

	"playtoken/projects"
)

// ErrReadOnly is a projects.ErrForbidden: the store lets this process sign and
// not change keys.
var ErrReadOnly error = readOnly{}

type readOnly struct{}

func (readOnly) Error() string {
	return "this instance may only sign: its rights at the store do not allow it to rotate; ask one that may"
}

func (readOnly) Unwrap() error { return projects.ErrForbidden }

// Permit reports whether the store lets this process change keys. It asks the
// store each time, because rights may be given and taken while a process runs.
// Errors: ErrReadOnly, store.ErrUnavailable.
func (s *Storage) Permit(ctx context.Context) error {
	if s.mayRotate == nil {
		return nil
	}
	may, err := s.mayRotate(ctx)
	if err == nil && !may {
		err = ErrReadOnly
	}
	return err
}

// How long a schedule without permission waits before it asks again: where it
// is known that this process may not rotate, and where that is not known.
const (
	askAgain  = 5 * time.Minute
	askUnsure = 2 * time.Second
)

// awaitPermission returns true once this process may rotate, and false if ctx
// ends before.
func (s *schedule) awaitPermission(ctx context.Context) bool {
	told := false
	for {
		err := s.permit(ctx)
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
