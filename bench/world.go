package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"playtoken/gate/sample"
)

// world is a gate and a bootstrapped file store, whose first key is active. Any
// number of services may run on it.
type world struct {
	gate         *server
	apiKey       string
	environ      []string
	responseSize int64 // of the JSON with one token, in bytes
}

// site is the URL of the gate.
func (w world) site() string { return "http://" + w.gate.line.Address }

// openWorld starts the gate and creates the first keys.
func (b *bench) openWorld(ctx context.Context) (err error) {
	gateKey := newAPIKey()
	b.world = world{apiKey: newAPIKey()}
	if b.world.gate, err = b.startGate(ctx, gateKey); err != nil {
		return err
	}
	b.world.environ = b.world.settings(b.dir, gateKey)
	if out, err := b.world.command(ctx, b.standard, "rotate").CombinedOutput(); err != nil {
		return fmt.Errorf("create the first keys: %w: %s", err, lastLine(out))
	}
	return nil
}

func (b *bench) startGate(ctx context.Context, key string) (*server, error) {
	clip, err := sample.FS()
	if err != nil {
		return nil, err
	}
	media := filepath.Join(b.dir, "media")
	if err := os.CopyFS(media, clip); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, b.standard.program(), "gate")
	cmd.Env = []string{
		"PLAYTOKEN_DRAIN=0s", "PLAYTOKEN_GATE_LISTEN=127.0.0.1:0", "PLAYTOKEN_GATE_MEDIA=" + media,
		"PLAYTOKEN_GATE_DATA=" + filepath.Join(b.dir, "gate.db"), "PLAYTOKEN_GATE_API_KEY=" + key,
	}
	return b.start(cmd)
}

// settings returns the default settings, except for addresses and paths, keys in
// memory, and no propagation delay before the first key is active.
func (w world) settings(dir, gateKey string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "PLAYTOKEN_LISTEN=127.0.0.1:0", "PLAYTOKEN_DRAIN=0s",
		"PLAYTOKEN_STORE=file:" + filepath.Join(dir, "play.db"), "PLAYTOKEN_STORE_PASSWORD=" + newAPIKey(),
		"PLAYTOKEN_PLATFORM_API_KEY=" + gateKey, "PLAYTOKEN_PLATFORM_URL=" + w.site() + "/v2",
		"PLAYTOKEN_PLATFORM_LANDING_URL=" + w.site() + "/{video_id}?jwt={token}",
		"PLAYTOKEN_PLATFORM_EMBED_URL=" + w.site() + "/embed/{video_id}?jwt={token}",
		"PLAYTOKEN_PLATFORM_HLS_URL=" + w.site() + "/{video_id}/hls.m3u8?jwt={token}",
		"PLAYTOKEN_API_KEY=" + w.apiKey, "PLAYTOKEN_SIGNING=memory", "PLAYTOKEN_PROPAGATION_DELAY=0s",
	}
}

func (w world) command(ctx context.Context, made build, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, made.program(), args...)
	cmd.Env = w.environ
	return cmd
}

// starts is a contestant that starts a service, mints one token and stops the
// service. Its CPU time is that of the service from its start.
func (w world) starts(made build) contestant {
	return contestant{name: firstToken, turn: func(ctx context.Context, _ time.Duration) (score, error) {
		began := time.Now()
		s, err := startServer(w.command(ctx, made, "serve"))
		if err != nil {
			return score{}, err
		}
		defer s.stop()
		one := mintEqual(w.apiKey)
		one.address = s.line.Address
		for err = one.once(); err != nil; err = one.once() {
			if time.Since(began) > patience {
				return score{}, err
			}
			time.Sleep(time.Millisecond)
		}
		took := score{n: 1, wall: time.Since(began)}
		if took.cpu, err = s.cpu(); err != nil {
			return took, err
		}
		took.resident, err = s.resident()
		return took, err
	}}
}

// once sends one request.
func (l *load) once() error {
	_, err := l.converse(context.Background(), time.Now, time.Time{})
	return err
}

// minted has tokens for the video of the gate, and the size of one response.
type minted struct {
	tokens []string
	size   int64
}

// tokens has a service mint tokens for the sample, each with a different
// lifetime, so that no two are equal.
func (w world) tokens(ctx context.Context, address string) (minted, error) {
	var all minted
	for i := range 200 {
		body := fmt.Sprintf(`{"video_id":%q,"expires_in":%d}`, sample.VideoID, 1800+i)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/v1/playback-tokens", strings.NewReader(body))
		if err != nil {
			return all, err
		}
		req.Header.Set("Authorization", "Bearer "+w.apiKey)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return all, err
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		var response struct{ Token string }
		if err != nil || json.Unmarshal(text, &response) != nil || response.Token == "" {
			return all, fmt.Errorf("mint: status %d, %w: %.300s", resp.StatusCode, err, text)
		}
		all.tokens, all.size = append(all.tokens, response.Token), int64(len(text))
	}
	return all, nil
}

func newAPIKey() string { return strings.ToLower(rand.Text() + rand.Text()) }
