package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"playtoken/handlers"
	"playtoken/limits"
	"playtoken/projects"
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

// collectLess lets garbage grow to four times what is in use, which is little:
// a mint is then cheaper by about a seventh of what is not its signature. Who
// sets GOGC knows better.
func (a *app) collectLess() {
	if !slices.ContainsFunc(a.environ, func(s string) bool { return strings.HasPrefix(s, "GOGC=") }) {
		debug.SetGCPercent(400)
	}
}

// runService serves until ctx ends. What it stops, it stops in this order: it
// says that it is not ready, takes no new requests, finishes those under way,
// ends the rotation after the move it is making, and lets go of the stores.
func runService(ctx context.Context, c settings.Settings, log *slog.Logger, stderr io.Writer) error {
	ln, err := listen(ctx, c.Listen)
	if err != nil {
		return err
	}
	scrapes, err := listenMetrics(ctx, c)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	c.HoldsKeys = c.Rotation.KeySpec.Exportable // other verbs come and go, and leave them where they are
	p, err := build(ctx, c, true, log, stderr)
	if err != nil {
		return errors.Join(err, ln.Close(), closeMetrics(scrapes))
	}
	defer p.close()
	debug.FreeOSMemory() // opening a sealed store takes much memory, on purpose, and only once
	s := &service{parts: p}
	handler, closeLimits, err := s.handler()
	if err != nil {
		return errors.Join(err, ln.Close(), closeMetrics(scrapes))
	}
	defer closeLimits()
	defer s.schedule(ctx)()
	log.Info("listening", "address", ln.Addr().String())
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serveUntil(ctx, newServer(handler, log), ln, s.stop) })
	group.Go(func() error { return serveMetrics(ctx, scrapes, s.metrics.Handler(log), log) })
	return group.Wait()
}

// service is the running service.
type service struct {
	*parts
	stopping atomic.Bool
}

// stop makes readiness say no.
func (s *service) stop() { s.stopping.Store(true) }

// schedule starts the rotation; the function it returns ends it and waits.
func (s *service) schedule(ctx context.Context) (end func()) {
	// Requests that are still finished after ctx has ended may need it.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { (&scheduler{workshop: s.workshop, tending: map[string]func(){}}).run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

// handler is the whole service over HTTP; close lets go of what counts.
func (s *service) handler() (handler http.Handler, close func(), err error) {
	limiter, close, err := s.limiter()
	if err != nil {
		return nil, nil, err
	}
	c := s.handlers()
	c.Callers, c.Limits, c.MintCounter, c.ClientIP = s.callers(), limiter, limits.NewLocal(), s.source
	c.Ready, c.Refused, c.Responded = s.ready, s.metrics.Refused, s.metrics.Responded
	if s.config.MetricsListen == "" {
		c.Metrics = s.metrics.Handler(s.log)
	}
	return handlers.New(c), close, nil
}

var errStopping = errors.New("stopping")

// ready is nil if the service could mint now, for the project default where
// there is one.
func (s *service) ready(ctx context.Context) error {
	switch {
	case s.stopping.Load():
		return errStopping
	case s.projects.DefaultProject == nil:
		return s.storeAnswers(ctx)
	}
	opened, err := s.workshop.of(ctx, projects.Default)
	if err != nil {
		return err
	}
	return opened.ready(ctx)
}
