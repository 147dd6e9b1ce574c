package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"playtoken/cmd/playtoken/remedies"
	"playtoken/handlers"
	"playtoken/projects"
	"playtoken/service/doctor"
	"playtoken/settings"
)

// findingsView is what was found, as the API shows it.
type findingsView struct {
	Findings []handlers.Examined `json:"findings"`
}

func (v findingsView) table(w io.Writer) {
	for _, f := range v.Findings {
		mark := "ok"
		switch {
		case !f.OK:
			mark = "PROBLEM"
		case f.Remedy != nil:
			mark = "note"
		}
		check := f.Check
		if f.ProjectID != nil && *f.ProjectID != projects.Default {
			check = *f.ProjectID + ": " + check
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", mark, check, f.Detail)
		if f.Remedy != nil {
			fmt.Fprintf(w, "\t\t-> %s\n", *f.Remedy)
		}
		if f.Runbook != nil {
			fmt.Fprintf(w, "\t\t   %s\n", *f.Runbook)
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

// diagnosis returns unhealthy if there is a problem among the findings.
func diagnosis(findings []doctor.Finding) error {
	var problems unhealthy
	for _, f := range findings {
		if f.Severity == doctor.Problem {
			problems = append(problems, problem(f))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return problems
}

// problem is the error that a finding's exit code is that of.
func problem(f doctor.Finding) error {
	err := f.Err
	if err == nil {
		err = errors.New(f.Detail)
	}
	if remedies.IsSetting(f.Code) {
		return settings.Error{err}
	}
	return err
}

// doctorThere has the running service examine itself, as it is set and with what it
// may reach.
func (a *app) doctorThere(ctx context.Context, project string) error {
	path := "/v1/doctor"
	if project != "" {
		path = "/v1/projects/" + url.PathEscape(project) + "/doctor"
	}
	var found handlers.Examination
	err := a.withAPI(ctx, false, func(door *localAPI) error {
		return door.call(ctx, apiRequest{method: http.MethodGet, path: path}, &found)
	})
	if err != nil {
		return err
	}
	var problems unhealthy
	for _, f := range found.Findings {
		if !f.OK {
			problems = append(problems, errors.New(f.Detail))
		}
	}
	if err := a.print(findingsView{found.Findings}); err != nil || problems == nil {
		return err
	}
	return problems
}

func (a *app) doctor() *cobra.Command {
	var project string
	cmd := &cobra.Command{
		Use: "doctor", Short: "Examine everything, change nothing, say what to do", Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if set, err := settings.ForClient(a.environ); err == nil && set.Server != "" {
				return a.doctorThere(cmd.Context(), project)
			}
			c, _ := settings.ForService(a.environ) // what is wrong with it is among the findings
			defer a.working()()
			findings := doctor.Examine(cmd.Context(), a.environ, a.serviceOptions(false), project)
			if err := a.print(findingsView{remedies.Examined(findings, c)}); err != nil {
				return err
			}
			return diagnosis(findings)
		},
	}
	cmd.Flags().StringVar(&project, "project", "", "only this project")
	return cmd
}
