package main

import (
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"playtoken/handlers"
)

func (a *app) sessions() *cobra.Command {
	return group("sessions", "What viewers have opened at the gate", a.endSessions())
}

func (a *app) endSessions() *cobra.Command {
	var project, viewer, video, reason string
	var generation int
	var all bool
	cmd := &cobra.Command{Use: "end", Short: "End sessions that were opened so far", Args: arguments()}
	flags := cmd.Flags()
	flags.StringVar(&project, "project", "", "project id; default, if not given")
	flags.StringVar(&viewer, "viewer", "", "those of the viewer with this id")
	flags.StringVar(&video, "video", "", "those of this video")
	flags.IntVar(&generation, "generation", 0, "those that tokens of this signing key opened")
	flags.BoolVar(&all, "all", false, "every session at the account")
	flags.StringVar(&reason, "reason", "", "why, for the record (required)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		body := map[string]any{}
		for name, member := range map[string]string{"viewer": "viewer", "video": "video_id", "generation": "generation", "all": "all"} {
			if flags.Changed(name) {
				body[member] = map[string]any{"viewer": viewer, "video": video, "generation": generation, "all": all}[name]
			}
		}
		switch {
		case len(body) != 1:
			return usageError{"give exactly one of --viewer, --video, --generation and --all"}
		case reason == "":
			return usageError{"--reason: say why, for the record"}
		}
		body["reason"] = reason
		q := apiRequest{method: http.MethodPost, path: "/sessions/end", body: body, missing: findKey}
		return a.aboutKeys(cmd.Context(), project, q, func(string) tabled { return new(endedView) })
	}
	return cmd
}

type endedView handlers.EndedSessions

func (v endedView) table(w io.Writer) {
	if v.Pending != nil {
		fmt.Fprintln(w, *v.Pending)
		return
	}
	fmt.Fprintln(w, "the sessions have ended")
}

func (v endedView) unfinished() handlers.Unfinished { return v.Unfinished }
