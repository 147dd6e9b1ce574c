package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"playtoken/handlers"
	"playtoken/projects"
)

// finding is one thing that doctor looked at.
type finding struct {
	ProjectID string `json:"project_id,omitempty"` // of a check that is about one
	Check     string `json:"check"`
	OK        bool   `json:"ok"`
	Detail    string `json:"detail"`
	Remedy    string `json:"remedy,omitempty"`

	cause error // decides the exit code, if not OK
}

type findingsView struct {
	Findings []finding `json:"findings"`
}

func (v findingsView) table(w io.Writer) {
	for _, f := range v.Findings {
		mark := "ok"
		switch {
		case !f.OK:
			mark = "PROBLEM"
		case f.Remedy != "":
			mark = "note"
		}
		check := f.Check
		if f.ProjectID != "" && f.ProjectID != projects.Default {
			check = f.ProjectID + ": " + check
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", mark, check, f.Detail)
		if f.Remedy != "" {
			fmt.Fprintf(w, "\t\t-> %s\n", f.Remedy)
		}
	}
}

// unhealthy is what doctor returns when something is not OK.
type unhealthy []error

func (u unhealthy) Error() string { return fmt.Sprintf("%d problems found", len(u)) }

// Unwrap is the problem that decides the exit code: what is set wrongly comes
// first, then what is down.
func (u unhealthy) Unwrap() error {
	for _, code := range []int{exitUsage, exitDown} {
		for _, err := range u {
			if exitCode(err) == code {
				return err
			}
		}
	}
	return nil
}

func (a *app) doctor() *cobra.Command {
	var project string
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look at everything, change nothing, say what to do", Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			view := findingsView{a.examine(cmd.Context(), project)}
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
	cmd.Flags().StringVar(&project, "project", "", "only this project")
	return cmd
}

// examine makes every check that makes sense after the ones before it.
func (a *app) examine(ctx context.Context, project string) []finding {
	c, err := serviceConfig(a.environ)
	if problems, ok := errors.AsType[configError](err); ok {
		var findings []finding
		for _, problem := range problems {
			findings = append(findings, wrongWith("configuration", configError{problem}, problem.Error(), "correct the environment"))
		}
		return findings
	}
	p, err := a.build(ctx, c, false)
	if err != nil {
		return []finding{unopened(c, err)}
	}
	defer p.close()
	d := examination{p, sync.OnceValues(func() (holders, error) { return p.holders(ctx) })}
	findings := []finding{fine("configuration", "complete")}
	for _, check := range []func(context.Context) []finding{d.storeWorks, d.rights, d.clock, d.secrets, d.record, d.ownKeys} {
		findings = append(findings, check(ctx)...)
	}
	return append(findings, d.each(ctx, project)...)
}

func fine(check, detail string) finding { return finding{Check: check, OK: true, Detail: detail} }

// remark is what is as it should be, and worth saying; remedy is for whom it is
// not.
func remark(check, detail, remedy string) finding {
	return finding{Check: check, OK: true, Detail: detail, Remedy: remedy}
}

func wrongWith(check string, cause error, detail, remedy string) finding {
	return finding{Check: check, Detail: detail, Remedy: remedy, cause: cause}
}

// examination is the checks that need the parts.
type examination struct {
	*parts
	whose func() (holders, error) // once for all projects: each would read every ring
}

func (d examination) storeWorks(ctx context.Context) []finding {
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

// ownKeys: without an active one, API keys cannot be exchanged.
func (d examination) ownKeys(ctx context.Context) []finding {
	ring, err := d.own.Ring(ctx)
	if err != nil {
		return nil // the store's finding says it
	}
	if active, ok := ring.Active(); ok {
		return []finding{fine("access tokens", fmt.Sprintf("signed with generation %d since %s", active.Generation, moment(active.ActivatedAt)))}
	}
	return []finding{fine("access tokens", "nobody has needed a key for them yet")}
}

// each examines the project that is meant, or all of them.
func (d examination) each(ctx context.Context, project string) []finding {
	ids := []string{project}
	if project == "" {
		var err error
		if ids, err = d.projectIDs(ctx); err != nil {
			return nil // the store's finding says it
		}
	}
	if len(ids) == 0 {
		return []finding{wrongWith("projects", errors.New("projects"), "there is none",
			"set PLAYTOKEN_PLATFORM_API_KEY to make the project default, or run playtoken project create")}
	}
	found := make([][]finding, len(ids))
	var all errgroup.Group
	all.SetLimit(handlers.ProjectsAtOnce)
	for i, id := range ids {
		all.Go(func() error {
			found[i] = d.one(ctx, id)
			return nil
		})
	}
	all.Wait()
	return slices.Concat(found...)
}

// one makes every check of one project.
func (d examination) one(ctx context.Context, id string) []finding {
	opened, err := d.workshop.of(ctx, id)
	if err != nil {
		do := cmp.Or(remedy(err), "check its platform's settings and credential")
		return []finding{{ProjectID: id, Check: "project", Detail: err.Error(), Remedy: do, cause: err}}
	}
	e := patient{d, opened}
	findings := slices.Concat(e.account(ctx), e.issuers(ctx))
	if opened.rotator != nil {
		findings = append(findings, e.keys(ctx)...)
	}
	for i := range findings {
		findings[i].ProjectID = id
	}
	return findings
}
