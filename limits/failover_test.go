package limits_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"playtoken/limits"
	"playtoken/limits/redistest"
	"playtoken/secret"
)

// pair is two replicas of ours on one Redis, and what each was told.
type pair struct {
	t        *testing.T
	replicas [2]*limits.Redis
	heard    [2]<-chan news
}

func newPair(t *testing.T, url string) *pair {
	t.Helper()
	p := &pair{t: t}
	for i := range p.replicas {
		config := limits.RedisConfig{URL: secret.New(url)}
		p.heard[i] = listen(&config)
		p.replicas[i] = newRedis(t, config)
	}
	return p
}

// take has each replica charge n to a caller, and wants the remaining after each. With
// none, it wants the second refused.
func (p *pair) take(caller string, n int, remaining ...int) {
	p.t.Helper()
	for i, r := range p.replicas {
		state := r.Take(p.t.Context(), caller, daily, n)
		if state.Allowed != (i < len(remaining)) || state.Allowed && state.Remaining != remaining[i] {
			p.t.Errorf("replica %d, Take(%s, %d): got %+v, want %v left", i, caller, n, state, remaining)
		}
	}
}

// lose has callers ask until each replica knows that Redis is away, and wants them
// served meanwhile.
func (p *pair) lose(caller string) {
	p.t.Helper()
	for i, r := range p.replicas {
		for began := time.Now(); len(p.heard[i]) == 0 && time.Since(began) < time.Minute; {
			if state := r.Take(p.t.Context(), caller, daily, 0); !state.Allowed {
				p.t.Errorf("replica %d, while Redis is away: got %+v, want it allowed", i, state)
			}
		}
		if n := hear(p.t, p.heard[i], true); n.why != nil && strings.Contains(n.why.Error(), redistest.SentinelPassword) {
			p.t.Errorf("replica %d: got the reason %v, want no password in it", i, n.why)
		}
	}
}

func (p *pair) regain() {
	p.t.Helper()
	for _, heard := range p.heard {
		hear(p.t, heard, false)
	}
}

// quiet wants nothing told that was not heard.
func (p *pair) quiet() {
	p.t.Helper()
	for i, heard := range p.heard {
		if len(heard) > 0 {
			p.t.Errorf("replica %d: got another report %+v, want none", i, <-heard)
		}
	}
}

func TestLimitsSurviveAFailoverBySentinels(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinels(t)
	p := newPair(t, s.URL("3"))
	p.take("a", 30, 70, 40)
	p.quiet()
	s.Primary.Copied()
	s.Primary.Kill()
	p.lose("a")
	// Each replica goes on from its own part of the count.
	if state := p.replicas[0].Take(t.Context(), "a", daily, 71); state.Allowed {
		t.Errorf("while there is no primary: got %+v, want it refused", state)
	}
	p.regain()
	p.take("a", 20, 20, 0)
	p.take("a", 1)
	// The server that was lost comes back, as a replica of the new one.
	s.Primary.Run()
	s.Primary.Awaits("role:slave", "INFO", "replication")
	p.take("b", 30, 70, 40)
	p.quiet()
}

func TestStreamsSurviveAFailoverBySentinels(t *testing.T) {
	t.Parallel()
	s := redistest.StartSentinels(t)
	p := newPair(t, s.URL("0"))
	ends := time.Now().Add(time.Hour).Unix()
	one, other := p.replicas[0].Streams(1), p.replicas[1].Streams(1)
	phone := limits.Stream{Viewer: "v", ID: "phone", Ends: ends}
	laptop := limits.Stream{Viewer: "v", ID: "laptop", Ends: ends}
	if !one.Play(t.Context(), phone) || !other.Play(t.Context(), laptop) {
		t.Fatal("two streams that begin: got one refused, want both to begin")
	}
	s.Primary.Copied()
	s.Primary.Kill()
	p.lose("a")
	if !other.Play(t.Context(), laptop) {
		t.Error("the later stream, while there is no primary: got it refused, want it played")
	}
	p.regain()
	if one.Play(t.Context(), phone) || !other.Play(t.Context(), laptop) {
		t.Error("after the failover: got the ended stream played or the later one refused, want what was before")
	}
}

func TestAClusterCountsOnEveryNode(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t)
	p := newPair(t, c.URL())
	for i := range 30 {
		p.take(strconv.Itoa(i), 30, 70, 40)
	}
	has := c.Has("playtoken:limit:daily:")
	for i, keys := range has {
		if len(keys) == 0 {
			t.Errorf("node %d: got no count of 30 callers, want some", i)
		}
	}
	if t.Failed() {
		return
	}
	// A slot moves: its callers are redirected to where their count is now.
	moved := has[0][0]
	c.Move(moved, c.Nodes[0], c.Nodes[1])
	if now := c.Has(moved); len(now[0]) != 0 || !slices.Equal(now[1], []string{moved}) {
		t.Fatalf("the moved count: got it on %v, want it on the second node", now)
	}
	for i := range 30 {
		p.take(strconv.Itoa(i), 20, 20, 0)
		p.take(strconv.Itoa(i), 1)
	}
	p.quiet()
}

// caller returns a caller that a node counts.
func (p *pair) caller(c *redistest.Cluster, node int) string {
	p.t.Helper()
	for i := range 200 {
		caller, before := strconv.Itoa(i), len(c.Has("playtoken:limit:daily:")[node])
		p.take(caller, 30, 70, 40)
		if len(c.Has("playtoken:limit:daily:")[node]) > before {
			return caller
		}
	}
	p.t.Fatalf("node %d counts none of 200 callers, want a third", node)
	return ""
}

func TestLimitsSurviveTheLossOfANodeThatHasAReplica(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t)
	p := newPair(t, c.URL())
	caller := p.caller(c, 0)
	c.Nodes[0].Copied()
	c.Nodes[0].Kill()
	p.lose(caller)
	p.regain()
	p.take(caller, 20, 20, 0)
	p.take(caller, 1)
	p.quiet()
}

// TestANodeThatIsAway: that the other nodes count is no sign that it is back.
func TestANodeThatIsAwayIsAwayUntilItIsBack(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t)
	p := newPair(t, c.URL())
	caller := p.caller(c, 2)
	c.Nodes[2].Kill()
	p.lose(caller)
	time.Sleep(200 * time.Millisecond) // ten probes; Redis' clock is its own
	p.quiet()
	c.Nodes[2].Run()
	p.regain()
	p.take(caller, 30, 70, 40) // the node has forgotten
	p.take(caller, 30, 10)
	p.quiet()
}
