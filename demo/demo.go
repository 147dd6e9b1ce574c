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
	"playtoken/web/console"
	"playtoken/web/timeline"
)

// Options are what a demo is asked for.
type Options struct {
	Listen  string   // loopback address of the service
	Data    string   // folder to keep the keys in; "": a temporary one
	Environ []string // settings that the demo may use
	Stderr  io.Writer
	Log     *slog.Logger
	Build   metrics.Build
	Doctor  func(*service.Service) service.Doctor // examines it; nil: nothing does

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

	// Console is an address that opens the console once, within consoleLasts;
	// "" if the settings turn the console off.
	Console string
}

// consoleLasts is how long the printed link to the console works.
const consoleLasts = 10 * time.Minute

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

	outage         outage
	link           *console.Link
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
	d.link = console.NewLink(set.AdminKey, time.Now().Add(consoleLasts))
	s, err := service.Open(ctx, set, service.Options{
		ConsoleLink: d.link, CreateStore: true, HoldKeys: true, Stderr: options.Stderr, Log: options.Log, Build: options.Build, Wrap: d.outage.wrap,
		Doctor: options.Doctor,
	})
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
	page, err := web.Demo(web.DemoConfig{
		VideoID: sample.VideoID, Project: projects.Default, API: api, APIKey: s.Settings.APIKey, AdminKey: s.Settings.AdminKey,
		Ring: func(ctx context.Context) (web.Ring, error) { return ring(ctx, s) }, Outage: &d.outage, MediaOrigin: origin(d.media),
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

// ring is what the player page draws.
func ring(ctx context.Context, s *service.Service) (web.Ring, error) {
	opened, err := s.Tenant(ctx, projects.Default)
	if err != nil {
		return web.Ring{}, err
	}
	keys, err := opened.Rotator.Ring(ctx)
	if err != nil {
		return web.Ring{}, err
	}
	status, err := opened.Rotator.Status(ctx)
	if err != nil {
		return web.Ring{}, err
	}
	drawn := web.Ring{}
	for _, k := range slices.Backward(keys.Keys) {
		drawn.Keys = append(drawn.Keys, timeline.Key{
			Generation: k.Generation, State: string(k.State), KeyID: k.KeyID, Name: k.Name, CreatedAt: k.CreatedAt,
			RegisteredAt: k.RegisteredAt, ActivatedAt: k.ActivatedAt, RetiredAt: k.RetiredAt,
			DeleteNotBefore: k.DeleteNotBefore, DeletedAt: k.DeletedAt, Note: k.Note,
		})
	}
	for _, m := range status.Plan {
		drawn.Moves = append(drawn.Moves, timeline.Move{
			Action: string(m.Action), Generation: m.Generation, KeyID: m.KeyID, Why: m.Why, NotBefore: m.NotBefore,
		})
	}
	return drawn, nil
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
		Origins: set.Origins, SessionTTL: set.SessionTTL, Steering: set.Steering, SteeringMax: set.SteeringMax,
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
	if s.Settings.HasConsole() {
		running.Console = running.Service + d.link.Path()
	}
	if d.madeAdmin {
		running.AdminKey = s.Settings.AdminKey.Reveal()
	}
	return d.options.Ready(running)
}
