package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/projects"
	"playtoken/secret"
	"playtoken/settings"
	"playtoken/signer"
)

// Tenant is a project with everything that works for it. It does not change:
// when the project changes, another Tenant is opened.
type Tenant struct {
	Project  projects.Project
	Platform platforms.Platform
	Rotator  *keyrotation.Rotator // nil: the project has no signing keys

	outdated atomic.Bool // its credential was replaced: open another in its place

	ring   *lazyRing
	minter signer.Minter
	ready  func(context.Context) error
	used   atomic.Int64 // Unix seconds, of the newest use
}

// openTenant opens a project; before, if not nil, is the project as it was
// before it changed. The view of a ring outlives the change, because the ring
// belongs to the project.
func (t *tenants) openTenant(p projects.Project, before *Tenant) (*Tenant, error) {
	kind, ok := t.kinds[p.Platform]
	if !ok {
		return nil, fmt.Errorf("this version knows no platform %q", p.Platform)
	}
	opened := &Tenant{Project: p, ready: func(context.Context) error { return nil }}
	if before != nil {
		opened.ring = before.ring
	} else {
		opened.ring = &lazyRing{open: func() *signer.RingView { return t.signing.ringView(p.ID) }}
	}
	platform, err := kind.Open(platforms.Account{
		Project: p.ID, Settings: p.Settings, Credential: p.Credential, Timeout: t.policies.set.Rotation.Durations.CallTimeout(),
		Issued: t.activeIssued(opened.ring),
	})
	if err != nil {
		return nil, settings.Error{err}
	}
	opened.Platform = platform
	if platform.CallsLeft != nil {
		t.metrics.CallsLeft(p.ID, p.Platform, platform.CallsLeft)
	}
	t.mintWith(opened)
	waking := wakingMinter{Minter: opened.minter, wake: func() { t.wakeups.wake(p.ID) }}
	opened.minter = t.tracer.Minter(p.ID, t.metrics.Minter(p.ID, waking))
	t.rotateWith(opened)
	return opened, nil
}

// mintWith decides how tokens are made.
func (t *tenants) mintWith(opened *Tenant) {
	policy := t.policies.tokens(opened.Project.TokenPolicy)
	if opened.Platform.Minter != nil {
		opened.minter = opened.Platform.Minter(policy)
		if opened.Platform.Issuer != nil {
			opened.ready = func(ctx context.Context) error { _, err := opened.ring.view().Active(ctx); return err }
		}
		return
	}
	signed := ringMinter{
		ring: opened.ring,
		with: signer.ShapeMinter{
			Signatures: t.signing.signatures, Shape: opened.Platform.Shape, Form: opened.Platform.Form, Header: opened.Platform.Header, Policy: policy,
		},
	}
	opened.minter, opened.ready = signed, signed.Ready
}

// restOfMany is how long the schedule leaves a project alone that has nothing to
// do, because one Vault may have thousands of projects.
const restOfMany = 5 * time.Minute

// rotateWith makes the rotator, where there is something to rotate.
func (t *tenants) rotateWith(opened *Tenant) {
	platform := opened.Platform
	if !platform.HasKeys() {
		return
	}
	id, name := opened.Project.ID, opened.Project.Platform
	rotator := t.rotators.rotator(id, t.policies.forPlatform(t.policies.rotation(opened.Project), t.kinds[name], platform))
	rotator.Account = accountDigest(opened.Project)
	if id != projects.Default {
		rotator.Rest = restOfMany
	}
	switch {
	case platform.Registrar != nil:
		rotator.Platform = t.metrics.Platform(id, name, t.tracer.Platform(id, platform.Registrar))
		rotator.Sessions = t.metrics.Sessions(id, name, t.tracer.Sessions(id, platform.Sessions))
	case platform.Issuer != nil:
		rotator.Issuer = t.metrics.Issuer(id, name, t.tracer.Issuer(id, platform.Issuer))
	}
	opened.Rotator = rotator
	t.metrics.Watch(id, rotator)
}

// accountDigest is [keyrotation.Rotator.Account]: three bytes, from which no
// credential can be guessed.
func accountDigest(p projects.Project) string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(p.Settings)) {
		fmt.Fprintf(sum, "%q=%q", name, p.Settings[name])
	}
	for _, name := range slices.Sorted(maps.Keys(p.Credential)) {
		fmt.Fprintf(sum, "%q=%q", name, p.Credential[name].Reveal())
	}
	return hex.EncodeToString(sum.Sum(nil)[:3])
}

// heldKey is an issued key whose value was read.
type heldKey struct {
	name string // in the store
	key  platforms.IssuedKey
}

// activeIssued returns what reads the value of the active key that a platform
// issued. The value of a key never changes, so each is read once.
func (t *tenants) activeIssued(ring *lazyRing) func(context.Context) (platforms.IssuedKey, error) {
	var held atomic.Pointer[heldKey]
	return func(ctx context.Context) (platforms.IssuedKey, error) {
		active, err := ring.view().Active(ctx)
		if err != nil {
			return platforms.IssuedKey{}, err
		}
		if kept := held.Load(); kept != nil && kept.name == active.StoreName {
			return kept.key, nil
		}
		key, err := readIssued(ctx, t.signing.store, active)
		if err != nil {
			return platforms.IssuedKey{}, err
		}
		held.Store(&heldKey{name: active.StoreName, key: key})
		return key, nil
	}
}

// readIssued reads the value of a key that a platform issued.
func readIssued(ctx context.Context, documents Store, key keyrotation.Key) (platforms.IssuedKey, error) {
	read, err := keyrotation.ReadIssued(ctx, documents, key)
	if err != nil {
		return platforms.IssuedKey{}, fmt.Errorf("%w: %w", signer.ErrUnavailable, err)
	}
	return platforms.IssuedKey{ID: read.ID, Value: secret.New(string(read.Value))}, nil
}
