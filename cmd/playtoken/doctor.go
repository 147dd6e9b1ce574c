package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"playtoken/cmd/playtoken/remedies"
	"playtoken/projects"
	"playtoken/service/doctor"
	"playtoken/settings"
)

// findingView is one finding, with what to do about it.
type findingView struct {
	ProjectID string `json:"project_id,omitempty"` // of a check that is about one
	Code      string `json:"code"`
	Check     string `json:"check"`
	OK        bool   `json:"ok"`
	Detail    string `json:"detail"`
	Remedy    string `json:"remedy,omitempty"`
}

type findingsView struct {
	Findings []findingView `json:"findings"`
}

func viewFindings(findings []doctor.Finding, c settings.Settings) (view findingsView) {
	for _, f := range findings {
		view.Findings = append(view.Findings, findingView{
			ProjectID: f.ProjectID, Code: string(f.Code), Check: f.Check, OK: f.Severity != doctor.Problem,
			Detail: f.Detail, Remedy: remedies.For(f, c),
		})
	}
	return view
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

func (a *app) doctor() *cobra.Command {
	var project string
	cmd := &cobra.Command{
		Use: "doctor", Short: "Examine everything, change nothing, say what to do", Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.local(); err != nil {
				return err
			}
			c, _ := settings.ForService(a.environ) // what is wrong with it is among the findings
			defer a.working()()
			findings := doctor.Examine(cmd.Context(), a.environ, a.serviceOptions(false), project)
			if err := a.print(viewFindings(findings, c)); err != nil {
				return err
			}
			return diagnosis(findings)
		},
	}
	cmd.Flags().StringVar(&project, "project", "", "only this project")
	return cmd
}
