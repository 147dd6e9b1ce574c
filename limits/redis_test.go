package limits_test

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"playtoken/limits"
	"playtoken/limits/redistest"
	"playtoken/secret"
)

const password = redistest.Password

// patience is longer than any machine takes. With a deployment's timeout, Redis
// could count as unavailable because the test's machine is slow.
const patience = time.Minute

func newRedis(t *testing.T, config limits.RedisConfig) *limits.Redis {
	t.Helper()
	config.Local = limits.NewLocal()
	config.Timeout = cmp.Or(config.Timeout, patience)
	config.Pause = 20 * time.Millisecond
	r, err := limits.NewRedis(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close: got %v, want no error", err)
		}
	})
	return r
}

// news is what Degraded was told.
type news struct {
	away bool
	why  error
}

func listen(config *limits.RedisConfig) <-chan news {
	heard := make(chan news, 100)
	config.Degraded = func(away bool, why error) { heard <- news{away, why} }
	return heard
}

func hear(t *testing.T, heard <-chan news, away bool) news {
	t.Helper()
	select {
	case n := <-heard:
		if n.away != away || (n.why != nil) != away || away && strings.Contains(n.why.Error(), password) {
			t.Errorf("told: %+v; want away %v", n, away)
		}
		return n
	case <-time.After(time.Minute):
		t.Fatalf("no report that Redis is unavailable: got state %v, want one within a minute", away)
	}
	return news{}
}

var daily = limits.Limit{Name: "daily", Count: 100, Per: 24 * time.Hour}

func TestThreeReplicasAllowTogetherWhatOneWould(t *testing.T) {
	s := redistest.Start(t)
	var allowed atomic.Int64
	var all sync.WaitGroup
	config := limits.RedisConfig{URL: secret.New(s.URL("3"))}
	heard := listen(&config)
	for range 3 {
		r := newRedis(t, config)
		r.Take(t.Context(), "warm up", daily, 0)
		for range 4 {
			all.Go(func() {
				for i := range 60 {
					state := r.Take(t.Context(), "a", daily, i%3)
					if state.Allowed {
						allowed.Add(int64(i % 3))
					} else if i%3 == 0 || state.Retry <= 0 || state.Retry > daily.Per {
						t.Errorf("Take(%d): got %+v, want it allowed, or refused with a wait", i%3, state)
					}
				}
			})
		}
	}
	all.Wait()
	if len(heard) > 0 || allowed.Load() != 100 {
		t.Errorf("got %d allowed, %d reports that Redis is unavailable, want 100 and 0", allowed.Load(), len(heard))
	}
}

// TestRedisCountsAsLocalDoes holds one against the other.
func TestRedisCountsAsLocalDoes(t *testing.T) {
	s := redistest.Start(t)
	config := limits.RedisConfig{URL: secret.New(s.URL("3"))}
	heard := listen(&config)
	r, l := newRedis(t, config), limits.NewLocal()
	for i, n := range []int{0, 1, 50, 60, 30, 19, 1, 0, 101, -5} {
		got, want := r.Take(t.Context(), "a", daily, n), l.Take(t.Context(), "a", daily, n)
		near := func(a, b time.Duration) bool { return (a - b).Abs() < time.Minute }
		if got.Allowed != want.Allowed || got.Remaining != want.Remaining || !near(got.Reset, want.Reset) || !near(got.Retry, want.Retry) {
			t.Errorf("%d: Take(%d) = %+v, want %+v", i, n, got, want)
		}
	}
	quick := limits.Limit{Name: "quick", Count: 1, Per: 100 * time.Millisecond}
	r.Take(t.Context(), "a", quick, 1)
	state := r.Take(t.Context(), "a", quick, 1)
	time.Sleep(state.Retry) // Redis' clock is its own
	if state = r.Take(t.Context(), "a", quick, 1); !state.Allowed || len(heard) > 0 {
		t.Errorf("after the wait: got %+v, %d reports that Redis is unavailable, want it allowed and 0", state, len(heard))
	}
}

func TestRedisDoesNotShowWhoCalls(t *testing.T) {
	s := redistest.Start(t)
	r := newRedis(t, limits.RedisConfig{URL: secret.New(s.URL("3"))})
	r.Take(t.Context(), "api_key_canary", daily, 1)
	r.Take(t.Context(), "api_key_other", daily, 0)
	client := redis.NewClient(&redis.Options{Addr: s.Address(), Password: password, DB: 3})
	defer client.Close()
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 1 || !strings.HasPrefix(keys[0], "playtoken:limit:daily:") || strings.Contains(keys[0], "canary") {
		t.Fatalf("keys in Redis: got %q, %v, want one that does not show the caller", keys, err)
	}
	if left, err := client.PTTL(t.Context(), keys[0]).Result(); err != nil || left <= 0 || left > daily.Per/100+time.Second {
		t.Errorf("key in Redis: expires in %v, %v, want about the time until the debt is paid", left, err)
	}
}

