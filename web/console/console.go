// Package console is the pages under /console/, on which operators see and change a
// deployment.
//
// The decision a newcomer would get wrong: the console is a client of the HTTP API
// and nothing more. Each page asks the service's own handler, in the process, with
// the session of the person who looks, and each change is a request that the command
// line could make too. So permissions, limits, approvals and the audit record need
// no second implementation here, and what a page shows a program can read as well.
//
// A page is one file with its template, and one line in the table of pages; a
// change is the same in the table of acts. Everything works without JavaScript, and
// the modules in static only make it live.
package console

import (
	"bytes"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"playtoken/limits"
	"playtoken/secret"
	"playtoken/web"
)

// Path is where the console begins.
const Path = "/console/"

// CallbackPath is where a sign-in with the identity provider ends, below the
// service's public URL.
const CallbackPath = Path + "login/callback"

// Config is what the console works with.
type Config struct {
	// API is the service's HTTP API, for requests whose bearer is the value of a
	// session's cookie. It counts no requests: the console bounds sessions itself.
	API http.Handler
	// Door is the API as callers on the network have it. A key that is typed in to
	// sign in is tried there, so that wrong ones are counted and recorded.
	Door     http.Handler
	Sessions Sessions
	// URL is the service's public address; "": unknown. A proxy in front may change
	// the Host of requests, so changes from pages of this address are accepted.
	URL string
	// Provider says that people may sign in with the identity provider, below URL.
	Provider bool
	// Replica says how this process is. Nil: that is not known.
	Replica func() Replica

	// Link signs the person in who started a demo; nil: no link does.
	Link *Link

	Log   *slog.Logger
	Clock func() time.Time // nil: time.Now
}

// Console is the handler of everything under Path.
type Console struct {
	config   Config
	handler  http.Handler
	pages    *template.Template // the parts that every page has
	parsed   map[string]*template.Template
	version  string // of the static files, a part of their addresses
	sdk      *web.SDK
	library  bool // hls.js was there when the program was built
	limiter  limits.Limiter
	streams  chan struct{} // has an element for each open stream
	known    known
	history  *history
	stopping chan struct{}
	stop     sync.Once
}

// New returns the console. What its pages start in the background ends with Close.
func New(config Config) (*Console, error) {
	if config.Clock == nil {
		config.Clock = time.Now
	}
	c := &Console{
		config: config, parsed: map[string]*template.Template{}, version: version(), limiter: limits.NewLocal(),
		streams: make(chan struct{}, maxStreams), stopping: make(chan struct{}),
	}
	c.history = &history{clock: config.Clock, now: func() map[string]Totals { return c.replica().Totals }}
	mux := http.NewServeMux()
	for _, add := range []func(*http.ServeMux) error{
		c.addTemplates, c.addEntrance, c.addPages, c.addActs, c.addTry, c.addExport, c.addRule, c.addSettings,
	} {
		if err := add(mux); err != nil {
			return nil, fmt.Errorf("set up the console: %w", err)
		}
	}
	protection := http.NewCrossOriginProtection()
	if u, err := url.Parse(config.URL); err == nil && u.Host != "" {
		if err := protection.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
			return nil, fmt.Errorf("set up the console: %w", err)
		}
	}
	protection.SetDenyHandler(http.HandlerFunc(c.refuseForeign))
	c.handler = protection.Handler(mux)
	return c, nil
}

// ServeHTTP implements [http.Handler].
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Content-Security-Policy", contentPolicy)
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	c.handler.ServeHTTP(w, r)
}

// replica is how this process is.
func (c *Console) replica() Replica {
	if c.config.Replica == nil {
		return Replica{}
	}
	return c.config.Replica()
}

// contentPolicy allows what the console itself serves, and no code in pages.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// maxForm is the largest form that is read, in bytes.
const maxForm = 64 << 10

// Stopping ends the streams of events and opens no more: the process is about to
// end, and their pages look for another replica.
func (c *Console) Stopping() { c.stop.Do(func() { close(c.stopping) }) }

// Close ends what goes on in the background, and waits for it. No request may be
// running.
func (c *Console) Close() {
	c.Stopping()
	c.known.close()
}

func (c *Console) addPages(mux *http.ServeMux) error {
	for _, p := range c.pageTable() {
		shown, err := c.parse(p.template)
		if err != nil {
			return err
		}
		mux.HandleFunc("GET /console"+p.path, c.signedIn(func(v *visit) {
			content, err := p.show(v)
			if err != nil {
				c.showProblem(v, err)
				return
			}
			c.show(v, http.StatusOK, shown, p.title, content)
		}))
	}
	return nil
}

// refuseForeign responds to a change that another site's page asks for.
func (c *Console) refuseForeign(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "This request came from a page of another site, and was not carried out.", http.StatusForbidden)
}

// frame is what every page has around its content.
type frame struct {
	Title   string
	Person  Person
	Menu    []entry
	Assets  string
	Live    string // the address of the page's events; "": it has none
	Content any
}

// entry is one of the menu.
type entry struct {
	Name, Path string
	Current    bool
}

// show writes a page. It is complete before anything is written.
func (c *Console) show(v *visit, status int, t *template.Template, title string, content any) {
	var body bytes.Buffer
	part := "layout"
	if v.request.Header.Get(partHeader) != "" {
		part = "content"
	}
	var data any = frame{
		Title: title, Person: v.person, Menu: c.menu(v.request.URL.Path), Assets: c.assets(),
		Live: livePath + "?page=" + url.QueryEscape(v.request.URL.RequestURI()), Content: content,
	}
	if part == "content" {
		data = content
	}
	if err := t.ExecuteTemplate(&body, part, data); err != nil {
		c.config.Log.Error("a page of the console could not be written", "page", title, "error", err)
		http.Error(v.response, "This page could not be written; the service's log says why.", http.StatusInternalServerError)
		return
	}
	v.response.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.response.WriteHeader(status)
	v.response.Write(body.Bytes())
}

// showProblem writes the page of a request that was refused. The end of a session
// leads to the form for signing in.
func (c *Console) showProblem(v *visit, err error) {
	p := problemOf(err)
	if p.Status == http.StatusUnauthorized {
		c.toSignIn(v.response, v.request)
		return
	}
	if p.Status == http.StatusInternalServerError {
		c.config.Log.Error("a page of the console", "path", v.request.URL.Path, "error", err)
	}
	c.show(v, p.Status, c.parsed["problem.html"], p.Title, p)
}

// bearer is a session's credential for the API.
func bearer(cookie secret.Value) string { return "Bearer " + cookie.Reveal() }
