package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/projects"
)

// mayMove refuses to work with other settings of a project unless the platform
// shows the project's active key there.
func (p *parts) mayMove(ctx context.Context, project projects.Project) error {
	held, err := p.projects.Project(ctx, project.ID)
	if err != nil || maps.Equal(held.Settings, project.Settings) {
		return err
	}
	ring, err := p.readRing(ctx, project.ID)
	if err != nil {
		return err
	}
	active, ok := ring.Active()
	if !ok {
		return nil
	}
	kind := p.kinds[project.Platform]
	if active.Issued && receivesElsewhere(kind, held.Settings, project.Settings) {
		return stays(active, "it was issued for the old address, and is sent to no other")
	}
	platform, err := kind.Open(platforms.Account{
		Settings: project.Settings, Credential: project.Credential, Timeout: p.config.Rotation.Durations.CallTimeout(),
		Issued: func(ctx context.Context) (platforms.IssuedKey, error) { return p.readIssued(ctx, active) },
	})
	switch {
	case err != nil:
		return err
	case !showsKey(ctx, platform, active):
		return stays(active, "the platform does not show it there")
	case !active.Issued || platform.Check == nil:
		return nil
	}
	// Whoever makes the keys may still be another one than whoever takes them.
	if _, err := platform.Check(ctx); err != nil {
		return stays(active, fmt.Sprintf("it is not accepted there: %v", err))
	}
	return nil
}

func stays(active keyrotation.Key, why string) error {
	return &keyrotation.Guard{Why: fmt.Sprintf(
		"the active key, %s, cannot be used with the new settings: %s: viewers would be locked out; move the account first, or make another project",
		active.KeyID, why)}
}

// receivesElsewhere reports whether credentials would be sent to another
// address.
func receivesElsewhere(kind platforms.Kind, before, after map[string]string) bool {
	for _, m := range kind.Settings {
		if m.Receives && before[m.Name] != after[m.Name] {
			return true
		}
	}
	return false
}

// showsKey asks a platform for a key. One that neither takes keys nor makes any
// shows none.
func showsKey(ctx context.Context, platform platforms.Platform, key keyrotation.Key) bool {
	switch {
	case platform.Registrar != nil:
		shown, err := platform.Registrar.Get(ctx, key.KeyID)
		return err == nil && shown.Fingerprint == key.Fingerprint
	case platform.Issuer != nil:
		shown, err := platform.Issuer.Get(ctx, key.KeyID)
		return err == nil && shown.Name == key.Name
	}
	return false
}

// acceptTimeout bounds the question whether a credential is good.
const acceptTimeout = 3 * time.Second

// accepted refuses a credential that the platform says is none. Where keys are
// rotated nobody asks: the first rotation, which begins at once, finds out. A
// platform that does not answer is believed later.
func (p *parts) accepted(ctx context.Context, project projects.Project) error {
	kind, known := p.kinds[project.Platform]
	if !known {
		return nil
	}
	platform, err := kind.Open(platforms.Account{Settings: project.Settings, Credential: project.Credential, Timeout: acceptTimeout})
	if err != nil || platform.Check == nil || platform.Registrar != nil || platform.Issuer != nil {
		return nil // what is wrong with it, the store says
	}
	ctx, cancel := context.WithTimeout(ctx, acceptTimeout)
	defer cancel()
	if _, err := platform.Check(ctx); errors.Is(err, keyrotation.ErrUnauthorized) {
		return &projects.Invalid{Fields: []projects.FieldError{{
			Field: "platform_credential", Problem: "the platform does not accept it for this account: check it, and the settings",
		}}}
	}
	return nil
}
