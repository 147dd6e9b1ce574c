package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/spf13/cobra"
)

// process is what a run gets from the operating system, or from a test.
type process struct {
	args    []string
	environ []string
	stdin   io.Reader
	stdout  io.Writer // results
	stderr  io.Writer // progress, logs, errors
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, p process) int {
	p.stderr = &wholeLines{to: p.stderr}
	err := p.command().ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(p.stderr, "playtoken:", err)
		if do := remedy(err); do != "" {
			fmt.Fprintln(p.stderr, "  ->", do)
		}
	}
	return exitCode(err)
}

// wholeLines lets several logs write to one place, one write at a time.
type wholeLines struct {
	mu sync.Mutex
	to io.Writer
}

func (w *wholeLines) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

// app is what the verbs of one run share.
type app struct {
	process
	output string // of --output
}

// log is the log of verbs that a person runs.
func (a *app) log() *slog.Logger { return slog.New(slog.NewTextHandler(a.stderr, nil)) }

// jsonLog is the log of verbs that a machine runs.
func (a *app) jsonLog() *slog.Logger { return slog.New(slog.NewJSONHandler(a.stderr, nil)) }

func (p process) command() *cobra.Command {
	a := &app{process: p}
	root := group("playtoken", "Playback tokens for private videos, and keys that rotate",
		a.serve(), a.gateVerb(), a.demo(), a.rotate(), a.keys(), a.sessions(), a.token(), a.project(), a.apiKey(), a.adminKey(), a.approvals(), a.login(), a.logout(), a.auditVerb(), a.store(), a.vault(), a.doctor(), a.settings(), a.version())
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetArgs(p.args)
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err.Error()} })
	root.PersistentFlags().StringVarP(&a.output, "output", "o", "text", "text or json")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if a.output != "text" && a.output != "json" {
			return usageError{"--output: want text or json"}
		}
		return nil
	}
	return root
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
