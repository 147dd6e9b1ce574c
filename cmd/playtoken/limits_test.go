package main

import (
	"bufio"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const redisPassword = "password-of-redis-0123456789"

// startRedis starts a real Redis, and returns its URL.
func startRedis(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("NOT TESTED: limits that replicas share, because there is no redis-server on this machine")
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	free.Close()
	cmd := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--requirepass", redisPassword,
		"--save", "", "--appendonly", "no", "--dir", t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(strings.ToLower(lines.Text()), "ready to accept connections") {
			return "redis://:" + redisPassword + "@127.0.0.1:" + port + "/0"
		}
	}
	t.Fatal("redis-server did not start")
	return ""
}

func TestReplicasCountMintsTogetherWithRedisAndAloneWithout(t *testing.T) {
	const perMinute = 6
	for name, c := range map[string]struct {
		more  []string
		total int // of both replicas
	}{
		"alone":    {nil, 2 * perMinute},
		"together": {[]string{"PLAYTOKEN_REDIS_URL=" + startRedis(t)}, perMinute},
	} {
		t.Run(name, func(t *testing.T) {
			m := newTenancy(t, newWorld(t, c.more...))
			m.awaitActive()
			m.admin.want(http.StatusOK, nil, "PATCH "+m.path(""), `{"token_policy":{"mints_per_minute":6}}`)
			time.Sleep(viewAge)
			_, value := m.newKey("limited", "mint")
			minted, refused := 0, 0
			for range 2 * perMinute {
				for _, at := range []string{m.admin.url, m.other.url} {
					got := m.other.at(at).as(value).once("POST /v1/playback-tokens", `{"video_id":"counter"}`)
					switch {
					case got.status == http.StatusCreated:
						minted++
					case got.status == http.StatusTooManyRequests && got.header.Get("Retry-After") != "" && got.header.Get("X-RateLimit-Remaining") == "0":
						refused++
					default:
						t.Errorf("%d %v %s", got.status, got.header, got.body)
					}
					if got.header.Get("X-RateLimit-Limit") != "6" {
						t.Errorf("the limit is said to be %q", got.header.Get("X-RateLimit-Limit"))
					}
				}
			}
			// While this runs, a little of the minute passes: one more for each
			// ten seconds.
			if minted < c.total || minted > c.total+2 || minted+refused != 4*perMinute {
				t.Errorf("%d minted, %d refused; want %d minted", minted, refused, c.total)
			}
			_, other := m.newKey("another caller", "mint")
			m.other.as(other).want(http.StatusCreated, nil, "POST /v1/playback-tokens", `{"video_id":"counter"}`)
			if logs := m.logs(); shows(logs, redisPassword) || shows(logs, value) {
				t.Errorf("the logs show a secret:\n%s", logs)
			}
		})
	}
}
