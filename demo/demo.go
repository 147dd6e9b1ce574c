// Package demo runs everything in one process on this machine: the service, a
// gate with a sample video, and a page that plays it.
//
// The decision a newcomer would get wrong: the demo has nothing that an
// installation could not have. It is the service with ordinary settings, whose
// platform is the gate; only the durations are short, so that a rotation can be
// watched.
package demo

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"playtoken/gate"
	"playtoken/gate/sample"
	"playtoken/httpserver"
	"playtoken/metrics"
	"playtoken/projects"
	"playtoken/service"
	"playtoken/settings"
	"playtoken/web"
)

// Options are what a demo is asked for.
type Options struct {
	Listen  string   // loopback address of the service
	Data    string   // folder to keep the keys in; "": a temporary one
	Environ []string // settings that the demo may use
	Stderr  io.Writer
	Log     *slog.Logger
	Build   metrics.Build

	// Ready is called once, when a token can be minted.
	Ready func(Running) error
}

// Running says where a demo runs and with which keys it may be used.
type Running struct {
	Service  string // origin
	Gate     string // origin
	APIKey   string
	AdminKey string // "" unless it was made for this run
	VideoID  string // of the sample video
}

// InvalidOption is an option that the demo cannot use.
type InvalidOption struct {
	Name    string // "listen" or "data"
	Problem string
}

func (e *InvalidOption) Error() string { return e.Name + ": " + e.Problem }

// demo is one run.
type demo struct {
	options Options
	data    string // folder

	service, media net.Listener
	scrapes        httpserver.Metrics
	madeAdmin      bool // the admin key was made for this run
}

// Run runs a demo until ctx ends. Errors: *InvalidOption; those of the service
// and the gate.
func Run(ctx context.Context, options Options) error {
	d := &demo{options: options, data: options.Data}
	remove, err := d.folder()
	if err != nil {
		return err
	}
	defer remove()
	if err := d.listenBoth(ctx); err != nil {
		return err
	}
	defer d.service.Close()
	defer d.media.Close()
	set, err := d.settings()
	if err != nil {
		return err
	}
	if d.scrapes, err = httpserver.ListenMetrics(ctx, set.MetricsListen); err != nil {
		return err
	}
	defer d.scrapes.Close()
	g, err := d.openGate(set.Gate)
	if err != nil {
		return err
	}
	defer g.Close()
	s, err := service.Open(ctx, set, service.Options{CreateStore: true, Stderr: options.Stderr, Log: options.Log, Build: options.Build})
	if err != nil {
		return err
	}
	defer s.Close()
	return d.serve(ctx, s, g)
}

// serve runs service and gate until ctx ends or one of them fails.
func (d *demo) serve(ctx context.Context, s *service.Service, g *gate.Gate) error {
	handler, err := d.handler(s)
	if err != nil {
		return err
	}
	defer s.Schedule(ctx)()
	log, drain := d.options.Log, s.Settings.Drain
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return httpserver.Server{Handler: g.Handler(), Log: log, Drain: drain, Stopping: g.Stopping}.Serve(ctx, d.media)
	})
	group.Go(func() error {
		return httpserver.Server{Handler: handler, Log: log, Drain: drain, Stopping: s.Stopping}.Serve(ctx, d.service)
	})
	group.Go(func() error {
		return d.scrapes.Serve(ctx, httpserver.Server{Handler: s.Metrics.Handler(log), Log: log, Drain: drain})
	})
	group.Go(func() error { return d.announce(ctx, s) })
	return group.Wait()
}

// handler is the service with the player page in front.
func (d *demo) handler(s *service.Service) (http.Handler, error) {
	api, err := s.Handler()
	if err != nil {
		return nil, err
	}
	keys := func(ctx context.Context) ([]web.KeyRow, error) { return keyRows(ctx, s) }
	page, err := web.Demo(web.DemoConfig{
		VideoID: sample.VideoID, API: api, APIKey: s.Settings.APIKey, Keys: keys, MediaOrigin: origin(d.media),
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", http.RedirectHandler("/demo/", http.StatusFound))
	mux.Handle("/demo/", page)
	mux.Handle("/", api)
	return mux, nil
}

// keyRows is what the player page shows of the keys.
func keyRows(ctx context.Context, s *service.Service) ([]web.KeyRow, error) {
	opened, err := s.Tenant(ctx, projects.Default)
	if err != nil {
		return nil, err
	}
	ring, err := opened.Rotator.Ring(ctx)
	if err != nil {
		return nil, err
	}
	rows := []web.KeyRow{}
	for _, k := range slices.Backward(ring.Keys) {
		rows = append(rows, web.KeyRow{
			Generation: k.Generation, State: string(k.State), KeyID: k.KeyID, CreatedAt: k.CreatedAt,
			RegisteredAt: k.RegisteredAt, ActivatedAt: k.ActivatedAt, RetiredAt: k.RetiredAt,
			DeleteNotBefore: k.DeleteNotBefore, DeletedAt: k.DeletedAt,
		})
	}
	return rows, nil
}

// openGate opens a gate that logs only warnings: a player makes a request every
// few seconds, and the moves of the keys are what there is to see.
func (d *demo) openGate(set settings.Gate) (*gate.Gate, error) {
	media, err := sample.FS()
	if err != nil {
		return nil, fmt.Errorf("open sample: %w", err)
	}
	return gate.Open(gate.Config{
		Media: media, Data: filepath.Join(d.data, "gate.db"), APIKey: set.APIKey, PublicURL: origin(d.media),
		Origins: set.Origins, SessionTTL: set.SessionTTL,
		Log: slog.New(slog.NewTextHandler(d.options.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
}

// announce waits for the first key that signs, and then calls Ready.
func (d *demo) announce(ctx context.Context, s *service.Service) error {
	d.options.Log.Info("waiting for the first key to propagate", "delay", s.Settings.Rotation.Durations.Propagation)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for s.Ready(ctx) != nil {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	running := Running{
		Service: origin(d.service), Gate: origin(d.media), APIKey: s.Settings.APIKey.Reveal(), VideoID: sample.VideoID,
	}
	if d.madeAdmin {
		running.AdminKey = s.Settings.AdminKey.Reveal()
	}
	return d.options.Ready(running)
}
