package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"playtoken/gate"
	"playtoken/httpserver"
	"playtoken/metrics"
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
	c, err := settings.ForGate(a.environ, media)
	if err != nil {
		return err
	}
	log := a.jsonLog()
	counted, err := metrics.NewGate(buildVersion().build())
	if err != nil {
		return err
	}
	ln, err := httpserver.Listen(ctx, c.Gate.Listen)
	if err != nil {
		return err
	}
	scrapes, err := httpserver.ListenMetrics(ctx, c.MetricsListen)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	g, closeGate, err := openGate(c, counted, log)
	if err != nil {
		return errors.Join(err, ln.Close(), scrapes.Close())
	}
	log.Info("gate is listening", "address", ln.Addr().String())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return httpserver.Serve(ctx, ln, g.Handler(), log, func() {}) })
	group.Go(func() error { return scrapes.Serve(ctx, counted.Handler(log), log) })
	group.Go(func() error { return reportMedia(ctx, c, log) })
	return errors.Join(group.Wait(), closeGate())
}

// openGate opens a gate on a folder, out of which no link leads.
func openGate(c settings.Settings, counted *metrics.Gate, log *slog.Logger) (*gate.Gate, func() error, error) {
	root, err := os.OpenRoot(c.Gate.Media)
	if err != nil {
		return nil, nil, settings.Error{fmt.Errorf("PLAYTOKEN_GATE_MEDIA: want a folder of videos: %w", withoutPath(err))}
	}
	config := gate.Config{
		Media: root.FS(), Data: c.Gate.Data, APIKey: c.Gate.APIKey, PublicURL: c.Gate.URL,
		Forward: c.Gate.Forward, Origins: c.Gate.Origins, SessionTTL: c.Gate.SessionTTL, Log: log,
		Index: c.Gate.Index, MaxTokenLife: c.Gate.MaxTokenLife, ClockSkew: c.Rotation.Durations.Skew,
		Admission: counted.Admission,
	}
	if c.MetricsListen == "" {
		config.Metrics = counted.Handler(log)
	}
	g, err := gate.Open(config)
	if err != nil {
		return nil, nil, errors.Join(err, root.Close())
	}
	return g, func() error { return errors.Join(g.Close(), root.Close()) }, nil
}

// withoutPath leaves out the path of a file, which may be a secret that was
// given in place of one.
func withoutPath(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}
