package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"playtoken/gate"
)

func (a *app) gateVerb() *cobra.Command {
	var media string
	cmd := &cobra.Command{
		Use: "gate", Short: "Serve self-hosted HLS to viewers with a playback token", Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serveGate(cmd.Context(), media) },
	}
	cmd.Flags().StringVar(&media, "media", "", "folder of the videos (PLAYTOKEN_GATE_MEDIA)")
	return cmd
}

func (a *app) serveGate(ctx context.Context, media string) error {
	c, err := gateOnlyConfig(a.environ, media)
	if err != nil {
		return err
	}
	log := a.jsonLog()
	ln, err := listen(ctx, c.gate.listen)
	if err != nil {
		return err
	}
	g, closeGate, err := openGate(c.gate, log)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	log.Info("gate is listening", "address", ln.Addr().String())
	err = serveUntil(ctx, newServer(g.Handler(), log), ln, func() {})
	return errors.Join(err, closeGate())
}

// openGate opens a gate on a folder, out of which no link leads.
func openGate(c gateConfig, log *slog.Logger) (*gate.Gate, func() error, error) {
	root, err := os.OpenRoot(c.media)
	if err != nil {
		return nil, nil, configError{err}
	}
	g, err := gate.Open(gate.Config{
		Media: root.FS(), Data: c.data, APIKey: c.apiKey, PublicURL: c.url,
		Forward: c.forward, Origins: c.origins, SessionTTL: c.sessionTTL, Log: log,
	})
	if err != nil {
		return nil, nil, errors.Join(err, root.Close())
	}
	return g, func() error { return errors.Join(g.Close(), root.Close()) }, nil
}
