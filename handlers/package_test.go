package handlers_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// understood is what testdata/package.mjs prints.
const understood = `mint ["vid1","key-2",100,true]
batch [["vid1","key-2",600,true],"video_invalid"]
inspect [true,"vid1",2]
exchange {"token_type":"Bearer","expires_in":3600,"access_token":"aaa.bbb.ccc","refresh_token":"refresh-1"}
by access token ["vid2","key-2",600,true]
refresh "Bearer"
bad key ApiError 401 unauthenticated id 0
bad video ApiError 422 video_invalid id 0 video_id
too long ApiError 422 ttl_out_of_range id 0 expires_in
bad refresh ApiError 400 authentication-invalid-user-credentials id 0
passed on [201,"vid1","no-store",null]
refused [422,"video_invalid","no-store",null]
  onerror unauthenticated
our fault [500,"internal","no-store",null]
  waits a moment
lost ["vidlost","key-2",600,true]
refresh lost ApiError 0 network no id 0
  waits as Retry-After says
store away ["vidaway","key-2",600,true]
impatient ApiError 503 signer_unavailable id 1
away, passed on [503,"signer_unavailable","no-store","1"]
`

// troubled is the service behind a network that loses every other answer to a
// body that says "lost", with a store that is away every other time for "away".
type troubled struct {
	t *testing.T
	*deployment
	mu    sync.Mutex
	times map[string]int
}

func (s *troubled) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times[string(body)]++
	odd := s.times[string(body)]%2 == 1
	if odd && bytes.Contains(body, []byte(`lost"`)) {
		s.deployment.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler) // executed, and the answer is lost
	}
	s.store.set(func(f *fakeStore) {
		f.err = nil
		if odd && bytes.Contains(body, []byte(`away"`)) {
			f.err = errors.New("the store is away")
		}
	})
	s.deployment.ServeHTTP(w, r)
}

func TestOurOwnPackageUnderstandsTheResponses(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skipf("NOT TESTED with playtoken/server: %v", err)
	}
	module, err := filepath.Abs("../web/sdk/src/server.js")
	if err != nil {
		t.Fatal(err)
	}
	d, done := deploy(t)
	defer done()
	service := &troubled{t: t, deployment: d, times: map[string]int{}}
	server := httptest.NewServer(service)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, node, "testdata/package.mjs", module, server.URL, d.keys["mint"]).CombinedOutput()
	if got := string(out); err != nil || got != understood {
		t.Errorf("the package: got %v and\n%s\nwant\n%s", err, got, understood)
	}
	if n := service.times[`{"refreshToken":"lost"}`]; n != 1 {
		t.Errorf("a refresh whose answer was lost: it was sent %d times, want once, because a second use ends the session", n)
	}
}
