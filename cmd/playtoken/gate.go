package main

import (
	"context"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/cobra"

	"playtoken/logs"
	"playtoken/service/gateprocess"
	"playtoken/settings"
)

func (a *app) gateVerb() *cobra.Command {
	var media string
	cmd := &cobra.Command{
		Use: "gate", Short: "Serve self-hosted HLS to viewers with a playback token", Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serveGate(cmd.Context(), media) },
	}
	cmd.Flags().StringVar(&media, "media", "", "folder of the videos (PLAYTOKEN_GATE_MEDIA)")
	cmd.AddCommand(&cobra.Command{
		Use: "check FOLDER", Short: "Say which files of a media folder will not be served", Args: arguments("FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.checkMedia(cmd.Context(), args[0]) },
	})
	return cmd
}

func (a *app) serveGate(ctx context.Context, media string) error {
	files, set, err := settings.OpenFiles(a.environ, func(environ []string) (settings.Settings, error) { return settings.ForGate(environ, media) })
	if err != nil {
		return err
	}
	log := a.logAs(logs.JSON)
	a.boundMemory(log, memlimit.FromCgroup)
	warn(log, set.Doubts)
	hangups, stop := notifyOfHangups()
	defer stop()
	return gateprocess.Run(ctx, set, gateprocess.Options{
		Build: buildVersion().build(), Stderr: a.stderr, Log: log, Getenv: a.getenv, Files: files, Hangups: hangups,
	})
}
