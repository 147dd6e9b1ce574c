package tracing_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"playtoken/keyrotation"
	"playtoken/signer"
	"playtoken/tracing"
)

// receiver is a collector that keeps what it gets.
type receiver struct {
	url string

	mu      sync.Mutex
	spans   []*otlp.Span
	text    strings.Builder // everything that arrived, as text
	headers http.Header
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body := io.Reader(req.Body)
		if req.Header.Get("Content-Encoding") == "gzip" {
			unzipped, err := gzip.NewReader(req.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = unzipped
		}
		data, err := io.ReadAll(body)
		var got collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(data, &got)
		}
		if err != nil {
			t.Errorf("got %v for what was sent, want OTLP", err)
		}
		r.keep(req.Header, &got)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *receiver) keep(h http.Header, got *collector.ExportTraceServiceRequest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.headers = h
	r.text.WriteString(got.String())
	for _, of := range got.ResourceSpans {
		for _, scope := range of.ScopeSpans {
			r.spans = append(r.spans, scope.Spans...)
		}
	}
}

// named returns the span with a name.
func (r *receiver) named(t *testing.T, name string) *otlp.Span {
	t.Helper()
	for _, span := range r.spans {
		if span.Name == name {
			return span
		}
	}
	t.Fatalf("got no span %q in %s, want one", name, r.text.String())
	return nil
}

