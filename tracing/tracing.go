// Package tracing sends traces of requests and rotations to an OpenTelemetry
// collector, where the SDK's own variables name one.
//
// The decision a newcomer would get wrong: what may leave is an allow-list. The
// instrumentation of net/http notes paths, addresses and user agents, which hold
// viewers' data and, at the gate, tickets; every span loses all attributes but the
// listed ones before it is queued. And no request ever waits: spans are queued, and
// dropped where the collector is slow or away.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// flushTimeout is how long the end of the process waits for the collector.
const flushTimeout = 3 * time.Second

// Tracer makes spans. Nil: nothing is traced, and what a Tracer would wrap stays as
// it is.
type Tracer struct {
	provider *sdk.TracerProvider
	spans    trace.Tracer
	log      *slog.Logger
}

// Wanted reports whether the environment names a collector.
func Wanted(getenv func(string) string) bool {
	named := getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
	return named && getenv("OTEL_SDK_DISABLED") != "true" && getenv("OTEL_TRACES_EXPORTER") != "none"
}

// Program is whose traces they are.
type Program struct{ Service, Version string }

// supported checks what the SDK would pass over in silence.
func supported(getenv func(string) string) error {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if given := getenv(name); given != "" && given != "http/protobuf" {
			return fmt.Errorf("%s: got %q, and traces are sent by http/protobuf alone: set that, and the collector's address for it, as a rule port 4318", name, given)
		}
	}
	if given := getenv("OTEL_TRACES_EXPORTER"); given != "" && given != "otlp" {
		return fmt.Errorf("OTEL_TRACES_EXPORTER: got %q, want otlp or none", given)
	}
	return nil
}

// Open returns nil if the environment names no collector. The SDK reads its other
// variables itself: of the exporter, the sampler, the queue and the resource.
func Open(ctx context.Context, getenv func(string) string, of Program, log *slog.Logger) (*Tracer, error) {
	if !Wanted(getenv) {
		return nil, nil
	}
	if err := supported(getenv); err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_ENDPOINT: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", of.Service), attribute.String("service.version", of.Version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err), exporter.Shutdown(ctx))
	}
	t := &Tracer{log: log}
	// The SDK has one place for its errors, and prints them unless it is told
	// otherwise.
	otel.SetErrorHandler(&seldom{log: log})
	t.provider = sdk.NewTracerProvider(sdk.WithResource(about), sdk.WithSpanProcessor(listed{next: sdk.NewBatchSpanProcessor(exporter)}))
	t.spans = t.provider.Tracer("playtoken")
	return t, nil
}

// Close sends what is queued, for at most a few seconds.
func (t *Tracer) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.Warn("the last traces were not sent", "error", err)
	}
}

// seldom logs errors of the SDK: the first, and then one a minute.
type seldom struct {
	log  *slog.Logger
	last atomic.Int64 // Unix seconds
}

// Handle implements [otel.ErrorHandler].
func (s *seldom) Handle(err error) {
	now, last := time.Now().Unix(), s.last.Load()
	if now-last >= 60 && s.last.CompareAndSwap(last, now) {
		s.log.Warn("traces cannot be sent; requests are served without them", "error", err)
	}
}

// Handler returns next with a span for each request, a child of the trace in its
// header traceparent. Probes and scrapes have none.
func (t *Tracer) Handler(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return otelhttp.NewHandler(next, "HTTP",
		otelhttp.WithTracerProvider(t.provider), otelhttp.WithMeterProvider(noop.NewMeterProvider()),
		otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithSpanNameFormatter(func(operation string, _ *http.Request) string { return operation }), // until the route is known
		otelhttp.WithFilter(func(r *http.Request) bool {
			return r.URL.Path != "/healthz" && r.URL.Path != "/readyz" && r.URL.Path != "/metrics"
		}))
}

// Request is what a span of a request tells.
type Request struct {
	Method, Route                    string // Route is the template of the path
	Kind                             string // of what was asked for, where there are no routes
	Project, Caller, ID, ProblemCode string // empty ones are left out
}

// Tell tells the span of a request what became of it.
func (t *Tracer) Tell(ctx context.Context, r Request) {
	if t == nil {
		return
	}
	span := trace.SpanFromContext(ctx)
	switch {
	case r.Kind != "":
		span.SetName(r.Kind)
	case r.Route != "": // the method of an unknown route is what a client wrote
		span.SetName(r.Method + " " + r.Route)
	}
	for key, value := range map[attribute.Key]string{
		routeKey: r.Route, projectKey: r.Project, callerKey: r.Caller, requestKey: r.ID, codeKey: r.ProblemCode,
	} {
		if value != "" {
			span.SetAttributes(key.String(value))
		}
	}
}

// TraceID is the id of the trace that a context belongs to; empty without one.
func TraceID(ctx context.Context) string {
	if of := trace.SpanContextFromContext(ctx); of.HasTraceID() {
		return of.TraceID().String()
	}
	return ""
}

// Start begins a span, which done ends with the error of what it is about. Text of
// errors stays here.
func (t *Tracer) Start(ctx context.Context, name, project string) (_ context.Context, done func(error)) {
	if t == nil {
		return ctx, func(error) {}
	}
	var attributes []attribute.KeyValue
	if project != "" {
		attributes = append(attributes, projectKey.String(project))
	}
	ctx, span := t.spans.Start(ctx, name, trace.WithAttributes(attributes...))
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}
