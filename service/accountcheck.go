package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"unicode"
	"unicode/utf8"

	"playtoken/handlers"
	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/projects"
	"playtoken/signer"
)

// examineAccount asks a platform about an account, which belongs to a project that
// may not exist yet. Nothing is saved. Errors: those of the store and of the kind.
func (s *Service) examineAccount(ctx context.Context, project projects.Project) (handlers.AccountCheck, error) {
	active, err := s.activeKey(ctx, project.ID)
	if err != nil {
		return handlers.AccountCheck{}, err
	}
	account := s.accountWith(project, active, accountTimeout)
	if active.KeyID == "" {
		account.Issued = func(context.Context) (platforms.IssuedKey, error) {
			return platforms.IssuedKey{}, &signer.NoActiveKey{}
		}
	}
	platform, err := s.Kinds[project.Platform].Open(account)
	if err != nil {
		return handlers.AccountCheck{}, fmt.Errorf("open an account to check it: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, accountTimeout)
	defer cancel()
	return examine(ctx, platform, active), nil
}

// activeKey is a project's active key; the zero key of a project without one.
func (s *Service) activeKey(ctx context.Context, projectID string) (keyrotation.Key, error) {
	if projectID == "" {
		return keyrotation.Key{}, nil
	}
	ring, err := readRing(ctx, s.Storage.Store, projectID)
	active, _ := ring.Active()
	return active, err
}

// examine asks an opened account, whose active key may be the zero key.
func examine(ctx context.Context, platform platforms.Platform, active keyrotation.Key) handlers.AccountCheck {
	if wrong := mistakeOf(ctx, platform); wrong.Kind != "" {
		return handlers.AccountCheck{Outcome: handlers.AccountWrongKind, Detail: sentence(fmt.Sprintf("%s; the platform is %s", wrong.Why, wrong.Kind))}
	}
	if platform.Check == nil {
		return handlers.AccountCheck{Outcome: handlers.AccountUnasked, Detail: "The platform has no call that tells whether this account is right: make a token and play it."}
	}
	health, err := platform.Check(ctx)
	switch {
	case err != nil:
		return unaccepted(err)
	case platform.Registrar != nil && active.KeyID != "":
		err = hasKey(ctx, platform.Registrar, active)
	}
	guard := new(keyrotation.Guard)
	switch {
	case errors.As(err, &guard):
		return handlers.AccountCheck{Outcome: handlers.AccountOther, Detail: sentence(guard.Why)}
	case err != nil:
		return unaccepted(err)
	}
	return handlers.AccountCheck{Outcome: handlers.AccountAccepted, Detail: "The platform accepts the account: " + cmp.Or(health.Detail, "it answers") + "."}
}

// unaccepted says what a call that failed tells about an account.
func unaccepted(err error) handlers.AccountCheck {
	var said platforms.Answered
	answered := errors.As(err, &said)
	status := 0
	if answered {
		status, err = said.HTTPStatus(), said
	}
	outcome, text := handlers.AccountUnclear, "The address answers, but not as the platform would: check it"
	switch {
	case status == http.StatusForbidden:
		outcome, text = handlers.AccountForbidden, "The platform knows the credential, but it has too few rights there, or is for another account than the settings name"
	case errors.Is(err, keyrotation.ErrUnauthorized):
		outcome, text = handlers.AccountRefused, "The platform does not accept the credential"
	case errors.Is(err, keyrotation.ErrThrottled):
		outcome, text = handlers.AccountThrottled, "The platform takes no more calls now, so it is not known whether the credential is good"
	case status == http.StatusNotFound:
		outcome, text = handlers.AccountNotFound, "The platform does not find what the settings name: check the id and the address"
	case answered && (status == 0 || status >= http.StatusInternalServerError):
		outcome, text = handlers.AccountUnreachable, "The platform does not respond, so it is not known whether the credential is good"
	}
	return handlers.AccountCheck{Outcome: outcome, Detail: text + " (" + err.Error() + ")."}
}

// sentence makes a clause a sentence.
func sentence(clause string) string {
	first, size := utf8.DecodeRuneInString(clause)
	return string(unicode.ToUpper(first)) + clause[size:] + "."
}
