package handlers

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/store"
)

// changeTimeout bounds one change of a project's keys.
const changeTimeout = 2 * time.Minute

// detached is the context of a change: the change goes on when the caller closes
// the connection. Every change would survive an interruption, but an operator who
// revokes a key and closes the laptop wants it revoked now.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), changeTimeout)
}

// extendDeadline gives the response to a change, which says what has happened and
// should arrive, and to an examination, which waits for platforms, more time than the
// server gives other responses.
func extendDeadline(w http.ResponseWriter, action projects.Action) {
	switch action {
	case projects.WriteKeys, projects.RotateAll, projects.WriteProject, projects.DeleteProject, projects.Approve, projects.Examine:
		// Only a connection without deadlines, as in tests, returns an error.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(changeTimeout + time.Minute))
	}
}

func (s *server) rotationStatus(ctx context.Context, c call, _ noBody) (RotationStatus, error) {
	rotation, err := s.Projects.Rotation(ctx, c.project)
	if err != nil {
		return RotationStatus{}, err
	}
	status, err := rotation.Status(ctx)
	if err != nil {
		return RotationStatus{}, err
	}
	return newRotationStatus(status), nil
}

// rotateBody asks for the moves that are due, which is the default, for a rotation
// now, or for new keys where the platform lost ours.
type rotateBody struct {
	Mode   string `json:"mode"`
	Reason string `json:"reason"`
}

// What a rotation may be asked to do.
const (
	modeDue         = "due"
	modeNow         = "now"
	modeReplaceLost = "replace_lost"
)

var (
	_ withCheck  = rotateBody{}
	_ withReason = rotateBody{}
)

func (b rotateBody) reason() string { return b.Reason }

func (b rotateBody) check() error {
	wrong := checkReason(b.Reason, b.Mode == modeReplaceLost)
	if !slices.Contains([]string{"", modeDue, modeNow, modeReplaceLost}, b.Mode) {
		wrong = append(wrong, fieldError{Field: "mode", Detail: `must be "due" (only what is due), "now" (rotate even if nothing is due) or "replace_lost" (make new keys where the platform lost ours)`})
	}
	return invalidFields(wrong...)
}

func (s *server) rotate(ctx context.Context, c call, body rotateBody) (Rotated, error) {
	rotation, err := s.Projects.Rotation(ctx, c.project)
	if err != nil {
		return Rotated{}, err
	}
	if !s.StopWithCaller {
		var cancel context.CancelFunc
		ctx, cancel = detached(ctx)
		defer cancel()
	}
	order := c.order(body.Reason)
	order.Now, order.Lost = body.Mode == modeNow, body.Mode == modeReplaceLost
	result, err := rotation.Reconcile(ctx, order)
	if guard, ok := errors.AsType[*keyrotation.Guard](err); ok {
		return newRefused(result, guard), nil
	} else if err != nil {
		return Rotated{}, err
	}
	return newRotated(result), nil
}

// newRefused shows a rotation that a guard refused. That is a response and not
// a problem, because a caller that rotates every hour expects "not yet".
func newRefused(result keyrotation.Result, guard *keyrotation.Guard) Rotated {
	result.Reason = guard.Error()
	if result.NextActionAt.IsZero() {
		result.NextActionAt = guard.EarliestAt
	}
	rotated := newRotated(result)
	rotated.Refused = true
	return rotated
}

type allRotated struct {
	Results []oneOfAll `json:"results"`
}

// oneOfAll is the result of one project's rotation, or its error.
type oneOfAll struct {
	ProjectID string `json:"project_id"`
	Rotated
	Error *problem `json:"error,omitempty"`
}

var _ withStatus = allRotated{}

func (a allRotated) status() int {
	return mixedStatus(slices.ContainsFunc(a.Results, func(one oneOfAll) bool { return one.Error != nil }))
}

// mixedStatus is the status of a response about every project.
func mixedStatus(someFailed bool) int {
	if someFailed {
		return http.StatusMultiStatus
	}
	return http.StatusOK
}

