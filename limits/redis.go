package limits

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"playtoken/secret"
)

// takeScript is Limit.take and Local.Take in one atomic step, by Redis' clock.
// Times are microseconds. Callers without debt are not stored.
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
	redisTimeout = 50 * time.Millisecond // of one Take
	redisPause   = time.Second           // between two probes while it is unavailable
	redisPool    = 64                    // connections at most
	keyPrefix    = "playtoken:limit:"
)

// RedisConfig configures Redis.
type RedisConfig struct {
	// URL is redis://[[user]:password@]host:port[/db], or with redis+sentinel:// that of
	// a Sentinel, with redis+cluster:// that of a node of a cluster; rediss for TLS.
	URL   secret.Value
	Local *Local // counts while Redis is unavailable
	// Degraded is called when Redis becomes unavailable, with the reason, and when
	// it is available again. Calls do not overlap. It must not call the limiter.
	Degraded func(unavailable bool, why error)
	Pause    time.Duration // between probes; 0 means one second
	Timeout  time.Duration // how long a Take waits for Redis; 0 means 50 ms
}

// Redis counts in a Redis server, so that replicas share the limits. While Redis
// is unavailable, or answers and does not write (a replica, out of memory), each
// replica of ours counts alone. The request that notices waits at most
// the timeout, and later ones do not wait until Redis is available again.
//
// Sentinels name the server that is written to, until they name another. Of a cluster,
// any node that is unavailable makes Redis unavailable, for all callers: they are
// counted in one way. Each script has one key, so that one node can run it.
type Redis struct {
	config RedisConfig
	client redis.UniversalClient
	login  atomic.Pointer[redisLogin]

	mu          sync.Mutex
	unavailable bool
	failed      string        // the key that could not be counted under
	lost        chan struct{} // has one element when Redis has become unavailable

	stop    context.CancelFunc
	stopped chan struct{}
}

// NewRedis returns a limiter, which must be closed. It does not wait for Redis. An
// error is about the URL and does not contain it.
func NewRedis(config RedisConfig) (*Redis, error) {
	options, err := parseURL(config.URL)
	if err != nil {
		return nil, err
	}
	config.Pause, config.Timeout = cmp.Or(config.Pause, redisPause), cmp.Or(config.Timeout, redisTimeout)
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = config.Timeout, config.Timeout, config.Timeout
	logging.Disable() // Degraded reports what the client would log
	ctx, cancel := context.WithCancel(context.Background())
	r := &Redis{config: config, lost: make(chan struct{}, 1), stop: cancel, stopped: make(chan struct{})}
	r.login.Store(&redisLogin{user: options.Username, password: options.Password})
	options.CredentialsProvider = func() (user, password string) {
		login := r.login.Load()
		return login.user, login.password
	}
	r.client = connect(options)
	go r.watch(ctx)
	return r, nil
}

// redisLogin is what a connection authenticates with.
type redisLogin struct{ user, password string }

// Replace uses the user and password of another URL for connections that are made
// from now on. An error is about the URL, which must name the same server, and
// does not contain it.
func (r *Redis) Replace(address secret.Value) error {
	options, err := parseURL(address)
	if err != nil {
		return err
	}
	inUse, err := parseURL(r.config.URL)
	if err != nil || !sameServers(options, inUse) {
		return errors.New("it names another server or database than the one in use, which needs a restart")
	}
	r.login.Store(&redisLogin{user: options.Username, password: options.Password})
	return nil
}

// Close stops the limiter's goroutine and waits for it.
func (r *Redis) Close() error {
	r.stop()
	<-r.stopped
	return r.client.Close()
}

// Take implements Limiter.
func (r *Redis) Take(ctx context.Context, caller string, limit Limit, n int) State {
	if !r.isUnavailable() {
		key := redisKey(caller, limit)
		state, err := r.take(ctx, key, limit, n)
		if err == nil {
			if state.Allowed {
				// If Redis becomes unavailable, this process continues from its own
				// part of the count.
				r.config.Local.Take(ctx, caller, limit, n)
			}
			return state
		}
		r.fail(key, err)
	}
	return r.config.Local.Take(ctx, caller, limit, n)
}

// take counts in Redis, under a key. It ignores the caller's cancellation, which says
// nothing about Redis.
func (r *Redis) take(ctx context.Context, key string, limit Limit, n int) (State, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.config.Timeout)
	defer cancel()
	each := limit.each() / resolution
	reply, err := takeScript.Run(ctx, r.client, []string{key}, int64(each), max(limit.Count, 0), max(n, 0)).Int64Slice()
	if err != nil {
		return State{}, fmt.Errorf("counting in Redis: %w", err)
	}
	if len(reply) != 2 {
		return State{}, fmt.Errorf("counting in Redis: the script returned %d numbers instead of 2", len(reply))
	}
	return limit.state(time.Duration(reply[0])*resolution, reply[1] == 1, n), nil
}

// redisKey hashes the caller, so that a reader of Redis does not learn who calls.
func redisKey(caller string, limit Limit) string {
	sum := sha256.Sum256([]byte(limit.Name + "\x00" + caller))
	return keyPrefix + limit.Name + ":" + hex.EncodeToString(sum[:16])
}

func (r *Redis) isUnavailable() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.unavailable
}

// fail records that Redis did not count under a key.
func (r *Redis) fail(key string, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unavailable {
		return // another request has noticed
	}
	r.unavailable, r.failed = true, key
	r.lost <- struct{}{} // there is room: watch has received the previous one
	r.report(true, why)
}

// recovered records that Redis counts again.
func (r *Redis) recovered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unavailable = false
	r.report(false, nil)
}

func (r *Redis) report(unavailable bool, why error) {
	if r.config.Degraded != nil {
		r.config.Degraded(unavailable, why)
	}
}

// probe is a limit that no number of replicas reaches with their probes.
var probe = Limit{Name: "probe", Count: 10000, Per: time.Second}

// writes reports whether Redis counts. It has to write for that: a replica answers
// reads as before, and so does a Redis that is out of memory.
func (r *Redis) writes(ctx context.Context) bool {
	r.mu.Lock()
	failed := r.failed
	r.mu.Unlock()
	state, err := r.take(ctx, beside(failed), probe, 1)
	return err == nil && state.Allowed
}

// beside is a key of a probe that is where another key is: in a cluster, the text in
// braces decides which node has a key.
func beside(key string) string { return keyPrefix + probe.Name + ":{" + key + "}" }

// probeTimeout is how long a person who asks waits for Redis, which is longer than a
// request does.
const probeTimeout = 3 * time.Second

// Probe asks the Redis of a URL once whether it counts: whether it is there, takes
// the password and can be written. Its error contains no credential.
func Probe(ctx context.Context, address secret.Value) error {
	r, err := NewRedis(RedisConfig{URL: address, Local: NewLocal(), Timeout: probeTimeout})
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = r.take(ctx, redisKey("doctor", probe), probe, 1)
	return err
}

// watch probes Redis while it is unavailable.
func (r *Redis) watch(ctx context.Context) {
	defer close(r.stopped)
	for {
		select {
		case <-r.lost:
		case <-ctx.Done():
			return
		}
		for back := false; !back; {
			if cluster, ok := r.client.(*redis.ClusterClient); ok {
				cluster.ReloadState(ctx) // a replica may have the place of a node that is lost
			}
			select {
			case <-time.After(r.config.Pause):
			case <-ctx.Done():
				return
			}
			back = r.writes(ctx)
		}
		r.recovered()
	}
}
