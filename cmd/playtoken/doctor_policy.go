package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"playtoken/keyrotation"
	"playtoken/projects"
)

// What is asked of a project's rotation, held against itself and against what
// its ring has on record.

// inForce is the rotation's policy as the ring has it: durations that were
// longer once are in force for as long as the ring lives. The other result
// says which those are.
func (e patient) inForce(ring keyrotation.Ring) (policy keyrotation.Policy, wider []string) {
	policy = e.rotator.Policy
	own := &policy.Durations
	for _, d := range []struct {
		name     string
		own      *time.Duration
		recorded time.Duration
	}{
		{"PLAYTOKEN_PROPAGATION_DELAY", &own.Propagation, ring.Durations.Propagation},
		{"PLAYTOKEN_VIEW_AGE", &own.ViewAge, ring.Durations.ViewAge},
		{"PLAYTOKEN_MAX_STALENESS", &own.Staleness, ring.Durations.Staleness},
		{"PLAYTOKEN_CLOCK_SKEW", &own.Skew, ring.Durations.Skew},
		{"PLAYTOKEN_SETTLE", &own.Settle, ring.Durations.Settle},
	} {
		if d.recorded > *d.own {
			wider = append(wider, fmt.Sprintf("%s=%s", d.name, d.recorded))
			*d.own = d.recorded
		}
	}
	return policy, wider
}

// durations: what the ring has on record rules, whatever is set.
func (e patient) durations(wider []string) []finding {
	if len(wider) == 0 {
		return nil
	}
	return []finding{remark("durations", "the ring has longer ones on record than are set now, and they stay in force; nothing is wrong with that but the time it takes",
		"to have the settings say what is in force: "+strings.Join(wider, " "))}
}

// budget: the platform has to hold all the keys that the policy wants at once.
func (e patient) budget(policy keyrotation.Policy) []finding {
	needed, allowed := policy.KeysNeeded(), policy.KeyBudget
	if needed > allowed {
		return []finding{wrongWith("budget", configError{errors.New("budget")},
			fmt.Sprintf("a steady rotation needs %d keys at the platform at once, and %d are allowed: one day no standby can be made", needed, allowed),
			e.set(fmt.Sprintf("PLAYTOKEN_KEY_BUDGET=%d", needed), fmt.Sprintf(`{"rotation_policy":{"key_budget":%d}}`, needed)))}
	}
	findings := []finding{fine("budget", fmt.Sprintf("a steady rotation needs %d keys at the platform, %d are allowed", needed, allowed))}
	if err := policy.Validate(); err != nil {
		findings = append(findings, wrongWith("policy", configError{err}, strings.ReplaceAll(err.Error(), "\n", "; "),
			e.set("set the durations and intervals so that they go together", `{"rotation_policy":{"rotate_every":SECONDS}}`)))
	}
	return findings
}

// set is how a setting of the project is changed: by the environment, if it
// describes the project, or else by the command that follows.
func (e patient) set(environment, body string) string {
	if e.ofEnvironment() {
		return environment
	}
	return "echo '" + body + "' | playtoken project update " + e.project.ID + " --from -"
}

func (e patient) ofEnvironment() bool {
	return e.project.ID == projects.Default && e.projects.DefaultProject != nil
}

// credential is how the project's credential is replaced.
func (e patient) credential() string {
	if e.ofEnvironment() {
		return "set PLAYTOKEN_PLATFORM_API_KEY"
	}
	name := "NAME"
	if members := e.kinds[e.project.Platform].Credentials; len(members) > 0 {
		name = members[0].Name
	}
	return "playtoken project update " + e.project.ID + " --credential " + name + "=FILE"
}

// address is the same of where its platform is.
func (e patient) address() string {
	if e.ofEnvironment() {
		return "set PLAYTOKEN_PLATFORM_URL"
	}
	return "playtoken project update " + e.project.ID + " --setting url=URL"
}

// lifetimes: a signer makes no token that lives longer than its key's record
// permits, since the key may be deleted by then.
func (e patient) lifetimes(ring keyrotation.Ring, policy keyrotation.Policy) []finding {
	active, ok := ring.Active()
	if !ok || active.Issued || active.MaxTTL >= policy.MaxTTL {
		return nil
	}
	return []finding{wrongWith("lifetimes", errors.New("lifetimes"),
		fmt.Sprintf("tokens may live %s, but the active key has %s on record and signs none that live longer", policy.MaxTTL, active.MaxTTL),
		"playtoken rotate --project "+e.project.ID)}
}

// longUnseen is for how long a platform may go unlooked at before it is said
// that nobody rotates: cron has a day.
const longUnseen = 25 * time.Hour

// unattended: nothing has looked after the keys for long.
func (e patient) unattended(ring keyrotation.Ring, status keyrotation.Status) []finding {
	remedy := "start playtoken serve, whose scheduler is on, or run playtoken rotate --project " + e.project.ID
	if !e.config.scheduler {
		remedy = "PLAYTOKEN_SCHEDULER is off: have cron run playtoken rotate --if-due every hour, or set it to on"
	}
	since := ring.ObservedAt
	switch {
	case status.Overdue:
		return []finding{wrongWith("rotation", errors.New("rotation"), "overdue since "+moment(ring.NextAction)+": nobody has rotated", remedy)}
	case !since.IsZero() && time.Since(since) > max(longUnseen, 2*e.rotator.Policy.ObserveEvery):
		return []finding{wrongWith("rotation", errors.New("rotation"), "nobody has looked after the keys since "+moment(since), remedy)}
	}
	return nil
}

// issuers asks those whose viewers may mint for themselves.
func (e patient) issuers(ctx context.Context) (findings []finding) {
	for _, issuer := range e.project.ViewerPolicy.Issuers {
		if err := e.parts.viewers.Reach(ctx, issuer.URL); err != nil {
			findings = append(findings, wrongWith("viewers", &keyrotation.PlatformError{Cause: err}, fmt.Sprintf("issuer %s: %v; no viewer of it is known to us meanwhile", issuer.URL, err),
				"curl "+strings.TrimSuffix(issuer.URL, "/")+"/.well-known/openid-configuration; if it has moved, change viewer_policy: playtoken project update "+e.project.ID+" --from FILE"))
			continue
		}
		findings = append(findings, fine("viewers", "issuer "+issuer.URL+" answers"))
	}
	return findings
}
