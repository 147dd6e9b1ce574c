package service

import (
	"context"
	"errors"
	"runtime/debug"

	"golang.org/x/sync/errgroup"

	"playtoken/httpserver"
	"playtoken/reload"
	"playtoken/settings"
)

// Run listens, opens a deployment and serves until ctx ends. It ends in this
// order: readiness fails, everything is served for as long as the settings say, no
// new requests are taken, those under way are finished, the rotation ends after
// the move that it is making, and the stores are closed. Errors: those of Open; a
// listener's.
func Run(ctx context.Context, set settings.Settings, options Options) error {
	ln, err := httpserver.Listen(ctx, set.Listen)
	if err != nil {
		return err
	}
	scrapes, err := httpserver.ListenMetrics(ctx, set.MetricsListen)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	s, err := Open(ctx, set, options)
	if err != nil {
		return errors.Join(err, ln.Close(), scrapes.Close())
	}
	defer s.Close()
	debug.FreeOSMemory() // opening a sealed store takes much memory, on purpose, and only once
	handler, err := s.Handler()
	if err != nil {
		return errors.Join(err, ln.Close(), scrapes.Close())
	}
	defer s.Schedule(ctx)()
	files := reload.New(s.log)
	AddFiles(files, options.Files, s.replacements())
	s.log.Info("listening", "address", ln.Addr().String())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		files.Run(ctx, options.Hangups)
		return nil
	})
	group.Go(func() error {
		api := httpserver.Server{Handler: handler, Log: s.log, Drain: set.Drain, Stopping: s.Stopping}
		return api.Serve(ctx, ln)
	})
	group.Go(func() error {
		s.warnOfRoot(ctx)
		s.WarnOfMistakes(ctx)
		return nil
	})
	group.Go(func() error {
		return scrapes.Serve(ctx, httpserver.Server{Handler: s.Metrics.Handler(s.log), Log: s.log, Drain: set.Drain})
	})
	return group.Wait()
}
