package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"playtoken/gate/sample"
)

// startCollector returns a collector, and everything that it was sent, in which names
// and values can be read.
func startCollector(t *testing.T) (url string, sent *logBuffer) {
	t.Helper()
	sent = &logBuffer{}
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(sent, r.Body); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(collector.Close)
	return collector.URL, sent
}

// TestServeAndGateSendTraces: and of viewers, videos and tokens nothing.
func TestServeAndGateSendTraces(t *testing.T) {
	t.Parallel()
	slow(t, "it starts processes")
	collector, sent := startCollector(t)
	w := newDeployment(t, "OTEL_EXPORTER_OTLP_ENDPOINT="+collector, "PLAYTOKEN_DRAIN=0s")
	w.must(&struct{}{}, "rotate")
	client := newClient(t)
	s := w.startServer("serve")
	s.awaitReady(client)
	token, _, _, err := mintOver(t.Context(), client, s.url)
	if err != nil {
		t.Fatal(err)
	}
	s.stop()
	w.gate.Close()
	w.environ = append(w.environ, "PLAYTOKEN_GATE_LISTEN=127.0.0.1:0", "PLAYTOKEN_GATE_API_KEY="+gateKey,
		"PLAYTOKEN_GATE_DATA="+filepath.Join(w.dir, "own.db"), "PLAYTOKEN_GATE_URL=")
	gate := w.startServer("gate", "--media", copySample(t, w.dir))
	const trace = "0af7651916cd43dd8448eb211c80319c"
	r, err := http.NewRequestWithContext(t.Context(), "GET", gate.url+"/"+sample.VideoID+"/hls.m3u8?jwt="+token.Token, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Traceparent", "00-"+trace+"-b7ad6b7169203331-01")
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	fetch(t, client, gate.url+"/readyz")
	if logs := gate.stop(); !strings.Contains(logs, `"trace_id":"`+trace+`"`) {
		t.Errorf("got the log %s, want the trace of the request", logs)
	}
	got := sent.String()
	for _, want := range []string{"POST /v1/playback-tokens", "mint", "store read", "playtoken-gate", "gate playlist", "key_unknown", "playtoken.request_id"} {
		if !strings.Contains(got, want) {
			t.Errorf("got no %q in what was sent, %q, want it", want, got)
		}
	}
	for _, not := range []string{sample.VideoID, token.Token, "hls.m3u8", "gate process", "127.0.0.1"} {
		if strings.Contains(got, not) {
			t.Errorf("got %q in what was sent, %q, want it to stay here", not, got)
		}
	}
}

// TestTracesByAnotherProtocolAreRefused: the SDK would send them by HTTP all the same.
func TestTracesByAnotherProtocolAreRefused(t *testing.T) {
	t.Parallel()
	w := newDeployment(t, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
		"PLAYTOKEN_GATE_LISTEN=127.0.0.1:0", "PLAYTOKEN_GATE_API_KEY="+gateKey)
	w.environ = append(w.environ, "PLAYTOKEN_GATE_DATA="+filepath.Join(w.dir, "own.db"))
	for _, verb := range [][]string{{"serve"}, {"gate", "--media", w.dir}} {
		got := w.run(verb...)
		if got.code != exitUsage || !strings.Contains(got.stderr, "OTEL_EXPORTER_OTLP_PROTOCOL") || !strings.Contains(got.stderr, "http/protobuf") {
			t.Errorf("%s: got exit %d, %s, want %d and what to set", verb[0], got.code, got.stderr, exitUsage)
		}
	}
}
