package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"playtoken/keyrotation"
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
	"playtoken/vaultkeys"
	"playtoken/vaultkeys/vaulttest"
)

// The two ways to have Vault sign.
func directly(callers int) string { return fmt.Sprintf("transit driven directly, %d at once", callers) }
func shared(callers int) string   { return fmt.Sprintf("transit through playtoken, %d at once", callers) }

// transit compares the throughput of Vault called directly with that through
// playtoken's store. It runs last and alone, because Vault uses all cores.
func (b *bench) transit(ctx context.Context) error {
	h := &vaultHost{ctx: ctx}
	err := h.visit(func(t testing.TB) error {
		all, err := b.enterTransit(t)
		if err != nil {
			return err
		}
		return b.results.play(ctx, b.finely(), all, b.progress)
	})
	if h.skipped != "" {
		b.note("Vault: %s", h.skipped)
	}
	return err
}

// finely splits the same time into more and shorter turns: the load of the
// machine changes from one second to the next, and here wall-clock time counts.
func (e effort) finely() effort {
	const parts = 5
	e.rounds, e.turn = e.rounds*parts, e.turn/parts
	return e
}

// enterTransit starts a Vault and returns the contestants.
func (b *bench) enterTransit(t testing.TB) ([]contestant, error) {
	const key = "bench_key_1"
	server := vaulttest.Start(t)
	transit, kv := server.Mount(t)
	keys, err := vaultkeys.Open(t.Context(), vaultkeys.Config{
		Address: server.Addr, Token: secret.New(server.RootToken), Transit: transit, KV: kv,
	})
	if err != nil {
		return nil, err
	}
	t.Cleanup(keys.Close)
	if _, err := keys.Create(t.Context(), key, store.KeySpec{Kind: store.RSA2048}); err != nil {
		return nil, err
	}
	direct := newDirect(t, server, transit+"/sign/"+key+"/sha2-256")
	through := func(ctx context.Context, digest [32]byte) error {
		_, err := keys.Sign(ctx, key, signer.RS256, digest[:])
		return err
	}
	var all []contestant
	for _, n := range b.callers {
		all = append(all, calls(directly(n), n, direct.sign), calls(shared(n), n, through))
	}
	reads, err := b.enterReads(t, keys)
	return append(all, reads), err
}

// enterReads is how often a ring is read, one with a single key.
func (b *bench) enterReads(t testing.TB, keys *vaultkeys.Store) (contestant, error) {
	ring, err := job{KeyFile: b.keyFile()}.ring()
	if err != nil {
		return contestant{}, err
	}
	name := keyrotation.RingName("default")
	if _, err := keys.Write(t.Context(), name, ring, 0); err != nil {
		return contestant{}, err
	}
	return calls(readsOfRing, 16, func(ctx context.Context, _ [32]byte) error {
		_, err := keys.Read(ctx, name)
		return err
	}), nil
}

// calls is a contestant of so many concurrent callers, each of which waits for
// its signature. Its measure is wall-clock time, because the CPU time is that of
// Vault, in another process.
func calls(name string, callers int, sign func(context.Context, [32]byte) error) contestant {
	var next atomic.Uint64
	caller := func(ctx context.Context, end time.Time) error {
		for {
			digest := sha256.Sum256(binary.BigEndian.AppendUint64(nil, next.Add(1)))
			if err := sign(ctx, digest); err != nil || time.Now().After(end) {
				return err
			}
		}
	}
	return contestant{name: name, turn: func(ctx context.Context, d time.Duration) (score, error) {
		began, before := time.Now(), next.Load()
		all, ctx := errgroup.WithContext(ctx)
		for range callers {
			all.Go(func() error { return caller(ctx, began.Add(d)) })
		}
		err := all.Wait()
		return score{n: int(next.Load() - before), wall: time.Since(began)}, err
	}}
}

// direct requests one signature in each call, by plain HTTP, which is the fastest
// way to use the transit engine without batches.
type direct struct {
	client     *http.Client
	url, token string
}

func newDirect(t testing.TB, server *vaulttest.Server, path string) direct {
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	t.Cleanup(transport.CloseIdleConnections)
	return direct{client: &http.Client{Transport: transport}, url: server.Addr + "/v1/" + path, token: server.RootToken}
}

func (d direct) sign(ctx context.Context, digest [32]byte) error {
	body, err := json.Marshal(map[string]any{
		"input": digest[:], "prehashed": true, "key_version": 1,
		"signature_algorithm": "pkcs1v15", "marshaling_algorithm": "jws",
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, d.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("X-Vault-Token", d.token)
	resp, err := d.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && !strings.Contains(string(text), "vault:v1:") {
		err = fmt.Errorf("status %d: %.300s", resp.StatusCode, text)
	}
	return err
}
