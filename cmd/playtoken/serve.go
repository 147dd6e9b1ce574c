package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"playtoken/service"
	"playtoken/settings"
)

func (a *app) serve() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "The service: mints over HTTP, and rotates unless PLAYTOKEN_SCHEDULER=off", Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := settings.ForService(a.environ)
			if err != nil {
				return err
			}
			a.collectLess()
			return runService(cmd.Context(), c, a.jsonLog(), a.stderr)
		},
	}
}

// collectLess lets garbage grow to four times what is in use, which is little,
// a mint is then cheaper by about a seventh of what is not its signature. A GOGC
// in the environment is obeyed instead.
func (a *app) collectLess() {
	if !slices.ContainsFunc(a.environ, func(s string) bool { return strings.HasPrefix(s, "GOGC=") }) {
		debug.SetGCPercent(400)
	}
}

// runService serves until ctx ends. What it stops, it stops in this order: it
// says that it is not ready, takes no new requests, finishes those under way,
// ends the rotation after the move it is making, and closes the stores.
func runService(ctx context.Context, c settings.Settings, log *slog.Logger, stderr io.Writer) error {
	ln, err := listen(ctx, c.Listen)
	if err != nil {
		return err
	}
	scrapes, err := listenMetrics(ctx, c)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	s, err := service.Open(ctx, c, service.Options{
		CreateStore: true, HoldKeys: true, Stderr: stderr, Log: log, Build: buildVersion().build(),
	})
	if err != nil {
		return errors.Join(err, ln.Close(), closeMetrics(scrapes))
	}
	defer s.Close()
	debug.FreeOSMemory() // opening a sealed store takes much memory, on purpose, and only once
	handler, err := s.Handler()
	if err != nil {
		return errors.Join(err, ln.Close(), closeMetrics(scrapes))
	}
	defer s.Schedule(ctx)()
	log.Info("listening", "address", ln.Addr().String())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serveUntil(ctx, newServer(handler, log), ln, s.Stopping) })
	group.Go(func() error { return serveMetrics(ctx, scrapes, s.Metrics.Handler(log), log) })
	return group.Wait()
}
