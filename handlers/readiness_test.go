package handlers_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/projects"
)

// projectReady says of every project what the minter of this world says.
func (w *world) projectReady(ctx context.Context, id string) error {
	if id == "project_unknown" {
		return projects.ErrNotFound
	}
	return w.minter.Ready(ctx)
}

func TestReadinessOfAProjectIsForOperators(t *testing.T) {
	d, done := deploy(t)
	defer done()
	status := map[string]int{"none": 401, "garbage": 401, "viewer": 401, "admin": 200, "auditor": 200, "operator": 200}
	for _, kind := range callerKinds {
		want, ok := status[kind]
		if !ok {
			want = 403
		}
		if got := d.ask("GET", "/readyz?project="+d.own.ID, d.credentialOf(kind), ""); got.Code != want {
			t.Errorf("asked by %s: got %s, want %d", kind, got.Body, want)
		}
		if got := d.ask("GET", "/readyz", d.credentialOf(kind), ""); got.Code != 200 {
			t.Errorf("asked by %s about all projects: got %s, want 200", kind, got.Body)
		}
	}
	for query, want := range map[string]int{
		"project=project_unknown": 404, "project=..": 404, "project=": 400, "project=default&project=default": 400, "project=default&x=y": 400, "x=y": 200,
	} {
		if got := d.ask("GET", "/readyz?"+query, adminKey, ""); got.Code != want {
			t.Errorf("asked about %s: got %s, want %d", query, got.Body, want)
		}
	}
}

func TestReadinessOfAProjectSaysWhyNot(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.store.set(func(s *fakeStore) { s.ring.Keys = nil })
		time.Sleep(time.Minute)
		got := w.ask("GET", "/readyz?project=default", adminKey, "")
		if p := problemOf(t, got); got.Code != 503 || p.Code != "no_active_key" || got.Header().Get("Retry-After") == "" {
			t.Errorf("a project without keys: got %s, want 503 no_active_key, and Retry-After", got.Body)
		}
	})
}

// TestTheLogHasOneLineOfManyProbes: load balancers ask each second.
func TestTheLogHasOneLineOfManyProbes(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.log.Reset()
		lines := func(keys []keyrotation.Key, probes int) (lines int) {
			w.store.set(func(s *fakeStore) { s.ring.Keys = keys })
			before := strings.Count(w.log.String(), "route=/readyz")
			for range probes {
				time.Sleep(time.Minute) // longer than the view of the ring holds
				w.ask("GET", "/readyz", "", "")
			}
			return strings.Count(w.log.String(), "route=/readyz") - before
		}
		keys := w.store.ring.Keys
		for _, c := range []struct {
			name         string
			keys         []keyrotation.Key
			probes, want int
		}{{"ready", keys, 5, 0}, {"not ready", nil, 10, 1}, {"still", nil, 10, 1}, {"ready again", keys, 30, 1}, {"not ready again", nil, 2, 1}} {
			if got := lines(c.keys, c.probes); got != c.want {
				t.Errorf("%s: got %d lines of %d probes, want %d:\n%s", c.name, got, c.probes, c.want, w.log.String())
			}
		}
		w.ask("GET", "/readyz?project=default", adminKey, "")
		if last := w.log.String(); !strings.Contains(last, "project=default") {
			t.Errorf("got the log %s, want a line of each time that an operator asks about a project", last)
		}
	})
}
