package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"playtoken/projects"
	"playtoken/secret"
	"playtoken/store"
	"playtoken/store/storetest"
)

// ledger is a store whose documents are in memory, which counts what is read for a
// request, and not what a process reads by itself.
type ledger struct {
	Store
	*storetest.Memory
}

// forRequest names the counter of a request in its context.
type forRequest struct{}

func (l ledger) Read(ctx context.Context, name string) (store.Document, error) {
	if reads, ok := ctx.Value(forRequest{}).(*atomic.Int64); ok {
		reads.Add(1)
	}
	return l.Memory.Read(ctx, name)
}

func (l ledger) Write(ctx context.Context, name string, data []byte, version int64) (int64, error) {
	return l.Memory.Write(ctx, name, data, version)
}

func (l ledger) Delete(ctx context.Context, name string) error { return l.Memory.Delete(ctx, name) }

// town is a deployment with so many projects that no page can wait for all of them.
type town struct {
	t       testing.TB
	service *Service
	handler http.Handler
	session *http.Cookie
	gate    string
}

func newTown(t testing.TB, many int, options Options) *town {
	t.Helper()
	options.HoldKeys = true
	options.Wrap = func(next Store) Store { return ledger{Store: next, Memory: storetest.NewMemory()} }
	at := startGate(t)
	s := open(t, environ(t, at, "PLAYTOKEN_SIGNING=memory", "PLAYTOKEN_VIEW_AGE=1m"), options)
	var all errgroup.Group
	all.SetLimit(8)
	for i := range many - 1 { // and the environment's
		all.Go(func() error {
			_, err := s.Projects.CreateProject(t.Context(), projects.Project{
				Name: fmt.Sprintf("customer %05d with a name of some length", i), Platform: "gate", Settings: map[string]string{"url": at},
				Credential: map[string]secret.Value{"api_key": secret.New(gateKey)},
			})
			return err
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	handler, err := s.Handler()
	if err != nil {
		t.Fatal(err)
	}
	c := &town{t: t, service: s, handler: handler, gate: at}
	r := httptest.NewRequest(http.MethodPost, "/console/login", strings.NewReader(url.Values{"key": {adminKey}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	for _, cookie := range w.Result().Cookies() {
		c.session = cookie
	}
	return c
}

// page is a page of the console, and how often the store was read for it.
func (c *town) page(path string) (text string, reads int64) {
	c.t.Helper()
	counter := &atomic.Int64{}
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	r.AddCookie(c.session)
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), forRequest{}, counter)))
	if w.Code != http.StatusOK {
		c.t.Fatalf("%s: got status %d, want 200: %s", path, w.Code, w.Body)
	}
	return w.Body.String(), counter.Load()
}

// until returns a page once it has a text.
func (c *town) until(path, want string) (text string) {
	c.t.Helper()
	eventually(c.t, time.Minute, func() error {
		select { // a session asks for at most 100 pages in ten seconds
		case <-c.t.Context().Done():
		case <-time.After(200 * time.Millisecond):
		}
		if text, _ = c.page(path); !strings.Contains(text, want) {
			return errors.New(path + " has no " + want)
		}
		return nil
	})
	return text
}

const (
	manyProjects = 1000
	// pageReads is how often the store is read for one page at most, however many
	// projects there are: a list is an index of 32 documents, and the rows of a page.
	pageReads = 150
	// knownReads is the same once all projects were looked at: the index, if it is
	// time to count them again.
	knownReads = 64
	pageBytes  = 100_000
)

// TestPagesOfAThousandProjects: no page reads more, or is larger, because there are
// many projects, also the very first one; and each project is found.
func TestPagesOfAThousandProjects(t *testing.T) {
	c := newTown(t, manyProjects, Options{Doctor: func(*Service) Doctor { return &practice{} }})
	for _, path := range []string{"/console/", "/console/", "/console/?page=7", "/console/?q=00123", "/console/projects", "/console/doctor", "/console/doctor?page=3", "/console/metrics"} {
		text, reads := c.page(path)
		t.Logf("%s: %d reads and %d bytes", path, reads, len(text))
		if reads > pageReads || len(text) > pageBytes {
			t.Errorf("%s: got %d reads of the store and %d bytes, want at most %d and %d", path, reads, len(text), pageReads, pageBytes)
		}
	}
	c.until("/console/", `healthy</span> 1`+"\u202f"+`000`)
	last := c.until("/console/?page=20", "customer 00998")
	if rows := strings.Count(last, "<tr>") - 1; rows != 50 || strings.Contains(last, `rel="next"`) || !strings.Contains(last, `rel="prev"`) {
		t.Errorf("the last page: got %d rows, want 50, the page before and no next", rows)
	}
	if found, _ := c.page("/console/?q=00123"); !strings.Contains(found, "customer 00123") || strings.Contains(found, "customer 00124") {
		t.Errorf("a search: got no customer 00123 or another, want that one: %s", found)
	}
	for _, path := range []string{"/console/", "/console/?page=20", "/console/?q=customer"} {
		if text, reads := c.page(path); reads > knownReads || len(text) > pageBytes {
			t.Errorf("%s, once all is known: got %d reads and %d bytes, want at most %d and %d", path, reads, len(text), knownReads, pageBytes)
		}
	}
}

// BenchmarkPagesOfAThousandProjects says how long the service takes for the first
// page that a person opens, and for pages once all is known, in milliseconds:
//
//	go test ./service -run none -bench PagesOfAThousand -benchtime 1x
func BenchmarkPagesOfAThousandProjects(b *testing.B) {
	for b.Loop() {
		c := newTown(b, manyProjects, Options{Doctor: func(*Service) Doctor { return &practice{} }})
		took := func(path string) float64 {
			began := time.Now()
			c.page(path)
			return float64(time.Since(began).Microseconds()) / 1000
		}
		b.ReportMetric(took("/console/"), "ms/first-overview")
		c.until("/console/", `healthy</span> 1`+"\u202f"+`000`)
		for name, path := range map[string]string{"overview": "/console/", "search": "/console/?q=00123", "doctor": "/console/doctor", "projects": "/console/projects", "project": "/console/projects/default"} {
			all := []float64{took(path), took(path), took(path), took(path), took(path)}
			slices.Sort(all)
			b.ReportMetric(all[2], "ms/"+name)
		}
	}
}
