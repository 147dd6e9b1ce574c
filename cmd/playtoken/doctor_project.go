package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
)

// patient is one project under examination.
type patient struct {
	examination
	*works
}

// account asks the platform whether the credential is alive.
func (e patient) account(ctx context.Context) []finding {
	if e.works.platform.Check == nil {
		return []finding{fine("platform", "cannot be asked about its credential")}
	}
	health, err := e.works.platform.Check(ctx)
	switch {
	case errors.Is(err, keyrotation.ErrUnauthorized):
		return []finding{wrongWith("platform", &keyrotation.PlatformError{Cause: err}, err.Error(), e.credential()+", to one that the platform accepts and that may manage keys")}
	case errors.Is(err, keyrotation.ErrThrottled):
		return []finding{wrongWith("platform", &keyrotation.PlatformError{Cause: err}, err.Error(), "its calls are used up for now: wait, or find out who else uses the credential")}
	case err != nil:
		return []finding{wrongWith("platform", &keyrotation.PlatformError{Cause: err}, err.Error(), "look whether it is there and the way to it is open, or "+e.address()+"; minting may go on meanwhile")}
	}
	return append([]finding{fine("platform", cmp.Or(health.Detail, "answers")+e.shown(ctx))}, e.credentialLasts(health)...)
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
// soonExpired what is left of a credential's life.
const (
	fewLeft     = 10 // percent
	soonExpired = 7 * 24 * time.Hour
)

func (e patient) credentialLasts(h platforms.Health) (findings []finding) {
	if h.Limit > 0 {
		detail := fmt.Sprintf("%d of %d calls in %s are left", h.Remaining, h.Limit, h.Window)
		if h.Remaining*100 < h.Limit*fewLeft {
			findings = append(findings, wrongWith("rate", errors.New("rate"), detail, "find out who else uses the credential, or ask the platform for more"))
		} else {
			findings = append(findings, fine("rate", detail))
		}
	}
	if !h.ExpiresAt.IsZero() && time.Until(h.ExpiresAt) < soonExpired {
		findings = append(findings, wrongWith("credential", errors.New("credential"), "expires at "+moment(h.ExpiresAt), "renew it at the platform, then "+e.credential()))
	}
	return findings
}

// keys is all about the project's signing keys.
func (e patient) keys(ctx context.Context) []finding {
	ring, err := e.rotator.Ring(ctx)
	if err != nil {
		return []finding{wrongWith("ring", err, err.Error(), "run the newest version of playtoken that ever worked with this store; else make the store readable")}
	}
	policy, wider := e.inForce(ring)
	findings := slices.Concat(e.budget(policy), e.durations(wider), e.lifetimes(ring, policy), e.active(ring))
	status, err := e.rotator.Status(ctx)
	if err != nil {
		return append(findings, wrongWith("rotation", err, err.Error(), "make the store reachable"))
	}
	for _, m := range status.Plan {
		if m.Blocked {
			findings = append(findings, wrongWith("rotation", errors.New("rotation"), fmt.Sprintf("%s is blocked: %s", m.Action, m.Why), e.unblock(m)))
		}
	}
	return slices.Concat(findings, e.unattended(ring, status), []finding{e.lastRun(status.LastRun)}, e.drift(ctx, ring))
}

func (e patient) active(ring keyrotation.Ring) []finding {
	active, ok := ring.Active()
	switch {
	case ok:
		return []finding{fine("active key", fmt.Sprintf("generation %d since %s", active.Generation, moment(active.ActivatedAt)))}
	case !ring.EndedAt.IsZero():
		return []finding{wrongWith("active key", errors.New("active key"), "no key signs: the keys were ended at "+moment(ring.EndedAt)+", for the project to be deleted",
			"playtoken project delete "+e.project.ID+" --revoke")}
	}
	do := "playtoken rotate --project " + e.project.ID + ", or let serve do it"
	if earliest := ring.EarliestActive(); !earliest.IsZero() {
		do += "; earliest " + moment(earliest)
	}
	return []finding{wrongWith("active key", errors.New("active key"), "no key signs", do)}
}

// unblock is what a move waits for.
func (e patient) unblock(m keyrotation.Move) string {
	switch m.Action {
	case keyrotation.PlanKey:
		return "let it hold more: " + e.set("PLAYTOKEN_KEY_BUDGET=NUMBER", `{"rotation_policy":{"key_budget":NUMBER}}`)
	case keyrotation.Observe:
		return "see the findings about clock and drift"
	}
	return "see the findings about clock and drift, and playtoken rotate --dry-run --project " + e.project.ID
}

func (e patient) lastRun(run keyrotation.Run) finding {
	switch {
	case run.Outcome == "failed":
		return wrongWith("last run", errors.New("last run"), moment(run.At)+": "+run.Error, "playtoken rotate --project "+e.project.ID+", which tries again and says more")
	case run.At.IsZero():
		return fine("last run", "none yet")
	}
	return fine("last run", run.Outcome+" at "+moment(run.At))
}
