package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"playtoken/gate"
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
		fmt.Fprintf(w, "%s\t%s\t%s\n", grade, place, one.What)
		if one.Remedy != "" {
			fmt.Fprintf(w, "\t\t-> %s\n", one.Remedy)
		}
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
	result, serious := mediaFindings{Findings: []gate.Finding{}}, 0
	err = examineMedia(ctx, folder, g, func(f gate.Finding) {
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

func examineMedia(ctx context.Context, folder string, g settings.Gate, report func(gate.Finding)) error {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return fmt.Errorf("open media folder: %w", err)
	}
	err = gate.Check(ctx, gate.Config{Media: root.FS(), Index: g.Index, PublicURL: g.URL}, report)
	return errors.Join(err, root.Close())
}

// maxReported is how many findings about media the gate logs when it starts.
const maxReported = 50

// reportMedia logs, while viewers are served already, what they will not get.
func reportMedia(ctx context.Context, c settings.Settings, log *slog.Logger) error {
	found := 0
	err := examineMedia(ctx, c.Gate.Media, c.Gate, func(f gate.Finding) {
		if found++; found > maxReported {
			return
		}
		level := slog.LevelInfo
		if f.Serious {
			level = slog.LevelWarn
		}
		log.LogAttrs(ctx, level, "media will not be served", slog.String("file", f.File), slog.Int("line", f.Line),
			slog.String("what", f.What), slog.String("remedy", f.Remedy))
	})
	if ctx.Err() != nil {
		return nil // told to stop
	}
	if err != nil {
		log.WarnContext(ctx, "the media folder was not examined", "error", err)
	}
	if found > maxReported {
		log.InfoContext(ctx, "more media will not be served; run gate check for all", "findings", found)
	}
	return nil
}
