package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"playtoken/limits/redistest"
)

// startRedis starts a real Redis, and returns its URL.
func startRedis(t *testing.T) string {
	t.Helper()
	return redistest.Start(t).URL("0")
}

// perMinute is how many mints the second project lets a caller have.
const perMinute = 6

func TestReplicasCountMintsTogetherWithRedisAndAloneWithout(t *testing.T) {
	slow(t, "it waits for limits")
	for name, c := range map[string]struct {
		more     []string
		counters int // that a caller has at both replicas
	}{
		"alone":                      {nil, 2},
		"together":                   {[]string{"PLAYTOKEN_REDIS_URL=" + startRedis(t), "PLAYTOKEN_REDIS_TIMEOUT=5s"}, 1},
		"together through Sentinels": {[]string{"PLAYTOKEN_REDIS_URL=" + redistest.StartSentinels(t).URL("0"), "PLAYTOKEN_REDIS_TIMEOUT=5s"}, 1},
		"together in a cluster":      {[]string{"PLAYTOKEN_REDIS_URL=" + redistest.StartCluster(t).URL(), "PLAYTOKEN_REDIS_TIMEOUT=5s"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			m := newTenancy(t, newDeployment(t, c.more...))
			minted, took := m.mintsTooMany()
			logs := m.logs()
			for _, secret := range append(m.issued, redistest.Password, redistest.SentinelPassword) {
				if shows(logs, secret) {
					t.Errorf("got a secret in the logs, want none:\n%s", logs)
				}
			}
			least := c.counters * perMinute
			if most := least + c.counters*int(took/(time.Minute/perMinute)); minted < least || minted > most {
				t.Errorf("%d minted in %s, want %d to %d: %s", minted, took, least, most, logs)
			}
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
