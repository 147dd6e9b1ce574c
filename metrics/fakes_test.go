package metrics_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"playtoken/keyrotation"
	"playtoken/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newService(t *testing.T) *metrics.Service {
	t.Helper()
	s, err := metrics.NewService(metrics.Build{Version: "v1.2.3", Revision: "abcdef"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// exposition is the response to one scrape, parsed as Prometheus parses it.
type exposition struct {
	families map[string]*dto.MetricFamily
	text     string
}

type handler interface {
	Handler(*slog.Logger) http.Handler
}

// get serves one scrape.
func get(h handler) *httptest.ResponseRecorder {
	response := httptest.NewRecorder()
	h.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(response, httptest.NewRequest("GET", "/metrics", nil))
	return response
}

func scrape(t *testing.T, h handler) exposition {
	t.Helper()
	response := get(h)
	if response.Code != http.StatusOK {
		t.Fatalf("scrape: got status %d, want 200: %s", response.Code, response.Body)
	}
	text := response.Body.String()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("parse the exposition: %v in\n%s", err, text)
	}
	return exposition{families: families, text: text}
}

// ours lists the families of this project, with their types and labels.
func (e exposition) ours() (names []string) {
	for name, family := range e.families {
		if !strings.HasPrefix(name, "playtoken_") {
			continue
		}
		var labels []string
		for _, pair := range family.Metric[0].Label {
			labels = append(labels, pair.GetName())
		}
		slices.Sort(labels)
		names = append(names, fmt.Sprintf("%s %s {%s}", name, strings.ToLower(family.GetType().String()), strings.Join(labels, ",")))
	}
	slices.Sort(names)
	return names
}

// value returns the value of the series with these label values, in any order;
// for a histogram, its number of observations. False: there is no such series.
func (e exposition) value(name string, labels ...string) (float64, bool) {
	for _, m := range e.families[name].GetMetric() {
		var values []string
		for _, pair := range m.Label {
			values = append(values, pair.GetValue())
		}
		slices.Sort(values)
		if slices.Equal(values, slices.Sorted(slices.Values(labels))) {
			if m.Histogram != nil {
				return float64(m.Histogram.GetSampleCount()), true
			}
			return m.GetCounter().GetValue() + m.GetGauge().GetValue(), true
		}
	}
	return 0, false
}

// shows checks that there is a series with these label values, and its value.
func (e exposition) shows(t *testing.T, want float64, name string, labels ...string) {
	t.Helper()
	if got, ok := e.value(name, labels...); !ok || got != want {
		t.Errorf("%s%q = %v (exists: %v), want %v", name, labels, got, ok, want)
	}
}

// rotation reads its ring from a store that may fail or hang.
type rotation struct {
	mu      sync.Mutex
	ring    keyrotation.Ring
	err     error
	hangs   bool
	overdue bool
	reads   int
}

func (r *rotation) set(change func(*rotation)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r)
}

func (r *rotation) Ring(ctx context.Context) (keyrotation.Ring, error) {
	r.mu.Lock()
	r.reads++
	ring, err, hangs := r.ring, r.err, r.hangs
	r.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return keyrotation.Ring{}, ctx.Err()
	}
	return ring, err
}

func (r *rotation) Overdue(keyrotation.Ring) bool { return r.overdue }

func (r *rotation) Troubles(ring keyrotation.Ring) []keyrotation.Trouble {
	if r.overdue {
		return append(slices.Clone(ring.Troubles), keyrotation.Trouble{Code: keyrotation.RotationOverdue})
	}
	return ring.Troubles
}

func (r *rotation) KeyBudget() int { return 4 }

// someRing has an active key, a standby and two tombstones.
func someRing() keyrotation.Ring {
	now := time.Now()
	return keyrotation.Ring{
		Keys: []keyrotation.Key{
			{Generation: 1, State: keyrotation.Deleted}, {Generation: 2, State: keyrotation.Deleted},
			{Generation: 3, State: keyrotation.Active, ActivatedAt: now.Add(-time.Hour), KeyID: "key-3", Fingerprint: "f3"},
			{Generation: 4, State: keyrotation.Registered, Unseen: true},
		},
		Strays:     []keyrotation.Stray{{KeyID: "key-7", Generation: 4}},
		ObservedAt: now.Add(-time.Minute), NextAction: now.Add(2 * time.Hour),
		Troubles: []keyrotation.Trouble{{Code: keyrotation.KeyIsUnmanaged, KeyID: "hand"}, {Code: keyrotation.KeyIsUnmanaged, KeyID: "made"}},
		Drifted:  keyrotation.DriftCounts{keyrotation.KeyForeign: 2},
		LastRun:  keyrotation.Run{Outcome: keyrotation.RunOK, SuccessAt: now.Add(-30 * time.Minute)},
	}
}
