package limits

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"playtoken/secret"
)

// takeScript is Limit.take and Local.Take by Redis' own clock, in one step.
// Times are microseconds. What is not in debt is not kept.
var takeScript = redis.NewScript(`
local each, count, n = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local debt = (tonumber(redis.call('GET', KEYS[1])) or now) - now
debt = math.min(math.max(debt, 0), count * each)
local after = debt + n * each
if after > count * each then
	return {debt, 0}
end
if n > 0 then
	redis.call('SET', KEYS[1], string.format('%.0f', now + after), 'PX', math.ceil(after / 1000))
end
return {after, 1}
`)

const (
	redisTimeout = 50 * time.Millisecond // for one Take
	redisPause   = time.Second           // between two looks whether it is back
	redisPool    = 64                    // connections at most
	keyPrefix    = "playtoken:limit:"
)

// RedisConfig is what Redis needs.
type RedisConfig struct {
	URL   secret.Value // redis://[[user]:password@]host:port[/db], or rediss:// for TLS
	Local *Local       // counts while Redis is away
	// Degraded is told when Redis goes away, and why, and when it is back. Its
	// calls do not overlap, and it must not call the limiter.
	Degraded func(away bool, why error)
	Pause    time.Duration // 0 is one second
	Timeout  time.Duration // no caller waits longer for being counted; 0 is 50 ms
}

// Redis counts in a Redis server that replicas share: together they allow what
// one would. While it does not answer, each counts alone; a request waits for
// it for the timeout at most, and the next ones not at all until it is back.
type Redis struct {
	config RedisConfig
	client *redis.Client

	mu   sync.Mutex
	away bool
	gone chan struct{} // has one element when Redis has gone away

	stop    context.CancelFunc
	stopped chan struct{}
}

// NewRedis returns a limiter, which has to be closed. It does not wait for
// Redis. An error is about the URL, and does not show it.
func NewRedis(config RedisConfig) (*Redis, error) {
	options, err := parseURL(config.URL)
	if err != nil {
		return nil, err
	}
	config.Pause, config.Timeout = cmp.Or(config.Pause, redisPause), cmp.Or(config.Timeout, redisTimeout)
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = config.Timeout, config.Timeout, config.Timeout
	logging.Disable() // what the client would print, in words of its own, Degraded is told
	ctx, cancel := context.WithCancel(context.Background())
	r := &Redis{
		config: config, client: redis.NewClient(options),
		gone: make(chan struct{}, 1), stop: cancel, stopped: make(chan struct{}),
	}
	go r.watch(ctx)
	return r, nil
}

// parseURL reads an address strictly: what it does not know might have been
// meant to protect something.
func parseURL(address secret.Value) (*redis.Options, error) {
	errURL := errors.New("the Redis URL cannot be read: want redis:// or rediss://, then [user:password@]host[:port][/db]")
	u, err := url.Parse(address.Reveal())
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Hostname() == "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, errURL
	}
	options, err := redis.ParseURL(address.Reveal())
	if err != nil {
		return nil, errURL
	}
	options.ContextTimeoutEnabled = true
	options.PoolSize = redisPool
	options.MaxRetries, options.DialerRetries = -1, 1
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return options, nil
}

// Close waits for everything that the limiter has started.
func (r *Redis) Close() error {
	r.stop()
	<-r.stopped
	return r.client.Close()
}

// Take implements Limiter.
func (r *Redis) Take(ctx context.Context, caller string, limit Limit, n int) State {
	if !r.isAway() {
		state, err := r.take(ctx, caller, limit, n)
		if err == nil {
			if state.Allowed {
				// Should Redis go away now, this process knows its own part.
				r.config.Local.Take(ctx, caller, limit, n)
			}
			return state
		}
		r.turn(true, err)
	}
	return r.config.Local.Take(ctx, caller, limit, n)
}

// take asks Redis. A caller that hangs up is no sign of Redis being away.
func (r *Redis) take(ctx context.Context, caller string, limit Limit, n int) (State, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.config.Timeout)
	defer cancel()
	each := limit.each() / resolution
	answer, err := takeScript.Run(ctx, r.client, []string{redisKey(caller, limit)}, int64(each), max(limit.Count, 0), max(n, 0)).Int64Slice()
	if err != nil {
		return State{}, fmt.Errorf("counting in Redis: %w", err)
	}
	if len(answer) != 2 {
		return State{}, fmt.Errorf("counting in Redis: it answers %d numbers, want 2", len(answer))
	}
	return limit.state(time.Duration(answer[0])*resolution, answer[1] == 1, n), nil
}

// redisKey shows nobody who reads along who the callers are.
func redisKey(caller string, limit Limit) string {
	sum := sha256.Sum256([]byte(limit.Name + "\x00" + caller))
	return keyPrefix + limit.Name + ":" + hex.EncodeToString(sum[:16])
}

func (r *Redis) isAway() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.away
}

// turn notes that Redis is away, or back, and tells.
func (r *Redis) turn(away bool, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.away == away {
		return // somebody else has noticed
	}
	r.away = away
	if away {
		r.gone <- struct{}{} // there is room: watch has taken the one before
	}
	if r.config.Degraded != nil {
		r.config.Degraded(away, why)
	}
}

// watch looks whether Redis is back whenever it has gone away.
func (r *Redis) watch(ctx context.Context) {
	defer close(r.stopped)
	for {
		select {
		case <-r.gone:
		case <-ctx.Done():
			return
		}
		for back := false; !back; {
			select {
			case <-time.After(r.config.Pause):
			case <-ctx.Done():
				return
			}
			_, err := r.take(ctx, "", Limit{Name: "probe", Count: 1, Per: time.Second}, 0)
			back = err == nil
		}
		r.turn(false, nil)
	}
}
