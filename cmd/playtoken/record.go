package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"playtoken/audit"
	"playtoken/cmd/playtoken/body"
	"playtoken/service"
	"playtoken/service/gateprocess"
	"playtoken/settings"
)

func (a *app) auditVerb() *cobra.Command {
	var of recordFile
	verify := &cobra.Command{
		Use: "verify FILE", Short: "Find any line that was altered, removed, reordered or cut off", Args: arguments("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			of.path = args[0]
			return a.verifyAudit(cmd.Context(), of)
		},
	}
	verify.Flags().BoolVar(&of.gate, "gate", false, "the file is a gate's (needs PLAYTOKEN_GATE_API_KEY instead of the store)")
	verify.Flags().BoolVar(&of.captured, "captured", false, "the file is what processes wrote to standard error, logs and all; what is cut off at either end of a chain does not show")
	return group("audit", "The record of what was done", verify, a.auditLister())
}

// auditLister shows the record that PLAYTOKEN_AUDIT names, newest first.
func (a *app) auditLister() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "Who did what, newest first; every line that is read is verified", Args: arguments()}
	parameter := func(flag string) string {
		if flag == "project" {
			return "project_id"
		}
		return flag
	}
	flags := [][2]string{
		{"project", "only about this project"}, {"actor", "only by this actor: admin, a key's id, scheduler, cli"}, {"action", "only this action, for example signing_key.revoke"},
		{"since", "only from this time on, as 2026-03-01T12:00:00Z"}, {"until", "only before this time"}, {"limit", "entries, 1 to 100"}, {"cursor", "of a link to another page"},
	}
	body.TextFlags(cmd, flags)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		query := url.Values{}
		for _, flag := range flags {
			if value, _ := cmd.Flags().GetString(flag[0]); cmd.Flags().Changed(flag[0]) {
				query.Set(parameter(flag[0]), value)
			}
		}
		return a.ask(cmd.Context(), apiRequest{method: http.MethodGet, path: "/v1/audit", query: query})
	}
	return cmd
}

// recordFile is a file with lines of a record.
type recordFile struct {
	path           string
	gate, captured bool
}

// verifyAudit needs the store, where the record's key is, or a gate's API key.
func (a *app) verifyAudit(ctx context.Context, file recordFile) error {
	if file.gate {
		set, err := settings.ForCheck(a.environ)
		if err != nil || set.APIKey.IsZero() {
			return cmp.Or(err, error(usageError{"PLAYTOKEN_GATE_API_KEY: required to verify a gate's record"}))
		}
		return a.verifyFile(ctx, file, gateprocess.AuditKey(set.APIKey), audit.Anchors{})
	}
	return a.withService(ctx, false, func(s *service.Service) error {
		key, err := s.AuditKey(ctx)
		if err != nil {
			return err
		}
		return a.verifyFile(ctx, file, key, s.AuditAnchors())
	})
}

func (a *app) verifyFile(ctx context.Context, file recordFile, key []byte, anchors audit.Anchors) error {
	report, err := file.verify(ctx, key, anchors)
	if err != nil {
		return usageError{err.Error()}
	}
	if err := a.print(auditView(report)); err != nil || report.Sound() {
		return err
	}
	return errors.New("the record was tampered with, or damaged")
}

func (f recordFile) verify(ctx context.Context, key []byte, anchors audit.Anchors) (audit.Report, error) {
	if !f.captured {
		return audit.VerifyFile(ctx, f.path, key, anchors)
	}
	lines, err := os.Open(f.path)
	if err != nil {
		return audit.Report{}, err
	}
	defer lines.Close()
	return audit.Verify(lines, nil, key)
}

// auditView is an [audit.Report] with the member names of the HTTP API.
type auditView struct {
	Lines       int      `json:"lines"`
	Chains      int      `json:"chains"`
	Bad         int      `json:"bad"`
	Problem     string   `json:"problem"`
	Anchored    string   `json:"anchored"`
	Unanchored  int      `json:"unanchored"`
	Follows     string   `json:"follows"`
	Joined      []string `json:"joined"`
	Unconfirmed int      `json:"unconfirmed"`
	Torn        int      `json:"torn"`
	Repaired    int      `json:"repaired"`
	Lost        int      `json:"lost"`
	Other       int      `json:"other"`
}

func (v auditView) table(w io.Writer) {
	if v.Bad > 0 {
		fmt.Fprintf(w, "line %d is wrong: %s\n", v.Bad, v.Problem)
	}
	fmt.Fprintf(w, "%d good lines in %d chains\n", v.Lines, v.Chains)
	if v.Anchored != "" {
		fmt.Fprintf(w, "the store confirms them up to %s, all but the last %d\n", v.Anchored, v.Unanchored)
	}
	for _, remark := range []struct {
		n    int
		says string
	}{
		{v.Unconfirmed, "good lines that no head confirms yet: what was cut off behind them would not show"},
		{v.Torn, "bytes of a last line that was broken off, by a crash or by hand"},
		{v.Repaired, "broken lines that were found and recorded when the file was opened again"},
		{v.Lost, "lines that say that entries could not be written"},
		{v.Other, "lines that are not of the record"},
	} {
		if remark.n > 0 {
			fmt.Fprintf(w, "%d %s\n", remark.n, remark.says)
		}
	}
	for _, line := range v.Joined {
		fmt.Fprintf(w, "the capture joins in at %s: what that line says cannot be checked, and those before it are not here\n", line)
	}
	if v.Follows != "" {
		fmt.Fprintf(w, "it goes on from %s, which is not here\n", v.Follows)
	}
}
