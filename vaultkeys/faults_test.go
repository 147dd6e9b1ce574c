package vaultkeys_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/signer"
	"playtoken/store"
	"playtoken/store/storetest"
	"playtoken/vaultkeys"
	"playtoken/vaultkeys/vaulttest"
)

// lossy is a network that loses the next request of a method, or its response.
type lossy struct {
	base   http.RoundTripper
	method string
	path   string // suffix of the request's path
	arrive bool   // the request arrives, and its response is lost
	lost   atomic.Bool
}

func (l *lossy) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != l.method || !strings.HasSuffix(r.URL.Path, l.path) || !l.lost.CompareAndSwap(false, true) {
		return l.base.RoundTrip(r)
	}
	if l.arrive {
		resp, err := l.base.RoundTrip(r)
		if err == nil {
			resp.Body.Close()
		}
	}
	return nil, errors.New("connection reset by the test")
}

// lose opens a store whose network loses one request or response.
func lose(t *testing.T, config vaultkeys.Config, method, path string, arrive bool) *vaultkeys.Store {
	t.Helper()
	network := &lossy{base: config.Transport, method: method, path: path, arrive: arrive}
	t.Cleanup(func() {
		if !network.lost.Load() {
			t.Errorf("no %s …%s was lost, want one", method, path)
		}
	})
	config.Transport = network
	return open(t, config)
}

func TestCreateAfterALostCreate(t *testing.T) {
	config := on(t, vaulttest.Shared(t))
	spec := store.KeySpec{Kind: store.RSA2048}
	for _, arrive := range []bool{false, true} {
		name := storetest.ID()
		s := lose(t, config, http.MethodPut, "/keys/"+name, arrive)
		if _, err := s.Create(t.Context(), name, spec); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("arrive %v: lost Create: %v", arrive, err)
		}
		before, err := s.Describe(t.Context(), name)
		if exists := err == nil; exists != arrive || err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("arrive %v: Describe: %v", arrive, err)
		}
		after, err := s.Create(t.Context(), name, spec)
		if err != nil || arrive && after != before {
			t.Errorf("arrive %v: Create again: %+v, %v; was %+v", arrive, after, err, before)
		}
	}
}

func TestDestroyAfterALostDestroy(t *testing.T) {
	config := on(t, vaulttest.Shared(t))
	for _, half := range []struct{ method, path string }{
		{http.MethodPut, "/config"}, {http.MethodDelete, ""}, {http.MethodGet, ""},
	} {
		for _, arrive := range []bool{false, true} {
			name := storetest.ID()
			if _, err := open(t, config).Create(t.Context(), name, store.KeySpec{Kind: store.RSA2048}); err != nil {
				t.Fatal(err)
			}
			s := lose(t, config, half.method, half.path, arrive)
			if err := s.Destroy(t.Context(), name); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%+v, arrive %v: lost Destroy: %v", half, arrive, err)
			}
			for range 2 {
				if err := s.Destroy(t.Context(), name); err != nil {
					t.Errorf("%+v, arrive %v: Destroy again: %v", half, arrive, err)
				}
			}
			if _, err := s.Describe(t.Context(), name); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%+v, arrive %v: Describe: %v", half, arrive, err)
			}
		}
	}
}

func TestDestroyContinuesWhenItsCallerGivesUp(t *testing.T) {
	config := on(t, vaulttest.Shared(t))
	ctx, cancel := context.WithCancel(t.Context())
	base := config.Transport
	config.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/config") {
			cancel()
		}
		return base.RoundTrip(r)
	})
	s, name := open(t, config), storetest.ID()
	if _, err := s.Create(t.Context(), name, store.KeySpec{Kind: store.RSA2048}); err != nil {
		t.Fatal(err)
	}
	if err := s.Destroy(ctx, name); err != nil || ctx.Err() == nil {
		t.Errorf("Destroy: %v (caller: %v)", err, ctx.Err())
	}
	if _, err := s.Describe(t.Context(), name); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Describe: %v", err)
	}
}

