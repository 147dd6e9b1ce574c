package metrics

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"playtoken/signer"
)

// Service is what the service counts, and knows whom to ask. It is safe for
// concurrent use.
type Service struct {
	exposition
	minted, refused, requests, calls *prometheus.CounterVec
	questions, unrecorded            *prometheus.CounterVec
	signing, store, answers          *prometheus.HistogramVec
	rings                            rings

	mu     sync.Mutex
	shared []func() uint64
	named  map[string]bool               // projects with a series of their own
	left   map[string]func() (int, bool) // by platform
	login  func() Login                  // nil: there is none
	alone  bool                          // the limits are not shared, though they should be
}

// NewService returns a Service that has counted nothing.
func NewService(build Build) (*Service, error) {
	s := &Service{
		minted: tokensMinted.counter(), refused: tokensRefused.counter(),
		requests: httpRequests.counter(), calls: platformCalls.counter(),
		signing: signing.histogram(0.0001), store: storeDuration.histogram(0.0005), answers: httpDuration.histogram(0.0005),
		questions: viewerQuestions.counter(), unrecorded: auditFailures.counter(),
		left: map[string]func() (int, bool){}, named: map[string]bool{},
	}
	var err error
	s.exposition, err = newExposition(build, collector{s})
	return s, err
}

// Refused takes note of a request for a token that got a problem instead.
func (s *Service) Refused(code string) { s.refused.WithLabelValues(code).Inc() }

// Answered takes note of an answer over HTTP. Route is the template, or empty
// if there was none for the request.
func (s *Service) Answered(route, method string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	s.requests.WithLabelValues(route, knownMethod(method), strconv.Itoa(status)).Inc()
	s.answers.WithLabelValues(route).Observe(took.Seconds())
}

// knownMethod keeps whatever a caller may call a method out of the labels.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

// Minter counts the tokens of a project.
func (s *Service) Minter(project string, next signer.Minter) signer.Minter {
	return minter{next, s.minted.WithLabelValues(s.label(project))}
}

// label is a project's own, if there is one left.
func (s *Service) label(project string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.named[project] && len(s.named) >= maxProjects {
		return "others"
	}
	s.named[project] = true
	return project
}

// LimitsAlone takes note of whether the limits are counted here alone although
// they should be shared.
func (s *Service) LimitsAlone(alone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alone = alone
}

// Unrecorded takes note of an entry that is missing in the record.
func (s *Service) Unrecorded() { s.unrecorded.WithLabelValues().Inc() }

// Viewer takes note of a question about a viewer: see [playtoken/projects/viewers.Config].
func (s *Service) Viewer(part, outcome string) { s.questions.WithLabelValues(part, outcome).Inc() }

type minter struct {
	signer.Minter
	minted prometheus.Counter
}

func (m minter) Mint(ctx context.Context, req signer.Request) (signer.Token, error) {
	token, err := m.Minter.Mint(ctx, req)
	if err == nil {
		m.minted.Inc()
	}
	return token, err
}

// Shared asks read, at each scrape, how many signatures were shared so far.
func (s *Service) Shared(read func() uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shared = append(s.shared, read)
}

// CallsLeft asks read, at each scrape, how many calls a platform still allows.
func (s *Service) CallsLeft(platform string, read func() (calls int, known bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left[platform] = read
}

// Login is how a store is logged in. Zero times are unknown.
type Login struct {
	Method    string
	At        time.Time
	ExpiresAt time.Time
	Failures  int
}

// Login asks read, at each scrape, how the store is logged in.
func (s *Service) Login(read func() Login) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.login = read
}

// collector is a Service as the registry sees it.
type collector struct{ s *Service }

func (c collector) Describe(to chan<- *prometheus.Desc) {
	for _, n := range ofService {
		to <- n.desc()
	}
}

func (c collector) Collect(to chan<- prometheus.Metric) {
	c.s.rings.collect(to, time.Now()) // first: it uses the store, which is measured
	for _, counted := range []prometheus.Collector{
		c.s.minted, c.s.refused, c.s.requests, c.s.calls, c.s.signing, c.s.store, c.s.answers, c.s.questions, c.s.unrecorded,
	} {
		counted.Collect(to)
	}
	c.s.lookUp(to, time.Now())
}

func (s *Service) lookUp(to sink, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	shared := uint64(0)
	for _, read := range s.shared {
		shared += read()
	}
	to.counter(signaturesShared, float64(shared))
	alone := 0.0
	if s.alone {
		alone = 1
	}
	to.gauge(limitsAlone, alone)
	for _, platform := range sorted(s.left) {
		if calls, known := s.left[platform](); known {
			to.gauge(platformCallsLeft, float64(calls), platform)
		}
	}
	if s.login == nil {
		return
	}
	l := s.login()
	to.gauge(loginFailures, float64(l.Failures), l.Method)
	if !l.At.IsZero() {
		to.gauge(loginAge, now.Sub(l.At).Seconds(), l.Method)
	}
	if !l.ExpiresAt.IsZero() {
		to.gauge(loginExpires, l.ExpiresAt.Sub(now).Seconds(), l.Method)
	}
}
