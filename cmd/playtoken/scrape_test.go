package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/gate/sample"
	"playtoken/handlers"
)

// notScraped are the metrics whose condition the test cannot bring about, and why.
var notScraped = map[string]string{
	"playtoken_platform_calls_left":         "the gate does not say how many calls it allows",
	"playtoken_vault_login_age_seconds":     "the store is a file",
	"playtoken_vault_login_expires_seconds": "the store is a file",
	"playtoken_vault_login_failures":        "the store is a file",
	"playtoken_vault_locked_out":            "the store is a file",
}

// documentedMetrics are those of the table in docs/monitor.md, and whether each is
// only a gate's.
func documentedMetrics(t *testing.T) map[string]bool {
	t.Helper()
	page, err := os.ReadFile("../../docs/monitor.md")
	if err != nil {
		t.Fatal(err)
	}
	ofGate := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(playtoken_[a-z_]+)` \\|[^|]*\\| (.*) \\|$").FindAllStringSubmatch(string(page), -1) {
		ofGate[row[1]] = strings.HasPrefix(row[2], "of the gate")
	}
	if len(ofGate) == 0 {
		t.Fatal("got no metric in docs/monitor.md, want a table of them")
	}
	return ofGate
}

// names are those of our metrics in a scrape.
func (s series) names() map[string]bool {
	names := map[string]bool{}
	for name := range s {
		if strings.HasPrefix(name, "playtoken_") && !strings.Contains(name, " ") {
			names[name] = true
		}
	}
	return names
}

// compareScrapes says which metrics are only documented or only scraped.
func compareScrapes(documented, service, gate map[string]bool) (err error) {
	say := func(format string, args ...any) { err = errors.Join(err, fmt.Errorf(format, args...)) }
	for _, name := range slices.Sorted(maps.Keys(documented)) {
		switch there := service[name] || gate[name]; {
		case notScraped[name] != "" && there:
			say("got %s in a scrape, want none: %s", name, notScraped[name])
		case notScraped[name] == "" && !there:
			say("got no series of %s, which docs/monitor.md has, want one", name)
		case documented[name] && service[name]:
			say("got %s from serve, want it only from a gate, as docs/monitor.md says", name)
		case !documented[name] && !service[name] && gate[name]:
			say("got %s only from the gate, want docs/monitor.md to begin with: of the gate", name)
		}
	}
	for _, scraped := range []map[string]bool{service, gate} {
		for _, name := range slices.Sorted(maps.Keys(scraped)) {
			if _, ok := documented[name]; !ok {
				say("got a series of %s, want it in docs/monitor.md", name)
			}
		}
	}
	return err
}

// scrapedPair is a gate and a service that rotates keys there, both with TLS, and
// where each is scraped.
type scrapedPair struct {
	*deployment
	client                      *http.Client
	gate, service               *server
	gateMetrics, serviceMetrics string // where
}

func startScrapedPair(t *testing.T) *scrapedPair {
	t.Helper()
	p := &scrapedPair{deployment: newDeployment(t), client: newClient(t)}
	p.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	media, err := sample.FS()
	if err == nil {
		err = os.CopyFS(filepath.Join(p.dir, "media"), media)
	}
	if err != nil {
		t.Fatal(err)
	}
	cert, key := selfSigned(t, p.dir, "both", time.Now().Add(time.Hour))
	p.environ = append(p.environ, "PLAYTOKEN_TLS_CERT="+cert, "PLAYTOKEN_TLS_KEY="+key, "SSL_CERT_FILE="+cert,
		"PLAYTOKEN_GATE_LISTEN=127.0.0.1:0", "PLAYTOKEN_GATE_MEDIA="+filepath.Join(p.dir, "media"), "PLAYTOKEN_GATE_API_KEY="+gateKey,
		"PLAYTOKEN_GATE_DATA="+filepath.Join(p.dir, "own.db"), "PLAYTOKEN_SIGNING=memory", "PLAYTOKEN_PRIVATE_TARGETS=127.0.0.0/8")
	p.gate, p.gateMetrics = p.startScraped("gate")
	p.environ = append(p.environ, "PLAYTOKEN_PLATFORM_URL="+p.gate.url)
	p.service, p.serviceMetrics = p.startScraped("serve")
	p.service.awaitReady(p.client)
	return p
}

// startScraped starts a verb whose metrics have a listener of their own.
func (p *scrapedPair) startScraped(verb string) (s *server, metrics string) {
	address := freeAddress(p.t)
	p.environ = append(p.environ, "PLAYTOKEN_METRICS_LISTEN="+address)
	s = p.startServer(verb)
	s.url = "https" + strings.TrimPrefix(s.url, "http")
	return s, "http://" + address
}

// use lets everything happen that is counted: tokens, a refusal, a rotation, a
// viewer, and a project whose platform and rule both fail.
func (p *scrapedPair) use() {
	t := p.t
	token, status, _, err := mintOver(t.Context(), p.client, p.service.url)
	if err != nil || status != http.StatusCreated {
		t.Fatalf("mint: got %d, %v, want 201", status, err)
	}
	if status, err := plays(t.Context(), p.client, token.URLs.HLS); status != http.StatusOK {
		t.Errorf("the gate: got %d, %v, want 200", status, err)
	}
	admin := apiClient{t: t, client: p.client, url: p.service.url, key: adminKey}
	admin.as("unknown-"+frontendKey).want(http.StatusUnauthorized, nil, "POST /v1/playback-tokens", `{"video_id":"counter"}`)
	admin.want(http.StatusOK, nil, "POST /v1/projects/default/rotation", `{"mode":"now"}`)
	var made handlers.Project
	admin.want(http.StatusCreated, &made, "POST /v1/projects", onGate("troubled", newFailing(t).URL, gateKey))
	admin.want(http.StatusOK, nil, "PATCH /v1/projects/"+made.ID, `{"viewer_policy":{"rule":"viewer.claims.plan == 'film'"}}`)
	admin.sees("POST /v1/playback-tokens", `{"video_id":"counter","project_id":"`+made.ID+`"}`, func(got response) bool {
		return strings.Contains(string(got.body), "not_entitled")
	})
}

// TestMetricsOfThePageAreThoseOfTheScrapes compares docs/monitor.md with what a
// service and a gate really show, both ways.
func TestMetricsOfThePageAreThoseOfTheScrapes(t *testing.T) {
	t.Parallel()
	slow(t, "it starts processes")
	p := startScrapedPair(t)
	p.use()
	documented := documentedMetrics(t)
	texts, shown := map[string]string{}, series{}
	eventually(t, patience, func() error {
		service, serviceText := scrape(t, p.serviceMetrics)
		gate, gateText := scrape(t, p.gateMetrics)
		texts["serve"], texts["gate"] = serviceText, gateText
		maps.Copy(shown, service)
		maps.Copy(shown, gate)
		return compareScrapes(documented, service.names(), gate.names())
	})
	t.Run("the dashboard asks for what is there", func(t *testing.T) { dashboardAsksFor(t, shown) })
	for verb, text := range texts {
		t.Run("promtool accepts the metrics of "+verb, func(t *testing.T) { promtoolAccepts(t, text) })
	}
	p.service.stop()
	p.gate.stop()
}

// dashboardAsksFor holds the metrics of each query in deploy/grafana against scrapes.
func dashboardAsksFor(t *testing.T, shown series) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/grafana/playtoken.json")
	if err != nil {
		t.Fatal(err)
	}
	queries := regexp.MustCompile(`"expr": "((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(string(text), -1)
	if len(queries) < 30 {
		t.Fatalf("got %d queries in deploy/grafana/playtoken.json, want those of all panels", len(queries))
	}
	metric := regexp.MustCompile(`\b(?:playtoken|process|go)_[a-z_]+[a-z]\b`)
	for _, query := range queries {
		for _, name := range metric.FindAllString(query[1], -1) {
			name = strings.TrimSuffix(name, "_bucket")
			if _, there := shown[name]; !there && notScraped[name] == "" {
				t.Errorf("got the query %s, want metrics that a scrape shows, which has no %s", query[1], name)
			}
		}
	}
}

func promtoolAccepts(t *testing.T, text string) {
	t.Helper()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("NOT CHECKED: the metrics by promtool, because it is missing (apt-get install prometheus)")
	}
	cmd := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: got %v, want success:\n%s", err, out)
	}
}
