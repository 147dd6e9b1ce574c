package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"playtoken/handlers"
	"playtoken/keyrotation"
)

// Bounds of the wait for a project's first active key, beyond the delays that
// its policy asks for anyway.
const (
	bootstrapSlack    = 30 * time.Second
	bootstrapFailures = 3 // passes in a row
)

// bootstrap repeats the rotation of a project that has no active key, or one that
// the platform lost: the next has to propagate before it may sign, and rotate ends
// with a project whose tokens can be minted.
type bootstrap struct {
	door            *localAPI
	log             *slog.Logger
	project, reason string
	lost            bool // wait also for the key that replaces a lost one

	made     []handlers.Action // by all passes
	failures int               // in a row
}

// until returns the passes as one result, once a key is active or no further
// pass can help. The first pass has been made.
func (b *bootstrap) until(ctx context.Context, pass onePass) (rotatedView, error) {
	done, err := b.ended(ctx, &pass)
	if done {
		return pass.rotatedView, err
	}
	bounded, cancel := context.WithTimeoutCause(ctx, b.bound(ctx), errors.New("gave up waiting for an active key"))
	defer cancel()
	for !done {
		if err := b.wait(bounded, pass, err); err != nil {
			return pass.rotatedView, err
		}
		pass = b.door.rotate(bounded, b.project, rotateFlags{reason: b.reason}.body())
		done, err = b.ended(bounded, &pass)
	}
	return pass.rotatedView, err
}

// ended adds a pass to those before it, and reports whether it is the last and
// what is wrong with it. A failure may pass by itself where something that we
// depend on is down.
func (b *bootstrap) ended(ctx context.Context, pass *onePass) (bool, error) {
	b.made = append(b.made, pass.Actions...)
	pass.Actions, pass.Changed = b.made, len(b.made) > 0
	err := pass.failure()
	active, unread := b.active(ctx)
	if err == nil {
		err = unread
	}
	replacing := b.lost && err == nil && pass.lacks()
	if active && !replacing || unread != nil {
		return true, err
	}
	if err == nil {
		b.failures = 0
		return false, nil
	}
	b.failures++
	return b.failures == bootstrapFailures || exitCode(err) != exitDown, err
}

// lacks reports whether the platform lacks a key that signs, or may.
func (p onePass) lacks() bool {
	return slices.ContainsFunc(p.Findings, func(f handlers.RotationFinding) bool { return f.Code == keyrotation.KeyIsMissing })
}

func (b *bootstrap) active(ctx context.Context) (bool, error) {
	var list handlers.KeyList
	err := b.door.call(ctx, apiRequest{method: http.MethodGet, path: projectPath(b.project) + "/signing-keys", missing: findProject}, &list)
	return slices.ContainsFunc(list.Items, func(k handlers.Key) bool { return k.State == keyrotation.Active }), err
}

// bound is how long the first key may take.
func (b *bootstrap) bound(ctx context.Context) time.Duration {
	var project struct {
		RotationPolicy struct {
			PropagationDelay int64 `json:"propagation_delay"` // seconds
		} `json:"rotation_policy"`
	}
	delay := b.door.settings.Rotation.Durations.Propagation
	if b.door.call(ctx, apiRequest{method: http.MethodGet, path: projectPath(b.project)}, &project) == nil {
		delay = max(delay, time.Duration(project.RotationPolicy.PropagationDelay)*time.Second)
	}
	return delay + 2*b.door.settings.Rotation.Durations.Settle + bootstrapSlack
}

// wait returns when the next pass can do something, or an error that says why no
// later pass can.
func (b *bootstrap) wait(ctx context.Context, pass onePass, failed error) error {
	pause := time.Second
	switch {
	case failed != nil:
		b.log.Warn("trying again", "project", b.project, "error", failed)
	case pass.NextActionAt == nil && pass.stopped() != nil:
		return fmt.Errorf("no key is active, and waiting does not help: %w", pass.stopped())
	case pass.NextActionAt == nil:
		return fmt.Errorf("no key is active, and waiting does not help: %s", pass.Reason)
	default:
		b.log.Info("no usable key is active yet", "project", b.project, "waiting_until", *pass.NextActionAt)
		pause = max(time.Until(*pass.NextActionAt), 50*time.Millisecond)
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("rotation of %s: %w", b.project, context.Cause(ctx))
	case <-time.After(pause):
		return nil
	}
}
