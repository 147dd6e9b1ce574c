package vaultkeys

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"
)

// indexHeader is where a Vault that copies to standbys says which state a response
// is of, and where a request says which state it wants at least.
const indexHeader = "X-Vault-Index"

// pauses are how long a request waits for a standby that is behind, before each
// further try. Standbys are behind by milliseconds.
func pauses() []time.Duration {
	return []time.Duration{10 * time.Millisecond, 30 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond}
}

// seen is a transport that has this process read what it wrote. A performance standby
// of Vault Enterprise, and an OpenBao standby that serves reads, refuse a request for
// a state that they do not have yet. What another process wrote may still be missing
// in what such a node responds. Other nodes neither send the header nor read it.
type seen struct {
	base http.RoundTripper

	mu     sync.Mutex
	states []string
}

// RoundTrip implements http.RoundTripper.
func (s *seen) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	states := s.states
	s.mu.Unlock()
	if len(states) > 0 {
		req = req.Clone(req.Context()) // a transport must not change the request
		req.Header[indexHeader] = states
	}
	resp, err := s.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if state := resp.Header.Get(indexHeader); state != "" {
		s.mu.Lock()
		s.states = api.MergeReplicationStates(s.states, state)
		s.mu.Unlock()
	}
	return resp, nil
}

// CloseIdleConnections implements the optional interface that http.Client looks for
// in its transport.
func (s *seen) CloseIdleConnections() {
	if t, ok := s.base.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// forget wants no state any more: a Vault that was restored from a snapshot never has
// the state that was seen before.
func (s *seen) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states = nil
}

// isBehind reports whether a standby refused a request because it has not the state
// that the request, or its token, asks for. Nothing was done.
func isBehind(err error) bool {
	var f *failure
	return errors.As(err, &f) && f.status == http.StatusPreconditionFailed && f.message != ""
}
