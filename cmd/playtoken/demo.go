package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"playtoken/gate"
	"playtoken/gate/sample"
	"playtoken/projects"
	"playtoken/service"
	"playtoken/settings"
	"playtoken/web"
)

func (a *app) demo() *cobra.Command {
	var listen, data string
	cmd := &cobra.Command{
		Use: "demo", Short: "Everything in one process on this machine, with a sample video", Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := &demoRun{app: a, listen: listen, data: data}
			return d.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "loopback address of the service; the gate takes the next port")
	cmd.Flags().StringVar(&data, "data", "", "folder to keep the keys in; a temporary one, if not given")
	return cmd
}

// demoTimings make a rotation something to watch. The environment may change
// each of them.
var demoTimings = []string{
	"PLAYTOKEN_ROTATE_EVERY=30s", "PLAYTOKEN_PROPAGATION_DELAY=5s", "PLAYTOKEN_VIEW_AGE=1s", "PLAYTOKEN_CLOCK_SKEW=1s",
	"PLAYTOKEN_SETTLE=2s", "PLAYTOKEN_TOKEN_TTL=20s", "PLAYTOKEN_TOKEN_MAX_TTL=30s", "PLAYTOKEN_OBSERVE_EVERY=10s",
}

// demoRun is one demo.
type demoRun struct {
	*app
	listen, data string

	service, media net.Listener
	scrapes        net.Listener // nil: the service answers them
	madeAdmin      bool         // the admin key was made for this run
}

func (d *demoRun) run(ctx context.Context) error {
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
	c, err := d.config()
	if err != nil {
		return err
	}
	if d.scrapes, err = listenMetrics(ctx, c); err != nil {
		return err
	}
	defer closeMetrics(d.scrapes)
	log := d.log()
	g, err := d.openGate(c)
	if err != nil {
		return err
	}
	defer g.Close()
	s, err := service.Open(ctx, c, service.Options{
		CreateStore: true, Stderr: d.stderr, Log: log, Build: buildVersion().build(),
	})
	if err != nil {
		return err
	}
	defer s.Close()
	return d.serve(ctx, s, g, log)
}

// serve runs service and gate until ctx ends or one of them fails.
func (d *demoRun) serve(ctx context.Context, s *service.Service, g *gate.Gate, log *slog.Logger) error {
	handler, err := d.handler(s)
	if err != nil {
		return err
	}
	defer s.Schedule(ctx)()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serveUntil(ctx, newServer(g.Handler(), log), d.media, func() {}) })
	group.Go(func() error { return serveUntil(ctx, newServer(handler, log), d.service, s.Stopping) })
	group.Go(func() error { return serveMetrics(ctx, d.scrapes, s.Metrics.Handler(log), log) })
	group.Go(func() error { return d.announce(ctx, s) })
	return group.Wait()
}

// handler is the service with the player page in front.
func (d *demoRun) handler(s *service.Service) (http.Handler, error) {
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

// folder makes sure that there is one, and returns what removes it if it was
// only for this run.
func (d *demoRun) folder() (remove func(), err error) {
	if d.data != "" {
		if err := os.MkdirAll(d.data, 0o700); err != nil {
			return nil, usageError{"--data: want a folder: " + withoutPath(err).Error()}
		}
		return func() {}, nil
	}
	d.data, err = os.MkdirTemp("", "playtoken-demo-")
	return func() { os.RemoveAll(d.data) }, err
}

// openGate opens a gate that is quiet: a player asks for something every few
// seconds, and the moves of the keys are what there is to see.
func (d *demoRun) openGate(c settings.Settings) (*gate.Gate, error) {
	media, err := sample.FS()
	if err != nil {
		return nil, fmt.Errorf("open sample: %w", err)
	}
	return gate.Open(gate.Config{
		Media: media, Data: filepath.Join(d.data, "gate.db"), APIKey: c.Gate.APIKey, PublicURL: origin(d.media),
		Origins: c.Gate.Origins, SessionTTL: c.Gate.SessionTTL,
		Log: slog.New(slog.NewTextHandler(d.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
}
