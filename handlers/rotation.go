package handlers

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/store"
)

// changeTimeout bounds one change of a project's keys.
const changeTimeout = 2 * time.Minute

// whole is the context of a change: it goes on when the caller hangs up. Every
// change would survive being broken off, but an operator who revokes a key and
// closes the laptop wants it revoked now.
func whole(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), changeTimeout)
}

// patient lets the answer to a change come later than the server allows other
// answers to: the answer says what has happened, and should not be cut off.
func patient(w http.ResponseWriter, action projects.Action) {
	switch action {
	case projects.WriteKeys, projects.RotateAll, projects.WriteProject, projects.DeleteProject:
		// A connection without deadlines, as in tests, is patient already.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(changeTimeout + time.Minute))
	}
}

func (s *server) rotationStatus(ctx context.Context, c call, _ none) (RotationStatus, error) {
	rotation, err := s.Projects.Rotation(ctx, c.project)
	if err != nil {
		return RotationStatus{}, err
	}
	status, err := rotation.Status(ctx)
	if err != nil {
		return RotationStatus{}, platformTrouble{err}
	}
	return NewRotationStatus(status), nil
}

// rotateBody asks for what is due, or for a rotation now. Without a mode it is
// what is due.
type rotateBody struct {
	Mode   string `json:"mode"`
	Reason string `json:"reason"`
}

func (b rotateBody) reason() string { return b.Reason }

func (b rotateBody) check() error {
	wrong := checkReason(b.Reason, false)
	if b.Mode != "" && b.Mode != "due" && b.Mode != "now" {
		wrong = append(wrong, fieldError{"mode", `want "due" (only what is due) or "now" (rotate even if nothing is)`})
	}
	return invalidFields(wrong...)
}

func (s *server) rotate(ctx context.Context, c call, body rotateBody) (Rotated, error) {
	rotation, err := s.Projects.Rotation(ctx, c.project)
	if err != nil {
		return Rotated{}, err
	}
	ctx, cancel := whole(ctx)
	defer cancel()
	order := c.order(body.Reason)
	order.Now = body.Mode == "now"
	result, err := rotation.Reconcile(ctx, order)
	if guard, ok := errors.AsType[*keyrotation.Guard](err); ok {
		// Too early is an answer, not an error: whoever runs this every hour
		// is to be told, not alarmed.
		result.Reason = guard.Error()
		if result.NextActionAt.IsZero() {
			result.NextActionAt = guard.EarliestAt
		}
	} else if err != nil {
		return Rotated{}, platformTrouble{err}
	}
	return NewRotated(result), nil
}

type allAnswer struct {
	Results []oneOfAll `json:"results"`
}

// oneOfAll is how one project's rotation ended, or why it did not.
type oneOfAll struct {
	ProjectID string `json:"project_id"`
	Rotated
	Error *problem `json:"error,omitempty"`
}

// status is that of a whole whose parts ended differently.
func (a allAnswer) status() int {
	for _, one := range a.Results {
		if one.Error != nil {
			return http.StatusMultiStatus
		}
	}
	return http.StatusOK
}

// ProjectsAtOnce is how many projects are rotated, or examined, at a time: here and on
// the command line.
const ProjectsAtOnce = 16

// rotateAll takes some projects at a time: each that hangs takes as long as its
// platform is waited for, and the answer must come before cron gives up.
func (s *server) rotateAll(ctx context.Context, c call, body rotateBody) (allAnswer, error) {
	ids, err := s.Projects.Rotating(ctx)
	if err != nil {
		return allAnswer{}, err
	}
	all := allAnswer{Results: make([]oneOfAll, len(ids))}
	var rotations errgroup.Group
	rotations.SetLimit(ProjectsAtOnce)
	for i, id := range ids {
		rotations.Go(func() error {
			all.Results[i] = s.rotateOneOf(ctx, c, id, body)
			return nil
		})
	}
	return all, rotations.Wait()
}

func (s *server) rotateOneOf(ctx context.Context, c call, id string, body rotateBody) oneOfAll {
	c.project = id
	rotated, err := s.rotate(ctx, c, body)
	one := oneOfAll{ProjectID: id, Rotated: rotated}
	if err != nil {
		trouble := s.explain(ctx, c.requestID, err)
		one.Error = &trouble
	}
	return one
}

func (s *server) drift(ctx context.Context, c call, _ none) (Drift, error) {
	rotation, err := s.Projects.Rotation(ctx, c.project)
	if err != nil {
		return Drift{}, err
	}
	drift, err := rotation.Drift(ctx)
	if err != nil {
		return Drift{}, platformTrouble{err}
	}
	return NewDrift(drift), nil
}

// maxKeyID is the longest platform key id that is looked for.
const maxKeyID = 128

type removedAnswer struct {
	Removed string `json:"removed"`
}

func (s *server) removeUnmanaged(ctx context.Context, c call, body reasonBody) (removedAnswer, error) {
	keyID := c.vars["key_id"]
	if len(keyID) > maxKeyID || strings.ContainsFunc(keyID, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return removedAnswer{}, store.ErrNotFound
	}
	rotation, err := s.Projects.Rotation(ctx, c.project)
	if err != nil {
		return removedAnswer{}, err
	}
	ctx, cancel := whole(ctx)
	defer cancel()
	if err := rotation.RemoveUnmanaged(ctx, keyID, c.order(body.Reason)); err != nil {
		return removedAnswer{}, platformTrouble{err}
	}
	return removedAnswer{Removed: keyID}, nil
}
