package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"playtoken/cmd/playtoken/manual"
	"playtoken/cmd/playtoken/terminal"
	"playtoken/logs"
	"playtoken/settings"
)

// process is what a run gets from the operating system, or from a test.
type process struct {
	args    []string
	environ []string
	stdin   io.Reader
	stdout  io.Writer // results
	stderr  io.Writer // progress, logs, errors

	terminal bool // stderr is one
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, p process) int {
	a := newApp(p)
	err := a.command().ExecuteContext(ctx)
	if err != nil {
		a.printError(err)
	}
	return exitCode(err)
}

// app is what the verbs of one run share.
type app struct {
	process
	lines  *terminal.Lines // stderr
	output string          // of --output
	verb   string          // that runs, for people
}

func newApp(p process) *app {
	a := &app{process: p, lines: terminal.NewLines(p.stderr)}
	a.stderr = a.lines
	return a
}

// working tells a person at a terminal that the verb takes longer, until the function
// that it returns is called.
func (a *app) working() (done func()) {
	if !a.terminal {
		return func() {}
	}
	return a.lines.Working(a.verb)
}

// log is the log of verbs that a person runs.
func (a *app) log() *slog.Logger { return a.logAs(logs.Text) }

// logAs is a log in the form that is usual for the verb, unless a setting names one.
func (a *app) logAs(usual string) *slog.Logger {
	set := settings.LogOf(a.environ)
	return logs.New(a.stderr, logs.Config{Format: cmp.Or(set.Format, usual), Level: set.Level})
}

func (a *app) command() *cobra.Command {
	root := group("playtoken", "Playback tokens for private videos, and keys that rotate",
		a.serve(), a.gateVerb(), a.demo(), a.rotate(), a.keys(), a.sessions(), a.token(), a.platforms(), a.project(), a.apiKey(), a.adminKey(), a.approvals(), a.operator(), a.login(), a.logout(), a.auditVerb(), a.store(), a.vault(), a.doctor(), a.settings(), a.completion(), a.man(), a.version())
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetArgs(a.args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err.Error()} })
	root.PersistentFlags().StringVarP(&a.output, "output", "o", "text", "text or json")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		a.verb = cmd.CommandPath()
		if a.output != "text" && a.output != "json" {
			return usageError{"--output: want text or json"}
		}
		return nil
	}
	a.addVersion(root)
	manual.Add(root)
	return root
}

// addVersion has the program say with a flag, too, what the verb version says.
func (a *app) addVersion(root *cobra.Command) {
	asked, verbs := root.Flags().Bool("version", false, "print the version"), root.RunE
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if *asked && len(args) == 0 {
			return a.print(buildVersion())
		}
		return verbs(cmd, args)
	}
}

// group is a command that only holds others.
func group(use, short string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.ArbitraryArgs}
	names := make([]string, len(verbs))
	for i, verb := range verbs {
		names[i] = verb.Name()
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError{fmt.Sprintf("which verb? one of %s", strings.Join(names, ", "))}
		}
		return usageError{fmt.Sprintf("no verb %q; want one of %s", args[0], strings.Join(names, ", "))}
	}
	cmd.AddCommand(verbs...)
	return cmd
}

// arguments demands exactly the arguments that use names.
func arguments(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > len(names) {
			return usageError{fmt.Sprintf("unexpected argument %q", args[len(names)])}
		}
		if len(args) < len(names) {
			return usageError{fmt.Sprintf("missing %s", names[len(args)])}
		}
		return nil
	}
}
