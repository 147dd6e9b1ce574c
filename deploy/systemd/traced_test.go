package systemd_test

import (
	"bufio"
	"context"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"playtoken/gate/sample"
)

// traced runs a gate and a serve that has its keys there, until a token could be
// minted, and returns the system calls of both.
func traced(t *testing.T, strace string) []string {
	t.Helper()
	dir := t.TempDir()
	program, media := filepath.Join(dir, "playtoken"), filepath.Join(dir, "media")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "playtoken/cmd/playtoken")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build = %v, %s; want the program", err, out)
	}
	videos, err := sample.FS()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(media, videos); err != nil {
		t.Fatal(err)
	}
	const key = "0123456789abcdef0123456789abcdef"
	files := []string{filepath.Join(dir, "gate.trace"), filepath.Join(dir, "serve.trace")}
	gate, endGate := run(t, []string{strace, "-f", "-o", files[0], program, "gate"}, "PLAYTOKEN_GATE_LISTEN=127.0.0.1:0", "PLAYTOKEN_DRAIN=0s", "PLAYTOKEN_GATE_MEDIA="+media,
		"PLAYTOKEN_GATE_DATA="+filepath.Join(dir, "gate.db"), "PLAYTOKEN_GATE_API_KEY="+key, "PLAYTOKEN_AUDIT=file:"+filepath.Join(dir, "gate.jsonl"))
	serve, endServe := run(t, []string{strace, "-f", "-o", files[1], program, "serve"}, "PLAYTOKEN_LISTEN=127.0.0.1:0", "PLAYTOKEN_SIGNING=memory", "PLAYTOKEN_DRAIN=0s",
		"PLAYTOKEN_STORE=file:"+filepath.Join(dir, "store.db"), "PLAYTOKEN_STORE_PASSWORD="+key, "PLAYTOKEN_AUDIT=file:"+filepath.Join(dir, "audit.jsonl"),
		"PLAYTOKEN_PLATFORM=gate", "PLAYTOKEN_PLATFORM_URL=http://"+gate, "PLAYTOKEN_PLATFORM_API_KEY="+key, "PLAYTOKEN_ADMIN_KEY="+key, "PLAYTOKEN_PROPAGATION_DELAY=1ms", "PLAYTOKEN_SETTLE=5s", "PLAYTOKEN_VIEW_AGE=20ms", "PLAYTOKEN_OBSERVE_EVERY=1s", "PLAYTOKEN_CLOCK_SKEW=1s")
	awaitReady(t, "http://"+serve+"/readyz")
	endServe()
	endGate()
	return callsIn(t, files)
}

// run starts a process. It returns the address that its log says it listens at, and
// what ends it.
func run(t *testing.T, args []string, environ ...string) (address string, end func()) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(environ, "PATH="+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = sync.OnceFunc(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()                                      // strace ends as what it traces does
	})
	t.Cleanup(end)
	lines, log := bufio.NewScanner(stderr), ""
	for lines.Scan() {
		log += lines.Text() + "\n"
		if found := regexp.MustCompile(`"address":"([^"]+)"`).FindStringSubmatch(lines.Text()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, stderr) }() // until the process ends
			return found[1], end
		}
	}
	t.Fatalf("%v ended with the log %s; want its address", args, log)
	return "", nil
}

func awaitReady(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		resp, err := http.Get(url)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("GET %s = %v, %v; want 200 within a minute", url, resp, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func callsIn(t *testing.T, files []string) []string {
	t.Helper()
	made := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^\d+ +([a-z_0-9]+)\(`).FindAllStringSubmatch(string(text), -1) {
			made[m[1]] = true
		}
	}
	return slices.Sorted(maps.Keys(made))
}
