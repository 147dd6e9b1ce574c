package handlers

import (
	"context"
	"strconv"

	"playtoken/keyrotation"
	"playtoken/store"
)

func (s *server) ring(ctx context.Context, projectID string) (keyrotation.Ring, error) {
	rotation, err := s.Projects.Rotation(ctx, projectID)
	if err != nil {
		return keyrotation.Ring{}, err
	}
	return rotation.Ring(ctx)
}

func (s *server) listKeys(ctx context.Context, c call, _ noBody) (KeyList, error) {
	ring, err := s.ring(ctx, c.project)
	if err != nil {
		return KeyList{}, err
	}
	return NewKeyList(ring), nil
}

func (s *server) showKey(ctx context.Context, c call, _ noBody) (KeyDetail, error) {
	ring, err := s.ring(ctx, c.project)
	if err != nil {
		return KeyDetail{}, err
	}
	key, ok := ring.Key(c.generation())
	if !ok {
		return KeyDetail{}, store.ErrNotFound
	}
	return NewKeyDetail(key), nil
}

// generation is the route's; the path's pattern lets only numbers through.
func (c call) generation() int {
	n, _ := strconv.Atoi(c.vars["generation"])
	return n
}

// reasonBody is what every operator's verb has to say.
type reasonBody struct {
	Reason string `json:"reason"`
}

func (b reasonBody) reason() string { return b.Reason }

func (b reasonBody) check() error { return invalidFields(checkReason(b.Reason, true)...) }

// order is what the caller asks for, for the record.
func (c call) order(reason string) keyrotation.Order {
	return keyrotation.Order{Actor: c.caller.ID, Reason: reason}
}

// verb is one of a Rotation's methods about one generation.
type verb func(rotation Rotation, ctx context.Context, generation int, order keyrotation.Order) (keyrotation.Result, error)

// operate makes a route of a verb.
func (s *server) operate(do verb) func(context.Context, call, reasonBody) (Rotated, error) {
	return func(ctx context.Context, c call, body reasonBody) (Rotated, error) {
		rotation, err := s.Projects.Rotation(ctx, c.project)
		if err != nil {
			return Rotated{}, err
		}
		ctx, cancel := detached(ctx)
		defer cancel()
		result, err := do(rotation, ctx, c.generation(), c.order(body.Reason))
		if err != nil {
			return Rotated{}, platformTrouble{err}
		}
		return NewRotated(result), nil
	}
}

func (s *server) revokeKey(ctx context.Context, c call, body reasonBody) (Revocation, error) {
	rotation, err := s.Projects.Rotation(ctx, c.project)
	if err != nil {
		return Revocation{}, err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	done, err := rotation.Revoke(ctx, c.generation(), c.order(body.Reason))
	if err != nil && done.Revoked == 0 {
		return Revocation{}, platformTrouble{err}
	}
	if err != nil {
		s.Log.Warn("revocation not finished", "request_id", c.requestID, "error", err)
	}
	return NewRevocation(done, err), nil
}