func TestRedisMayGoAwayAndComeBack(t *testing.T) {
	s := redistest.Start(t)
	config := limits.RedisConfig{URL: secret.New(s.URL("3"))}
	heard := listen(&config)
	r := newRedis(t, config)
	if state := r.Take(t.Context(), "a", daily, 60); !state.Allowed {
		t.Fatalf("first call: got %+v, want it allowed", state)
	}
	for range 2 {
		s.Kill()
		allowed := 0
		for range 300 {
			if r.Take(t.Context(), "a", daily, 1).Allowed {
				allowed++
			}
		}
		if allowed > 40 {
			t.Errorf("while Redis was away, %d more were allowed, want at most the 40 that were left", allowed)
		}
		hear(t, heard, true)
		if state := r.Take(t.Context(), "another", daily, 100); !state.Allowed && allowed > 0 {
			t.Errorf("another caller: got %+v, want it allowed", state)
		}
		s.Run()
		hear(t, heard, false)
		// Redis counts again, and has forgotten.
		if state := r.Take(t.Context(), "a", daily, 1); !state.Allowed || state.Remaining != 99 {
			t.Errorf("after Redis is back: got %+v, want it allowed with 99 left", state)
		}
	}
	if len(heard) != 0 {
		t.Errorf("got another report %+v, want none", <-heard)
	}
}

// A Redis that became a replica, or is out of memory, answers reads as before.
func TestARedisThatDoesNotWriteIsUnavailableUntilItDoes(t *testing.T) {
	t.Parallel()
	for says, orders := range map[string]struct{ stop, resume []any }{
		"READONLY": {[]any{"REPLICAOF", "127.0.0.1", "1"}, []any{"REPLICAOF", "NO", "ONE"}},
		"OOM":      {[]any{"CONFIG", "SET", "maxmemory", "1"}, []any{"CONFIG", "SET", "maxmemory", "0"}},
	} {
		t.Run(says, func(t *testing.T) {
			s := redistest.Start(t)
			config := limits.RedisConfig{URL: secret.New(s.URL("3"))}
			heard := listen(&config)
			r := newRedis(t, config)
			operator := redis.NewClient(&redis.Options{Addr: s.Address(), Password: password})
			defer operator.Close()
			order := func(words []any) {
				t.Helper()
				if err := operator.Do(t.Context(), words...).Err(); err != nil {
					t.Fatal(err)
				}
			}
			r.Take(t.Context(), "a", daily, 60)
			order(orders.stop)
			if state := r.Take(t.Context(), "a", daily, 30); !state.Allowed || state.Remaining != 10 {
				t.Errorf("got %+v, want it allowed by this process' own count", state)
			}
			if n := hear(t, heard, true); !strings.Contains(n.why.Error(), says) {
				t.Errorf("got the reason %v, want %s", n.why, says)
			}
			writes := func() int64 {
				stats, err := operator.Info(t.Context(), "errorstats").Result()
				if err != nil {
					t.Fatal(err)
				}
				_, count, _ := strings.Cut(stats, "errorstat_"+says+":count=")
				n, _ := strconv.ParseInt(strings.TrimSpace(strings.SplitN(count, "\n", 2)[0]), 10, 64)
				return n
			}
			for before := writes(); writes() < before+3; { // three more probes
				time.Sleep(time.Millisecond)
				r.Take(t.Context(), "b", daily, 1)
			}
			if len(heard) > 0 {
				t.Fatalf("while Redis does not write: got the report %+v, want none", <-heard)
			}
			order(orders.resume)
			hear(t, heard, false)
			if state := r.Take(t.Context(), "a", daily, 40); !state.Allowed || state.Remaining != 0 || len(heard) > 0 {
				t.Errorf("after Redis writes again: got %+v, %d reports, want the count that it had", state, len(heard))
			}
		})
	}
}

func TestRedisNeedNotBeThereAtTheStart(t *testing.T) {
	config := limits.RedisConfig{URL: secret.New("redis://:" + password + "@127.0.0.1:1")}
	heard := listen(&config)
	r := newRedis(t, config)
	if state := r.Take(t.Context(), "a", daily, 100); !state.Allowed {
		t.Errorf("first call: got %+v, want it allowed", state)
	}
	hear(t, heard, true)
	if state := r.Take(t.Context(), "a", daily, 1); state.Allowed {
		t.Errorf("one more call: got %+v, want it refused", state)
	}
}