// A change that has begun must not take effect after its method has returned.
func TestChangesContinueWhenTheirCallerGivesUp(t *testing.T) {
	config := on(t, vaulttest.Shared(t))
	base, giveUp := config.Transport, func() {}
	config.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPut {
			giveUp()
		}
		return base.RoundTrip(r)
	})
	s, key, doc := open(t, config), storetest.ID(), "ring/"+storetest.ID()

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	giveUp = cancel
	if v, err := s.Write(ctx, doc, []byte("{}"), 0); err != nil || v != 1 || ctx.Err() == nil {
		t.Errorf("Write: version %d, %v (caller: %v)", v, err, ctx.Err())
	}
	if v, err := s.Write(ctx, doc, []byte("{}"), 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Write for a caller that had given up before: version %d, %v", v, err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	giveUp = cancel
	if _, err := s.Create(ctx, key, store.KeySpec{Kind: store.RSA2048}); !errors.Is(err, context.Canceled) {
		t.Errorf("Create = %v, want canceled", err) // the key exists, but Create could not read it
	}
	if _, err := s.Describe(t.Context(), key); err != nil {
		t.Errorf("Describe: %v", err)
	}
}

func TestReadAfterALostWrite(t *testing.T) {
	config := on(t, vaulttest.Shared(t))
	for _, arrive := range []bool{false, true} {
		name := "ring/" + storetest.ID()
		s := lose(t, config, http.MethodPut, name, arrive)
		if v, err := s.Write(t.Context(), name, []byte("one"), 0); !errors.Is(err, store.ErrUnavailable) || v != 0 {
			t.Errorf("arrive %v: lost Write: %d, %v", arrive, v, err)
		}
		doc, err := s.Read(t.Context(), name)
		if arrive && (err != nil || string(doc.Data) != "one") || !arrive && !errors.Is(err, store.ErrNotFound) {
			t.Errorf("arrive %v: Read: %q, %v", arrive, doc.Data, err)
		}
		_, err = s.Write(t.Context(), name, []byte("one"), 0)
		if arrive && !errors.Is(err, store.ErrConflict) || !arrive && err != nil {
			t.Errorf("arrive %v: the same Write again: %v", arrive, err)
		}
	}
}

func TestDeleteAfterALostDelete(t *testing.T) {
	config := on(t, vaulttest.Shared(t))
	for _, method := range []string{http.MethodDelete, http.MethodGet} {
		for _, arrive := range []bool{false, true} {
			name := "family/" + storetest.ID()
			if _, err := open(t, config).Write(t.Context(), name, []byte("one"), 0); err != nil {
				t.Fatal(err)
			}
			s := lose(t, config, method, name, arrive)
			if err := s.Delete(t.Context(), name); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s, arrive %v: lost Delete: %v", method, arrive, err)
			}
			for range 2 {
				if err := s.Delete(t.Context(), name); err != nil {
					t.Errorf("%s, arrive %v: Delete again: %v", method, arrive, err)
				}
			}
			if _, err := s.Read(t.Context(), name); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s, arrive %v: Read: %v", method, arrive, err)
			}
		}
	}
}

func TestDeleteContinuesWhenItsCallerGivesUp(t *testing.T) {
	config := on(t, vaulttest.Shared(t))
	ctx, cancel := context.WithCancel(t.Context())
	base := config.Transport
	config.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodDelete {
			cancel()
		}
		return base.RoundTrip(r)
	})
	s, name := open(t, config), "family/"+storetest.ID()
	if _, err := s.Write(t.Context(), name, []byte("{}"), 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, name); err != nil || ctx.Err() == nil {
		t.Errorf("Delete: %v (caller: %v)", err, ctx.Err())
	}
	if _, err := s.Read(t.Context(), name); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Read: %v", err)
	}
}

func TestEveryOperationEndsWhileVaultIsSilent(t *testing.T) {
	for _, op := range operations {
		synctest.Test(t, func(t *testing.T) {
			s := openFake(t, func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})
			start := time.Now()
			if err := op.do(t.Context(), s); !unavailable(err) {
				t.Errorf("%s while Vault is silent = %v, want unavailable", op.name, err)
			}
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("%s while Vault is silent took %s, want 30s at most", op.name, took)
			}
		})
	}
}

