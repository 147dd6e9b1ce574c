package service

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// frontNginx ends TLS in front of two replicas, which take turns.
const frontNginx = `
daemon off;
master_process off;
pid $DIR/nginx.pid;
error_log stderr warn;
events {}
http {
	access_log off;
	client_body_temp_path $DIR/body;
	proxy_temp_path $DIR/proxy;
	fastcgi_temp_path $DIR/fastcgi;
	uwsgi_temp_path $DIR/uwsgi;
	scgi_temp_path $DIR/scgi;
	upstream replicas { server $ONE; server $OTHER; }
	server {
		listen unix:$DIR/socket ssl;
		ssl_certificate $DIR/cert.pem;
		ssl_certificate_key $DIR/key.pem;
		location / {
			proxy_pass http://replicas;
			proxy_set_header Host inside.test;
			proxy_set_header X-Forwarded-For 192.0.2.1;
			proxy_buffering off;
		}
	}
}
`

// behindNginx is a browser at two replicas of a deployment behind a real nginx with
// TLS, which changes the Host, and how many requests each replica got.
func behindNginx(t *testing.T) (*browser, [2]*atomic.Int64) {
	t.Helper()
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Skip("NOT TESTED: the console behind a real proxy, because there is no nginx on this machine")
	}
	shared := environ(t, startGate(t), "PLAYTOKEN_URL=https://example.com", "PLAYTOKEN_TRUSTED_PROXIES=127.0.0.1/32")
	var got [2]*atomic.Int64
	var at [2]string
	for i := range got {
		got[i] = new(atomic.Int64)
		s := open(t, shared, Options{})
		handler, err := s.Handler()
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got[i].Add(1)
			handler.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		t.Cleanup(s.Stopping)
		at[i] = strings.TrimPrefix(server.URL, "http://")
	}
	dir := t.TempDir()
	authority := certificateIn(t, dir)
	text := strings.NewReplacer("$DIR", dir, "$ONE", at[0], "$OTHER", at[1]).Replace(frontNginx)
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	startNginx(t, dir)
	dial := func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", filepath.Join(dir, "socket"))
	}
	jar, _ := cookiejar.New(nil)
	transport := &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: authority}}
	t.Cleanup(transport.CloseIdleConnections)
	return &browser{t: t, client: &http.Client{Jar: jar, Transport: transport}, at: "https://example.com"}, got
}

// certificateIn writes a certificate for example.com with its key, and returns who
// vouches for it.
func certificateIn(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: server.Certificate().Raw}, "key.pem": {Type: "PRIVATE KEY", Bytes: key}} {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	authority := x509.NewCertPool()
	authority.AddCert(server.Certificate())
	return authority
}

func startNginx(t *testing.T, dir string) {
	t.Helper()
	nginx := exec.Command("nginx", "-p", dir, "-e", "stderr", "-c", filepath.Join(dir, "nginx.conf"))
	var printed strings.Builder
	nginx.Stderr = &printed
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- nginx.Wait() }()
	t.Cleanup(func() { _ = nginx.Process.Kill(); <-ended })
	eventually(t, waitForKey, func() error {
		c, err := net.Dial("unix", filepath.Join(dir, "socket"))
		if err == nil {
			err = c.Close()
		}
		return err
	})
}

// TestOneSessionOnTwoReplicasBehindAProxy: the cookie is for HTTPS only, both replicas
// know the session, changes from the public address are taken although the proxy
// changes the Host, events arrive, and after signing out neither knows the cookie.
func TestOneSessionOnTwoReplicasBehindAProxy(t *testing.T) {
	b, got := behindNginx(t)
	began := b.unfollowed("/console/login", url.Values{"key": {adminKey}})
	cookie := began.Header.Get("Set-Cookie")
	for _, want := range []string{"playtoken_console=", "Secure", "HttpOnly", "SameSite=Lax", "Path=/console/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie has %q, want %s in it", strings.SplitN(cookie, "=", 2)[0], want)
		}
	}
	for _, path := range []string{"/console/", "/console/projects", "/console/projects/default", "/console/audit", "/console/metrics", "/console/operators"} {
		if shown := b.get(path); shown.path != path {
			t.Errorf("%s: got %d at %s, want the page on either replica", path, shown.status, shown.path)
		}
	}
	if got[0].Load() < 2 || got[1].Load() < 2 {
		t.Errorf("the replicas got %d and %d requests, want them to take turns", got[0].Load(), got[1].Load())
	}
	form := url.Values{"name": {"ann"}, "role": {"auditor"}, "reason": {"a test"}}
	if made := b.post("/console/operators/new", form, "Sec-Fetch-Site", "", "Origin", "https://example.com"); made.status != http.StatusOK || !strings.Contains(made.text, "ann is made") {
		t.Errorf("a change from the public address: got %d, want it made: %s", made.status, made.text)
	}
	if refused := b.post("/console/operators/new", form, "Sec-Fetch-Site", "", "Origin", "http://example.com"); refused.status != http.StatusForbidden {
		t.Errorf("a change from the address without TLS: got %d, want 403", refused.status)
	}
	b.follows()
	held := b.cookie()
	b.post("/console/logout", nil)
	at, _ := url.Parse(b.at + "/console/")
	b.client.Jar.SetCookies(at, []*http.Cookie{{Name: held.Name, Value: held.Value, Path: "/console/", Secure: true}})
	eventually(t, waitForKey, func() error {
		for range 4 { // both replicas
			if shown := b.get("/console/"); shown.path != "/console/login" {
				return errors.New("the cookie opens " + shown.path)
			}
		}
		return nil
	})
}

// unfollowed posts a form and returns the first response.
func (b *browser) unfollowed(path string, form url.Values) *http.Response {
	b.t.Helper()
	client := *b.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.PostForm(b.at+path, form)
	if err != nil {
		b.t.Fatal(err)
	}
	response.Body.Close()
	return response
}

// follows ends the test unless a page's events arrive.
func (b *browser) follows() {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.at+"/console/live?page=/console/", http.NoBody)
	if err != nil {
		b.t.Fatal(err)
	}
	response, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	first := make([]byte, 11)
	if _, err := response.Body.Read(first); err != nil || !strings.HasPrefix(string(first), "event: page") {
		b.t.Errorf("events behind the proxy: got %q, %v, want the page", first, err)
	}
}
