package gate_test

import (
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"playtoken/gate"
)

func TestEveryDecisionAboutAViewerIsTold(t *testing.T) {
	var mu sync.Mutex
	var told []string
	w := open(t, films(), func(c *gate.Config) {
		c.Admission = func(result string) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, result)
		}
	})
	ticket := w.ticket(video)
	expired := w.token(video, time.Second)
	w.get("/film/360/index.m3u8?ticket=" + ticket)
	w.get("/film/hls.m3u8")
	w.get("/film?jwt=" + w.token("other", time.Minute))
	w.advance(time.Hour)
	w.get("/film/hls.m3u8?jwt=" + expired)
	w.get("/film/hls.m3u8?jwt=rubbish")
	w.get("/healthz") // not about a viewer
	w.get("/nothing")
	w.stop()
	want := []string{"token", "session", "token_missing", "video_not_allowed", "token_expired", "token_malformed", "token_missing"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

func TestMetricsAreWhereTheyWereAskedFor(t *testing.T) {
	open(t, films(), nil).checkMetrics(404)
	open(t, films(), func(c *gate.Config) {
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "metrics") })
	}).checkMetrics(200)
}

func (w *world) checkMetrics(status int) {
	w.Helper()
	for _, target := range []string{"/metrics", "/metrics?jwt=x"} {
		if a := w.get(target); a.status != status || status == 200 && (a.body != "metrics" || a.header.Get("Cache-Control") != "no-store") {
			w.Errorf("%s: got %s, want %d, not stored", target, a, status)
		}
	}
	for _, target := range []string{"/metrics/", "/metrics/hls.m3u8", "/embed/metrics"} {
		if a := w.get(target); a.status != 404 && a.status != 403 {
			w.Errorf("%s: got %s, want 404 or 403", target, a)
		}
	}
	if a := w.do("POST", "/metrics", ""); a.status == 200 {
		w.Errorf("POST: got %s, want a refusal", a)
	}
}

// TestMetricsWantAKeyBehindAProxy: behind a proxy on the same machine every client
// comes from loopback.
func TestMetricsWantAKeyBehindAProxy(t *testing.T) {
	w := open(t, films(), func(c *gate.Config) {
		c.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "metrics") })
	})
	const proxied, client = "X-Forwarded-For", "192.0.2.1"
	if a := w.get("/metrics", proxied, client); a.status != 401 {
		t.Errorf("metrics behind a proxy: got %s, want 401", a)
	}
	if a := w.get("/metrics", proxied, client, "Authorization", "Bearer "+apiKey); a.status != 200 || a.body != "metrics" {
		t.Errorf("metrics behind a proxy for the holder of the key: got %s, want 200 and the metrics", a)
	}
}
