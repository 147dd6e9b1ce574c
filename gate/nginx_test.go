package gate_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"playtoken/gate"
	"playtoken/gate/sample"
)

// nginxConf is all that nginx needs to know: ask the gate about every file,
// name the original URI, hand its cookie on.
const nginxConf = `
daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr notice;
events {}
http {
	log_format tokenless '$remote_addr "$request_method $uri" $status $body_bytes_sent';
	access_log %[1]s/access.log tokenless;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen unix:%[2]s;
		root %[1]s/media;
		location / {
			auth_request /gate-auth;
			auth_request_set $gate_cookie $upstream_http_set_cookie;
			add_header Set-Cookie $gate_cookie;
			add_header Cache-Control private;
		}
		location = /gate-auth {
			internal;
			proxy_pass %[3]s/auth;
			proxy_pass_request_body off;
			proxy_set_header Content-Length "";
			proxy_set_header X-Original-URI $request_uri;
		}
	}
}
`

// startNginx serves a copy of the sample, and other videos, behind the gate,
// on a socket in the file system: no free port has to be guessed.
func startNginx(t *testing.T, gateURL string) (socket string) {
	t.Helper()
	binary, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("NOT TESTED: forward-auth with a real nginx, because there is no nginx on this machine")
	}
	dir := files(t)
	conf := filepath.Join(dir, "nginx.conf")
	socket = filepath.Join(dir, "socket")
	if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConf, dir, socket, gateURL), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, exec.Command(binary, "-p", dir, "-e", "stderr", "-c", conf), "event method") // named once its sockets are open
	return socket
}

// files returns a folder with a copy of the sample, and other videos, in media.
func files(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	clip, err := sample.FS()
	if err != nil {
		t.Fatal(err)
	}
	media := filepath.Join(dir, "media")
	if err := errors.Join(os.CopyFS(media, clip), os.CopyFS(media, films())); err != nil {
		t.Fatal(err)
	}
	return dir
}

// run returns when a server is listening, which a line of its log tells, and
// ends it with the test.
func run(t *testing.T, server *exec.Cmd, listens string) {
	t.Helper()
	stderr, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	t.Cleanup(func() {
		_ = server.Process.Kill() // it may be gone
		<-read
		_ = server.Wait() // it was killed
	})
	listening := make(chan bool, 1)
	go func() {
		defer close(read)
		follow(t, stderr, listens, listening)
	}()
	if !<-listening {
		t.Fatalf("%s did not start", server.Path)
	}
}

// follow copies a server's log to the test's and tells when the server is
// listening, or that it never will be.
func follow(t *testing.T, stderr io.Reader, listens string, listening chan<- bool) {
	told := false
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		fmt.Fprintln(t.Output(), lines.Text())
		if !told && strings.Contains(lines.Text(), listens) {
			told = true
			listening <- true
		}
	}
	if !told {
		listening <- false
	}
}

// browse is a viewer with a cookie jar; it returns the statuses of answers.
func browse(t *testing.T, socket string) func(uri string, headers ...string) int {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: 10 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	t.Cleanup(client.CloseIdleConnections)
	return func(uri string, headers ...string) int {
		t.Helper()
		request, err := http.NewRequest("GET", "http://films.example"+uri, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			request.Header.Set(headers[i], headers[i+1])
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
}

func TestARealNginxAsksTheGate(t *testing.T) {
	w := open(t, films(), func(c *gate.Config) { c.Forward = "nginx" })
	socket := startNginx(t, w.server.URL)
	w.visit(t, socket, "X-Original-URI")
	log, err := os.ReadFile(filepath.Join(filepath.Dir(socket), "access.log"))
	if err != nil || strings.Contains(string(log), "jwt") || !strings.Contains(string(log), "/counter/hls.m3u8") {
		t.Errorf("nginx logs\n%s, %v, want requests without tokens", log, err)
	}
}

// visit walks past a real proxy as a viewer does; header is the one that a
// viewer might try to forge.
func (w *world) visit(t *testing.T, socket, header string) {
	t.Helper()
	get := browse(t, socket)
	for _, s := range []struct {
		name, uri string
		want      int
	}{
		{"without a token", "/counter/360/0.m4s", 401},
		{"with another video's token", "/counter/hls.m3u8?jwt=" + w.token("film", time.Minute), 403},
		{"with an old token", "/counter/hls.m3u8?jwt=" + w.token("counter", 0), 401},
		{"with a token", "/counter/hls.m3u8?jwt=" + w.token("counter", time.Minute), 200},
		{"the cookie carries a playlist", "/counter/360/index.m3u8", 200},
		{"and a segment", "/counter/360/0.m4s", 200},
		{"but no other video", "/film/hls.m3u8", 401},
		{"and nothing beside videos", "/top.m4s", 403},
		{"and no hidden file", "/film/.hidden.m4s?jwt=" + w.token("film", time.Minute), 403},
		{"and no other kind of file", "/film/notes.txt?jwt=" + w.token("film", time.Minute), 403},
	} {
		if got := get(s.uri); got != s.want {
			t.Errorf("%s: %d, want %d", s.name, got, s.want)
		}
	}
	if got := get("/film/360/0.m4s", header, "/film/360/0.m4s?jwt="+w.token("film", time.Minute)); got != 401 {
		t.Errorf("a viewer who names the original URI: %d, want 401", got)
	}
	for _, uri := range append(named, ambiguous...) {
		if got := raw(t, "unix", socket, uri+"?jwt="+w.token("film", time.Minute)); got == 200 {
			t.Errorf("%s: got 200 through the proxy and the gate, want a refusal", uri)
		}
	}
	w.advance(5 * time.Hour)
	if got := get("/counter/360/1.m4s"); got != 401 {
		t.Errorf("after the session: %d, want 401", got)
	}
}

// TestFfprobeReadsTheSampleThroughTheGate follows what the gate rewrote with
// a player that is not ours.
func TestFfprobeReadsTheSampleThroughTheGate(t *testing.T) {
	ffprobe, err := exec.LookPath("ffprobe")
	if err != nil {
		t.Skip("NOT TESTED: the sample with ffprobe, because there is no ffprobe on this machine")
	}
	clip, err := sample.FS()
	if err != nil {
		t.Fatal(err)
	}
	w := open(t, clip, nil)
	url := w.server.URL + "/counter/hls.m3u8?jwt=" + w.token(sample.VideoID, time.Minute)
	out, err := exec.Command(ffprobe, "-v", "error", "-count_packets", "-of", "csv=p=0",
		"-show_entries", "stream=codec_name,width,nb_read_packets", url).CombinedOutput()
	if err != nil {
		t.Fatalf("ffprobe: got %v, want no error\n%s", err, out)
	}
	for _, stream := range []string{"h264,320,1200", "h264,640,1200", "aac,"} {
		if !strings.Contains(string(out), stream) {
			t.Errorf("%s is not in\n%s", stream, out)
		}
	}
}
