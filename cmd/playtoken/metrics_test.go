package main

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"playtoken/httpserver/porttest"
	"playtoken/service"
	"playtoken/settings"
	"strings"
	"syscall"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// series is what one scrape shows. A key is a name, for the sum of all its
// series, or a name and its label values, by the order of the labels' names.
type series map[string]float64

func parseSeries(t *testing.T, text string) series {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	s := series{}
	for name, family := range families {
		for _, m := range family.Metric {
			value := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			s[name] += value
			if len(m.Label) > 0 {
				s[strings.Join(append([]string{name}, labelValues(m)...), " ")] += value
			}
		}
	}
	return s
}

func labelValues(m *dto.Metric) (values []string) {
	for _, pair := range m.Label {
		values = append(values, pair.GetValue())
	}
	return values
}

// scrape asks for metrics as Prometheus does.
func scrape(t *testing.T, url string) (series, string) {
	t.Helper()
	resp, err := newClient(t).Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("scrape: got status %d, %v, want 200: %s", resp.StatusCode, err, text)
	}
	return parseSeries(t, string(text)), string(text)
}

// post sends a body to the service as the frontend, or as key.
func post(t *testing.T, url, key, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := newClient(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

func TestMetricsCountWhatHappenedOverHTTP(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	s := w.startServer("serve")
	client := newClient(t)
	s.awaitReady(client)
	const path = "/v1/playback-tokens"
	token, _, _, err := mintOver(t.Context(), client, s.url)
	if err != nil {
		t.Fatal(err)
	}
	post(t, s.url+path, "unknown-"+frontendKey, `{"video_id":"counter"}`)
	post(t, s.url+path, frontendKey, `{"video_id":"../../etc/passwd"}`)
	post(t, s.url+path, frontendKey, `{"video_id":"*"}`)
	equal := strings.Repeat(`{"video_id":"counter"},`, 49)
	post(t, s.url+path+"/batch", frontendKey, `{"requests":[`+equal+`{"video_id":"counter","expires_in":999}]}`)
	plays(t.Context(), client, s.url+"/v1/nothing?token="+token.Token)

	got, text := scrape(t, s.url)
	for name, want := range map[string]float64{
		"playtoken_tokens_minted_total":                             50,
		"playtoken_tokens_minted_total default":                     50,
		"playtoken_tokens_refused_total":                            4,
		"playtoken_tokens_refused_total unauthenticated none":       1,
		"playtoken_tokens_refused_total video_invalid default":      1,
		"playtoken_tokens_refused_total forbidden default":          1,
		"playtoken_tokens_refused_total ttl_out_of_range default":   1,
		"playtoken_http_requests_total POST " + path + " 201":       1,
		"playtoken_http_requests_total POST " + path + "/batch 200": 1,
		"playtoken_http_requests_total GET none 404":                1,
		"playtoken_signing_keys default active":                     1,
		"playtoken_rotation_overdue":                                0,
		"playtoken_rings_unread":                                    0,
		"playtoken_scheduler_running":                               1,
		"playtoken_audit_info stderr":                               1,
	} {
		if got[name] != want {
			t.Errorf("%s = %v, want %v", name, got[name], want)
		}
	}
	made, shared := got["playtoken_signing_duration_seconds ok"], got["playtoken_signatures_shared_total"]
	if made+shared != 50 || shared < 40 {
		t.Errorf("got %v signatures made and %v shared, want 50 in all and at least 40 shared", made, shared)
	}
	for _, name := range []string{
		"playtoken_platform_calls_total register gate default ok", "playtoken_store_duration_seconds read ok",
		"playtoken_store_duration_seconds create ok", "playtoken_build_info", "go_goroutines", "process_open_fds",
		"playtoken_active_key_age_seconds", "playtoken_rotation_last_look_age_seconds", "playtoken_rotation_next_action_seconds",
		"playtoken_rotation_runs_total ok default", "playtoken_rotation_last_run_timestamp_seconds default", "playtoken_keys_held default",
		"playtoken_rotation_last_success_age_seconds", "playtoken_http_request_duration_seconds " + path,
	} {
		if got[name] <= 0 {
			t.Errorf("%s = %v, want more than 0", name, got[name])
		}
	}
	for _, secret := range []string{token.Token, frontendKey, adminKey, gateKey, password, "passwd", w.dir, w.gate.URL} {
		if strings.Contains(text, secret) {
			t.Errorf("got %q in the metrics, want it in no series", secret)
		}
	}
	s.stop()
}

// lockStore keeps every process from the store until unlock is called, as a
// process would that hangs while it writes.
func (w *deployment) lockStore() (unlock func()) {
	w.t.Helper()
	file, err := os.OpenFile(filepath.Join(w.dir, "play.db"), os.O_RDWR, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		w.t.Fatal(err)
	}
	return func() { file.Close() }
}

func TestMetricsAreThereWhileTheStoreIsNot(t *testing.T) {
	t.Parallel()
	w := newDeployment(t, "PLAYTOKEN_SCHEDULER=off")
	w.must(&struct{}{}, "rotate")
	s := w.startServer("serve")
	unlock := w.lockStore()
	got, _ := scrape(t, s.url)
	unlock()
	if _, there := got["playtoken_signing_keys"]; there || got["playtoken_ring_stale_seconds default"] <= 0 {
		t.Errorf("keys are known (%v); the record is %v s old", there, got["playtoken_ring_stale_seconds default"])
	}
	if got["playtoken_rings_unread"] == 0 || got["playtoken_scheduler_running"] != 0 {
		t.Errorf("%v rings are unread, and the scheduler runs: %v; want some, and 0", got["playtoken_rings_unread"], got["playtoken_scheduler_running"])
	}
	if got["playtoken_store_duration_seconds read unavailable"] != 1 {
		t.Errorf("store: %v", got)
	}
	s.stop()
}

// freeAddress is one on which no process listens just now.
func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := porttest.Address()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func TestMetricsOnAListenerOfTheirOwnAreNowhereElse(t *testing.T) {
	t.Parallel()
	slow(t, "it starts processes")
	media := t.TempDir()
	for verb, names := range map[string][]string{
		"serve": {"playtoken_tokens_minted_total", "playtoken_signing_keys"}, "gate": {"playtoken_gate_admissions_total"},
	} {
		t.Run(verb, func(t *testing.T) {
			address := freeAddress(t)
			w := newDeployment(t, "PLAYTOKEN_METRICS_LISTEN="+address, "PLAYTOKEN_GATE_LISTEN=127.0.0.1:0", "PLAYTOKEN_GATE_MEDIA="+media,
				"PLAYTOKEN_GATE_API_KEY="+gateKey, "PLAYTOKEN_GATE_DATA="+filepath.Join(t.TempDir(), "own.db"))
			w.must(&struct{}{}, "rotate")
			s := w.startServer(verb)
			client := newClient(t)
			mintOver(t.Context(), client, s.url)
			plays(t.Context(), client, s.url+"/counter/hls.m3u8")
			got, _ := scrape(t, "http://"+address)
			for _, name := range names {
				if got[name] == 0 {
					t.Errorf("got no series %s, want one", name)
				}
			}
			for url, want := range map[string]int{
				s.url + "/metrics": 404, s.url + "/healthz": 200, "http://" + address + "/healthz": 404, "http://" + address + "/": 404,
			} {
				if status, err := plays(t.Context(), client, url); status != want || err != nil {
					t.Errorf("GET %s: got status %d, %v, want %d", url, status, err, want)
				}
			}
			s.stop()
		})
	}
}

// TestAGateCountsItsAdmissions also where it logs no request.
func TestAGateCountsItsAdmissions(t *testing.T) {
	t.Parallel()
	w := newDeployment(t, "PLAYTOKEN_LOG_REQUESTS=none", "PLAYTOKEN_GATE_LISTEN=127.0.0.1:0", "PLAYTOKEN_GATE_MEDIA="+t.TempDir(),
		"PLAYTOKEN_GATE_API_KEY="+gateKey, "PLAYTOKEN_GATE_DATA="+filepath.Join(t.TempDir(), "own.db"))
	s := w.startServer("gate")
	for _, target := range []string{"/film/hls.m3u8", "/film/hls.m3u8?jwt=rubbish", "/film"} {
		plays(t.Context(), newClient(t), s.url+target)
	}
	got, _ := scrape(t, s.url)
	if got["playtoken_gate_admissions_total token_missing"] != 2 || got["playtoken_gate_admissions_total token_malformed"] != 1 {
		t.Errorf("got the series %v, want 2 of token_missing and 1 of token_malformed", got)
	}
	for name, want := range map[string]float64{
		"playtoken_gate_requests_total playlist 401": 2, "playtoken_gate_requests_total page 401": 1,
		"playtoken_gate_request_duration_seconds playlist": 2, "playtoken_gate_registered_keys": 0,
		"playtoken_gate_live_sessions": 0, "playtoken_audit_info stderr": 1,
	} {
		if value, there := got[name]; value != want || !there {
			t.Errorf("%s = %v (exists: %t), want %v", name, value, there, want)
		}
	}
	if got["playtoken_gate_response_bytes_total playlist"] == 0 {
		t.Error("got no bytes of responses, want some")
	}
	s.stop()
	if strings.Contains(s.logs.String(), "/film") {
		t.Errorf("got the log\n%s\nwant no request in it", s.logs.String())
	}
}

func TestAMetricsPortThatIsTakenChangesNothing(t *testing.T) {
	t.Parallel()
	taken := httptest.NewServer(http.NotFoundHandler())
	defer taken.Close()
	w := newDeploymentWithoutStore(t, "PLAYTOKEN_METRICS_LISTEN="+taken.Listener.Addr().String(), "PLAYTOKEN_GATE_MEDIA="+t.TempDir(),
		"PLAYTOKEN_GATE_LISTEN=127.0.0.1:0", "PLAYTOKEN_GATE_API_KEY="+gateKey)
	for _, verb := range [][]string{{"serve"}, {"gate"}, {"demo", "--listen", "127.0.0.1:0"}} {
		if r := w.run(verb...); r.code == exitDone || !strings.Contains(r.stderr, "address already in use") {
			t.Errorf("%v: exit %d\n%s", verb, r.code, r.stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(w.dir, "play.db")); err == nil {
		t.Error("got a store although the port was taken, want none")
	}
}

func TestMetricsTellHowVaultIsLoggedIn(t *testing.T) {
	t.Parallel()
	c, err := settings.ForService([]string{"VAULT_TOKEN=hvs.secret-token", "VAULT_ADDR=http://" + freeAddress(t)}) // Vault is down
	if err != nil {
		t.Fatal(err)
	}
	s, err := service.Open(t.Context(), c, service.Options{Stderr: io.Discard, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	handler, err := s.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	got, text := scrape(t, server.URL)
	if _, there := got["playtoken_vault_login_failures token"]; !there || strings.Contains(text, "hvs.") {
		t.Errorf("the state of the login is missing, or more of it than that is there:\n%s", text)
	}
}
