package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"playtoken/durations"
	"playtoken/keyrotation"
	"playtoken/projects"
)

// inForce returns the rotation's policy as it is in force: durations that the
// ring has on record and that are longer than those set rule for as long as
// the ring lives. The other result holds these, and is zero otherwise.
func (e projectExamination) inForce(ring keyrotation.Ring) (policy keyrotation.Policy, longer keyrotation.Durations) {
	policy = e.tenant.Rotator.Policy
	own, recorded := &policy.Durations, ring.Durations
	for _, d := range []struct {
		own, longer *time.Duration
		recorded    time.Duration
	}{
		{own: &own.Propagation, longer: &longer.Propagation, recorded: recorded.Propagation},
		{own: &own.ViewAge, longer: &longer.ViewAge, recorded: recorded.ViewAge},
		{own: &own.Staleness, longer: &longer.Staleness, recorded: recorded.Staleness},
		{own: &own.Skew, longer: &longer.Skew, recorded: recorded.Skew},
		{own: &own.Settle, longer: &longer.Settle, recorded: recorded.Settle},
	} {
		if d.recorded > *d.own {
			*d.longer, *d.own = d.recorded, d.recorded
		}
	}
	return policy, longer
}

func (e projectExamination) durations(longer keyrotation.Durations) []Finding {
	if longer == (keyrotation.Durations{}) {
		return nil
	}
	return one(e.found(DurationsOnRecord,
		"the ring has longer ones on record than are set now, and they stay in force; nothing is wrong with that but the time it takes", Data{OnRecord: longer}))
}

// budget examines whether the platform may hold all the keys that the policy
// needs at once.
func (e projectExamination) budget(policy keyrotation.Policy) []Finding {
	needed, allowed := policy.KeysNeeded(), policy.KeyBudget
	if needed > allowed {
		return one(e.found(KeyBudgetTooSmall, fmt.Sprintf(
			"a steady rotation needs %d keys at the platform at once, and %d are allowed: one day no standby can be made", needed, allowed), Data{KeysNeeded: needed}))
	}
	findings := one(e.found(KeyBudgetEnough, fmt.Sprintf("a steady rotation needs %d keys at the platform, %d are allowed", needed, allowed), Data{KeysNeeded: needed}))
	if err := policy.Validate(); err != nil {
		findings = append(findings, e.found(PolicyContradictory, strings.ReplaceAll(err.Error(), "\n", "; "), Data{}))
	}
	return findings
}

// lifetimes: a signer makes no token that lives longer than its key's record
// permits, since the key may be deleted by then.
func (e projectExamination) lifetimes(ring keyrotation.Ring, policy keyrotation.Policy) []Finding {
	active, ok := ring.Active()
	if !ok || active.Issued || active.MaxTTL >= policy.MaxTTL {
		return nil
	}
	return one(e.found(LifetimeOverRecord, fmt.Sprintf(
		"tokens may live %s, but the active key has %s on record and signs none that live longer", durations.Text(policy.MaxTTL), durations.Text(active.MaxTTL)), Data{Generation: active.Generation}))
}

// longUnseen is for how long the platform may not be looked at before that is a
// problem. cron has a day.
const longUnseen = 25 * time.Hour

// unattended examines whether a process rotates the keys at all.
func (e projectExamination) unattended(ring keyrotation.Ring, status keyrotation.Status) []Finding {
	since := ring.ObservedAt
	late := slices.IndexFunc(status.Troubles, func(t keyrotation.Trouble) bool { return t.Code == keyrotation.RotationOverdue })
	switch {
	case late >= 0:
		since = status.Troubles[late].Since
		return one(e.found(RotationOverdue, "overdue since "+moment(since)+": no process has rotated", Data{Since: since}))
	case !since.IsZero() && time.Since(since) > max(longUnseen, 2*e.tenant.Rotator.Policy.ObserveEvery):
		return one(e.found(RotationUnattended, "no process has looked after the keys since "+moment(since), Data{Since: since}))
	}
	return nil
}

// issuers asks the issuers whose viewers may mint for themselves.
func (e projectExamination) issuers(ctx context.Context) (findings []Finding) {
	if short := projects.ShortWebhookSecret(e.tenant.Project.WebhookSecret); short != "" {
		findings = append(findings, e.found(WebhookSecretShort, "the webhook's secret "+short, Data{}))
	}
	for _, issuer := range e.tenant.Project.ViewerPolicy.Issuers {
		data := Data{Issuer: issuer.URL}
		if err := e.viewers.Reach(ctx, issuer.URL); err != nil {
			f := e.found(IssuerUnreachable, fmt.Sprintf("issuer %s: %v; none of its viewers can be recognised meanwhile", issuer.URL, err), data)
			f.Err = &keyrotation.PlatformError{Cause: err}
			findings = append(findings, f)
			continue
		}
		findings = append(findings, e.found(IssuerAnswers, "issuer "+issuer.URL+" answers", data))
	}
	return findings
}
