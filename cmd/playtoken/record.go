package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"playtoken/audit"
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
	verify.Flags().BoolVar(&of.captured, "captured", false, "the file is what processes wrote to standard error, logs and all; what is cut off at the end of a chain does not show")
	return group("audit", "The record of what was done", verify)
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
	Lines       int    `json:"lines"`
	Chains      int    `json:"chains"`
	Bad         int    `json:"bad"`
	Problem     string `json:"problem"`
	Anchored    string `json:"anchored"`
	Unanchored  int    `json:"unanchored"`
	Follows     string `json:"follows"`
	Unconfirmed int    `json:"unconfirmed"`
	Torn        int    `json:"torn"`
	Repaired    int    `json:"repaired"`
	Lost        int    `json:"lost"`
	Other       int    `json:"other"`
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
	if v.Follows != "" {
		fmt.Fprintf(w, "it goes on from %s, which is not here\n", v.Follows)
	}
}
