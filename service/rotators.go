package service

import (
	"context"
	"fmt"
	"log/slog"

	"playtoken/audit"
	"playtoken/keyrotation"
	"playtoken/metrics"
)

// rotators makes the rotators of a deployment. They share everything but their
// project, policy and platform.
type rotators struct {
	storage *Storage
	log     *slog.Logger
	record  func(context.Context, keyrotation.Transition) error
	owners  *keyOwners
	wakeups *wakeups
	metrics *metrics.Service
	told    *troubleLog
}

// rotator returns one that has no platform yet.
func (r *rotators) rotator(id string, policy keyrotation.Policy) *keyrotation.Rotator {
	return &keyrotation.Rotator{
		Project: id, Documents: r.storage.Store, Keys: r.storage.Store, StoreTime: r.storage.Now,
		Policy: policy, Log: r.log, Record: r.record,
		Permit: r.storage.Permit, Changed: func() { r.wakeups.wake(id) }, OtherOwners: r.owners.among, LookOwners: r.owners.ofLook,
		Ran:  func(outcome string) { r.metrics.Ran(id, outcome) },
		Told: func(now []keyrotation.Trouble) { r.told.tell(id, now) },
	}
}

// recordMove records a move of a signing key before it is made. A revocation
// goes on without its record; see [keyrotation.Rotator.Record].
func (s *Service) recordMove(ctx context.Context, t keyrotation.Transition) error {
	subject := fmt.Sprintf("generation %d", t.Generation)
	if t.Generation == 0 {
		subject = "key " + t.KeyID + ", not ours"
	}
	err := s.audit.Record(ctx, audit.Entry{
		Actor: t.Actor, ActorName: t.ActorName, Action: "signing_key." + string(t.To), Project: t.Project,
		Subject: subject, Key: t.Fingerprint, Result: "intent", Reason: t.Reason,
	})
	if err != nil {
		s.Metrics.Unrecorded()
	}
	return err
}
