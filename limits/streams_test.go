package limits_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"playtoken/limits"
	"playtoken/limits/redistest"
	"playtoken/secret"
)

// screen is Streams as a test uses them: of one viewer, with an end hours away.
type screen struct {
	*testing.T
	limits.Streams
	ends map[string]int64
}

func newScreen(t *testing.T, s limits.Streams) *screen {
	return &screen{T: t, Streams: s, ends: map[string]int64{}}
}

// watch watches the named streams of a viewer in turn. A "!" before a name says
// that it has ended.
func (s *screen) watch(viewer, names string) {
	s.Helper()
	for name := range strings.FieldsSeq(names) {
		id, ended := strings.CutPrefix(name, "!")
		if s.ends[id] == 0 {
			s.ends[id] = time.Now().Add(4*time.Hour).Unix() + int64(len(s.ends))
		}
		if ok := s.Play(s.Context(), limits.Stream{Viewer: viewer, ID: id, Ends: s.ends[id]}); ok == ended {
			s.Fatalf("%s: stream %s may go on: got %t, want %t (of %s)", viewer, id, ok, !ended, names)
		}
	}
}

// shared are what holds for every kind of Streams, of which two play at once.
var sharedStreams = map[string]string{
	"those that may play do":          "a b a b b a",
	"a third ends the first":          "a b c !a b c",
	"the least recently watched ends": "a b a c !b a c !b",
	"what has ended stays so":         "a b c !a !a c b !a",
	"and changes nothing":             "a b c !a b d !c !a b d",
	"one after the other":             "a b c d e f !a !b !c !d e f",
}

func TestStreamsOfAViewerAreBounded(t *testing.T) {
	for name, watched := range sharedStreams {
		t.Run(name, func(t *testing.T) { newScreen(t, limits.NewLocalStreams(2)).watch("viewer", watched) })
	}
	s := newScreen(t, limits.NewLocalStreams(1))
	s.watch("one", "a")
	s.watch("two", "b")
	s.watch("one", "a c !a")
	s.watch("two", "b")
}

func TestAStreamThatIsNotWatchedCountsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScreen(t, limits.NewLocalStreams(2))
		s.watch("viewer", "a b")
		time.Sleep(50 * time.Second)
		s.watch("viewer", "b")
		time.Sleep(11 * time.Second) // a has paused
		s.watch("viewer", "c b c")
		s.watch("viewer", "a c !b") // it goes on, and the one that was watched least recently ends
	})
}

// TestEndedStreamsStayEnded however many a viewer opens, and until they are over.
func TestEndedStreamsStayEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { checkStayEnded(newScreen(t, limits.NewLocalStreams(1))) })
}

func checkStayEnded(s *screen) {
	s.Helper()
	s.watch("viewer", "first")
	for i := range 100 {
		s.watch("viewer", fmt.Sprint("stream", i))
	}
	s.watch("viewer", "!first !stream0 !stream50 !stream98 stream99")
}

func TestStreamsInRedisAreBounded(t *testing.T) {
	server := redistest.Start(t)
	for name, watched := range sharedStreams {
		t.Run(name, func(t *testing.T) {
			newScreen(t, newRedis(t, limits.RedisConfig{URL: secret.New(server.URL("3"))}).Streams(2)).watch(name, watched)
		})
	}
	checkStayEnded(newScreen(t, newRedis(t, limits.RedisConfig{URL: secret.New(server.URL("3"))}).Streams(1)))
}

func redisClient(t *testing.T, s *redistest.Server) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: s.Address(), Password: password, DB: 3})
	t.Cleanup(func() { c.Close() })
	return c
}

