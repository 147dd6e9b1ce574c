package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// server is a verb that serves, as a process of its own.
type server struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	done chan struct{} // closed when all its logs are read
	logs logBuffer
}

// logBuffer holds what a process has logged so far.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// startServer runs a verb and waits until it listens.
func (w *deployment) startServer(args ...string) *server {
	w.t.Helper()
	return startCommand(w.t, w.command(args...))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *server {
	t.Helper()
	s := &server{t: t, cmd: cmd, done: make(chan struct{})}
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.cmd.Process.Kill() })
	address := make(chan string, 2) // of the service, then of its metrics
	go s.read(stderr, address)
	if s.url = "http://" + <-address; s.url == "http://" {
		t.Fatalf("it ended: %s", s.logs.String())
	}
	return s
}

// read passes on the address that the first log line of interest names.
func (s *server) read(stderr io.Reader, address chan<- string) {
	defer close(s.done)
	defer close(address)
	for lines := bufio.NewScanner(io.TeeReader(stderr, &s.logs)); lines.Scan(); {
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Address != "" {
			address <- line.Address
		}
	}
}

// stop asks it to end and returns its logs.
func (s *server) stop() string {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Error(err)
	}
	<-s.done
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("it ended: %v\n%s", err, s.logs.String())
	}
	return s.logs.String()
}

// command is the program as a process of its own.
func (w *deployment) command(args ...string) *exec.Cmd {
	w.t.Helper()
	path, err := binary()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.CommandContext(w.t.Context(), path, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir}, w.environ...)
	return cmd
}

// mintOver asks a server for a token; reused tells whether the connection had
// been used before.
func mintOver(ctx context.Context, client *http.Client, url string) (token tokenView, status int, reused bool, err error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/playback-tokens", strings.NewReader(`{"video_id":"counter"}`))
	if err != nil {
		return token, 0, false, err
	}
	req.Header.Set("Authorization", "Bearer "+frontendKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return token, 0, reused, err
	}
	defer resp.Body.Close()
	return token, resp.StatusCode, reused, json.NewDecoder(resp.Body).Decode(&token)
}

func TestTermLosesNoRequestUnderLoad(t *testing.T) {
	t.Parallel()
	slow(t, "it starts a process")
	w := newDeployment(t)
	w.must(&struct{}{}, "rotate")
	s := w.startServer("serve")
	client := newClient(t)
	var minted atomic.Int64
	enough := make(chan struct{})
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for {
				_, status, reused, err := mintOver(t.Context(), client, s.url)
				if err != nil && !reused {
					return // the door is closed
				}
				if err != nil || status != http.StatusCreated {
					t.Errorf("status %d, %v", status, err)
					return
				}
				if minted.Add(1) == 200 {
					close(enough)
				}
			}
		})
	}
	<-enough
	if logs := s.stop(); strings.Contains(logs, `"level":"ERROR"`) {
		t.Errorf("logs:\n%s", logs)
	}
	callers.Wait()
}

// watchers mint at a server, play each token at once and again before its end,
// and count what was refused although its time was not over.
type watchers struct {
	t       *testing.T
	client  *http.Client
	server  string
	minted  atomic.Int64
	running sync.WaitGroup
}

func (v *watchers) watch(ctx context.Context) {
	defer v.running.Done()
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for ; ctx.Err() == nil; <-pace.C {
		token, status, _, err := mintOver(ctx, v.client, v.server)
		if ctx.Err() != nil {
			return
		}
		if err != nil || status != http.StatusCreated {
			v.t.Errorf("mint: status %d, %v", status, err)
			return
		}
		v.minted.Add(1)
		v.play(token)
		v.running.Go(func() {
			select {
			case <-ctx.Done():
			case <-time.After(time.Until(token.ExpiresAt) - 300*time.Millisecond):
			}
			v.play(token)
		})
	}
}

// play is a failure only if the token was still good when the answer came.
func (v *watchers) play(token tokenView) {
	status, err := plays(context.WithoutCancel(v.t.Context()), v.client, token.URLs.HLS)
	if (status != http.StatusOK || err != nil) && time.Now().Before(token.ExpiresAt) {
		v.t.Errorf("a token of key %s was refused %s before its end: %d, %v", *token.KeyID, time.Until(token.ExpiresAt), status, err)
	}
}

