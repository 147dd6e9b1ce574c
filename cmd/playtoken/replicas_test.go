package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"playtoken/gate"
	"playtoken/handlers"
	"playtoken/secret"
	"playtoken/vaultkeys"
)

const archive = 500 // videos

// openArchive is a gate in front of many videos, so that many tokens differ.
func openArchive(t *testing.T, dir string) *httptest.Server {
	t.Helper()
	media := fstest.MapFS{}
	for i := range archive {
		media[fmt.Sprintf("video%03d/hls.m3u8", i)] = &fstest.MapFile{Data: []byte("#EXTM3U\n#EXT-X-ENDLIST\n"), Mode: fs.FileMode(0o444)}
	}
	g, err := gate.Open(gate.Config{Media: media, Data: dir + "/archive.db", APIKey: secret.New(gateKey)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g.Handler())
	t.Cleanup(func() { server.Close(); g.Close() })
	return server
}

// fleet is three replicas on one Vault, and an audience that mints at all of
// them and plays every token three times in its life.
type fleet struct {
	*vaultDeployment
	gate     *httptest.Server
	client   *http.Client
	replicas []*server

	minted, played, refused, away atomic.Int64
	rotated, unsure               atomic.Int64 // rotations, and those of unknown end
	watching                      sync.WaitGroup
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{vaultDeployment: newVaultDeployment(t, "PLAYTOKEN_TOKEN_TTL=12s", "PLAYTOKEN_TOKEN_MAX_TTL=12s", "PLAYTOKEN_SETTLE=4s",
		"PLAYTOKEN_PROPAGATION_DELAY=500ms", "PLAYTOKEN_VIEW_AGE=500ms", "PLAYTOKEN_KEY_BUDGET=60", "PLAYTOKEN_OBSERVE_EVERY=2s"), client: newClient(t)}
	f.gate = openArchive(t, f.dir)
	f.environ = append(f.environ, "PLAYTOKEN_PLATFORM_URL="+f.gate.URL)
	f.environ = f.as(vaultkeys.Rotator)
	if r := f.run("rotate"); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	for range 3 {
		f.replicas = append(f.replicas, f.startServer("serve"))
	}
	return f
}

// post asks one replica; status 0 is no answer.
func (f *fleet) post(ctx context.Context, replica *server, key, path, body string) (status int, answer []byte) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, replica.url+path, strings.NewReader(body))
	if err != nil {
		f.t.Error(err)
		return 0, nil
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := f.client.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil
	}
	return resp.StatusCode, answer
}

const batch = 20 // tokens in one request

// anyReplica is one of them, by chance.
func (f *fleet) anyReplica() *server { return f.replicas[rand.N(len(f.replicas))] }

// audience mints until ctx ends. Each token has a video and a life of its own.
func (f *fleet) audience(ctx context.Context, pace time.Duration) {
	for ctx.Err() == nil {
		var requests []string
		for range batch {
			requests = append(requests, fmt.Sprintf(`{"video_id":"video%03d","expires_in":%d}`, rand.N(archive), 4+rand.N(9)))
		}
		status, answer := f.post(ctx, f.anyReplica(), frontendKey, "/v1/playback-tokens/batch", `{"requests":[`+strings.Join(requests, ",")+`]}`)
		if status == http.StatusOK {
			f.take(answer)
		} else if ctx.Err() == nil && status != 0 && status != http.StatusServiceUnavailable {
			f.t.Errorf("mint: %d %s", status, answer)
		} else {
			f.away.Add(1)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pace):
		}
	}
}

// take plays the tokens of a batch at birth, in mid-life and just before each
// expires.
func (f *fleet) take(answer []byte) {
	var got struct{ Items []handlers.Token }
	if err := json.Unmarshal(answer, &got); err != nil {
		f.t.Error(err)
		return
	}
	for _, token := range got.Items {
		if token.Token == "" { // an error of its own: the store was away
			f.away.Add(1)
			continue
		}
		f.minted.Add(1)
		f.play(token)
		f.watching.Go(func() {
			f.awaitUntil(token.IssuedAt.Add(token.ExpiresAt.Sub(token.IssuedAt) / 2))
			f.play(token)
			f.awaitUntil(token.ExpiresAt.Add(-400 * time.Millisecond))
			f.play(token)
		})
	}
}

func (f *fleet) awaitUntil(at time.Time) {
	select {
	case <-f.t.Context().Done():
	case <-time.After(time.Until(at)):
	}
}

// play is a refusal only if the token was still good when the answer came.
func (f *fleet) play(token handlers.Token) {
	status, err := plays(context.WithoutCancel(f.t.Context()), f.client, token.URLs.HLS)
	if !time.Now().Before(token.ExpiresAt) {
		return // late ourselves
	}
	f.played.Add(1)
	if status != http.StatusOK || err != nil {
		f.refused.Add(1)
		f.t.Errorf("a token of key %s was refused %s before its end: %d, %v", *token.KeyID, time.Until(token.ExpiresAt), status, err)
	}
}

// rotations orders one every few seconds, until ctx ends.
func (f *fleet) rotations(ctx context.Context, every time.Duration) {
	for ctx.Err() == nil {
		f.awaitUntil(time.Now().Add(every))
		status, answer := f.post(ctx, f.anyReplica(), adminKey, "/v1/projects/default/rotation", `{"mode":"now","reason":"as often as possible"}`)
		var said struct{ Changed bool }
		switch {
		case status == http.StatusOK && json.Unmarshal(answer, &said) == nil && said.Changed && bytes.Contains(answer, []byte(`"activate"`)):
			f.rotated.Add(1)
		case status == http.StatusOK || status == http.StatusConflict: // too early, or done by another replica
		case status == 0 || status == http.StatusServiceUnavailable:
			f.unsure.Add(1)
		default:
			f.t.Errorf("rotate: status %d, want 200, 409 or 503: %s", status, answer)
		}
	}
}

