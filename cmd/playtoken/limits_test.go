package main

import (
	"bufio"
	"fmt"
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

// perMinute is how many mints the second project lets a caller have.
const perMinute = 6

func TestReplicasCountMintsTogetherWithRedisAndAloneWithout(t *testing.T) {
	slow(t, "it waits for limits")
	for name, c := range map[string]struct {
		more     []string
		counters int // that a caller has at both replicas
	}{
		"alone":    {nil, 2},
		"together": {[]string{"PLAYTOKEN_REDIS_URL=" + startRedis(t)}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			// A replica whose Redis does not answer within 50 ms counts alone:
			// on a busy machine, it takes more than one run to see anything else.
			for range 10 {
				m := newTenancy(t, newDeployment(t, c.more...))
				minted, took := m.mintsTooMany()
				logs := m.logs()
				for _, secret := range append(m.issued, redisPassword) {
					if shows(logs, secret) {
						t.Errorf("got a secret in the logs, want none:\n%s", logs)
					}
				}
				if strings.Contains(logs, "Redis is away") {
					continue
				}
				least := c.counters * perMinute
				if most := least + c.counters*int(took/(time.Minute/perMinute)); minted < least || minted > most {
					t.Errorf("%d minted in %s, want %d to %d", minted, took, least, most)
				}
				return
			}
			t.Error("got a Redis that was away in each of ten runs, want one in which it was not")
		})
	}
}

// mintsTooMany has one caller ask for twice what it may have, at each replica.
func (m *tenancy) mintsTooMany() (minted int, took time.Duration) {
	m.t.Helper()
	m.awaitActive()
	m.admin.want(http.StatusOK, nil, "PATCH "+m.path(""), fmt.Sprintf(`{"token_policy":{"mints_per_minute":%d}}`, perMinute))
	replicas := []string{m.admin.url, m.other.url}
	_, first := m.newKey("sees the limit", "mint")
	for _, at := range replicas {
		m.other.at(at).as(first).sees("POST /v1/playback-tokens", `{"video_id":"counter"}`, limited)
	}
	_, value := m.newKey("limited", "mint")
	began := time.Now()
	for range 2 * perMinute {
		for _, at := range replicas {
			got := m.other.at(at).as(value).once("POST /v1/playback-tokens", `{"video_id":"counter"}`)
			refused := got.status == http.StatusTooManyRequests && got.header.Get("Retry-After") != "" && got.header.Get("X-RateLimit-Remaining") == "0"
			if got.status == http.StatusCreated {
				minted++
			} else if !refused {
				m.t.Errorf("mint: got status %d, want 201, or 429 with Retry-After and no mints left: %v %s", got.status, got.header, got.body)
			}
			if !limited(got) {
				m.t.Errorf("X-RateLimit-Limit = %q, want %d", got.header.Get("X-RateLimit-Limit"), perMinute)
			}
		}
	}
	took = time.Since(began)
	_, other := m.newKey("another caller", "mint")
	m.other.as(other).want(http.StatusCreated, nil, "POST /v1/playback-tokens", `{"video_id":"counter"}`)
	return minted, took
}

func limited(got response) bool { return got.header.Get("X-RateLimit-Limit") == fmt.Sprint(perMinute) }