func TestRotationsBesideServeLockNoViewerOut(t *testing.T) {
	t.Parallel()
	slow(t, "every rotation is a process")
	rotations := 10
	if chaos() {
		rotations = 100
	}
	w := newDeployment(t, "PLAYTOKEN_PROPAGATION_DELAY=0s", "PLAYTOKEN_TOKEN_TTL=2s", "PLAYTOKEN_TOKEN_MAX_TTL=3s")
	w.must(&struct{}{}, "rotate")
	s := w.startServer("serve")
	v := &watchers{t: t, client: newClient(t), server: s.url}
	ctx, cancel := context.WithCancel(t.Context())
	for range 2 {
		v.running.Add(1)
		go v.watch(ctx)
	}
	for done := 0; done < rotations && !t.Failed(); {
		rotate := w.command("rotate", "--now", "--reason", fmt.Sprint("rotation ", done))
		out, err := rotate.CombinedOutput()
		switch rotate.ProcessState.ExitCode() {
		case exitDone:
			done++
		case exitRefused: // serve is registering the next standby just now
		default:
			t.Errorf("rotation %d: %v\n%s", done, err, out)
		}
	}
	cancel()
	v.running.Wait()
	s.stop()
	var list keyListView
	w.must(&list, "keys", "list")
	if newest := list.Items[0].Generation; newest < rotations || v.minted.Load() < int64(rotations) {
		t.Errorf("newest generation %d, %d tokens; want at least %d of each", newest, v.minted.Load(), rotations)
	}
	t.Logf("%d tokens, none refused; newest generation %d", v.minted.Load(), list.Items[0].Generation)
}

func TestServeNeedsNothingButItsPort(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	first := w.startServer("serve")
	second := w.command("serve")
	second.Env = append(second.Env, "PLAYTOKEN_LISTEN="+strings.TrimPrefix(first.url, "http://"), "PLAYTOKEN_STORE=file:"+filepath.Join(w.dir, "other.db"))
	out, err := second.CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("address already in use")) {
		t.Errorf("two on one port: %v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(w.dir, "other.db")); err == nil {
		t.Error("the port was taken, and a store was made nevertheless")
	}
	first.stop()
}

// TestASecondSignalEndsWhatServesOnAfterTheFirst, which makes it unready and no
// more.
func TestASecondSignalEndsWhatServesOnAfterTheFirst(t *testing.T) {
	t.Parallel()
	slow(t, "it starts processes")
	w := newDeployment(t, "PLAYTOKEN_DRAIN=10m", "PLAYTOKEN_GATE_LISTEN=127.0.0.1:0", "PLAYTOKEN_GATE_MEDIA="+t.TempDir(),
		"PLAYTOKEN_GATE_API_KEY="+gateKey, "PLAYTOKEN_GATE_DATA="+filepath.Join(t.TempDir(), "own.db"))
	w.must(&struct{}{}, "rotate")
	for _, verb := range []string{"serve", "gate"} {
		s, client := w.startServer(verb), newClient(t)
		s.awaitReady(client)
		s.cmd.Process.Signal(syscall.SIGTERM)
		eventually(t, patience, func() error {
			status, err := plays(t.Context(), client, s.url+"/readyz")
			if err == nil && status != http.StatusServiceUnavailable {
				err = fmt.Errorf("%s: got readiness %d after the first signal, want 503", verb, status)
			}
			return err
		})
		if _, status, _, err := mintOver(t.Context(), client, s.url); verb == "serve" && (status != http.StatusCreated || err != nil) {
			t.Errorf("a mint after the first signal: got %d, %v, want 201", status, err)
		}
		if status, err := plays(t.Context(), client, s.url+"/healthz"); status != http.StatusOK || err != nil {
			t.Errorf("%s after the first signal: got %d, %v, want it to serve on", verb, status, err)
		}
		s.cmd.Process.Signal(syscall.SIGTERM)
		<-s.done
		if err := s.cmd.Wait(); err == nil {
			t.Errorf("%s: got an orderly end, want one by the second signal", verb)
		}
	}
}
