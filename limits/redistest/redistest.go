// Package redistest runs a real Redis for tests.
package redistest

import (
	"bufio"
	"net"
	"os/exec"
	"strings"
	"testing"

	"playtoken/httpserver/porttest"
)

// Password is what every Server asks for.
const Password = "canary-redis-password-0123456789"

// Server is a Redis on a port of its own on loopback, without files.
type Server struct {
	Port string
	t    *testing.T
	cmd  *exec.Cmd
}

// Start returns once the server is ready, and ends it with the test. It skips the
// test on machines without Redis.
func Start(t *testing.T) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("NOT TESTED: limits that replicas share, because there is no redis-server on this machine")
	}
	address, err := porttest.Address()
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Port: port, t: t}
	s.Run()
	t.Cleanup(s.Kill)
	return s
}

// URL is that of a database of the server, with the password.
func (s *Server) URL(database string) string {
	return "redis://:" + Password + "@" + s.Address() + "/" + database
}

// Address is the server's, as host:port.
func (s *Server) Address() string { return "127.0.0.1:" + s.Port }

// Run starts the server again after Kill.
func (s *Server) Run() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", "--port", s.Port, "--bind", "127.0.0.1", "--requirepass", Password,
		"--save", "", "--appendonly", "no", "--dir", s.t.TempDir())
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	var printed []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if printed = append(printed, lines.Text()); strings.Contains(strings.ToLower(lines.Text()), "ready to accept connections") {
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
