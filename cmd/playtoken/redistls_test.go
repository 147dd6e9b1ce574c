package main

import (
	"strings"
	"testing"
	"time"

	"playtoken/limits/redistest"
)

// TestLimitsAreSharedByTLS: a verb trusts a private authority in SSL_CERT_FILE, and no
// other.
func TestLimitsAreSharedByTLS(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	w.must(&struct{}{}, "rotate")
	cert, key := selfSigned(t, w.dir, "redis", time.Now().Add(time.Hour))
	files := redistest.TLS{Cert: cert, Key: key}
	for _, url := range []string{redistest.StartSentinelsTLS(t, files).URL("0"), redistest.StartClusterTLS(t, files).URL()} {
		if !strings.HasPrefix(url, "rediss+") {
			t.Fatalf("got a URL %s, want one with TLS", url[:10])
		}
		for authority, want := range map[string]string{cert: "limits_shared", "": "limits_unshared"} {
			doctor := w.command("doctor", "-o", "json")
			doctor.Env = append(doctor.Env, "PLAYTOKEN_REDIS_URL="+url, "SSL_CERT_FILE="+authority)
			out, _ := doctor.Output() // the exit code follows from the findings
			if !strings.Contains(string(out), `"`+want+`"`) || strings.Contains(string(out), redistest.Password) {
				t.Errorf("%.16s, the authority %q: got\n%s\nwant %s, and no password", url, authority, out, want)
			}
		}
	}
}
