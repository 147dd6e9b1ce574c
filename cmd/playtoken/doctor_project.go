package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
)

// patient is one project under examination.
type patient struct {
	examination
	*works
}

func (e patient) budget() []finding {
	policy := e.rotationPolicy(e.project)
	return []finding{fine("budget", fmt.Sprintf("a steady rotation needs %d keys at the platform, %d are allowed",
		policy.KeysNeeded(), policy.KeyBudget))}
}

// platform asks whether the credential is alive.
func (e patient) platform(ctx context.Context) []finding {
	if e.works.platform.Check == nil {
		return []finding{fine("platform", "cannot be asked about its credential")}
	}
	health, err := e.works.platform.Check(ctx)
	switch {
	case errors.Is(err, keyrotation.ErrUnauthorized):
		return []finding{wrongWith("platform", platformError{err}, err.Error(), "give the project a credential that the platform accepts and that may manage keys (PLAYTOKEN_PLATFORM_API_KEY, for the project default)")}
	case errors.Is(err, keyrotation.ErrThrottled):
		return []finding{wrongWith("platform", platformError{err}, err.Error(), "its calls are used up for now: wait, or find out who else uses the credential")}
	case err != nil:
		return []finding{wrongWith("platform", platformError{err}, err.Error(), "check its address (PLAYTOKEN_PLATFORM_URL, for the project default) and the way there; minting may go on meanwhile")}
	}
	return append([]finding{fine("platform", cmp.Or(health.Detail, "answers")+e.shown(ctx))}, budgetLeft(health)...)
}

// shown is how many keys the platform shows, ours or not.
func (e patient) shown(ctx context.Context) string {
	var keys interface {
		List(context.Context) ([]keyrotation.PlatformKey, error)
	} = e.works.platform.Registrar
	if e.works.platform.Issuer != nil {
		keys = e.works.platform.Issuer
	}
	if e.rotator == nil {
		return ""
	}
	list, err := keys.List(ctx)
	if err != nil {
		return "; its keys cannot be listed: " + err.Error()
	}
	return fmt.Sprintf("; it shows %d keys", len(list))
}

// fewLeft is the share of a rate budget below which doctor says something, and
// soonExpired the same of a credential's life.
const (
	fewLeft     = 10 // percent
	soonExpired = 7 * 24 * time.Hour
)

func budgetLeft(h platforms.Health) (findings []finding) {
	if h.Limit > 0 {
		detail := fmt.Sprintf("%d of %d calls in %s are left", h.Remaining, h.Limit, h.Window)
		if h.Remaining*100 < h.Limit*fewLeft {
			findings = append(findings, wrongWith("rate", errors.New("rate"), detail, "find out who else uses the credential, or ask the platform for more"))
		} else {
			findings = append(findings, fine("rate", detail))
		}
	}
	if !h.ExpiresAt.IsZero() && time.Until(h.ExpiresAt) < soonExpired {
		findings = append(findings, wrongWith("credential", errors.New("credential"), "expires at "+moment(h.ExpiresAt), "renew it at the platform and give the project the new one"))
	}
	return findings
}

func (e patient) rotation(ctx context.Context) []finding {
	ring, err := e.rotator.Ring(ctx)
	if err != nil {
		return nil // the store's finding says it
	}
	status, err := e.rotator.Status(ctx)
	if err != nil {
		return nil
	}
	var findings []finding
	if active, ok := ring.Active(); ok {
		findings = append(findings, fine("active key", fmt.Sprintf("generation %d since %s", active.Generation, moment(active.ActivatedAt))))
	} else {
		findings = append(findings, wrongWith("active key", errors.New("active key"), "no key signs",
			"run playtoken rotate, or let serve do it; earliest "+moment(ring.EarliestActive())))
	}
	for _, m := range status.Plan {
		if m.Blocked {
			findings = append(findings, wrongWith("rotation", errors.New("rotation"), fmt.Sprintf("%s is blocked: %s", m.Action, m.Why), "remove what blocks it"))
		}
	}
	if status.Overdue {
		findings = append(findings, wrongWith("rotation", errors.New("rotation"), "overdue since "+moment(status.NextActionAt),
			"start serve with its scheduler, or run playtoken rotate from cron"))
	}
	return append(findings, lastRun(status.LastRun))
}

func lastRun(run keyrotation.Run) finding {
	switch {
	case run.Outcome == "failed":
		return wrongWith("last run", errors.New("last run"), moment(run.At)+": "+run.Error, "run playtoken rotate, which tries again and says more")
	case run.At.IsZero():
		return fine("last run", "none yet")
	}
	return fine("last run", run.Outcome+" at "+moment(run.At))
}

func (e patient) drift(ctx context.Context) []finding {
	drift, err := e.rotator.Drift(ctx)
	if err != nil {
		return nil // the platform's or the store's finding says it
	}
	var findings []finding
	for _, list := range [][]keyrotation.Finding{drift.Orphans, drift.Missing, drift.Mismatched} {
		for _, f := range list {
			findings = append(findings, wrongWith("drift", errors.New("drift"), fmt.Sprintf("key %s: %s", cmp.Or(f.KeyID, "-"), f.Meaning), f.Remedy))
		}
	}
	for _, f := range drift.Unmanaged {
		findings = append(findings, finding{Check: "drift", OK: true, Detail: fmt.Sprintf("key %s: %s", f.KeyID, f.Meaning), Remedy: f.Remedy})
	}
	if len(findings) == 0 {
		findings = append(findings, fine("drift", "none: ring, store and platform agree"))
	}
	return findings
}
