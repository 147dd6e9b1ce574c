package main

import (
	"context"
	"fmt"
	"io"

	"playtoken/gate"
	"playtoken/service/gateprocess"
	"playtoken/settings"
)

// mediaFindings is the result of gate check.
type mediaFindings struct {
	Findings []gate.Finding `json:"findings"`
}

func (f mediaFindings) table(w io.Writer) {
	for _, one := range f.Findings {
		place, grade := one.File, "note"
		if one.Line > 0 {
			place = fmt.Sprintf("%s:%d", one.File, one.Line)
		}
		if one.Serious {
			grade = "problem"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n\t\t-> %s\n", grade, place, one.What, one.Remedy)
	}
	if len(f.Findings) == 0 {
		fmt.Fprintln(w, "every file will be served")
	}
}

// checkMedia prints what the gate would not serve of a folder, and fails if
// viewers would notice.
func (a *app) checkMedia(ctx context.Context, folder string) error {
	g, err := settings.ForCheck(a.environ)
	if err != nil {
		return err
	}
	defer a.working()()
	result, serious := mediaFindings{Findings: []gate.Finding{}}, 0
	err = gateprocess.Examine(ctx, folder, g, func(f gate.Finding) {
		result.Findings = append(result.Findings, f)
		if f.Serious {
			serious++
		}
	})
	if err != nil {
		return err
	}
	if err := a.print(result); err != nil {
		return err
	}
	if serious > 0 {
		return fmt.Errorf("check %s: problems that viewers will notice: %d", folder, serious)
	}
	return nil
}
