package docs_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"playtoken/gate"
	"playtoken/gate/sample"
	"playtoken/secret"
)

// nginxConf is what nginx needs around the block of the page.
const nginxConf = `
daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen unix:%[1]s/socket;
		%[2]s
	}
}
`

// webServer is a server that the page about the gate configures.
type webServer struct {
	name    string
	config  func(dir, block string) string
	command func(binary, dir, config string) *exec.Cmd
	block   string // the language of its block on the page
}

var webServers = []webServer{
	{
		name: "nginx", block: "nginx",
		config: func(dir, block string) string { return fmt.Sprintf(nginxConf, dir, block) },
		command: func(binary, dir, config string) *exec.Cmd {
			return exec.Command(binary, "-p", dir, "-e", "stderr", "-c", config)
		},
	},
	{
		name: "caddy", block: "caddyfile",
		config: func(dir, block string) string {
			site, rest, _ := strings.Cut(block, "{\n")
			return "{\n\tadmin off\n}\nhttp://" + site + "{\n\tbind unix/" + dir + "/socket\n" + rest
		},
		command: func(binary, dir, config string) *exec.Cmd {
			cmd := exec.Command(binary, "run", "--config", config, "--adapter", "caddyfile")
			cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
			return cmd
		},
	},
}

// TestWebServersOfThePageAskTheGate runs the configurations of docs/gate.md.
func TestWebServersOfThePageAskTheGate(t *testing.T) {
	for _, s := range webServers {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			binary, err := exec.LookPath(s.name)
			if err != nil {
				t.Skipf("NOT TESTED: forward-auth with a real %[1]s, because there is no %[1]s on this machine", s.name)
			}
			dir := t.TempDir()
			front := openGate(t, dir, s.name)
			client := s.start(t, binary, dir, front.URL)
			video := "https://videos.example.com/counter/"
			token := "?jwt=" + register(t, front)
			for _, c := range []struct {
				url  string
				want int
			}{
				{url: video + "180/0.m4s", want: http.StatusUnauthorized},
				{url: video + "hls.m3u8", want: http.StatusUnauthorized},
				{url: video + "hls.m3u8" + token, want: http.StatusOK},
				{url: video + "180/0.m4s", want: http.StatusOK}, // the cookie
			} {
				if got, err := open(client, c.url); got != c.want {
					t.Errorf("GET %s = %d, %v, want %d", c.url, got, err, c.want)
				}
			}
		})
	}
}

func openGate(t *testing.T, dir, forward string) *httptest.Server {
	t.Helper()
	media, err := sample.FS()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "media"), media); err != nil {
		t.Fatal(err)
	}
	g, err := gate.Open(gate.Config{
		Media: os.DirFS(filepath.Join(dir, "media")), Data: filepath.Join(dir, "gate.db"), APIKey: secret.New(gateKey),
		Forward: forward, PublicURL: "https://videos.example.com",
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// register makes a key, registers it at the gate, and returns a token of it.
func register(t *testing.T, at *httptest.Server) string {
	t.Helper()
	private, public := keyPair(t)
	body := strings.NewReader(`{"name":"test","public_key":` + public + `}`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at.URL+"/v2/jwt_keys", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+gateKey)
	resp, err := at.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"sub": "counter", "exp": time.Now().Add(time.Hour).Unix()})
	token.Header["kid"] = keyID(t, resp)
	signed, err := token.SignedString(private)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// start runs the server with the page's block until the test ends, and returns
// a viewer's browser that reaches it.
func (s webServer) start(t *testing.T, binary, dir, gateURL string) *http.Client {
	t.Helper()
	block := strings.NewReplacer("http://127.0.0.1:8081", gateURL, "127.0.0.1:8081", strings.TrimPrefix(gateURL, "http://"),
		"/srv/videos", filepath.Join(dir, "media")).Replace(blockOf(t, "docs/gate.md", s.block))
	config := filepath.Join(dir, "config")
	if err := os.WriteFile(config, []byte(s.config(dir, block)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := s.command(binary, dir, config)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
	})
	client := browser(t, filepath.Join(dir, "socket"))
	for {
		if _, err := open(client, "https://videos.example.com/"); err == nil {
			return client
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended with %v, want it to serve:\n%s", s.name, err, block)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// browser keeps cookies, and reaches every site at a socket, without TLS: that
// is for a proxy in front, whose viewers see https.
func browser(t *testing.T, socket string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	transport := &http.Transport{DialContext: dial, DialTLSContext: dial}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: transport}
}

func open(client *http.Client, url string) (status int, err error) {
	resp, err := client.Get(url)
	if err != nil {
		return 0, errors.Unwrap(err) // the whole of it shows the token
	}
	return resp.StatusCode, resp.Body.Close()
}
