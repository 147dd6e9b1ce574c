package gateprocess

import (
	"context"
	"net/http"

	"playtoken/gate"
	"playtoken/metrics"
	"playtoken/settings"
	"playtoken/tracing"
)

// observers are told of what a gate does.
type observers struct {
	counted *metrics.Gate
	tracer  *tracing.Tracer // nil: nothing is traced
}

// openObservers makes what sends traces, where the environment names a collector.
// Errors: settings.Error.
func openObservers(ctx context.Context, counted *metrics.Gate, options Options) (observers, error) {
	seen := observers{counted: counted}
	if options.Getenv == nil {
		return seen, nil
	}
	var err error
	program := tracing.Program{Service: "playtoken-gate", Version: options.Build.Version}
	if seen.tracer, err = tracing.Open(ctx, options.Getenv, program, options.Log); err != nil {
		return seen, settings.Error{err}
	}
	return seen, nil
}

// served counts a response, and tells its span what it was.
func (o observers) served(ctx context.Context, r gate.Outcome) {
	o.counted.Served(r.Kind, r.Status, r.Bytes, r.Took)
	o.tracer.Tell(ctx, tracing.Request{Kind: "gate " + r.Kind, ID: r.RequestID, ProblemCode: r.Code})
}

// traceID is that of a request's span; without traces, what the header says.
func (o observers) traceID() func(*http.Request) string {
	if o.tracer == nil {
		return nil
	}
	return func(r *http.Request) string { return tracing.TraceID(r.Context()) }
}
