package handlers

import (
	"context"
	"fmt"

	"playtoken/projects"
)

// accountBody is an account at a platform that is checked and not saved. For a
// project that exists, a member that is absent is that of the project, as with a
// change.
type accountBody struct {
	Platform   string             `json:"platform"`
	Settings   map[string]*string `json:"platform_settings"`
	Credential map[string]string  `json:"platform_credential"`
}

var _ withSize = accountBody{}

// size makes a check count as several requests: each sends a credential to an
// address that the caller chooses.
func (accountBody) size() int { return 4 }

// AccountCheck is what a platform says about an account.
type AccountCheck struct {
	Outcome AccountOutcome `json:"outcome"`
	Detail  string         `json:"detail"` // a sentence for people
}

// AccountOutcome is an AccountCheck in a word.
type AccountOutcome string

// The outcomes. After the last four, nothing is known about the credential.
const (
	AccountAccepted    AccountOutcome = "accepted"
	AccountRefused     AccountOutcome = "credential_refused" // it is wrong
	AccountForbidden   AccountOutcome = "too_few_rights"     // it is right, and may not do what is needed
	AccountNotFound    AccountOutcome = "account_not_found"  // a setting names what is not there
	AccountOther       AccountOutcome = "other_account"      // it is accepted, and does not show the project's active key
	AccountWrongKind   AccountOutcome = "wrong_platform"     // another kind of platform answers
	AccountThrottled   AccountOutcome = "throttled"
	AccountUnreachable AccountOutcome = "unreachable"
	AccountUnclear     AccountOutcome = "unclear"     // the platform would give another answer
	AccountUnasked     AccountOutcome = "not_checked" // the platform has no call that tells
)

// checkNewAccount asks a platform about an account before there is a project.
func (s *server) checkNewAccount(ctx context.Context, _ call, body accountBody) (AccountCheck, error) {
	var p projects.Project
	if err := (projectBody{Platform: body.Platform, Settings: body.Settings, Credential: body.Credential}).fill(&p); err != nil {
		return AccountCheck{}, err
	}
	if err := s.Store.CheckForm(p); err != nil {
		return AccountCheck{}, err
	}
	return s.examineAccount(ctx, p)
}

// checkChangedAccount asks a platform about the account of a project as it would be
// after a change, with the rules of a change: the stored credential is sent to no
// other address.
func (s *server) checkChangedAccount(ctx context.Context, c call, body accountBody) (AccountCheck, error) {
	_, wanted, err := s.Store.Revision(ctx, c.project, func(p *projects.Project) error {
		changed := projectBodyOf(*p)
		if body.Platform != "" {
			changed.Platform = body.Platform
		}
		for name, value := range body.Settings {
			changed.Settings[name] = value
		}
		changed.Credential = body.Credential
		return changed.fill(p)
	})
	if err != nil {
		return AccountCheck{}, err
	}
	return s.examineAccount(ctx, wanted)
}

func (s *server) examineAccount(ctx context.Context, p projects.Project) (AccountCheck, error) {
	if s.ExamineAccount == nil {
		return AccountCheck{}, fmt.Errorf("check an account on %s: this deployment cannot ask platforms", p.Platform)
	}
	return s.ExamineAccount(ctx, p)
}
