package limits

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// playScript is viewing in one atomic step, by Redis' clock. A viewer's streams
// are the fields of a hash: id to "last ends ended", and "" to what is
// forgotten. That a stream is watched is written down every ten seconds at
// most; what the asking replica knows better counts all the same. It returns
// whether the stream may go on, and the ids of those that it has ended.
var playScript = redis.NewScript(`
local key, id, ends = KEYS[1], ARGV[1], tonumber(ARGV[2])
local limit, remembered, playing, every = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local streams, forgotten, count = {}, 0, 0
local all = redis.call('HGETALL', key)
for i = 1, #all, 2 do
	if all[i] == '' then
		forgotten = tonumber(all[i + 1])
	else
		local last, over, ended = string.match(all[i + 1], '^(%d+) (%d+) (%d)$')
		if tonumber(over) * 1000000 > now then
			streams[all[i]] = {last = tonumber(last), ends = tonumber(over), ended = ended == '1'}
			count = count + 1
		else
			redis.call('HDEL', key, all[i])
		end
	end
end
local function write(name)
	local s = streams[name]
	redis.call('HSET', key, name, string.format('%.0f %.0f %d', s.last, s.ends, s.ended and 1 or 0))
end

local own = streams[id]
if own and own.ended or not own and ends <= forgotten then
	return {0}
end
if not own then
	own = {last = 0, ends = ends, ended = false}
	streams[id] = own
	count = count + 1
end
local written = now - own.last < every
own.last, own.ends = math.max(own.last, now), math.max(own.ends, ends)
if not written then
	write(id)
end
for i = 7, #ARGV, 2 do
	local s = streams[ARGV[i]]
	if s then
		s.age = tonumber(ARGV[i + 1])
	end
end
local function age(s)
	return math.min(now - s.last, s.age or now)
end

local answer = {1}
while true do
	local n, least = 0, nil
	for name, s in pairs(streams) do
		if not s.ended and age(s) <= playing then
			n = n + 1
			if name ~= id and (not least or age(s) > age(streams[least])) then
				least = name
			end
		end
	end
	if n <= limit then
		break
	end
	streams[least].ended = true
	write(least)
	answer[#answer + 1] = least
end

while count > limit + remembered do
	local drop = nil
	for name, s in pairs(streams) do
		if not s.ended and age(s) > playing then
			drop = name
			break
		end
		if s.ended and (not drop or s.ends < streams[drop].ends) then
			drop = name
		end
	end
	if not drop then
		break
	end
	if streams[drop].ended and streams[drop].ends > forgotten then
		forgotten = streams[drop].ends
		redis.call('HSET', key, '', string.format('%.0f', forgotten))
	end
	streams[drop] = nil
	redis.call('HDEL', key, drop)
	count = count - 1
end

if not written then
	local latest = forgotten
	for _, s in pairs(streams) do
		latest = math.max(latest, s.ends)
	end
	redis.call('PEXPIREAT', key, string.format('%.0f', latest * 1000))
end
return answer
`)

const (
	streamsPrefix = "playtoken:streams:"
	// writeEvery is how long Redis is not told again that a stream is watched.
	writeEvery = 10 * time.Second
)

// RedisStreams bounds streams together with other replicas. While Redis is
// unavailable each replica bounds those that it serves.
type RedisStreams struct {
	redis *Redis
	local *LocalStreams
}

// Streams returns Streams, of which limit may play at once for each viewer; at
// least one may. They end with r.
func (r *Redis) Streams(limit int) *RedisStreams {
	return &RedisStreams{redis: r, local: NewLocalStreams(limit)}
}

// Play implements Streams.
func (s *RedisStreams) Play(ctx context.Context, stream Stream) bool {
	if s.redis.isUnavailable() {
		return s.local.Play(ctx, stream)
	}
	if ended, fresh := s.local.recall(stream); ended || fresh {
		return !ended
	}
	ok, ended, err := s.play(ctx, stream)
	if err != nil {
		s.redis.fail(streamsKey(stream.Viewer), err)
		return s.local.Play(ctx, stream)
	}
	s.local.learn(stream, ok, ended)
	return ok
}

// play asks Redis. It ignores the caller's cancellation, which says nothing about
// Redis.
func (s *RedisStreams) play(ctx context.Context, stream Stream) (ok bool, ended []string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.redis.config.Timeout)
	defer cancel()
	args := append([]any{stream.ID, stream.Ends, s.local.limit, rememberedStreams, playing.Microseconds(), writeEvery.Microseconds()},
		s.local.ages(stream.Viewer)...)
	reply, err := playScript.Run(ctx, s.redis.client, []string{streamsKey(stream.Viewer)}, args...).Slice()
	if err != nil {
		return false, nil, fmt.Errorf("counting streams in Redis: %w", err)
	}
	if len(reply) == 0 {
		return false, nil, errors.New("counting streams in Redis: the script returned nothing")
	}
	for _, id := range reply[1:] {
		ended = append(ended, fmt.Sprint(id))
	}
	return reply[0] == int64(1), ended, nil
}

// streamsKey hashes the viewer, as redisKey does a caller.
func streamsKey(viewer string) string {
	sum := sha256.Sum256([]byte(viewer))
	return streamsPrefix + hex.EncodeToString(sum[:16])
}
