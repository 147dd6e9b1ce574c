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
	"playtoken/store"
)

// checkSettingsChange refuses another platform or other settings of a project
// unless the platform shows the project's active key with them.
func (s *Service) checkSettingsChange(ctx context.Context, project projects.Project) error {
	held, err := s.Projects.Project(ctx, project.ID)
	moves := held.Platform != project.Platform
	if err != nil || !moves && maps.Equal(held.Settings, project.Settings) {
		return err
	}
	ring, err := readRing(ctx, s.Storage.Store, project.ID)
	if err != nil {
		return err
	}
	active, ok := ring.Active()
	kind := s.Kinds[project.Platform]
	switch {
	case !ok && moves:
		return &keyrotation.Guard{Why: "the project has no active key that the other platform could show: rotate first", EarliestAt: ring.EarliestActive()}
	case ok && active.Issued && receiverChanges(kind, held.Settings, project.Settings):
		return keyWouldBeLost(active, "it was issued for the old address, and is sent to no other")
	}
	platform, err := kind.Open(s.accountWith(project, active, s.Settings.Rotation.Durations.CallTimeout()))
	if err == nil {
		err = checkKind(ctx, platform)
	}
	if err != nil || !ok {
		return err
	}
	return stillShown(ctx, platform, active)
}

// accountWith is the account of a project whose active key is known.
func (s *Service) accountWith(project projects.Project, active keyrotation.Key, timeout time.Duration) platforms.Account {
	return platforms.Account{
		Project: project.ID, Settings: project.Settings, Credential: project.Credential, Timeout: timeout,
		Issued: func(ctx context.Context) (platforms.IssuedKey, error) {
			return readIssued(ctx, s.Storage.Store, active)
		},
	}
}

// stillShown refuses an account that does not show the active key, or does not
// accept it.
func stillShown(ctx context.Context, platform platforms.Platform, active keyrotation.Key) error {
	switch {
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

// checkKind refuses an account whose address is that of a platform of another
// kind. An address that does not answer refuses nothing.
func checkKind(ctx context.Context, platform platforms.Platform) error {
	wrong := mistakeOf(ctx, platform)
	if wrong.Kind == "" {
		return nil
	}
	return &projects.Invalid{Fields: []projects.FieldError{{
		Field: "platform", Problem: fmt.Sprintf("is the wrong one: %s; make it %s", wrong.Why, wrong.Kind),
	}}}
}

// mistakeOf is what an account says about its kind; the zero value also where
// it cannot be asked.
func mistakeOf(ctx context.Context, platform platforms.Platform) platforms.Mistake {
	if platform.Mistaken == nil {
		return platforms.Mistake{}
	}
	ctx, cancel := context.WithTimeout(ctx, accountTimeout)
	defer cancel()
	mistake, err := platform.Mistaken(ctx)
	if err != nil {
		return platforms.Mistake{}
	}
	return mistake
}

// WarnOfMistakes logs every project that is on a platform of the wrong kind.
func (s *Service) WarnOfMistakes(ctx context.Context) {
	ids, err := s.ProjectIDs(ctx)
	if err != nil {
		return // the rotations report it
	}
	for _, id := range ids {
		opened, err := s.tenants.of(ctx, id)
		if err != nil {
			continue
		}
		if wrong := mistakeOf(ctx, opened.Platform); wrong.Kind != "" {
			s.log.WarnContext(ctx, "a project is on the wrong platform", "project", id, "platform", opened.Project.Platform,
				"right", wrong.Kind, "why", wrong.Why)
		}
	}
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

// showsKey reports whether a platform shows a key. A platform that does not learn
// keys shows none.
func showsKey(ctx context.Context, platform platforms.Platform, key keyrotation.Key) bool {
	var keys interface {
		Get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error)
	}
	switch {
	case platform.Registrar != nil:
		keys = platform.Registrar
	case platform.Issuer != nil:
		keys = platform.Issuer
	case platform.Fetches != nil:
		return key.Published || key.Carried // the keys that were carried are published, too
	case platform.Carries:
		return key.Carried
	default:
		return false
	}
	shown, err := keys.Get(ctx, key.KeyID)
	return err == nil && key.Match(shown) == keyrotation.Same
}

// accountTimeout bounds the question whether a credential is good.
const accountTimeout = 3 * time.Second

// checkAccount refuses an account on a platform of the wrong kind, and a
// credential that the platform does not accept. Where keys are rotated the
// platform is not asked about the credential, because the first rotation begins at
// once and finds out. A platform that does not answer refuses nothing.
func (s *Service) checkAccount(ctx context.Context, project projects.Project) error {
	kind, known := s.Kinds[project.Platform]
	if !known {
		return nil
	}
	platform, err := kind.Open(platforms.Account{Project: project.ID, Settings: project.Settings, Credential: project.Credential, Timeout: accountTimeout})
	if err != nil {
		return nil // projects.Store says what is wrong with the settings
	}
	if err := checkKind(ctx, platform); err != nil {
		return err
	}
	if platform.Check == nil || project.ID != "" || platform.Registrar != nil || platform.Issuer != nil {
		return nil // checkCredential asks about that of a project
	}
	ctx, cancel := context.WithTimeout(ctx, accountTimeout)
	defer cancel()
	if _, err := platform.Check(ctx); errors.Is(err, keyrotation.ErrUnauthorized) {
		return credentialRefused()
	}
	return nil
}

func credentialRefused() error {
	return &projects.Invalid{Fields: []projects.FieldError{{
		Field: "platform_credential", Problem: "the platform does not accept it for this account: check it, and the settings",
	}}}
}

// checkCredential refuses a new credential of a project that the platform does not
// accept, or with which it does not show the active key. Errors: *projects.Invalid,
// *keyrotation.Guard; projects.ErrUnchecked where the platform does not say.
func (s *Service) checkCredential(ctx context.Context, project projects.Project) error {
	ring, err := readRing(ctx, s.Storage.Store, project.ID)
	if err != nil {
		return err
	}
	active, ok := ring.Active()
	platform, err := s.Kinds[project.Platform].Open(s.accountWith(project, active, accountTimeout))
	if err != nil || platform.Check == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, accountTimeout)
	defer cancel()
	_, err = platform.Check(ctx)
	switch {
	case errors.Is(err, keyrotation.ErrUnauthorized):
		return credentialRefused()
	case err != nil:
		return fmt.Errorf("%w: %w", projects.ErrUnchecked, err)
	case platform.Registrar == nil || !ok:
		return nil
	}
	return hasKey(ctx, platform.Registrar, active)
}

// hasKey refuses an account that is known not to have the active key.
func hasKey(ctx context.Context, account keyrotation.Registrar, active keyrotation.Key) error {
	shown, err := account.Get(ctx, active.KeyID)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && active.Match(shown) == keyrotation.Different:
		return &keyrotation.Guard{Why: fmt.Sprintf("the platform accepts the credential, but does not show the active key, %s, with it: "+
			"it is that of another account, where rotation would stop; if this account has lost the key, save the credential unchecked", active.KeyID)}
	case err != nil:
		return fmt.Errorf("%w: %w", projects.ErrUnchecked, err)
	}
	return nil
}
