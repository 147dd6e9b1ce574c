package vaulttest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/vault/api"
)

// Standby is a node that behaves as a performance standby of Vault Enterprise does,
// by Vault's page on eventual consistency: it forwards writes to the active node,
// serves reads from its own copy, which is behind, and refuses with 412 a read whose
// X-Vault-Index is of a later state. The active node is a real Vault.
type Standby struct {
	Addr string

	active *httputil.ReverseProxy
	behind int // how often a path is asked for until the copy has what was written

	mu      sync.Mutex
	index   uint64
	old     map[string]*copied // by path
	refused int
}

// copied is what a standby has at a path, and which state it lacks.
type copied struct {
	response *httptest.ResponseRecorder
	lacks    uint64
	left     int
}

// StartStandby returns a standby of a Vault. What is written reaches the copy after
// the path has been asked for so many times; with a negative number it never does.
func (s *Server) StartStandby(t testing.TB, behind int) *Standby {
	t.Helper()
	active, err := url.Parse(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	y := &Standby{active: httputil.NewSingleHostReverseProxy(active), behind: behind, old: map[string]*copied{}}
	node := httptest.NewServer(y)
	t.Cleanup(node.Close)
	y.Addr = node.URL
	return y
}

// Refused is how many reads were refused with 412.
func (y *Standby) Refused() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.refused
}

// ServeHTTP implements http.Handler.
func (y *Standby) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	y.mu.Lock()
	defer y.mu.Unlock()
	switch {
	case r.Method != http.MethodGet:
		y.write(w, r)
	case y.isBehind(r.URL.Path):
		y.read(w, r)
	default:
		y.active.ServeHTTP(w, r)
	}
}

// write forwards, and keeps what was there before.
func (y *Standby) write(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimSuffix(strings.Replace(r.URL.Path, "/metadata/", "/data/", 1), "/config")
	before := httptest.NewRecorder()
	y.active.ServeHTTP(before, get(r, path))
	y.index++
	if y.old[path] == nil && !strings.Contains(path, "/sign/") {
		y.old[path] = &copied{response: before}
	}
	if old := y.old[path]; old != nil {
		old.lacks, old.left = y.index, y.behind
	}
	w.Header().Set("X-Vault-Index", base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "v1:cluster:%d:0:00", y.index)))
	y.active.ServeHTTP(w, r)
}

func get(r *http.Request, path string) *http.Request {
	read := r.Clone(r.Context())
	read.Method, read.Body, read.ContentLength = http.MethodGet, http.NoBody, 0
	read.URL.Path = path
	return read
}

func (y *Standby) isBehind(path string) bool {
	old := y.old[path]
	if old != nil && old.left == 0 {
		delete(y.old, path) // the copy has it now
		return false
	}
	return old != nil
}

func (y *Standby) read(w http.ResponseWriter, r *http.Request) {
	old := y.old[r.URL.Path]
	old.left--
	wants := slices.ContainsFunc(r.Header.Values("X-Vault-Index"), func(text string) bool {
		state, err := api.ParseReplicationState(text, nil)
		return err == nil && state.LocalIndex >= old.lacks
	})
	if wants {
		y.refused++
		w.WriteHeader(http.StatusPreconditionFailed)
		fmt.Fprintln(w, `{"errors":["required index state not present"]}`)
		return
	}
	for name, values := range old.response.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(old.response.Code)
	_, _ = w.Write(old.response.Body.Bytes()) // a client that has gone
}
