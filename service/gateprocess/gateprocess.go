// Package gateprocess puts a gate together from the settings and serves it:
// its media folder, listeners, metrics, and the report about media that will
// not be served.
//
// The decision a newcomer would get wrong: viewers are served at once, while
// the media folder is still being examined. What cannot be served is refused
// when it is asked for; the report only tells the operator sooner.
package gateprocess

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"playtoken/gate"
	"playtoken/httpserver"
	"playtoken/logs"
	"playtoken/metrics"
	"playtoken/reload"
	"playtoken/service"
	"playtoken/settings"
)

// Options are what the settings do not say.
type Options struct {
	Build  metrics.Build // what the metrics say about the program
	Stderr io.Writer     // gets the audit record where the settings name no file
	Log    *slog.Logger
	// Getenv looks up the variables of OpenTelemetry's SDK, which name a collector of
	// traces. Nil: nothing is traced.
	Getenv func(string) string
	// Files are those of the secrets in the settings, which are read again as they
	// change. Nil: no secret is in a file.
	Files *settings.Files
	// Hangups has an element for each SIGHUP, at which files are read again. Nil:
	// they are read only as they change.
	Hangups <-chan os.Signal
}

// Run serves viewers until ctx ends. Errors: settings.Error where the settings
// are wrong; those of the listeners and of the gate's data file.
func Run(ctx context.Context, set settings.Settings, options Options) (err error) {
	log := options.Log
	counted, err := metrics.NewGate(options.Build)
	if err != nil {
		return err
	}
	ln, err := httpserver.Listen(ctx, set.Gate.Listen)
	if err != nil {
		return err
	}
	defer ln.Close()
	scrapes, err := httpserver.ListenMetrics(ctx, set.MetricsListen)
	if err != nil {
		return err
	}
	defer scrapes.Close()
	files, replace := reload.New(log), map[string]service.Replace{}
	measured := httpserver.Server{Handler: counted.Handler(log), Log: log, Drain: set.Drain}
	certificate, err := service.OpenTLS(set.TLS, files, counted.Certificate)
	if err != nil {
		return err
	}
	seen, err := openObservers(ctx, counted, options)
	if err != nil {
		return err
	}
	defer seen.tracer.Close()
	g, closeGate, err := open(ctx, set, seen, options, replace)
	if err != nil {
		return err
	}
	stopped := tellStart(ctx, ln, set, options)
	defer func() { stopped(err) }()
	service.AddFiles(files, options.Files, replace)
	viewers := httpserver.Server{Handler: seen.tracer.Handler(g.Handler()), Log: log, TLS: certificate.Config(), Drain: set.Drain, Stopping: g.Stopping}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { files.Run(ctx, options.Hangups); return nil })
	group.Go(func() error { return viewers.Serve(ctx, ln) })
	group.Go(func() error { return scrapes.Serve(ctx, measured) })
	group.Go(func() error { return reportMedia(ctx, set.Gate, log) })
	return errors.Join(group.Wait(), closeGate())
}

// tellStart logs what this process is and does, and then why it stops.
func tellStart(ctx context.Context, ln net.Listener, set settings.Settings, options Options) (stopped func(error)) {
	log, build := options.Log, options.Build
	kept := "file:" + set.Gate.Data
	if set.Gate.Shares {
		kept = service.StoreName(set.Gate.StoreFile, set.Vault.Address)
	}
	log.Info("gate is listening", "address", ln.Addr().String(), "tls", set.TLS.Cert != "", "metrics", cmp.Or(set.MetricsListen, ln.Addr().String()),
		"version", build.Version, "revision", build.Revision, "store", kept, "media", set.Gate.Media,
		"forward", cmp.Or(set.Gate.Forward, "off"), "audit", cmp.Or(set.AuditFile, "stderr"))
	return logs.Serving(ctx, log)
}