// traffic signs and writes until it is stopped, and counts the results. Any result
// but success, ErrConflict and ErrUnavailable fails the test.
type traffic struct {
	t         *testing.T
	good, bad atomic.Int64
	progress  chan struct{} // gets values while calls return
	stop      context.CancelFunc
	wg        sync.WaitGroup
}

func startTraffic(t *testing.T, s *vaultkeys.Store, key string) *traffic {
	ctx, stop := context.WithCancel(t.Context())
	r := &traffic{t: t, stop: stop, progress: make(chan struct{}, 1)}
	for i := range 8 {
		name := "test/" + storetest.ID()
		r.wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				_, err := s.Sign(t.Context(), key, signer.RS256, digest(n))
				r.count(err)
				if i%4 == 0 {
					_, err = s.Write(t.Context(), name, []byte("{}"), 0)
					r.count(err)
				}
			}
		})
	}
	return r
}

func (r *traffic) count(err error) {
	switch {
	case err == nil || errors.Is(err, store.ErrConflict):
		r.good.Add(1)
	case errors.Is(err, signer.ErrUnavailable) || errors.Is(err, store.ErrUnavailable):
		r.bad.Add(1)
	default:
		r.t.Errorf("got %v, want success or unavailable", err)
	}
	select {
	case r.progress <- struct{}{}:
	default:
	}
}

// until waits for n more results of a kind.
func (r *traffic) until(what string, n int64, counter *atomic.Int64) {
	r.t.Helper()
	target, limit := counter.Load()+n, time.After(time.Minute)
	for counter.Load() < target {
		select {
		case <-r.progress:
		case <-limit:
			r.t.Fatalf("no %s within a minute", what)
		}
	}
}

func TestStoreRecoversFromSealingAndRestart(t *testing.T) {
	server := ownVault(t)
	config := on(t, server)
	s, key := open(t, config), storetest.ID()
	if _, err := s.Create(t.Context(), key, store.KeySpec{Kind: store.RSA2048}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(t.Context(), "ring/default", []byte("kept"), 0); err != nil {
		t.Fatal(err)
	}
	r := startTraffic(t, s, key)
	r.until("success at first", 20, &r.good)
	for range 2 {
		server.Seal()
		r.until("refusal while sealed", 20, &r.bad)
		if _, err := s.Now(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("the clock of a sealed Vault: %v", err)
		}
		open(t, config) // Open needs no Vault
		server.Unseal()
		r.until("success once unsealed", 20, &r.good)
		server.Restart()
		r.until("success after a restart", 20, &r.good)
	}
	r.stop()
	r.wg.Wait()
	if doc, err := s.Read(t.Context(), "ring/default"); err != nil || string(doc.Data) != "kept" || doc.Version != 1 {
		t.Errorf("Read afterwards: %q, version %d, %v", doc.Data, doc.Version, err)
	}
}

func TestStoreRecoversFromAFrozenVault(t *testing.T) {
	t.Setenv("VAULT_CLIENT_TIMEOUT", "1s")
	server := ownVault(t)
	s := open(t, on(t, server))
	key, doc := storetest.ID(), "ring/"+storetest.ID()
	if _, err := s.Create(t.Context(), key, store.KeySpec{Kind: store.RSA2048}); err != nil {
		t.Fatal(err)
	}
	server.Pause()
	var wg sync.WaitGroup
	for _, op := range operations {
		if op.name == "Create" || op.name == "Delete" {
			continue // wait for half a minute: see TestEveryOperationEndsWhileVaultIsSilent
		}
		wg.Go(func() {
			if err := op.do(t.Context(), s); !unavailable(err) {
				t.Errorf("%s while Vault is frozen = %v, want unavailable", op.name, err)
			}
		})
	}
	wg.Wait()
	server.Resume()
	if _, err := s.Sign(t.Context(), key, signer.RS256, digest(1)); err != nil {
		t.Errorf("after Vault resumed: got %v, want success", err)
	}
	if _, err := s.Write(t.Context(), doc, []byte("{}"), 0); err != nil {
		t.Errorf("after Vault resumed: got %v, want success", err)
	}
}
