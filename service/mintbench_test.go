package service

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/signer/rsakey"
)

// BenchmarkMint measures what a mint over HTTP takes of the CPU, with a whole
// service: beyond its signature for a distinct token, and as a ratio to an echo of
// JSON for a shared one. The requests come from another process, so that the CPU time
// of this one is that of serving, and a profile shows nothing else. The figures are
// the least of several rounds in which the contestants take turns.
func BenchmarkMint(b *testing.B) {
	s, key := minting(b)
	handler, err := s.Handler()
	if err != nil {
		b.Fatal(err)
	}
	mints, echoes := newLoad(b, handler, key), newLoad(b, echo(b, handler, key), key)
	sign := bareSignatures(b)
	least := map[string]time.Duration{}
	measure := func(name string, n int, run func(n int)) {
		before := cpuTime(b)
		run(n)
		if took := (cpuTime(b) - before) / time.Duration(n); least[name] == 0 || took < least[name] {
			least[name] = took
		}
	}
	for b.Loop() {
		measure("echo", 4000, func(n int) { echoes.send(b, order{N: n}) })
		measure("shared", 4000, func(n int) { mints.send(b, order{N: n}) })
		measure("distinct", 1600, func(n int) { mints.send(b, order{N: n, Distinct: true}) })
		measure("signature", 1600, sign)
	}
	micros := func(name string) float64 { return float64(least[name]) / float64(time.Microsecond) }
	for _, name := range []string{"echo", "shared", "distinct", "signature"} {
		b.ReportMetric(micros(name), name+"-µs")
	}
	b.ReportMetric(micros("shared")/micros("echo"), "shared/echo")
	b.ReportMetric(micros("distinct")-micros("signature"), "beyond-µs")
	b.ReportMetric(0, "ns/op") // the time by the clock is not meant
}

// BenchmarkMintShared and BenchmarkMintDistinct are for profiles of one kind of mint.
func BenchmarkMintShared(b *testing.B)   { benchmarkOne(b, order{N: 4000}) }
func BenchmarkMintDistinct(b *testing.B) { benchmarkOne(b, order{N: 1600, Distinct: true}) }

func benchmarkOne(b *testing.B, o order) {
	s, key := minting(b)
	handler, err := s.Handler()
	if err != nil {
		b.Fatal(err)
	}
	mints := newLoad(b, handler, key)
	mints.send(b, order{N: 400, Distinct: true}) // the key is in memory by then
	before, n := cpuTime(b), 0
	for b.Loop() {
		mints.send(b, o)
		n += o.N
	}
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(n), "µs/token")
	b.ReportMetric(0, "ns/op")
}

// minting is a service that mints for the API key.
func minting(b *testing.B) (*Service, string) {
	s, _ := newService(b, "PLAYTOKEN_PROPAGATION_DELAY=0s", "PLAYTOKEN_VIEW_AGE=15s")
	made, err := s.Projects.CreateAPIKey(b.Context(), projects.APIKey{ProjectID: projects.Default, Name: "bench", Scopes: []projects.Scope{projects.ScopeMint}})
	if err != nil {
		b.Fatal(err)
	}
	tenant, err := s.Tenant(b.Context(), projects.Default)
	if err != nil {
		b.Fatal(err)
	}
	eventually(b, time.Minute, func() error {
		if _, err := tenant.Rotator.Reconcile(b.Context(), keyrotation.Order{Actor: "test"}); err != nil {
			return err
		}
		return s.ProjectReady(b.Context(), projects.Default)
	})
	return s, made.Value.Reveal()
}

// echo responds with the members of the request, padded to the length of a response
// with a token: the cost of a service in Go that does nothing else.
func echo(b *testing.B, mints http.Handler, key string) http.Handler {
	response := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodPost, "/v1/playback-tokens", strings.NewReader(mintBody(0)))
	request.Header = http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/json"}}
	mints.ServeHTTP(response, request)
	if response.Code != http.StatusCreated {
		b.Fatalf("a mint: got status %d, want 201: %s", response.Code, response.Body)
	}
	padding := strings.Repeat("x", response.Body.Len()-len(mintBody(0))-len(`,"padding":""`))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		echoed := struct {
			VideoID   string `json:"video_id"`
			ExpiresIn int64  `json:"expires_in"`
			Padding   string `json:"padding"`
		}{Padding: padding}
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&echoed); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(echoed)
	})
}

// bareSignatures returns what makes signatures as a service makes them for many
// callers.
func bareSignatures(b *testing.B) func(n int) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	key, err := rsakey.New(private)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(key.Close)
	workers := rsakey.NewWorkers(rsakey.WorkersConfig{Cores: runtime.GOMAXPROCS(0), Engine: rsakey.FastEngine()})
	b.Cleanup(workers.Stop)
	return func(n int) {
		var made atomic.Int64
		var all errgroup.Group
		for range loadCallers {
			all.Go(func() error {
				for i := made.Add(1); i <= int64(n); i = made.Add(1) {
					if _, err := workers.Sign(b.Context(), key, [32]byte{byte(i), byte(i >> 8)}); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if err := all.Wait(); err != nil {
			b.Error(err)
		}
	}
}

// cpuTime is the user and system time of this process.
func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
