package main

import (
	"context"
	"errors"
	"time"

	"playtoken/projects"
)

// readOnly is the answer of a process that may only sign to whoever wants
// more. Callers learn that from it, and not that there is a Vault.
type readOnly struct{}

func (readOnly) Error() string {
	return "this instance may only sign: its rights at the store do not allow it to rotate; ask one that may"
}

func (readOnly) Unwrap() error { return projects.ErrForbidden }

// permit says whether the store lets this process change keys. It asks each
// time: a right may be given, or taken, while we run.
func (p *parts) permit(ctx context.Context) error {
	if p.mayRotate == nil {
		return nil
	}
	may, err := p.mayRotate(ctx)
	if err == nil && !may {
		err = readOnly{}
	}
	return err
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