// open opens a tracer whose traces go to a URL.
func open(t *testing.T, url string, log *slog.Logger) *tracing.Tracer {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
	tracer, err := tracing.Open(t.Context(), os.Getenv, tracing.Program{Service: "playtoken", Version: "v1"}, log)
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

type keys struct{}

func (keys) Sign(context.Context, string, signer.Scheme, []byte) (signer.Signature, error) {
	return signer.Signature{}, signer.ErrUnavailable
}

type minter struct{ keys signer.PrivateKeys }

func (m minter) Mint(ctx context.Context, _ signer.Request) (signer.Token, error) {
	_, err := m.keys.Sign(ctx, "secret-store-name", signer.RS256, make([]byte, 32))
	return signer.Token{}, err
}

type registrar struct{ keyrotation.Registrar }

func (registrar) List(context.Context) ([]keyrotation.PlatformKey, error) { return nil, nil }

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// TestSpansFormOneTree: the caller's trace goes on through the request, the mint and
// the store to the platform, and nothing of viewers leaves.
func TestSpansFormOneTree(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=collector-key")
	t.Setenv("OTEL_SERVICE_NAME", "tokens")
	r := newReceiver(t)
	tracer := open(t, r.url, slog.New(slog.DiscardHandler))
	mint, platform := tracer.Minter("default", minter{keys: tracer.Signing(keys{})}), tracer.Platform("default", registrar{})
	handler := tracer.Handler(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == "GET" {
			return
		}
		mint.Mint(req.Context(), signer.Request{VideoID: "secret-video"})
		platform.List(req.Context())
		tracer.Tell(req.Context(), tracing.Request{Method: "POST", Route: "/v1/playback-tokens", Project: "default", Caller: "viewer", ProblemCode: "signer_unavailable"})
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	req := httptest.NewRequest("POST", "/v1/playback-tokens?jwt=secret-token", strings.NewReader(`{"viewer":{"id":"secret-viewer"}}`))
	req.Header.Set("Traceparent", parent)
	req.Header.Set("Baggage", "user=secret-baggage")
	req.Header.Set("User-Agent", "secret-agent")
	req.Header.Set("X-Forwarded-For", "192.0.2.77")
	req.Header.Set("Authorization", "Bearer secret-key")
	handler.ServeHTTP(httptest.NewRecorder(), req)
	for _, path := range []string{"/healthz", "/metrics"} {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	tracer.Close()

	if len(r.spans) != 4 {
		t.Errorf("got %d spans, want four: %s", len(r.spans), r.text.String())
	}
	request, minted := r.named(t, "POST /v1/playback-tokens"), r.named(t, "mint")
	for child, of := range map[*otlp.Span]*otlp.Span{minted: request, r.named(t, "store sign"): minted, r.named(t, "platform list"): request} {
		if !bytes.Equal(child.ParentSpanId, of.SpanId) || !bytes.Equal(child.TraceId, request.TraceId) {
			t.Errorf("got %s below another span than %s, want one tree", child.Name, of.Name)
		}
	}
	for _, want := range []string{"tokens", "playtoken.project", "default", "http.route", "service.version"} {
		if !strings.Contains(r.text.String(), want) {
			t.Errorf("got no %s in %s, want it", want, r.text.String())
		}
	}
	for _, not := range []string{"secret", "192.0.2", "jwt="} {
		if strings.Contains(r.text.String(), not) {
			t.Errorf("got %s in %s, want it to stay here", not, r.text.String())
		}
	}
	if got := r.headers.Get("X-Api-Key"); got != "collector-key" {
		t.Errorf("got the header %q, want that of the environment", got)
	}
	if got, want := request.ParentSpanId, []byte{0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31}; !bytes.Equal(got, want) {
		t.Errorf("got the parent %x, want the caller's span %x", got, want)
	}
}

// TestACollectorThatDoesNotAnswerHoldsUpNoRequest: and the end of the process only
// for a moment.
func TestACollectorThatDoesNotAnswerHoldsUpNoRequest(t *testing.T) {
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer server.Close()
	defer close(hang)
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
	t.Setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
	var log bytes.Buffer
	tracer := open(t, server.URL, slog.New(slog.NewTextHandler(&log, nil)))
	mint := tracer.Minter("default", minter{keys: tracer.Signing(keys{})})
	for range 1000 { // far more than the queue holds
		mint.Mint(t.Context(), signer.Request{})
	}
	closed := make(chan struct{})
	go func() { tracer.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(time.Minute):
		t.Error("got a Close that waits for the collector, want one that ends within seconds")
	}
	if !strings.Contains(log.String(), "not sent") {
		t.Errorf("got the log %s, want one line about the traces that were not sent", log.String())
	}
}

func TestNothingIsTracedUnlessTheEnvironmentSaysSo(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want bool
	}{
		{nil, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, true},
		{map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, true},
		{map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:4318"}, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, false},
	} {
		if got := tracing.Wanted(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("with %v: got wanted %t, want %t", c.env, got, c.want)
		}
	}
	var off *tracing.Tracer
	next := minter{}
	if got := off.Minter("default", next); got != signer.Minter(next) {
		t.Errorf("got the minter %v, want it as it was", got)
	}
	ctx, done := off.Start(t.Context(), "x", "")
	done(nil)
	if ctx != t.Context() || tracing.TraceID(ctx) != "" {
		t.Error("got another context, want it as it was")
	}
	off.Tell(ctx, tracing.Request{})
	off.Close()
}

// TestWhatTheSDKPassesOverIsRefused: traces that go to a collector by another protocol
// than the operator named would be lost without a word.
func TestWhatTheSDKPassesOverIsRefused(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_PROTOCOL"},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"},
		{"OTEL_TRACES_EXPORTER", "zipkin", "OTEL_TRACES_EXPORTER"},
		{"OTEL_TRACES_EXPORTER", "otlp", ""},
		{"OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", ""},
	} {
		env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", c.name: c.value}
		tracer, err := tracing.Open(t.Context(), func(name string) string { return env[name] }, tracing.Program{}, slog.New(slog.DiscardHandler))
		if (err != nil) != (c.want != "") || err != nil && !strings.HasPrefix(err.Error(), c.want+": ") {
			t.Errorf("with %s=%s: got error %v, want one about %q", c.name, c.value, err, c.want)
		}
		tracer.Close()
	}
}

// copied is a response to which the kernel could copy a file.
type copied struct {
	*httptest.ResponseRecorder
	bytes int64
}

func (c *copied) ReadFrom(r io.Reader) (n int64, err error) {
	n, err = io.Copy(io.Discard, r)
	c.bytes += n
	return n, err
}

// TestFilesAreStillCopiedByTheKernel: with traces, a segment of a gate must not cost
// more than without.
func TestFilesAreStillCopiedByTheKernel(t *testing.T) {
	tracer := open(t, newReceiver(t).url, slog.New(slog.DiscardHandler))
	defer tracer.Close()
	w := &copied{ResponseRecorder: httptest.NewRecorder()}
	tracer.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := io.Copy(w, io.LimitReader(strings.NewReader("segment"), 7)); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(w, httptest.NewRequest("GET", "/film/0.m4s", nil))
	if w.bytes != 7 {
		t.Errorf("got %d bytes by ReadFrom, want all 7", w.bytes)
	}
}

// BenchmarkMint shows what a mint costs beside its signature: without traces, and
// with a collector that takes them.
func BenchmarkMint(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	on, err := tracing.Open(b.Context(), os.Getenv, tracing.Program{Service: "playtoken", Version: "v1"}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer on.Close()
	for name, tracer := range map[string]*tracing.Tracer{"off": nil, "on": on} {
		mint := tracer.Minter("default", minter{keys: tracer.Signing(keys{})})
		handler := tracer.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			mint.Mint(r.Context(), signer.Request{})
			tracer.Tell(r.Context(), tracing.Request{Method: "POST", Route: "/v1/playback-tokens", Project: "default"})
		}))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(b.Context(), "POST", "/v1/playback-tokens", nil)
			for b.Loop() {
				handler.ServeHTTP(w, r)
			}
		})
	}
}