// open opens a gate on a folder, out of which no link leads. It puts into replace
// how each secret is replaced.
func open(ctx context.Context, set settings.Settings, seen observers, options Options, replace map[string]service.Replace) (*gate.Gate, func() error, error) {
	log, counted := options.Log, seen.counted
	media, err := gate.OpenFolder(set.Gate.Media)
	if err != nil {
		return nil, nil, settings.Error{fmt.Errorf("PLAYTOKEN_GATE_MEDIA: want a folder of videos: %w", withoutPath(err))}
	}
	config := gate.Config{
		Media: media, Data: set.Gate.Data, APIKey: set.Gate.APIKey, PublicURL: set.Gate.URL,
		Forward: set.Gate.Forward, Origins: set.Gate.Origins, SessionTTL: set.Gate.SessionTTL, Log: log,
		Steering: set.Gate.Steering, SteeringMax: set.Gate.SteeringMax,
		MaxStaleness: max(set.MaxStaleness, time.Second),
		Index:        set.Gate.Index, MaxTokenLife: set.Gate.MaxTokenLife, ClockSkew: set.Rotation.Durations.Skew,
		Admission: counted.Admission, Watched: counted.Watched, Served: seen.served, TraceID: seen.traceID(),
		Logged: logs.Requests(set.Log.Requests).Includes,
	}
	if set.MetricsListen == "" {
		config.Metrics = counted.Handler(log)
	}
	closers := closers{media}
	for _, part := range []func() (io.Closer, error){
		func() (io.Closer, error) { return share(ctx, &config, set, counted, log, replace) },
		func() (io.Closer, error) { return keepRecord(&config, set, counted, options.Stderr) },
		func() (io.Closer, error) { return count(&config, set, counted, log, replace) },
	} {
		closer, err := part()
		if err != nil {
			return nil, nil, errors.Join(err, closers.Close())
		}
		closers = append(closers, closer)
	}
	g, err := openGate(config)
	if err != nil {
		return nil, nil, errors.Join(err, closers.Close())
	}
	counted.Open(g.ViewAge, g.RegisteredKeys)
	replace["PLAYTOKEN_GATE_API_KEY"] = func(set settings.Settings) error {
		g.ReplaceAPIKey(set.Gate.APIKey)
		return nil
	}
	return g, append(closers, g).Close, nil
}

// openGate names the setting and the folder where that of the data is missing.
func openGate(config gate.Config) (*gate.Gate, error) {
	g, err := gate.Open(config)
	if config.Documents == nil && errors.Is(err, fs.ErrNotExist) {
		err = settings.Error{service.WithFolder("PLAYTOKEN_GATE_DATA", config.Data, err)}
	}
	return g, err
}

// withoutPath leaves out a path, which may be a secret that was set in place of
// one.
func withoutPath(err error) error {
	if pathError, ok := errors.AsType[*os.PathError](err); ok {
		return pathError.Err
	}
	return err
}

// Examine reports what a gate would not serve of a media folder.
func Examine(ctx context.Context, folder string, set settings.Gate, report func(gate.Finding)) error {
	media, err := gate.OpenFolder(folder)
	if err != nil {
		return fmt.Errorf("open media folder: %w", err)
	}
	err = gate.Check(ctx, gate.Config{Media: media, Index: set.Index, PublicURL: set.URL}, report)
	return errors.Join(err, media.Close())
}

// maxReported is how many findings about media the gate logs when it starts.
const maxReported = 50

// reportMedia logs what viewers will not get. It fails nothing.
func reportMedia(ctx context.Context, set settings.Gate, log *slog.Logger) error {
	found := 0
	err := Examine(ctx, set.Media, set, func(f gate.Finding) {
		if found++; found > maxReported {
			return
		}
		level := slog.LevelInfo
		if f.Serious {
			level = slog.LevelWarn
		}
		log.LogAttrs(ctx, level, "media will not be served", slog.String("file", f.File), slog.Int("line", f.Line),
			slog.String("what", f.What), slog.String("remedy", f.Remedy))
	})
	if ctx.Err() != nil {
		return nil // the process is stopping
	}
	if err != nil {
		log.WarnContext(ctx, "the media folder was not examined", "error", err)
	}
	if found > maxReported {
		log.InfoContext(ctx, "more media will not be served; playtoken gate check lists all of it", "findings", found)
	}
	return nil
}