// troubles stops replicas and lets them go on, for this long; meanwhile it
// seals Vault once, and restarts it.
func (f *fleet) troubles(span time.Duration) {
	began := time.Now()
	sealed, restarted := false, false
	for passed := time.Duration(0); passed < span; passed = time.Since(began) {
		stopped := f.anyReplica().cmd.Process
		stopped.Signal(syscall.SIGSTOP)
		f.awaitUntil(time.Now().Add(rand.N(3 * time.Second)))
		stopped.Signal(syscall.SIGCONT)
		f.awaitUntil(time.Now().Add(rand.N(2 * time.Second)))
		switch {
		case !sealed:
			f.vault.Seal()
			f.awaitUntil(time.Now().Add(2 * time.Second))
			f.vault.Unseal()
			sealed = true
		case !restarted && passed > span/3:
			f.vault.Kill()
			f.awaitUntil(time.Now().Add(2 * time.Second))
			f.vault.Restart()
			restarted = true
		}
	}
}

func TestThreeReplicasOnOneVaultRefuseNoViewer(t *testing.T) {
	t.Parallel()
	slow(t, "replicas are stopped, and Vault is sealed and restarted")
	span, callers, pace, want := 8*time.Second, 2, 100*time.Millisecond, int64(1000)
	if chaos() {
		span, callers, pace, want = 9*time.Minute, 4, 40*time.Millisecond, 100_000
	}
	f := newFleet(t)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { cancel(); f.watching.Wait() })
	for range callers {
		f.watching.Go(func() { f.audience(ctx, pace) })
	}
	f.watching.Go(func() { f.rotations(ctx, 2*time.Second) })
	f.troubles(span)
	eventually(t, 5*patience, func() error { // a busy machine takes that long
		if minted, rotated := f.minted.Load(), f.rotated.Load(); minted < want || rotated < 3 {
			return fmt.Errorf("%d tokens and %d rotations, want %d and 3", minted, rotated, want)
		}
		return nil
	})
	cancel()
	f.watching.Wait()
	for _, replica := range f.replicas {
		replica.stop()
	}
	done, unsure := int(f.rotated.Load()), int(f.unsure.Load())
	t.Logf("%d tokens minted, %d times played, %d refused; %d answers of unavailable; %d rotations, %d of unknown end",
		f.minted.Load(), f.played.Load(), f.refused.Load(), f.away.Load(), done, unsure)
	// Exactly one generation for each rotation, beside the first key and the
	// standby; those of unknown end may have taken one each.
	var list keyListView
	f.must(&list, "keys", "list")
	if newest := list.Items[0].Generation; newest < done+2 || newest > done+unsure+2 {
		t.Errorf("%d rotations and %d of unknown end made %d generations, want %d to %d", done, unsure, newest, done+2, done+unsure+2)
	}
}

func TestColdStartsOfThreeReplicasEndWithOneRing(t *testing.T) {
	t.Parallel()
	slow(t, "it starts many processes")
	starts := 2
	if chaos() {
		starts = 50
	}
	w := newVaultDeployment(t)
	for range starts {
		transit, kv := w.vault.Mount(t)
		own := *w.deployment
		own.gate = httptest.NewServer(openSample(t, t.TempDir()).Handler())
		own.environ = append(w.environ[:len(w.environ):len(w.environ)], "VAULT_TOKEN="+w.vault.RootToken,
			"PLAYTOKEN_VAULT_TRANSIT="+transit, "PLAYTOKEN_VAULT_KV="+kv, "PLAYTOKEN_PLATFORM_URL="+own.gate.URL)
		var replicas []*server
		for range 3 {
			replicas = append(replicas, own.startServer("serve"))
		}
		own.must(&struct{}{}, "rotate") // waits until a key is active
		own.awaitStates("2:registered 1:active")
		var drift findingsView
		own.must(&drift, "doctor")
		for _, replica := range replicas {
			replica.stop()
		}
		own.gate.Close()
	}
}

// awaitStates waits for "2:registered 1:active".
func (w *deployment) awaitStates(want string) {
	w.t.Helper()
	eventually(w.t, patience, func() error {
		if states := w.states(); states != want {
			return fmt.Errorf("keys: %s, want %s", states, want)
		}
		return nil
	})
}

// TestKilledAtAnyMomentNothingIsLost kills processes that rotate, while another
// process mints.
func TestKilledAtAnyMomentNothingIsLost(t *testing.T) {
	t.Parallel()
	slow(t, "it kills many processes")
	kills := 8
	if chaos() {
		kills = 100
	}
	f := newFleet(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.watching.Go(func() { f.audience(ctx, 100*time.Millisecond) })
	killed := 0
	for i := 0; killed < kills && !t.Failed(); i++ {
		rotate := f.command("rotate", "--now", "--reason", fmt.Sprint("to be killed ", i))
		if err := rotate.Start(); err != nil {
			t.Fatal(err)
		}
		f.awaitUntil(time.Now().Add(rand.N(400 * time.Millisecond)))
		rotate.Process.Kill()
		if rotate.Wait(); !rotate.ProcessState.Exited() {
			killed++
		}
	}
	cancel()
	f.watching.Wait()
	for _, replica := range f.replicas {
		replica.stop()
	}
	f.must(&struct{}{}, "rotate")
	var found findingsView
	f.must(&found, "doctor")
	t.Logf("%d killed, %d tokens minted, %d times played, %d refused; %s", killed, f.minted.Load(), f.played.Load(), f.refused.Load(), f.states())
	if f.minted.Load() == 0 {
		t.Error("got no token minted, want some beside the rotations")
	}
}
