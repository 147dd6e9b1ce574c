package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"playtoken/handlers"
	"playtoken/keyrotation"
	"playtoken/settings"
)

// rotateFlags is the command line of rotate.
type rotateFlags struct {
	project            string
	all                bool
	ifDue, now, dryRun bool
	lost               bool
	reason             string
}

func (a *app) rotate() *cobra.Command {
	var f rotateFlags
	cmd := &cobra.Command{
		Use: "rotate", Short: "Make every move of the signing keys that is due", Args: arguments(),
		Long: "Makes every move of the signing keys that is due, and is done when nothing more is;\n" +
			"where no key is active it waits until one is. Meant for cron, and safe beside serve.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case f.ifDue && f.now:
				return usageError{"--if-due and --now exclude each other"}
			case f.lost && (f.ifDue || f.now || f.dryRun):
				return usageError{"--replace-lost excludes --if-due, --now and --dry-run"}
			case f.lost && strings.TrimSpace(f.reason) == "":
				return usageError{"--replace-lost needs --reason"}
			case f.all && f.project != "":
				return usageError{"--all and --project exclude each other"}
			}
			return a.withAPI(cmd.Context(), !f.dryRun, func(door *localAPI) error {
				if f.dryRun {
					return a.showPlan(cmd.Context(), door, f.project)
				}
				return a.makeMoves(cmd.Context(), door, f)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.project, "project", "", "project id; every project, if not given")
	flags.BoolVar(&f.all, "all", false, "every project, which --now and --replace-lost ask for where there are several")
	flags.BoolVar(&f.ifDue, "if-due", false, "only what is due (the default)")
	flags.BoolVar(&f.now, "now", false, "make the standby active even if that is not due")
	flags.BoolVar(&f.lost, "replace-lost", false, "where the platform lost our keys, make new ones and wait until they sign")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show what would be done, and change nothing")
	flags.StringVar(&f.reason, "reason", "", "why, for the record")
	return cmd
}

// body is the request of a rotation.
func (f rotateFlags) body() map[string]any {
	mode := "due"
	switch {
	case f.now:
		mode = "now"
	case f.lost:
		mode = "replace_lost"
	}
	return map[string]any{"mode": mode, "reason": f.reason}
}

// showPlan prints the dry run of one project, or of every one.
func (a *app) showPlan(ctx context.Context, door *localAPI, project string) error {
	if project != "" {
		status := statusView{ProjectID: project}
		err := door.call(ctx, apiRequest{method: http.MethodGet, path: projectPath(project) + "/rotation"}, &status)
		return a.printOutcomes([]outcome{{id: project, view: status, err: err}}, true)
	}
	var all struct {
		Results []struct {
			statusView
			Error *apiProblem `json:"error"`
		} `json:"results"`
	}
	if err := door.call(ctx, apiRequest{method: http.MethodGet, path: "/v1/rotation"}, &all); err != nil {
		return err
	}
	outcomes := make([]outcome, len(all.Results))
	for i, one := range all.Results {
		outcomes[i] = outcome{id: one.ProjectID, view: one.statusView}
		if one.Error != nil {
			outcomes[i].err = one.Error
		}
	}
	return a.printOutcomes(outcomes, false)
}

// meansEvery refuses to make a key active in several projects, unless the command
// line says that every one is meant: moves that are due are due in each of them, but
// a rotation now is about one.
func (f rotateFlags) meansEvery(ctx context.Context, door *localAPI) error {
	if !f.now && !f.lost || f.all || f.project != "" {
		return nil
	}
	does := "--now would rotate"
	if f.lost {
		does = "--replace-lost would replace the keys of"
	}
	ids, err := door.rotating(ctx)
	if err == nil && len(ids) > 1 {
		return usageError{fmt.Sprintf("%s %d projects: name one with --project, or all of them with --all: %s", does, len(ids), someOf(ids))}
	}
	return err
}

// rotating are the projects that have keys to rotate.
func (d *localAPI) rotating(ctx context.Context) (ids []string, err error) {
	var all struct {
		Results []struct {
			ProjectID string `json:"project_id"`
		} `json:"results"`
	}
	err = d.call(ctx, apiRequest{method: http.MethodGet, path: "/v1/rotation"}, &all)
	for _, one := range all.Results {
		ids = append(ids, one.ProjectID)
	}
	return ids, err
}

// someOf lists as many ids as a person reads.
func someOf(ids []string) string {
	const most = 5
	if len(ids) > most {
		return strings.Join(ids[:most], ", ") + ", …"
	}
	return strings.Join(ids, ", ")
}

// makeMoves rotates the project that was named, or every one, and waits where a
// project has no active key yet.
func (a *app) makeMoves(ctx context.Context, door *localAPI, f rotateFlags) error {
	if err := f.meansEvery(ctx, door); err != nil {
		return err
	}
	passes, err := firstPasses(ctx, door, f)
	if err != nil {
		return err
	}
	outcomes := make([]outcome, len(passes))
	var all errgroup.Group
	all.SetLimit(handlers.ProjectsAtOnce)
	for i, first := range passes {
		all.Go(func() error {
			wait := &bootstrap{door: door, log: a.log(), project: first.ProjectID, reason: f.reason, lost: f.lost}
			view, err := wait.until(ctx, first)
			if err == nil {
				err = view.stopped()
			}
			outcomes[i] = outcome{id: first.ProjectID, view: view, err: door.named(ctx, first.ProjectID, err)}
			return nil
		})
	}
	_ = all.Wait() // an outcome has its own error
	return a.printOutcomes(outcomes, f.project != "")
}

// onePass is how one rotation of a project ended.
type onePass struct {
	rotatedView
	Error *apiProblem `json:"error"`
	cause error       // what kept the request from being made or answered
}

// failure is why the pass did not do what was asked; nil if it did.
func (p onePass) failure() error {
	switch {
	case p.cause != nil:
		return p.cause
	case p.Error != nil:
		return p.Error
	case p.Refused:
		return &apiProblem{Status: http.StatusConflict, Code: "conflict", Detail: p.Reason}
	}
	return nil
}

// stopped is what is in the way of a project after every move was made that can be:
// its result is shown all the same.
type stopped struct{ problem *apiProblem }

func (s stopped) Error() string { return s.problem.Error() }
func (s stopped) Unwrap() error { return s.problem }

// stopped says what stops viewers or rotation; nil if nothing does.
func (v rotatedView) stopped() error {
	for _, f := range v.Findings {
		switch {
		case f.Code == keyrotation.PlatformRefusesCredential:
			return stopped{&apiProblem{Status: http.StatusServiceUnavailable, Code: "platform_unavailable", NeedsOperator: true, Detail: sayFinding(f)}}
		case f.Code == keyrotation.PlatformUnreachable, f.Code == keyrotation.PlatformThrottles:
			return stopped{&apiProblem{Status: http.StatusServiceUnavailable, Code: "platform_unavailable", Detail: sayFinding(f)}}
		case f.Stops != nil && f.Code != keyrotation.RotationOverdue && f.Code != keyrotation.LastRunFailed:
			remedy := "playtoken doctor --project " + v.ProjectID + " says what can be done"
			if f.Code == keyrotation.AllKeysMissing {
				remedy = "playtoken rotate --replace-lost --project " + v.ProjectID + " --reason TEXT makes new keys"
			}
			return stopped{&apiProblem{Status: http.StatusConflict, Code: "conflict", Detail: sayFinding(f), Remedy: remedy}}
		}
	}
	return nil
}

// named says which finding a platform's trouble is, as log and metrics call it. A
// pass that failed told only the ring.
func (d *localAPI) named(ctx context.Context, id string, err error) error {
	problem, platform := errors.AsType[*apiProblem](err)
	if !platform || problem.Code != "platform_unavailable" || isA[stopped](err) {
		return err
	}
	var status statusView
	if d.call(ctx, apiRequest{method: http.MethodGet, path: projectPath(id) + "/rotation"}, &status) != nil {
		return err // of the two, the one that was asked for
	}
	for _, f := range status.Findings {
		switch f.Code {
		case keyrotation.PlatformRefusesCredential, keyrotation.PlatformUnreachable, keyrotation.PlatformThrottles:
			told := *problem
			told.Detail = string(f.Code) + ": " + problem.Detail
			return &told
		}
	}
	return err
}

func sayFinding(f handlers.RotationFinding) string { return string(f.Code) + ": " + f.Detail }

// firstPasses makes one pass over the project that was named, or over every one.
func firstPasses(ctx context.Context, door *localAPI, f rotateFlags) ([]onePass, error) {
	if f.project != "" {
		return []onePass{door.rotate(ctx, f.project, f.body())}, nil
	}
	var all struct {
		Results []onePass `json:"results"`
	}
	err := door.call(ctx, apiRequest{method: http.MethodPost, path: "/v1/rotation", body: f.body()}, &all)
	return all.Results, err
}

// rotate makes one pass over one project.
func (d *localAPI) rotate(ctx context.Context, id string, body map[string]any) onePass {
	pass := onePass{rotatedView: rotatedView{ProjectID: id}}
	pass.cause = d.call(ctx, apiRequest{method: http.MethodPost, path: projectPath(id) + "/rotation", body: body, missing: findProject}, &pass.rotatedView)
	return pass
}

// outcome is what is printed about one project.
type outcome struct {
	id   string
	view tabled
	err  error
}

// printOutcomes prints what became of each project. Its error is that of the
// projects: the only one's, all of them, or how many failed.
func (a *app) printOutcomes(outcomes []outcome, named bool) error {
	if len(outcomes) == 0 {
		return settings.Error{errors.New("there is no project: set PLAYTOKEN_PLATFORM_API_KEY to create the project default, or create one with playtoken project create")}
	}
	var failures []error
	for _, one := range outcomes {
		if one.err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", one.id, one.err))
		}
	}
	switch err := a.print(viewOf(outcomes, named)); {
	case err != nil || len(failures) == 0:
		return err
	case len(failures) < len(outcomes):
		return someFailed{failed: len(failures), all: len(outcomes)}
	}
	return errors.Join(failures...)
}

// viewOf is one object where a project was named, and else a list.
func viewOf(outcomes []outcome, named bool) tabled {
	results := resultsView{Results: make([]tabled, len(outcomes)), ids: make([]string, len(outcomes))}
	for i, one := range outcomes {
		results.ids[i], results.Results[i] = one.id, one.view
		if one.err != nil && !isA[stopped](one.err) {
			results.Results[i] = failedView{ProjectID: one.id, Error: documentOf(one.err)}
		}
	}
	if named {
		return results.Results[0]
	}
	return results
}

// resultsView is what became of several projects.
type resultsView struct {
	Results []tabled `json:"results"`
	ids     []string // of the projects, in the same order
}

func (v resultsView) table(w io.Writer) {
	for i, result := range v.Results {
		if len(v.Results) > 1 {
			fmt.Fprintf(w, "project %s:\n", v.ids[i])
		}
		result.table(w)
	}
}

// failedView stands for a project that could not be rotated.
type failedView struct {
	ProjectID string     `json:"project_id"`
	Error     apiProblem `json:"error"`
}

func (v failedView) table(w io.Writer) { fmt.Fprintf(w, "failed: %s\n", v.Error.Detail) }
