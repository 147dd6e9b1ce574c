package vaultkeys_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"playtoken/secret"
	"playtoken/vaultkeys"
)

const token = "hvs.canary-5d1e0c"

// roundTrip is an HTTP transport without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// openFake opens a store whose Vault is a function.
func openFake(t testing.TB, vault roundTrip) *vaultkeys.Store {
	t.Helper()
	return open(t, vaultkeys.Config{
		Address: "http://vault.test:8200", Token: secret.New(token),
		Transit: "transit-a", KV: "kv-a", Transport: vault,
	})
}

func answer(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1,
	}
}

// signCall is what the fake was asked to sign in one request.
type signCall struct {
	Path       string
	Prehashed  bool   `json:"prehashed"`
	Algorithm  string `json:"signature_algorithm"`
	Marshaling string `json:"marshaling_algorithm"`
	KeyVersion int    `json:"key_version"`
	Batch      []struct {
		Input []byte `json:"input"`
	} `json:"batch_input"`
}

// fakeSigner signs by giving the digest back. One signature takes it a
// millisecond, so in a synctest bubble time tells how calls overlapped.
type fakeSigner struct {
	refuse   byte // digests that begin with this byte, unless it is 0
	standard bool // its base64 is the standard one, as for DER

	mu       sync.Mutex
	calls    []signCall
	underWay int
	most     int
}

func (f *fakeSigner) RoundTrip(r *http.Request) (*http.Response, error) {
	call := signCall{Path: r.URL.Path}
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
		return nil, err
	}
	f.begin(call)
	defer f.end()
	select {
	case <-time.After(time.Duration(len(call.Batch)) * time.Millisecond):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	var results []string
	for _, item := range call.Batch {
		results = append(results, f.sign(item.Input))
	}
	return answer(r, 200, `{"data":{"batch_results":[`+strings.Join(results, ",")+`]}}`), nil
}

func (f *fakeSigner) sign(digest []byte) string {
	if f.refuse != 0 && digest[0] == f.refuse {
		return `{"error":"not this one"}`
	}
	encoding := base64.RawURLEncoding
	if f.standard {
		encoding = base64.StdEncoding
	}
	return fmt.Sprintf(`{"signature":"vault:v1:%s","key_version":1}`, encoding.EncodeToString(digest))
}

// seen returns the calls so far, the number under way, and the most that ever
// were.
func (f *fakeSigner) seen() (calls []signCall, underWay, most int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls), f.underWay, f.most
}

func (f *fakeSigner) begin(call signCall) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
	f.underWay++
	f.most = max(f.most, f.underWay)
}

func (f *fakeSigner) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.underWay--
}
