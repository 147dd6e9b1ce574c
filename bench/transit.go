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

	"playtoken/secret"
	"playtoken/store"
	"playtoken/vaultkeys"
	"playtoken/vaultkeys/vaulttest"
)

// The two ways of having Vault sign.
func directly(callers int) string { return fmt.Sprintf("transit driven directly, %d at once", callers) }
func shared(callers int) string   { return fmt.Sprintf("transit through playtoken, %d at once", callers) }

// transit compares Vault's own throughput with what is left of it behind our
// store. It comes last and alone: Vault takes every core it can get.
func (b *bench) transit(ctx context.Context) error {
	h := &host{ctx: ctx}
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

// finely is the same time in more and shorter turns: what else runs on the
// machine changes from one second to the next, and here only the clock counts.
func (e effort) finely() effort {
	const parts = 5
	e.rounds, e.turn = e.rounds*parts, e.turn/parts
	return e
}

// enterTransit starts a Vault, and lists who takes part.
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
	if _, err := keys.Create(t.Context(), key, store.KeySpec{Bits: 2048}); err != nil {
		return nil, err
	}
	direct := newDirect(t, server, transit+"/sign/"+key+"/sha2-256")
	through := func(ctx context.Context, digest [32]byte) error {
		_, err := keys.SignSHA256(ctx, key, digest)
		return err
	}
	var all []contestant
	for _, n := range b.callers {
		all = append(all, calls(directly(n), n, direct.sign), calls(shared(n), n, through))
	}
	return all, nil
}

// calls is a contestant: so many callers at once, each waiting for its answer.
// CPU time would be the wrong measure: Vault's is not ours to spend.
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
	return contestant{name, func(ctx context.Context, d time.Duration) (score, error) {
		began, before := time.Now(), next.Load()
		all, ctx := errgroup.WithContext(ctx)
		for range callers {
			all.Go(func() error { return caller(ctx, began.Add(d)) })
		}
		err := all.Wait()
		return score{n: int(next.Load() - before), wall: time.Since(began)}, err
	}}
}

// direct asks transit for one signature a call, by plain HTTP: whoever does
// more would be slower.
type direct struct {
	client     *http.Client
	url, token string
}

func newDirect(t testing.TB, server *vaulttest.Server, path string) direct {
	transport := &http.Transport{MaxIdleConnsPerHost: 256}
	t.Cleanup(transport.CloseIdleConnections)
	return direct{&http.Client{Transport: transport}, server.Addr + "/v1/" + path, server.RootToken}
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
	answer, err := d.client.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && !strings.Contains(string(text), "vault:v1:") {
		err = fmt.Errorf("status %d: %.300s", answer.StatusCode, text)
	}
	return err
}
