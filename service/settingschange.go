package service

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

// checkSettingsChange refuses other settings of a project unless the platform
// shows the project's active key with them.
func (s *Service) checkSettingsChange(ctx context.Context, project projects.Project) error {
	held, err := s.Projects.Project(ctx, project.ID)
	if err != nil || maps.Equal(held.Settings, project.Settings) {
		return err
	}
	ring, err := readRing(ctx, s.Storage.Store, project.ID)
	if err != nil {
		return err
	}
	active, ok := ring.Active()
	if !ok {
		return nil
	}
	kind := s.Kinds[project.Platform]
	if active.Issued && receiverChanges(kind, held.Settings, project.Settings) {
		return keyWouldBeLost(active, "it was issued for the old address, and is sent to no other")
	}
	platform, err := kind.Open(platforms.Account{
		Project: project.ID, Settings: project.Settings, Credential: project.Credential, Timeout: s.Settings.Rotation.Durations.CallTimeout(),
		Issued: func(ctx context.Context) (platforms.IssuedKey, error) {
			return readIssued(ctx, s.Storage.Store, active)
		},
	})
	switch {
	case err != nil:
		return err
	case !showsKey(ctx, platform, active):
		return keyWouldBeLost(active, "the platform does not show it there")
	case !active.Issued || platform.Check == nil:
		return nil
	}
	// What issues the keys may still be another account than what accepts them.
	if _, err := platform.Check(ctx); err != nil {
		return keyWouldBeLost(active, fmt.Sprintf("it is not accepted there: %v", err))
	}
	return nil
}

func keyWouldBeLost(active keyrotation.Key, why string) error {
	return &keyrotation.Guard{Why: fmt.Sprintf(
		"the active key, %s, cannot be used with the new settings: %s: viewers would be locked out; move the account first, or make another project",
		active.KeyID, why)}
}

// receiverChanges reports whether credentials would be sent to another address.
func receiverChanges(kind platforms.Kind, before, after map[string]string) bool {
	for _, m := range kind.Settings {
		if m.Receives && before[m.Name] != after[m.Name] {
			return true
		}
	}
	return false
}

// showsKey reports whether a platform shows a key. A platform that neither
// takes nor issues keys shows none.
func showsKey(ctx context.Context, platform platforms.Platform, key keyrotation.Key) bool {
	var keys interface {
		Get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error)
	}
	switch {
	case platform.Registrar != nil:
		keys = platform.Registrar
	case platform.Issuer != nil:
		keys = platform.Issuer
	default:
		return false
	}
	shown, err := keys.Get(ctx, key.KeyID)
	return err == nil && key.Match(shown) == keyrotation.Same
}

// accountTimeout bounds the question whether a credential is good.
const accountTimeout = 3 * time.Second

// checkAccount refuses a credential that the platform does not accept. Where
// keys are rotated the platform is not asked, because the first rotation begins
// at once and finds out. A platform that does not answer refuses nothing.
func (s *Service) checkAccount(ctx context.Context, project projects.Project) error {
	kind, known := s.Kinds[project.Platform]
	if !known {
		return nil
	}
	platform, err := kind.Open(platforms.Account{Project: project.ID, Settings: project.Settings, Credential: project.Credential, Timeout: accountTimeout})
	if err != nil || platform.Check == nil || platform.Registrar != nil || platform.Issuer != nil {
		return nil // projects.Store says what is wrong with the settings
	}
	ctx, cancel := context.WithTimeout(ctx, accountTimeout)
	defer cancel()
	if _, err := platform.Check(ctx); errors.Is(err, keyrotation.ErrUnauthorized) {
		return &projects.Invalid{Fields: []projects.FieldError{{
			Field: "platform_credential", Problem: "the platform does not accept it for this account: check it, and the settings",
		}}}
	}
	return nil
}
