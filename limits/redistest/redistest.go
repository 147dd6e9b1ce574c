// Package redistest runs a real Redis for tests: one server, servers with Sentinels,
// or a cluster.
package redistest

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"playtoken/httpserver/porttest"
)

// Password is what every Server asks for.
const Password = "canary-redis-password-0123456789"

// Server is a Redis on a port of its own on loopback, without files.
type Server struct {
	Port string
	t    *testing.T
	cmd  *exec.Cmd
	args []string

	password string
	files    TLS
	bus      string // the port at which a node of a cluster talks to the others
}

// Start returns once the server is ready, and ends it with the test. It skips the
// test on machines without Redis.
func Start(t *testing.T) *Server {
	t.Helper()
	return start(t, TLS{})
}

// TLS are files in PEM: a certificate for 127.0.0.1 that is its own authority, and its
// key. Servers with the zero TLS use none, others nothing but TLS.
type TLS struct{ Cert, Key string }

// directives are those of a server's configuration for a port.
func (f TLS) directives(port string) [][2]string {
	if f.Cert == "" {
		return [][2]string{{"port", port}}
	}
	return [][2]string{{"port", "0"}, {"tls-port", port}, {"tls-cert-file", f.Cert}, {"tls-key-file", f.Key}, {"tls-ca-cert-file", f.Cert},
		{"tls-auth-clients", "no"}, {"tls-replication", "yes"}}
}

// scheme is that of the servers' URLs.
func (f TLS) scheme() string {
	if f.Cert == "" {
		return "redis"
	}
	return "rediss"
}

func (f TLS) config(t *testing.T) *tls.Config {
	t.Helper()
	if f.Cert == "" {
		return nil
	}
	cert, err := os.ReadFile(f.Cert)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return &tls.Config{RootCAs: pool}
}

func start(t *testing.T, files TLS, args ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("NOT TESTED: limits that replicas share, because there is no redis-server on this machine")
	}
	port := freePort(t)
	s := &Server{Port: port, t: t, password: Password, files: files, args: append([]string{"--bind", "127.0.0.1", "--requirepass", Password,
		"--masterauth", Password, "--save", "", "--appendonly", "no", "--dir", t.TempDir()}, args...)}
	for _, directive := range files.directives(port) {
		s.args = append(s.args, "--"+directive[0], directive[1])
	}
	s.Run()
	t.Cleanup(s.Kill)
	return s
}

func freePort(t *testing.T) string {
	t.Helper()
	address, err := porttest.Address()
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// URL is that of a database of the server, with the password.
func (s *Server) URL(database string) string {
	return s.files.scheme() + "://:" + Password + "@" + s.Address() + "/" + database
}

// Address is the server's, as host:port.
func (s *Server) Address() string { return "127.0.0.1:" + s.Port }

// Run starts the server again after Kill.
func (s *Server) Run() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", s.args...)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	var printed []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		printed = append(printed, lines.Text())
		if line := strings.ToLower(lines.Text()); strings.Contains(line, "ready to accept connections") || strings.Contains(line, "sentinel id is") {
			go func() { _, _ = io.Copy(io.Discard, out) }() // until the server ends: a full pipe would stop it
			return
		}
	}
	s.t.Fatalf("redis-server ended, want it to serve; it printed:\n%s", strings.Join(printed, "\n"))
}

// Kill ends the server at once.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill() // it may be gone
	_ = s.cmd.Wait()
}

// Do makes the server carry out a command, and returns what it responds.
func (s *Server) Do(words ...any) any {
	s.t.Helper()
	response, err := s.try(words...)
	if err != nil {
		s.t.Fatalf("%v at %s: %v", words, s.Address(), err)
	}
	return response
}

func (s *Server) try(words ...any) (any, error) {
	client := redis.NewClient(&redis.Options{Addr: s.Address(), Password: s.password, MaxRetries: -1, Protocol: 2, TLSConfig: s.files.config(s.t)})
	defer client.Close()
	return client.Do(s.t.Context(), words...).Result()
}

// Awaits returns once the server's response to a command has a text in it.
func (s *Server) Awaits(text string, words ...any) {
	s.t.Helper()
	var response any
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(10 * time.Millisecond) {
		var err error
		if response, err = s.try(words...); err == nil && strings.Contains(fmt.Sprint(response), text) {
			return
		}
	}
	s.t.Fatalf("%v at %s: got %v, want %q within a minute", words, s.Address(), response, text)
}

// Copied returns once the server's replica has what the server has written until now.
func (s *Server) Copied() {
	s.t.Helper()
	s.Awaits("1", "WAIT", 1, 1000)
}
