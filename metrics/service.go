package metrics

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"playtoken/signer"
)

// Service has the metrics of the service. It is safe for concurrent use.
type Service struct {
	registry *prometheus.Registry

	requests, questions, unrecorded *prometheus.CounterVec
	signing, store, responses       *prometheus.HistogramVec
	projects                        *projects
	reader                          reader

	mu       sync.Mutex
	shared   []func() uint64
	faults   []func() uint64
	left     map[string]callsLeft // by project
	login    func() Login         // nil: the store needs no login
	alone    bool                 // the limits are not shared, although they should be
	rotates  bool                 // this process rotates keys by itself
	recordTo string               // where the audit record goes; empty: not known yet
}

// callsLeft reads how many calls an account at a platform may still make.
type callsLeft struct {
	platform string
	read     func() (calls int, known bool)
}

// NewService returns a Service with all counts at zero.
func NewService(build Build) (*Service, error) {
	s := &Service{
		requests: httpRequests.counter(), projects: newProjects(),
		signing: signing.histogram(0.0001), store: storeDuration.histogram(0.0005), responses: httpDuration.histogram(0.0005),
		questions: viewerQuestions.counter(), unrecorded: auditFailures.counter(), left: map[string]callsLeft{},
	}
	s.unrecorded.WithLabelValues() // a series at zero
	var err error
	s.registry, err = newRegistry(build, collector{s})
	return s, err
}

// Handler serves scrapes. Errors of a scrape go to the log.
func (s *Service) Handler(log *slog.Logger) http.Handler { return expose(s.registry, log) }

// Refused counts a request for a token that was refused with a problem of this
// code. Project is empty if it is unknown, and otherwise one that exists.
func (s *Service) Refused(project, code string) { s.projects.count(project, &tokensRefused, code) }

// Responded counts a response over HTTP. Route is the template of the route,
// or empty if the request matched no route.
func (s *Service) Responded(route, method string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	s.requests.WithLabelValues(route, knownMethod(method), statusLabel(status)).Inc()
	s.responses.WithLabelValues(route).Observe(took.Seconds())
}

// statusLabel makes no string for the responses that are frequent.
func statusLabel(status int) string {
	switch status {
	case http.StatusOK:
		return "200"
	case http.StatusCreated:
		return "201"
	case http.StatusPartialContent:
		return "206"
	}
	return strconv.Itoa(status)
}

// knownMethod keeps the methods that callers invent out of the labels.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// Minter returns next with the project's tokens counted.
func (s *Service) Minter(project string, next signer.Minter) signer.Minter {
	return countedMinter{next: next, minted: &s.projects.open(project).minted}
}

// Rotates records whether this process rotates keys by itself.
func (s *Service) Rotates(rotates bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotates = rotates
}

// RecordTo records where the audit record goes: "file" or "stderr".
func (s *Service) RecordTo(destination string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recordTo = destination
}

// StoreTime has scrapes compare this process's clock with that of the store.
func (s *Service) StoreTime(read StoreTime) { s.reader.clock.use(read) }

// LimitsAlone records whether this process counts requests on its own although
// replicas should share the counts.
func (s *Service) LimitsAlone(alone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alone = alone
}

// Unrecorded counts an audit entry that could not be written.
func (s *Service) Unrecorded() { s.unrecorded.WithLabelValues().Inc() }

// Viewer counts a decision about a viewer; the values are those of
// playtoken/projects/viewers.Config.
func (s *Service) Viewer(project, part, outcome string) {
	s.questions.WithLabelValues(part, outcome).Inc()
	if project != "" && (outcome == "failed" || outcome == "full") {
		s.projects.count(project, &viewerFailures, part, outcome)
	}
}

type countedMinter struct {
	next   signer.Minter
	minted *atomic.Uint64
}

func (m countedMinter) Mint(ctx context.Context, req signer.Request) (signer.Token, error) {
	token, err := m.next.Mint(ctx, req)
	if err == nil {
		m.minted.Add(1)
	}
	return token, err
}

// Shared adds the number of shared signatures that read returns to the one
// that scrapes show. Each scrape calls read.
func (s *Service) Shared(read func() uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shared = append(s.shared, read)
}

// Faults adds the number of signatures that were caught as wrong, which read
// returns, to the one that scrapes show. Each scrape calls read.
func (s *Service) Faults(read func() uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, read)
}

// CallsLeft has every scrape call read for the number of calls that the
// platform still allows the project's account, until Unwatch is called for the
// project. Of the accounts at one platform, scrapes show the one with the
// fewest calls left. Read must return at once and make no call.
func (s *Service) CallsLeft(project, platform string, read func() (calls int, known bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left[project] = callsLeft{platform: platform, read: read}
}

// Login describes the login to a store. A zero time is unknown.
type Login struct {
	Method    string
	At        time.Time
	ExpiresAt time.Time
	Failures  int
	LockedOut bool // by Vault, after too many refused logins
}

// Login has every scrape call read for the state of the login to the store.
func (s *Service) Login(read func() Login) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.login = read
}

// collector is the Service as its registry needs it.
type collector struct{ s *Service }

func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, n := range ofService {
		to <- n.desc()
	}
}

func (c collector) Collect(to chan<- prometheus.Metric) {
	c.s.reader.refresh(c.s.projects, time.Now()) // first: it uses the store, which is measured
	c.s.projects.scrape(to, time.Now())
	for _, counted := range []prometheus.Collector{
		c.s.requests, c.s.signing, c.s.store, c.s.responses, c.s.questions, c.s.unrecorded,
	} {
		counted.Collect(to)
	}
	c.s.read(to, time.Now())
}

func sumOf(reads []func() uint64) (sum float64) {
	for _, read := range reads {
		sum += float64(read())
	}
	return sum
}

// read sends the metrics whose values are read at each scrape.
func (s *Service) read(to sink, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to.counter(signaturesShared, sumOf(s.shared))
	to.counter(signatureFaults, sumOf(s.faults))
	to.flag(limitsAlone, s.alone)
	to.flag(schedulerRunning, s.rotates)
	if s.recordTo != "" {
		to.gauge(auditInfo, 1, s.recordTo)
	}
	s.reader.clock.collect(to)
	s.readCallsLeft(to)
	if s.login != nil {
		s.login().collect(to, now)
	}
}

func (s *Service) readCallsLeft(to sink) {
	fewest := map[string]int{}
	for _, account := range s.left {
		calls, known := account.read()
		if least, seen := fewest[account.platform]; known && (!seen || calls < least) {
			fewest[account.platform] = calls
		}
	}
	for _, platform := range sorted(fewest) {
		to.gauge(platformCallsLeft, float64(fewest[platform]), platform)
	}
}

func (l Login) collect(to sink, now time.Time) {
	to.gauge(loginFailures, float64(l.Failures), l.Method)
	to.flag(lockedOut, l.LockedOut, l.Method)
	if !l.At.IsZero() {
		to.gauge(loginAge, now.Sub(l.At).Seconds(), l.Method)
	}
	if !l.ExpiresAt.IsZero() {
		to.gauge(loginExpires, l.ExpiresAt.Sub(now).Seconds(), l.Method)
	}
}
