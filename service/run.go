package service

import (
	"context"
	"net"
	"runtime/debug"

	"golang.org/x/sync/errgroup"

	"playtoken/httpserver"
	"playtoken/logs"
	"playtoken/reload"
	"playtoken/settings"
)

// Run listens, opens a deployment and serves until ctx ends. It ends in this
// order: readiness fails, everything is served for as long as the settings say, no
// new requests are taken, those under way are finished, the rotation ends after
// the move that it is making, and the stores are closed. Errors: those of Open; a
// listener's.
func Run(ctx context.Context, set settings.Settings, options Options) (err error) {
	ln, err := httpserver.Listen(ctx, set.Listen)
	if err != nil {
		return err
	}
	defer ln.Close()
	scrapes, err := httpserver.ListenMetrics(ctx, set.MetricsListen)
	if err != nil {
		return err
	}
	defer scrapes.Close()
	pages, err := listenConsole(ctx, set.ConsoleListen)
	if err != nil {
		return err
	}
	defer pages.Close()
	s, err := Open(ctx, set, options)
	if err != nil {
		return err
	}
	stopped := logs.Serving(ctx, s.log)
	defer func() { stopped(err) }()
	defer s.Close()
	files := reload.New(s.log)
	certificate, err := OpenTLS(set.TLS, files, s.Metrics.Certificate)
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // opening a sealed store takes much memory, on purpose, and only once
	handler, err := s.Handler()
	if err != nil {
		return err
	}
	AddFiles(files, options.Files, s.replacements())
	defer s.Schedule(ctx)()
	api := httpserver.Server{Handler: handler, Log: s.log, TLS: certificate.Config(), Drain: set.Drain, Stopping: s.Stopping}
	listeners := listeners{api: ln, scrapes: scrapes, console: pages}
	return s.serve(ctx, listeners, api, func(ctx context.Context) { files.Run(ctx, options.Hangups) })
}

// listeners are where a service listens.
type listeners struct {
	api     net.Listener
	scrapes httpserver.Metrics
	console consoleListener
}

// serve serves the API, the metrics and the console, and follows the files, until ctx
// ends.
func (s *Service) serve(ctx context.Context, at listeners, api httpserver.Server, follow func(context.Context)) error {
	ln, scrapes := at.api, at.scrapes
	s.tellStart(ctx, ln, api.TLS != nil)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.tellProjects(ctx) })
	group.Go(func() error {
		follow(ctx)
		return nil
	})
	group.Go(func() error { return api.Serve(ctx, ln) })
	group.Go(func() error { return at.console.serve(ctx, s, api) })
	group.Go(func() error { return s.sample(ctx) })
	group.Go(func() error {
		s.warnOfRoot(ctx)
		s.WarnOfMistakes(ctx)
		return nil
	})
	group.Go(func() error {
		return scrapes.Serve(ctx, httpserver.Server{Handler: s.Metrics.Handler(s.log), Log: s.log, Drain: api.Drain})
	})
	return group.Wait()
}
