package redistest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// SentinelPassword is what the Sentinels ask for.
const SentinelPassword = "canary-sentinel-password-0123456789"

// master is what Sentinels call the primary.
const master = "playtoken"

// sentinel is the configuration of one of three. They take the primary for lost after
// longer than a busy machine makes it wait.
const sentinel = `
bind 127.0.0.1
dir %s
requirepass ` + SentinelPassword + `
sentinel sentinel-pass ` + SentinelPassword + `
sentinel monitor ` + master + ` 127.0.0.1 %s 2
sentinel auth-pass ` + master + ` ` + Password + `
sentinel down-after-milliseconds ` + master + ` 2000
sentinel failover-timeout ` + master + ` 4000
`

// Sentinels are a primary and its replica, watched by three Sentinels.
type Sentinels struct {
	Primary, Replica *Server
	sentinels        []*Server
	files            TLS
}

// StartSentinels returns once a primary that is lost would be replaced. It skips the
// test on machines without Redis.
func StartSentinels(t *testing.T) *Sentinels {
	t.Helper()
	return StartSentinelsTLS(t, TLS{})
}

// StartSentinelsTLS is StartSentinels with TLS between all of them.
func StartSentinelsTLS(t *testing.T, files TLS) *Sentinels {
	t.Helper()
	s := &Sentinels{Primary: start(t, files), files: files}
	s.Replica = start(t, files, "--replicaof", "127.0.0.1 "+s.Primary.Port)
	s.Replica.Awaits("master_link_status:up", "INFO", "replication")
	for range 3 {
		s.sentinels = append(s.sentinels, startSentinel(t, files, s.Primary.Port))
	}
	for _, one := range s.sentinels {
		one.Awaits("num-other-sentinels 2", "SENTINEL", "MASTER", master)
		one.Awaits("num-slaves 1", "SENTINEL", "MASTER", master)
	}
	return s
}

func startSentinel(t *testing.T, files TLS, primary string) *Server {
	t.Helper()
	dir, port := t.TempDir(), freePort(t)
	path := filepath.Join(dir, "sentinel.conf")
	text := fmt.Appendf(nil, sentinel, dir, primary)
	for _, directive := range files.directives(port) {
		text = fmt.Appendf(text, "%s %s\n", directive[0], directive[1])
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s := &Server{Port: port, t: t, args: []string{path, "--sentinel"}, password: SentinelPassword, files: files}
	s.Run()
	t.Cleanup(s.Kill)
	return s
}

// URL names the Sentinels and a database of what they watch, with the passwords.
func (s *Sentinels) URL(database string) string {
	var others strings.Builder
	for _, one := range s.sentinels[1:] {
		others.WriteString("&addr=" + one.Address())
	}
	return s.files.scheme() + "+sentinel://:" + Password + "@" + s.sentinels[0].Address() + "/" + database +
		"?master_name=" + master + "&sentinel_password=" + SentinelPassword + others.String()
}
