package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// The attributes of this program.
const (
	routeKey   attribute.Key = "http.route"
	projectKey attribute.Key = "playtoken.project"
	callerKey  attribute.Key = "playtoken.caller"
	requestKey attribute.Key = "playtoken.request_id"
	codeKey    attribute.Key = "playtoken.code"
)

// mayLeave are the attributes that are sent.
var mayLeave = map[attribute.Key]bool{
	routeKey: true, projectKey: true, callerKey: true, requestKey: true, codeKey: true,
	"http.request.method": true, "http.response.status_code": true, "url.scheme": true, "network.protocol.version": true,
}

// listed hands spans on without the attributes and events that are not listed.
type listed struct{ next sdk.SpanProcessor }

var _ sdk.SpanProcessor = listed{}

func (l listed) OnStart(ctx context.Context, s sdk.ReadWriteSpan) { l.next.OnStart(ctx, s) }
func (l listed) OnEnd(s sdk.ReadOnlySpan)                         { l.next.OnEnd(spare{ReadOnlySpan: s}) }
func (l listed) Shutdown(ctx context.Context) error               { return l.next.Shutdown(ctx) }
func (l listed) ForceFlush(ctx context.Context) error             { return l.next.ForceFlush(ctx) }

// spare is a span without what may not leave. The interface cannot be implemented
// except by embedding it.
type spare struct{ sdk.ReadOnlySpan }

func (s spare) Attributes() (kept []attribute.KeyValue) {
	for _, a := range s.ReadOnlySpan.Attributes() {
		if mayLeave[a.Key] {
			kept = append(kept, a)
		}
	}
	return kept
}

func (s spare) Events() []sdk.Event { return nil }
func (s spare) Links() []sdk.Link   { return nil }
