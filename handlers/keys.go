package handlers

import (
	"context"
	"strconv"

	"playtoken/keyrotation"
	"playtoken/store"
)

func (s *server) ringOf(ctx context.Context, projectID string) (keyrotation.Ring, error) {
	rotation, err := s.Projects.Rotation(ctx, projectID)
	if err != nil {
		return keyrotation.Ring{}, err
	}
	return rotation.Ring(ctx)
}

func (s *server) listKeys(ctx context.Context, c call, _ noBody) (KeyList, error) {
	ring, err := s.ringOf(ctx, c.project)
	if err != nil {
		return KeyList{}, err
	}
	return newKeyList(ring), nil
}

func (s *server) showKey(ctx context.Context, c call, _ noBody) (KeyDetail, error) {
	ring, err := s.ringOf(ctx, c.project)
	if err != nil {
		return KeyDetail{}, err
	}
	key, ok := ring.Key(c.generation())
	if !ok {
		return KeyDetail{}, store.ErrNotFound
	}
	return newKeyDetail(key), nil
}

// hasKeys returns nil for a call about a project that has signing keys.
func (s *server) hasKeys(ctx context.Context, c call) error {
	_, err := s.ringOf(ctx, c.project)
	return err
}

// hasKey returns nil for a call about a signing key that exists.
func (s *server) hasKey(ctx context.Context, c call) error {
	_, err := s.showKey(ctx, c, noBody{})
	return err
}

// generation is the one in the path, whose pattern allows only numbers.
func (c call) generation() int {
	n, _ := strconv.Atoi(c.vars["generation"])
	return n
}

// reasonBody is the body of every operator's change of a key.
type reasonBody struct {
	Reason string `json:"reason"`
}

var (
	_ withCheck  = reasonBody{}
	_ withReason = reasonBody{}
)

func (b reasonBody) reason() string { return b.Reason }

func (b reasonBody) check() error { return invalidFields(checkReason(b.Reason, true)...) }

// order says who asks for a change and why.
func (c call) order(reason string) keyrotation.Order {
	return keyrotation.Order{Actor: c.caller.ID, ActorName: c.caller.Name, Reason: c.because(reason)}
}

// actBody is the body of a change that may have to wait for a second operator.
type actBody struct {
	Reason   string `json:"reason"`
	Override bool   `json:"override"`
}

var (
	_ withCheck    = actBody{}
	_ withReason   = actBody{}
	_ withOverride = actBody{}
)

func (b actBody) reason() string  { return b.Reason }
func (b actBody) overrides() bool { return b.Override }
func (b actBody) check() error    { return invalidFields(checkReason(b.Reason, true)...) }

// confirmBody is the body of a confirmation.
type confirmBody struct {
	Reason string `json:"reason"`
	KeyID  string `json:"key_id"` // at the platform; empty if the ring knows it

	Removed bool `json:"removed"` // the verifiers have the key no more; else they have it
}

var (
	_ withCheck  = confirmBody{}
	_ withReason = confirmBody{}
	_ withRecord = confirmBody{}
)

func (b confirmBody) reason() string { return b.Reason }

func (b confirmBody) recordedAs(routes string) string {
	if b.Removed {
		return routes + "_removal"
	}
	return routes
}

func (b confirmBody) check() error {
	wrong := checkReason(b.Reason, true)
	if b.KeyID != "" && !isKeyID(b.KeyID) {
		wrong = append(wrong, fieldError{Field: "key_id", Detail: "want 1 to 128 printable ASCII characters without blanks: the key's id at the platform"})
	}
	if b.KeyID != "" && b.Removed {
		wrong = append(wrong, fieldError{Field: "key_id", Detail: "leave it out where removed is true: the ring knows the id"})
	}
	return invalidFields(wrong...)
}

func (s *server) confirmKey(ctx context.Context, c call, body confirmBody) (Rotated, error) {
	if body.Removed {
		return s.operate(Rotation.ConfirmRemoved)(ctx, c, reasonBody{Reason: body.Reason})
	}
	confirm := func(rotation Rotation, ctx context.Context, generation int, order keyrotation.Order) (keyrotation.Result, error) {
		return rotation.Confirm(ctx, generation, body.KeyID, order)
	}
	return s.operate(confirm)(ctx, c, reasonBody{Reason: body.Reason})
}

// operation is a method of Rotation that changes one generation.
type operation func(rotation Rotation, ctx context.Context, generation int, order keyrotation.Order) (keyrotation.Result, error)

// operate makes the function of a route of an operation.
func (s *server) operate(do operation) func(context.Context, call, reasonBody) (Rotated, error) {
	return func(ctx context.Context, c call, body reasonBody) (Rotated, error) {
		rotation, err := s.Projects.Rotation(ctx, c.project)
		if err != nil {
			return Rotated{}, err
		}
		ctx, cancel := detached(ctx)
		defer cancel()
		result, err := do(rotation, ctx, c.generation(), c.order(body.Reason))
		if err != nil {
			return Rotated{}, err
		}
		return newRotated(result), nil
	}
}

// previewRevoke is the dry run of revokeKey.
func (s *server) previewRevoke(ctx context.Context, c call, _ noBody) (Revocation, error) {
	rotation, err := s.Projects.Rotation(ctx, c.project)
	if err != nil {
		return Revocation{}, err
	}
	foreseen, err := rotation.PreviewRevoke(ctx, c.generation())
	if err != nil {
		return Revocation{}, err
	}
	return newRevocation(foreseen, nil), nil
}

func (s *server) revokeKey(ctx context.Context, c call, body actBody) (Revocation, error) {
	rotation, err := s.Projects.Rotation(ctx, c.project)
	if err != nil {
		return Revocation{}, err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	done, err := rotation.Revoke(ctx, c.generation(), c.order(body.Reason))
	if err != nil && done.Revoked == 0 {
		return Revocation{}, err
	}
	if err != nil {
		s.Log.Warn("a revocation is not finished; the next rotations finish it", "request_id", c.requestID, "error", err)
	}
	return newRevocation(done, err), nil
}
