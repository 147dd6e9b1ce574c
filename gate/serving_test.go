package gate_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"playtoken/gate"
	"playtoken/metrics"
)

// BenchmarkServing compares what the gate costs with what net/http costs that
// serves the same bytes, as CPU time for one response over TCP. The machine may be
// busy, so the contestants take turns and the best turn of each counts. The client
// is a thread whose time is left out.
func BenchmarkServing(b *testing.B) {
	dir := benchMedia(b)
	media, err := gate.OpenFolder(dir)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { media.Close() })
	counted, err := metrics.NewGate(metrics.Build{})
	if err != nil {
		b.Fatal(err)
	}
	g, id := openWith(b, media, gate.Config{Admission: counted.Admission, Watched: counted.Watched, Served: func(_ context.Context, o gate.Outcome) { counted.Served(o.Kind, o.Status, o.Bytes, o.Took) },
		Logged: func(status int, _ bool) bool { return status >= 400 }})
	token := sign(id, ours(), map[string]any{"sub": video, "viewer": viewerA, "exp": time.Now().Add(time.Hour).Unix()})
	_, rest, _ := strings.Cut(fetch(g.Handler(), "/film/hls.m3u8?jwt="+token).body, "360/index.m3u8?ticket=")
	ticket, _, _ := strings.Cut(rest, "\n")
	ours, bare := listen(b, g.Handler()), listen(b, bareFiles(dir))
	contests := []*contest{
		newContest(b, bare, "/film/hls.m3u8"), newContest(b, ours, "/film/hls.m3u8?jwt="+token),
		newContest(b, bare, "/film/small.m4s"), newContest(b, ours, "/film/small.m4s?ticket="+ticket),
		newContest(b, bare, "/film/large.m4s"), newContest(b, ours, "/film/large.m4s?ticket="+ticket),
	}
	for b.Loop() {
		for _, c := range contests {
			c.turn(b)
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, name := range []string{"manifest", "24KB", "1MB"} {
		bare, ours := contests[2*i].best, contests[2*i+1].best
		b.ReportMetric(ours, name+"-µs")
		b.ReportMetric(ours/bare, name+"/ServeContent")
	}
}

// benchMedia is a folder on disk with a first playlist and two segments.
func benchMedia(b *testing.B) string {
	dir := b.TempDir()
	folder := filepath.Join(dir, video)
	if err := os.Mkdir(folder, 0o700); err != nil {
		b.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"hls.m3u8":  films()["film/hls.m3u8"].Data,
		"small.m4s": bytes.Repeat([]byte("x"), 24<<10),
		"large.m4s": bytes.Repeat([]byte("x"), 1<<20),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

// bareFiles serves a folder with http.ServeContent, and does nothing else.
func bareFiles(dir string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, err := os.Open(filepath.Join(dir, r.URL.Path))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "video/mp4")
		http.ServeContent(w, r, "", info.ModTime(), file)
	})
}

func listen(b *testing.B, handler http.Handler) string {
	server := httptest.NewServer(handler)
	b.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// contest is one of what is compared.
type contest struct {
	conn    *os.File // blocking: only the client's own thread waits for it
	request string
	size    int     // of a response, in bytes
	best    float64 // CPU time of a response in the best turn, in µs
}

func newContest(b *testing.B, address, target string) *contest {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { file.Close() })
	c := &contest{conn: file, request: "GET " + target + " HTTP/1.1\r\nHost: bench\r\n\r\n", best: math.Inf(1)}
	file.Fd() // blocking
	if err := c.first(); err != nil {
		b.Fatalf("GET %.40s: %v", target, err)
	}
	return c
}

// first learns how long a response is.
func (c *contest) first() error {
	if _, err := io.WriteString(c.conn, c.request); err != nil {
		return err
	}
	buffer := make([]byte, 64<<10)
	for got := 0; ; {
		n, err := c.conn.Read(buffer[got:min(len(buffer), got+1)])
		if got += n; err != nil {
			return err
		}
		head, found := bytes.CutSuffix(buffer[:got], []byte("\r\n\r\n"))
		if !found {
			continue
		}
		_, length, _ := strings.Cut(string(head), "Content-Length: ")
		length, _, _ = strings.Cut(length, "\r\n")
		body, err := strconv.Atoi(length)
		if err != nil || !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
			return fmt.Errorf("got %.200q, want 200 with a length", head)
		}
		c.size = got + body
		_, err = io.CopyN(io.Discard, c.conn, int64(body))
		return err
	}
}

// turn sends some requests, one after the other.
func (c *contest) turn(b *testing.B) {
	const requests = 500
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	buffer := make([]byte, 256<<10)
	all, client := cpu(syscall.RUSAGE_SELF), cpu(syscall.RUSAGE_THREAD)
	for range requests {
		if _, err := io.WriteString(c.conn, c.request); err != nil {
			b.Fatal(err)
		}
		for left := c.size; left > 0; {
			n, err := c.conn.Read(buffer)
			if err != nil {
				b.Fatal(err)
			}
			left -= n
		}
	}
	all, client = cpu(syscall.RUSAGE_SELF)-all, cpu(syscall.RUSAGE_THREAD)-client
	c.best = min(c.best, float64((all-client).Nanoseconds())/1e3/requests)
}

// cpu is the time that this process, or this thread, has had of a processor.
func cpu(who int) time.Duration {
	var used syscall.Rusage
	_ = syscall.Getrusage(who, &used)
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