func TestAnUnresponsiveRedisDelaysNoCaller(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	config := limits.RedisConfig{URL: secret.New("redis://" + l.Addr().String()), Local: limits.NewLocal()}
	heard := listen(&config)
	r, err := limits.NewRedis(config) // and its own timeout
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if state := r.Take(ctx, "a", daily, 1); !state.Allowed || ctx.Err() != nil {
		t.Errorf("Take: got %+v, %v, want it allowed within the deadline", state, ctx.Err())
	}
	hear(t, heard, true)
}

func TestACallerThatHangsUpIsNoSignOfRedisBeingAway(t *testing.T) {
	s := redistest.Start(t)
	config := limits.RedisConfig{URL: secret.New(s.URL("3"))}
	heard := listen(&config)
	r := newRedis(t, config)
	r.Take(t.Context(), "a", daily, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if state := r.Take(ctx, "a", daily, 1); !state.Allowed || len(heard) > 0 {
		t.Errorf("Take: got %+v, %d reports, want it allowed and no report", state, len(heard))
	}
}

func TestAWrongPasswordIsSaidAndNotShown(t *testing.T) {
	s := redistest.Start(t)
	config := limits.RedisConfig{URL: secret.New("redis://:wrong-" + password + "@" + s.Address())}
	heard := listen(&config)
	r := newRedis(t, config)
	r.Take(t.Context(), "a", daily, 1)
	if n := hear(t, heard, true); !strings.Contains(fmt.Sprint(n.why), "WRONGPASS") {
		t.Errorf("report: got %v, want WRONGPASS", n.why)
	}
}

var urls = map[string]bool{
	"redis://127.0.0.1:6379":               true,
	"redis://redis":                        true,
	"redis://user:canary@redis:6379/2":     true,
	"rediss://:canary@[::1]:6380":          true,
	"":                                     false,
	"redis://":                             false,
	"redis://:canary@":                     false,
	"http://:canary@redis":                 false,
	"unix://user:canary@/tmp/redis.sock":   false,
	"redis://:canary@redis/x":              false,
	"redis://:canary@redis:port":           false,
	"redis://:can%zzary@redis":             false,
	"rediss://:canary@redis?skip_verify=1": false,
	"rediss://:canary@redis?":              false,
	"redis://:canary@redis#x":              false,
	"redis://:canary\n@redis":              false,

	"redis+sentinel://redis?master_name=m": true,
	"rediss+sentinel://u:canary@s1/2?master_name=m&addr=s2:1&addr=s3:2&sentinel_username=u&sentinel_password=p": true,
	"redis+cluster://:canary@redis":                                 true,
	"rediss+cluster://:canary@redis:7000?addr=[::1]:7001":           true,
	"redis+cluster://:canary@redis/0":                               true,
	"redis+cluster://:canary@redis/1":                               false,
	"redis+cluster://:canary@redis?master_name=m":                   false,
	"redis+cluster://:canary@redis?addr=redis2":                     false,
	"redis+cluster://:canary@redis?addr=:1":                         false,
	"redis+cluster://:canary@redis?dial_timeout=9":                  false,
	"redis+cluster://:canary@redis:1,redis:2":                       false,
	"redis+sentinel://:canary@redis":                                false,
	"redis+sentinel://:canary@redis?master_name=":                   false,
	"redis+sentinel://:canary@redis?master_name=a&master_name=b":    false,
	"redis+sentinel://:canary@redis?master_name=a;addr=b:1":         false,
	"redis+sentinel://:canary@redis?master_name=a&skip_verify=true": false,
	"redis+sentinel://:canary@?master_name=a":                       false,
	"redis+unix://:canary@redis":                                    false,
}

func TestARedisURLIsReadStrictlyAndNeverShown(t *testing.T) {
	for url, good := range urls {
		r, err := limits.NewRedis(limits.RedisConfig{URL: secret.New(url), Local: limits.NewLocal()})
		if (err == nil) != good || err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("URL %s: got %v, want an error without the password unless it is valid", url, err)
		}
		if err == nil {
			r.Close()
		}
	}
}

func FuzzRedisURL(f *testing.F) {
	for url := range urls {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		r, err := limits.NewRedis(limits.RedisConfig{URL: secret.New(url), Local: limits.NewLocal()})
		if err == nil {
			r.Close()
		} else if len(url) > 20 && strings.Contains(err.Error(), url) {
			t.Errorf("got %v, want an error without the URL", err)
		}
	})
}
