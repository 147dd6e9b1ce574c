// Package apivideotest is a stand-in for api.video, made from its documents:
// the API with its two ways to log in, the Admin API, and the hosts that
// viewers are sent to.
//
// The decision a newcomer would get wrong: where the documents leave something
// open it does what is worst for a client. A refresh token works once, the
// bearer tokens of a deleted API key die with it, and a private token is gone
// after the first URL that is opened with it, unless a session was.
package apivideotest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"playtoken/platforms/standin"
)

// What an account may do, by the documents.
const (
	ProductionReads  = 500 // in a minute
	ProductionWrites = 200
	AdminCalls       = 10 // in a second
	BearerLife       = time.Hour
	SessionLife      = 24 * time.Hour
	Project          = "project_1CCq9NurjJBRehCVCe8XQY"
)

// Videos that every account has.
var (
	PrivateVideos = []string{"vi4k0jvEUuaTdRAEjQ4Jfagz", "vi76R6JlaYV7Onu76l0XjPVp"}
	PublicVideo   = "viPublicAndOpenToEveryone"
)

// Standin is one account over HTTP. It is safe for concurrent use.
type Standin struct {
	world standin.World
	mux   *http.ServeMux

	mu         sync.Mutex
	limits     map[string]int // "read" and "write" in a minute
	windows    map[string]*minute
	admin      []time.Time // calls of the last second
	bearers    map[string]bearer
	refreshers map[string]string // API key's value, by refresh token
	private    map[string]*private
	stale      string // the token that a cache keeps giving out
	caching    bool
	videos     map[string]bool // public?
	script     map[string][]standin.Fault
	calls      map[string]int
}

type bearer struct {
	key string // value of the API key
	end time.Time
}

// minute is a window in which calls are counted.
type minute struct {
	used int
	ends time.Time
}

// Serve is a Standin for platformtest.
func Serve(world standin.World) http.Handler { return New(world) }

// New returns the account of a world. Its API keys are the world's api_key, if
// there is one, and the keys that were issued.
func New(world standin.World) *Standin {
	s := &Standin{
		world:      world,
		mux:        http.NewServeMux(),
		limits:     map[string]int{"read": ProductionReads, "write": ProductionWrites},
		windows:    map[string]*minute{},
		bearers:    map[string]bearer{},
		refreshers: map[string]string{},
		private:    map[string]*private{},
		videos:     map[string]bool{PublicVideo: true},
		script:     map[string][]standin.Fault{},
		calls:      map[string]int{},
	}
	for _, id := range PrivateVideos {
		s.videos[id] = false
	}
	s.handle("POST /auth/api-key", "write", s.authenticate)
	s.handle("POST /auth/refresh", "write", s.refresh)
	s.handle("GET /videos", "read", s.listVideos)
	s.handle("GET /videos/{video}", "read", s.showVideo)
	s.deliver()
	s.adminAPI()
	return s
}

// ServeHTTP implements http.Handler.
func (s *Standin) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Script says what goes wrong with the next calls of a route of the API
// ("GET /videos/{video}"), one by one. Keys.Script does the same for API keys.
func (s *Standin) Script(route string, faults ...standin.Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script[route] = append(s.script[route], faults...)
}

// Mend forgets all that was still to go wrong.
func (s *Standin) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.script)
}

// Count returns how many calls of a route there were, refused ones included.
func (s *Standin) Count(route string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[route]
}

// Limit sets how many calls a class ("read", "write") may make in a minute.
func (s *Standin) Limit(class string, calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits[class] = calls
}

// Cache has a cache before the API that gives the same private token to all.
func (s *Standin) Cache(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.caching, s.stale = on, ""
}

// Expire ends all bearer tokens, and all refresh tokens too if asked to.
func (s *Standin) Expire(refresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.bearers)
	if refresh {
		clear(s.refreshers)
	}
}

// answer is what a route says.
type answer struct {
	status int
	body   string
}

func ok(body any) answer { return answer{http.StatusOK, text(body)} }

func text(body any) string {
	data, err := json.Marshal(body)
	if err != nil {
		panic(err) // only texts and numbers are in it
	}
	return string(data)
}

// problem is a refusal of the API. Its content type is application/json.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Name   string `json:"name,omitempty"`
	Status int    `json:"status"`
}

func no(status int, code, name, title string) answer {
	return answer{status, text(problem{Type: "https://docs.api.video/reference/" + code, Title: title, Name: name, Status: status})}
}

var (
	noKey     = no(http.StatusUnauthorized, "authentication-invalid-api-key", "", "The API key you provided is invalid.")
	noLogin   = no(http.StatusBadRequest, "authentication-invalid-user-credentials", "", "The user credentials were incorrect.")
	notFound  = no(http.StatusNotFound, "not-found", "", "The requested resource could not be found.")
	tooMany   = no(http.StatusTooManyRequests, "too-many-requests", "", "Too many requests.")
	noPayload = no(http.StatusBadRequest, "invalid-payload", "", "The payload is invalid.")
)

// Refuse is a refusal as api.video words it.
func Refuse(status int, detail string) string {
	return no(status, "as-told", "", detail).body
}

// handle serves a route of the API, within its limits.
func (s *Standin) handle(route, class string, serve func(*http.Request) answer) {
	s.mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
		fault := s.begin(route)
		said, within := tooMany, s.charge(w.Header(), class)
		if within && (fault.Effect != standin.Never || r.Method == http.MethodGet) {
			said = serve(r)
		}
		fault.Send(w, r, standin.Reply{Status: said.status, Body: said.body, Refuse: Refuse})
	})
}

func (s *Standin) begin(route string) standin.Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[route]++
	if script := s.script[route]; len(script) > 0 {
		s.script[route] = script[1:]
		return script[0]
	}
	return standin.Fault{}
}

// charge counts a call, says in the header what is left, and reports whether
// the call is within the limit.
func (s *Standin) charge(header http.Header, class string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit, now, w := s.limits[class], time.Now(), s.windows[class]
	if w == nil || !now.Before(w.ends) {
		w = &minute{ends: now.Add(time.Minute)}
		s.windows[class] = w
	}
	within := w.used < limit
	if within {
		w.used++
	}
	header.Set("X-RateLimit-Limit", strconv.Itoa(limit))
	header.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, limit-w.used)))
	header.Set("X-RateLimit-Retry-After", strconv.Itoa(int((w.ends.Sub(now)+time.Second-1)/time.Second)))
	return within
}

// caller returns the API key of a request, or "" if the request has no valid
// credential.
func (s *Standin) caller(r *http.Request) string {
	if user, password, ok := r.BasicAuth(); ok && password == "" && s.isKey(user) {
		return user
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	b, known := s.bearers[token]
	s.mu.Unlock()
	if !known || !time.Now().Before(b.end) || !s.isKey(b.key) {
		return ""
	}
	return b.key
}

func (s *Standin) isKey(value string) bool {
	_, issued := s.world.Keys.Issued()[value]
	return issued || s.world.Credential["api_key"].Equal(value)
}
