package handlers

import (
	"context"
	"slices"
	"strconv"
	"time"

	"playtoken/keyrotation"
)

// keyAnswer is a signing key. Null is what is not known or has not happened.
type keyAnswer struct {
	Generation      int               `json:"generation"`
	State           keyrotation.State `json:"state"`
	KeyID           *string           `json:"key_id"`
	Name            string            `json:"name"`
	Fingerprint     *string           `json:"fingerprint"`
	Bits            int               `json:"bits"`
	Exportable      bool              `json:"exportable"`
	CreatedAt       *time.Time        `json:"created_at"`
	RegisteredAt    *time.Time        `json:"registered_at"`
	ActivatedAt     *time.Time        `json:"activated_at"`
	RetiredAt       *time.Time        `json:"retired_at"`
	DeleteNotBefore *time.Time        `json:"delete_not_before"`
	DeletedAt       *time.Time        `json:"deleted_at"`
}

type keyWithPEM struct {
	keyAnswer
	PublicKey *string `json:"public_key"`
}

type keyList struct {
	Items []keyAnswer `json:"items"`
}

func answerKey(k keyrotation.Key) keyAnswer {
	return keyAnswer{
		Generation:      k.Generation,
		State:           k.State,
		KeyID:           known(k.KeyID),
		Name:            k.Name,
		Fingerprint:     known(k.Fingerprint),
		Bits:            k.Bits,
		Exportable:      k.Exportable,
		CreatedAt:       happened(k.CreatedAt),
		RegisteredAt:    happened(k.RegisteredAt),
		ActivatedAt:     happened(k.ActivatedAt),
		RetiredAt:       happened(k.RetiredAt),
		DeleteNotBefore: happened(k.DeleteNotBefore),
		DeletedAt:       happened(k.DeletedAt),
	}
}

func (s *server) ring(ctx context.Context, projectID string) (keyrotation.Ring, error) {
	rotation, err := s.Projects.Rotation(ctx, projectID)
	if err != nil {
		return keyrotation.Ring{}, err
	}
	return rotation.Ring(ctx)
}

func (s *server) listKeys(ctx context.Context, c call, _ none) (keyList, error) {
	ring, err := s.ring(ctx, c.project)
	if err != nil {
		return keyList{}, err
	}
	var list keyList
	for _, key := range slices.Backward(ring.Keys) {
		list.Items = append(list.Items, answerKey(key))
	}
	return list, nil
}

func (s *server) showKey(ctx context.Context, c call, _ none) (keyWithPEM, error) {
	ring, err := s.ring(ctx, c.project)
	if err != nil {
		return keyWithPEM{}, err
	}
	key, ok := ring.Key(c.generation())
	if !ok {
		return keyWithPEM{}, keyrotation.ErrNotFound
	}
	return keyWithPEM{answerKey(key), known(key.PublicKey)}, nil
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

func (b reasonBody) check() error { return invalidFields(checkReason(b.Reason, true)...) }

// order is what the caller asks for, for the record.
func (c call) order(reason string) keyrotation.Order {
	return keyrotation.Order{Actor: c.caller.ID, Reason: reason}
}

// verb is one of a Rotation's methods about one generation.
type verb func(rotation Rotation, ctx context.Context, generation int, order keyrotation.Order) (keyrotation.Result, error)

// operate makes a route of a verb.
func (s *server) operate(do verb) func(context.Context, call, reasonBody) (rotationAnswer, error) {
	return func(ctx context.Context, c call, body reasonBody) (rotationAnswer, error) {
		rotation, err := s.Projects.Rotation(ctx, c.project)
		if err != nil {
			return rotationAnswer{}, err
		}
		ctx, cancel := whole(ctx)
		defer cancel()
		result, err := do(rotation, ctx, c.generation(), c.order(body.Reason))
		if err != nil {
			return rotationAnswer{}, platformTrouble{err}
		}
		return answerResult(result), nil
	}
}

type revocationAnswer struct {
	Revoked              int        `json:"revoked"`
	ActiveGeneration     *int       `json:"active_generation"`
	EarliestAt           *time.Time `json:"earliest_at"`
	TokensLostForSeconds int        `json:"tokens_lost_for_seconds"`
}

func (s *server) revokeKey(ctx context.Context, c call, body reasonBody) (revocationAnswer, error) {
	rotation, err := s.Projects.Rotation(ctx, c.project)
	if err != nil {
		return revocationAnswer{}, err
	}
	ctx, cancel := whole(ctx)
	defer cancel()
	done, err := rotation.Revoke(ctx, c.generation(), c.order(body.Reason))
	if err != nil {
		return revocationAnswer{}, platformTrouble{err}
	}
	answer := revocationAnswer{Revoked: done.Revoked, EarliestAt: happened(done.EarliestAt)}
	if done.ActiveGeneration > 0 {
		answer.ActiveGeneration = &done.ActiveGeneration
	}
	if done.TokensLostFor > 0 {
		answer.TokensLostForSeconds = seconds(done.TokensLostFor)
	}
	return answer, nil
}