// ProjectsAtOnce is how many projects are rotated or examined at a time.
const ProjectsAtOnce = 16

// rotateAll rotates the keys of every project, and those that sign access
// tokens. It takes several projects at a time, because each whose platform hangs
// takes as long as its call's timeout, and cron does not wait for ever.
func (s *server) rotateAll(ctx context.Context, c call, body rotateBody) (allRotated, error) {
	results, err := ofEach(ctx, s, func(id string) oneOfAll { return s.rotateOneOf(ctx, c, id, body) })
	if err != nil || len(results) == 0 { // without a project there are no access tokens either
		return allRotated{Results: results}, err
	}
	own := s.rotateOneOf(ctx, c, access.RingID, rotateBody{Reason: body.Reason})
	if own.Error != nil && own.Error.Status != http.StatusNotFound {
		results = append(results, own) // shown only when it fails, since it is not a project
	}
	return allRotated{results}, nil
}

// ofEach calls a function with the id of each project that has signing keys,
// several at a time, and returns what it returned in the order of the ids.
func ofEach[R any](ctx context.Context, s *server, one func(id string) R) ([]R, error) {
	ids, err := s.Projects.Rotating(ctx)
	if err != nil {
		return nil, err
	}
	results := make([]R, len(ids))
	var all errgroup.Group
	all.SetLimit(ProjectsAtOnce)
	for i, id := range ids {
		all.Go(func() error {
			results[i] = one(id)
			return nil
		})
	}
	return results, all.Wait()
}

type allStatuses struct {
	Results []oneStatus `json:"results"`
}

// oneStatus is the dry run of one project, or its error.
type oneStatus struct {
	ProjectID string `json:"project_id"`
	RotationStatus
	Error *problem `json:"error,omitempty"`
}

var _ withStatus = allStatuses{}

func (a allStatuses) status() int {
	return mixedStatus(slices.ContainsFunc(a.Results, func(one oneStatus) bool { return one.Error != nil }))
}

// allStatus is the dry run of every project.
func (s *server) allStatus(ctx context.Context, c call, _ noBody) (allStatuses, error) {
	results, err := ofEach(ctx, s, func(id string) oneStatus {
		c := c
		c.project = id
		status, err := s.rotationStatus(ctx, c, noBody{})
		one := oneStatus{ProjectID: id, RotationStatus: status}
		if err != nil {
			one.RotationStatus = newRotationStatus(keyrotation.Status{})
			trouble := s.explain(c.outcome, err)
			one.Error = &trouble
		}
		return one
	})
	return allStatuses{results}, err
}

func (s *server) rotateOneOf(ctx context.Context, c call, id string, body rotateBody) oneOfAll {
	c.project = id
	rotated, err := s.rotate(ctx, c, body)
	one := oneOfAll{ProjectID: id, Rotated: rotated}
	if err != nil {
		trouble := s.explain(c.outcome, err)
		one.Error = &trouble
	}
	return one
}

func (s *server) drift(ctx context.Context, c call, _ noBody) (Drift, error) {
	rotation, err := s.Projects.Rotation(ctx, c.project)
	if err != nil {
		return Drift{}, err
	}
	drift, err := rotation.Drift(ctx)
	if err != nil {
		return Drift{}, err
	}
	return newDrift(c.project, drift), nil
}

// maxKeyID is the longest platform key id that can exist.
const maxKeyID = 128

// isKeyID reports whether a text may be a key id of any platform.
func isKeyID(text string) bool {
	return text != "" && len(text) <= maxKeyID && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

type removed struct {
	Removed string `json:"removed"`
}

func (s *server) removeUnmanaged(ctx context.Context, c call, body actBody) (removed, error) {
	keyID := c.vars["key_id"]
	if !isKeyID(keyID) {
		return removed{}, store.ErrNotFound
	}
	rotation, err := s.Projects.Rotation(ctx, c.project)
	if err != nil {
		return removed{}, err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	if err := rotation.RemoveUnmanaged(ctx, keyID, c.order(body.Reason)); err != nil {
		return removed{}, err
	}
	return removed{Removed: keyID}, nil
}
