package handlers_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"playtoken/handlers"
	"playtoken/projects"
	"playtoken/secret"
)

// observer remembers what the service reports about itself.
type observer struct {
	mu  sync.Mutex
	saw []string
}

func (o *observer) note(what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.saw = append(o.saw, what)
}

func (o *observer) refused(project, code string) { o.note("refused " + code + " " + project) }

func (o *observer) answered(_ context.Context, r handlers.Response) {
	if r.Took < 0 {
		o.note("took less than nothing")
	}
	o.note(fmt.Sprintf("%s %q %d", r.Method, r.Route, r.Status))
}

// observe connects an observer to a world.
func (w *world) observe(o *observer) {
	w.Handler = handlers.New(handlers.Config{
		Callers:  callers{projects.EnvironmentKeys{AdminKey: secret.New(adminKey), APIKey: secret.New(apiKey)}},
		Projects: w, Ready: w.minter.Ready, Log: slog.New(slog.DiscardHandler),
		Refused: o.refused, Responded: o.answered,
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "metrics") }),
	})
}

func TestEveryResponseAndEveryRefusedTokenIsReported(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	const one, batch = "/v1/playback-tokens", "/v1/playback-tokens/batch"
	for _, c := range []struct {
		method, path, key, body string
		want                    []string
	}{
		{"POST", one, apiKey, `{"video_id":"vid1"}`, []string{`POST "/v1/playback-tokens" 201`}},
		{"POST", one, "", `{"video_id":"vid1"}`, []string{"refused unauthenticated ", `POST "/v1/playback-tokens" 401`}},
		{"POST", one, apiKey, `{"video":"vid1"}`, []string{"refused invalid_request default", `POST "/v1/playback-tokens" 400`}},
		{"POST", one, apiKey, `{"video_id":"*"}`, []string{"refused forbidden default", `POST "/v1/playback-tokens" 403`}},
		{"POST", batch, apiKey, `{"requests":[{"video_id":"vid1"},{"video_id":"x"},{"video_id":"vid1","expires_in":0}]}`,
			[]string{`POST "/v1/playback-tokens/batch" 200`, "refused ttl_out_of_range default", "refused video_invalid default"}},
		{"POST", batch, apiKey, `{"requests":[]}`, []string{"refused invalid_request default", `POST "/v1/playback-tokens/batch" 400`}},
		{"POST", one, adminKey, `{"video_id":"*","project_id":"default"}`, []string{"refused forbidden default", `POST "/v1/playback-tokens" 403`}},
		{"POST", one, apiKey, `{"video_id":"vid1","project_id":"anothers"}`, []string{"refused not_found default", `POST "/v1/playback-tokens" 404`}},
		// A problem on another route is not a refused token.
		{"POST", one + "/inspect", apiKey, `{}`, []string{`POST "/v1/playback-tokens/inspect" 400`}},
		{"GET", "/v1/projects/default/signing-keys/2", adminKey, "", []string{`GET "/v1/projects/{project_id}/signing-keys/{generation}" 200`}},
		{"GET", "/v1/projects/secret-id/signing-keys/x", adminKey, "", []string{`GET "" 404`}},
		{"GET", "/v1//x", adminKey, "", []string{`GET "" 400`}},
		{"DELETE", "/healthz", "", "", []string{`DELETE "/healthz" 405`}},
		{"GET", "/metrics", adminKey, "", []string{`GET "/metrics" 200`}},
		{"GET", "/metrics", "", "", []string{`GET "/metrics" 401`}},
	} {
		o := &observer{}
		w.observe(o)
		w.ask(c.method, c.path, c.key, c.body)
		slices.Sort(o.saw)
		slices.Sort(c.want)
		if diff := cmp.Diff(c.want, o.saw); diff != "" {
			t.Errorf("%s %s %s, -want +got:\n%s", c.method, c.path, c.body, diff)
		}
	}
}

func TestMetricsAreServedOnlyIfConfigured(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	if got := w.ask("GET", "/metrics", "", ""); got.Code != http.StatusNotFound {
		t.Errorf("metrics that are not configured: got %d, want 404", got.Code)
	}
	w.observe(&observer{})
	for _, c := range []struct {
		peer, key, header, want string
	}{
		{"127.0.0.1:4711", "", "", "200"},
		{"[::1]:4711", "", "", "200"},
		{"127.0.0.1:4711", "", "X-Forwarded-For", "401 unauthenticated"}, // a proxy on this machine
		{"127.0.0.1:4711", "", "Forwarded", "401 unauthenticated"},
		{"127.0.0.1:4711", "", "Via", "401 unauthenticated"},
		{"192.0.2.1:4711", "", "", "401 unauthenticated"},
		{"10.0.0.1:4711", "", "", "401 unauthenticated"},
		{"@", "", "", "401 unauthenticated"}, // a connection without an address
		{"192.0.2.1:4711", apiKey, "", "403 forbidden"},
		{"192.0.2.1:4711", adminKey, "X-Forwarded-For", "200"},
	} {
		r := request("GET", "/metrics", c.key, "")
		r.RemoteAddr = c.peer
		if c.header != "" {
			r.Header.Set(c.header, "192.0.2.9")
		}
		got := w.send(r)
		if short(got) != c.want || (got.Code == 200) != (got.Body.String() == "metrics") {
			t.Errorf("metrics for %s with key %t, header %q: got %s, want %s", c.peer, c.key != "", c.header, got.Body, c.want)
		}
	}
}
