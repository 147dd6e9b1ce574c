package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"playtoken/keyrotation"
)

// finding is one thing that doctor looked at.
type finding struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy,omitempty"`

	cause error // decides the exit code, if not OK
}

type findingsView struct {
	Findings []finding `json:"findings"`
}

func (v findingsView) table(w io.Writer) {
	for _, f := range v.Findings {
		mark := "ok"
		if !f.OK {
			mark = "PROBLEM"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", mark, f.Check, f.Detail)
		if f.Remedy != "" {
			fmt.Fprintf(w, "\t\t-> %s\n", f.Remedy)
		}
	}
}

// unhealthy is what doctor returns when something is not OK.
type unhealthy []error

func (u unhealthy) Error() string   { return fmt.Sprintf("%d problems found", len(u)) }
func (u unhealthy) Unwrap() []error { return u }

func (a *app) doctor() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Look at everything, change nothing, say what to do", Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			view := findingsView{a.examine(cmd.Context())}
			if err := a.print(view); err != nil {
				return err
			}
			var problems unhealthy
			for _, f := range view.Findings {
				if !f.OK {
					problems = append(problems, f.cause)
				}
			}
			if len(problems) > 0 {
				return problems
			}
			return nil
		},
	}
}

// examine makes every check that makes sense after the ones before it.
func (a *app) examine(ctx context.Context) []finding {
	c, err := serviceConfig(a.environ)
	if problems, ok := errors.AsType[configError](err); ok {
		var findings []finding
		for _, problem := range problems {
			findings = append(findings, wrongWith("configuration", configError{problem}, problem.Error(), "correct the environment"))
		}
		return findings
	}
	p, err := build(ctx, c, false, a.log())
	if err != nil {
		return []finding{wrongWith("store", err, err.Error(), "check PLAYTOKEN_STORE, its password and its file")}
	}
	defer p.close()
	d := examination{p}
	findings := []finding{fine("configuration", "complete")}
	for _, check := range []func(context.Context) []finding{d.store, d.rights, d.clock, d.budget, d.platform, d.rotation, d.drift} {
		findings = append(findings, check(ctx)...)
	}
	return findings
}

func fine(check, detail string) finding { return finding{Check: check, OK: true, Detail: detail} }

func wrongWith(check string, cause error, detail, remedy string) finding {
	return finding{Check: check, Detail: detail, Remedy: remedy, cause: cause}
}

// examination is the checks that need the parts.
type examination struct{ *parts }

func (d examination) store(ctx context.Context) []finding {
	if err := d.storeAnswers(ctx); err != nil {
		return []finding{wrongWith("store", err, err.Error(), "make the store reachable, unsealed, and readable with our credential")}
	}
	return []finding{fine("store", "answers")}
}

func (d examination) clock(ctx context.Context) []finding {
	asked := time.Now()
	theirs, err := d.storeTime(ctx)
	if err != nil {
		return []finding{wrongWith("clock", err, err.Error(), "make the store reachable")}
	}
	off := asked.Sub(theirs).Round(time.Millisecond)
	if skew := d.config.rotation.Durations.Skew; off.Abs() > skew {
		return []finding{wrongWith("clock", errors.New("clock"), fmt.Sprintf("off by %s, more than PLAYTOKEN_CLOCK_SKEW %s", off, skew),
			"synchronise this machine's clock; until then no key is activated or deleted")}
	}
	return []finding{fine("clock", fmt.Sprintf("within %s of the store's", off.Abs()))}
}

func (d examination) budget(context.Context) []finding {
	policy := d.config.rotation
	return []finding{fine("budget", fmt.Sprintf("a steady rotation needs %d keys at the platform, %d are allowed",
		policy.KeysNeeded(), policy.KeyBudget))}
}

func (d examination) platform(ctx context.Context) []finding {
	if d.rotator == nil {
		return []finding{wrongWith("platform", errors.New("platform"), "there is no project",
			"set PLAYTOKEN_PLATFORM_API_KEY to make the project default")}
	}
	keys, err := d.rotator.Platform.List(ctx)
	switch {
	case errors.Is(err, keyrotation.ErrUnauthorized):
		return []finding{wrongWith("platform", err, err.Error(), "give PLAYTOKEN_PLATFORM_API_KEY a key that may manage JWT keys")}
	case err != nil:
		return []finding{wrongWith("platform", err, err.Error(), "check PLAYTOKEN_PLATFORM_URL and the way there; minting goes on meanwhile")}
	}
	return []finding{fine("platform", fmt.Sprintf("answers, and shows %d keys", len(keys)))}
}

func (d examination) rotation(ctx context.Context) []finding {
	if d.rotator == nil {
		return nil
	}
	ring, err := d.rotator.Ring(ctx)
	if err != nil {
		return nil // the store's finding says it
	}
	status, err := d.rotator.Status(ctx)
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

func (d examination) drift(ctx context.Context) []finding {
	if d.rotator == nil {
		return nil
	}
	drift, err := d.rotator.Drift(ctx)
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
