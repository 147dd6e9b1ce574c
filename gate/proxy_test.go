package gate_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"playtoken/gate"
	"playtoken/gate/sample"
)

// A realProxy is a proxy whose page in docs has its configuration. A test
// starts the proxy with it.
type realProxy struct {
	kind    string                     // as PLAYTOKEN_GATE_FORWARD has it
	page    string                     // in docs
	files   map[string]string          // name of a file: the language of its block on the page
	around  map[string]string          // name of a file that only the test needs: its text
	replace []string                   // old, new…: what differs in a test; $DIR, $GATE and $FILES stand for the test's own
	command func(dir string) *exec.Cmd // its socket is $DIR/socket
	origin  bool                       // it has no files itself, and asks $FILES

	handsOn     bool // tokens, to the server at $FILES
	ownRefusals bool // it answers refused viewers itself, and hides nothing of the gate
}

// front is a real proxy in front of a gate and its files.
type front struct {
	*world
	proxy   realProxy
	dir     string
	printed *lockedBuffer
	socket  string
}

// put writes the page's configuration for a test and starts the proxy.
func put(t *testing.T, p realProxy) *front {
	t.Helper()
	if _, err := exec.LookPath(p.command("").Args[0]); err != nil {
		t.Skipf("NOT TESTED: %s of docs/%s, because there is no %[1]s on this machine", p.command("").Args[0], p.page)
	}
	dir := files(t)
	media := filepath.Join(dir, "media")
	f := &front{proxy: p, dir: dir, socket: filepath.Join(dir, "socket"), printed: new(lockedBuffer)}
	f.world = open(t, os.DirFS(media), func(c *gate.Config) { c.Forward, c.PublicURL = p.kind, site })
	origin := ""
	if p.origin {
		origin = fileServer(t, media, p.handsOn)
	}
	places := strings.NewReplacer("$DIR", dir, "$GATE", strings.TrimPrefix(f.server.URL, "http://"), "$FILES", origin)
	for name, language := range p.files {
		text := blockOf(t, p.page, language)
		for i := 0; i < len(p.replace); i += 2 {
			text = strings.ReplaceAll(text, p.replace[i], places.Replace(p.replace[i+1]))
		}
		writeFile(t, filepath.Join(dir, name), text)
	}
	for name, text := range p.around {
		writeFile(t, filepath.Join(dir, name), places.Replace(text))
	}
	run(t, p.command(dir), f.printed, f.socket)
	return f
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// site is how viewers reach the files. TLS ends before the test's proxies.
const site = "https://videos.example.com"

func pageOf(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../docs", page))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blockOf is the block of a language that stands on a page of docs.
func blockOf(t *testing.T, page, language string) string {
	t.Helper()
	blocks := regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(pageOf(t, page), -1)
	if len(blocks) != 1 {
		t.Fatalf("docs/%s has %d blocks of %s, want one", page, len(blocks), language)
	}
	return blocks[0][1]
}

// browser is a viewer's, with a jar for cookies or without one.
func (f *front) browser(jar http.CookieJar) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", f.socket)
	}
	client := &http.Client{Jar: jar, Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: dial, DialTLSContext: dial},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	f.Cleanup(client.CloseIdleConnections)
	return client
}

func (f *front) jar() http.CookieJar {
	jar, err := cookiejar.New(nil)
	if err != nil {
		f.Fatal(err)
	}
	return jar
}

// ask sends a request past the proxy.
func (f *front) ask(client *http.Client, method, target string, headers ...string) answer {
	f.Helper()
	r, err := http.NewRequest(method, site+target, nil)
	if err != nil {
		f.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := client.Do(r)
	if err != nil {
		f.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		f.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
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

// fileServer serves a folder to a proxy that has no files of its own. It
// permits every cache to keep them, as file servers do that know of no viewers.
func fileServer(t *testing.T, dir string, seesTokens bool) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := http.FileServer(http.Dir(dir))
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !seesTokens && (r.URL.RawQuery != "" || r.Header.Get("Cookie") != "" || r.Header.Get("Authorization") != "") {
			t.Errorf("the file server is sent %s with the headers %v, want no token", r.URL, r.Header)
		}
		w.Header().Set("Cache-Control", "public, max-age=60")
		served.ServeHTTP(w, r)
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }()
	t.Cleanup(func() {
		server.Close()
		if err := <-ended; err != http.ErrServerClosed {
			t.Errorf("the file server ended: %v", err)
		}
	})
	return ln.Addr().String()
}

// run returns when a server has opened its socket, and ends it with the test.
func run(t *testing.T, server *exec.Cmd, printed io.Writer, socket string) {
	t.Helper()
	server.Stdout, server.Stderr = printed, printed
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = server.Wait() // it is killed, or what it printed says why it ended
		close(ended)
	}()
	t.Cleanup(func() {
		_ = server.Process.Kill() // it may be gone
		<-ended
	})
	for {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s did not start:\n%s", server.Path, printed)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