// TestReplicasBoundStreamsTogether: what one of them ends, the other refuses
// once it asks again.
func TestReplicasBoundStreamsTogether(t *testing.T) {
	server := redistest.Start(t)
	replica := func() *screen {
		return newScreen(t, newRedis(t, limits.RedisConfig{URL: secret.New(server.URL("3"))}).Streams(1))
	}
	one, two := replica(), replica()
	one.watch("viewer", "a")
	two.watch("viewer", "b")
	three := replica() // has no answer of a moment ago
	three.ends = one.ends
	three.watch("viewer", "!a")
	two.watch("viewer", "b")

	keys := redisClient(t, server).Keys(t.Context(), "*").Val()
	if len(keys) != 1 || strings.Contains(keys[0], "viewer") {
		t.Errorf("got the keys %q, want one that does not show the viewer", keys)
	}
	if ttl := redisClient(t, server).TTL(t.Context(), keys[0]).Val(); ttl < 3*time.Hour || ttl > 5*time.Hour {
		t.Errorf("the record is kept for %s, want the life of the streams", ttl)
	}
}

// TestWatchingIsSeldomWrittenDown: within ten seconds nothing changes in Redis.
func TestWatchingIsSeldomWrittenDown(t *testing.T) {
	server := redistest.Start(t)
	client := redisClient(t, server)
	record := func() map[string]string {
		return client.HGetAll(t.Context(), client.Keys(t.Context(), "*").Val()[0]).Val()
	}
	replica := func() *screen {
		return newScreen(t, newRedis(t, limits.RedisConfig{URL: secret.New(server.URL("3"))}).Streams(2))
	}
	first := replica()
	first.watch("viewer", "a")
	before := record()["a"]
	for range 3 {
		again := replica()
		again.ends = first.ends
		again.watch("viewer", "a")
	}
	if got := record()["a"]; got != before {
		t.Errorf("the record says %q, want it as it was: %q", got, before)
	}
	key := client.Keys(t.Context(), "*").Val()[0]
	part := strings.Fields(before)
	old := func(seconds int64) string { return fmt.Sprint(time.Now().UnixMicro()-seconds*1e6, " ", part[1], " 0") }
	client.HSet(t.Context(), key, "a", old(11))
	again := replica()
	again.ends = first.ends
	again.watch("viewer", "a")
	if got := record()["a"]; got == old(11) || len(strings.Fields(got)) != 3 {
		t.Errorf("the record says %q after eleven seconds, want it written again", got)
	}
	client.HSet(t.Context(), key, "a", old(61)) // it has paused: two others may play
	again.watch("viewer", "b c b c")
}

func TestStreamsGoOnWithoutRedis(t *testing.T) {
	server := redistest.Start(t)
	config := limits.RedisConfig{URL: secret.New(server.URL("3"))}
	heard := listen(&config)
	s := newScreen(t, newRedis(t, config).Streams(2))
	s.watch("viewer", "a b")
	server.Kill()
	s.watch("other", "x")
	hear(t, heard, true)
	s.watch("viewer", "a b c !a b c") // from what it knew
	server.Run()
	hear(t, heard, false)
	s.watch("viewer", "!a b c")
}

func TestStreamsAreCountedConcurrently(t *testing.T) {
	server := redistest.Start(t)
	for name, streams := range map[string]limits.Streams{
		"local": limits.NewLocalStreams(3), "Redis": newRedis(t, limits.RedisConfig{URL: secret.New(server.URL("3"))}).Streams(3),
	} {
		var group sync.WaitGroup
		ends := time.Now().Add(time.Hour).Unix()
		for i := range 20 {
			group.Go(func() { streams.Play(t.Context(), limits.Stream{Viewer: "viewer", ID: fmt.Sprint(i), Ends: ends}) })
		}
		group.Wait()
		var playing []int
		for i := range 20 {
			if streams.Play(t.Context(), limits.Stream{Viewer: "viewer", ID: fmt.Sprint(i), Ends: ends}) {
				playing = append(playing, i)
			}
		}
		if len(playing) != 3 {
			t.Errorf("%s: streams %v play, want 3 of 20", name, slices.Sorted(slices.Values(playing)))
		}
	}
}

// BenchmarkStreams is what a segment costs.
func BenchmarkStreams(b *testing.B) {
	s := limits.NewLocalStreams(2)
	ends := time.Now().Add(time.Hour).Unix()
	for i := range 100_000 {
		s.Play(b.Context(), limits.Stream{Viewer: fmt.Sprint(i), ID: "a", Ends: ends})
	}
	for b.Loop() {
		s.Play(b.Context(), limits.Stream{Viewer: "99999", ID: "a", Ends: ends})
	}
}
