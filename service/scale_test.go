package service

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"playtoken/handlers"
	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/secret"
	"playtoken/store"
)

// counting is a store that counts what is read of it.
type counting struct {
	Store
	reads atomic.Int64
}

func (c *counting) Read(ctx context.Context, name string) (store.Document, error) {
	c.reads.Add(1)
	return c.Store.Read(ctx, name)
}

// during is how many reads do takes.
func (c *counting) during(do func()) int64 {
	before := c.reads.Load()
	do()
	return c.reads.Load() - before
}

// counted is a deployment on a counting store.
func counted(t *testing.T, environ []string) (*Service, *counting) {
	t.Helper()
	counter := &counting{}
	s := open(t, environ, Options{Wrap: func(next Store) Store {
		counter.Store = next
		return counter
	}})
	return s, counter
}

// crowd is a deployment with many projects, of which one has many API keys.
type crowd struct {
	t       *testing.T
	environ []string
	service *Service
	counter *counting
	main    string // id of the project with the keys
	key     projects.NewAPIKey
}

// newCrowd makes them one by one, as callers would: each is two transactions
// that are safe on disk before the next begins, which is what takes the time.
func newCrowd(t *testing.T, many int) *crowd {
	t.Helper()
	at := startGate(t)
	c := &crowd{t: t, environ: environ(t, at, "PLAYTOKEN_VIEW_AGE=1m", "PLAYTOKEN_PROPAGATION_DELAY=0s")} // so that nothing is read again meanwhile
	c.service, c.counter = counted(t, c.environ)
	project := func(i int) projects.Project {
		return projects.Project{
			Name: fmt.Sprintf("customer %05d", (i*7919)%many), Platform: "gate",
			Credential: map[string]secret.Value{"api_key": secret.New(gateKey)},
			Settings:   map[string]string{"url": at},
		}
	}
	began := time.Now()
	first, err := c.service.Projects.CreateProject(t.Context(), project(0))
	if err != nil {
		t.Fatal(err)
	}
	c.main = first.ID
	var all errgroup.Group
	all.SetLimit(16)
	for i := range many - 1 {
		all.Go(func() error {
			_, err := c.service.Projects.CreateProject(t.Context(), project(i+1))
			return err
		})
	}
	for i := range many - 1 {
		all.Go(func() error {
			_, err := c.service.Projects.CreateAPIKey(t.Context(), projects.APIKey{ProjectID: c.main, Name: fmt.Sprintf("key %05d", i), Scopes: []projects.Scope{projects.ScopeMint}})
			return err
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	if c.key, err = c.service.Projects.CreateAPIKey(t.Context(), projects.APIKey{ProjectID: c.main, Name: "the one", Scopes: []projects.Scope{projects.ScopeMint}}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d projects and as many API keys made in %s", many, time.Since(began).Round(time.Millisecond))
	return c
}

// handler is the whole API without limits.
func (c *crowd) handler() http.Handler {
	config := c.service.handlerConfig()
	config.Callers = callers{environment: c.service.environmentKeys, keys: c.service.view, tokens: c.service.access}
	return handlers.New(config)
}

// ask asks as the holder of a key, and decodes what comes with this status.
func (c *crowd) ask(api http.Handler, key, route, body string, status int, into any) {
	c.t.Helper()
	method, path, _ := strings.Cut(route, " ")
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+key)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	answer := httptest.NewRecorder()
	api.ServeHTTP(answer, req)
	if err := json.Unmarshal(answer.Body.Bytes(), into); err != nil || answer.Code != status {
		c.t.Fatalf("%s: got status %d and error %v, want status %d: %s", route, answer.Code, err, status, answer.Body)
	}
}

// rotate makes a key of the main project active, as another process does it.
func (c *crowd) rotate() {
	c.t.Helper()
	rotator, err := open(c.t, c.environ, Options{}).tenants.rotator(c.t.Context(), c.main)
	if err != nil {
		c.t.Fatal(err)
	}
	eventually(c.t, 20*time.Second, func() error {
		if _, err := rotator.Reconcile(c.t.Context(), keyrotation.Order{Actor: "test"}); err != nil {
			return err
		}
		ring, err := rotator.Ring(c.t.Context())
		if _, ok := ring.Active(); err == nil && !ok {
			err = errors.New("no key is active")
		}
		return err
	})
}

// listed is a page of a list.
type listed struct {
	Items []struct {
		ProjectID string `json:"project_id"`
		APIKeyID  string `json:"api_key_id"`
	}
	Links []struct{ Rel, Href string }
}

func (l listed) link(rel string) string {
	for _, link := range l.Links {
		if link.Rel == rel {
			return link.Href
		}
	}
	return ""
}

// cost is what things cost one deployment.
type cost struct {
	cold   int64   // reads of the first mint
	warm   int64   // reads of a hundred others
	allocs float64 // of a mint
}

// awaitUse waits until the use of the key is on record, which is written and
// read for in the background.
func (c *crowd) awaitUse() {
	c.t.Helper()
	eventually(c.t, 20*time.Second, func() error {
		_, err := c.counter.Store.Read(c.t.Context(), "use/"+c.key.ID)
		return err
	})
}

func (c *crowd) mints(api http.Handler) (of cost) {
	c.t.Helper()
	mint := func() {
		var token handlers.Token
		c.ask(api, c.key.Value.Reveal(), "POST /v1/playback-tokens", `{"video_id":"counter"}`, http.StatusCreated, &token)
	}
	of.cold = c.counter.during(func() {
		mint()
		c.awaitUse()
	})
	for range 10 {
		mint()
	}
	of.warm = c.counter.during(func() { of.allocs = testing.AllocsPerRun(100, mint) })
	return of
}

// indexed is how many documents an index is spread over.
const indexed = 32

// pages walks a list by its links, and returns how often each id was shown.
func (c *crowd) pages(api http.Handler, path string, size, readsOfOne int) (shown map[string]int) {
	c.t.Helper()
	shown = map[string]int{}
	most := int64(indexed + readsOfOne*size + 2) // and the project, where the rows are its keys
	for next := fmt.Sprintf("%s&page_size=%d", path, size); next != ""; {
		var page listed
		reads := c.counter.during(func() { c.ask(api, adminKey, "GET "+next, "", http.StatusOK, &page) })
		if reads > most {
			c.t.Fatalf("%s: %d reads for a page of %d, want at most %d", next, reads, size, most)
		}
		for _, item := range page.Items {
			shown[cmp.Or(item.APIKeyID, item.ProjectID)]++
		}
		next = page.link("next")
	}
	return shown
}

func TestManyProjectsAndKeysCostNoMoreThanOne(t *testing.T) {
	many := 300
	if testing.Short() {
		many = 50
	}
	if os.Getenv("PLAYTOKEN_TEST_CHAOS") != "" {
		many = 10_000
	}
	one, all := newCrowd(t, 1), newCrowd(t, many)
	var costs [2]cost
	for i, c := range []*crowd{one, all} {
		c.rotate()
		costs[i] = c.mints(c.handler())
	}
	alone, crowded := costs[0], costs[1]
	if alone.cold == 0 || crowded.cold != alone.cold || alone.warm != 0 || crowded.warm != 0 {
		t.Errorf("reads of a mint: %+v with one project and key, %+v with %d", alone, crowded, many)
	}
	if crowded.allocs > 1.1*alone.allocs {
		t.Errorf("a mint allocates %.0f times with one project and key, %.0f times with %d", alone.allocs, crowded.allocs, many)
	}
	t.Logf("with one: %+v; with %d: %+v", alone, many, crowded)
	api := all.handler()
	for _, c := range []struct {
		path             string
		rows, readsOfOne int
	}{
		{"/v1/projects?sort_by=created_at", many, 1},
		{"/v1/projects?sort_by=name&sort_order=desc", many, 1},
		{"/v1/projects/" + all.main + "/api-keys?sort_by=created_at", many, 2}, // the key, and when it was used
		{"/v1/projects/" + all.main + "/api-keys?sort_by=name", many, 2},
	} {
		shown := all.pages(api, c.path, 100, c.readsOfOne)
		for id, times := range shown {
			if times != 1 {
				t.Errorf("%s: %s is shown %d times", c.path, id, times)
			}
		}
		if len(shown) != c.rows {
			t.Errorf("%s: %d rows, want %d", c.path, len(shown), c.rows)
		}
	}
}
