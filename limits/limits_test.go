package limits_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"playtoken/limits"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var management = limits.Limit{Name: "management", Count: 60, Per: time.Minute}

func TestACallerHasAllAtOnceAndGetsItBackEvenly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limits.NewLocal()
		take := func(n int, want limits.State) {
			t.Helper()
			want.Limit = management
			if got := l.Take(t.Context(), "a", management, n); got != want {
				t.Errorf("after Take(%d): %+v, want %+v", n, got, want)
			}
		}
		take(0, limits.State{Allowed: true, Remaining: 60})
		take(1, limits.State{Allowed: true, Remaining: 59, Reset: time.Second})
		take(59, limits.State{Allowed: true, Reset: time.Minute})
		take(0, limits.State{Allowed: true, Reset: time.Minute})
		take(1, limits.State{Reset: time.Minute, Retry: time.Second})
		take(61, limits.State{Reset: time.Minute, Retry: time.Minute})
		time.Sleep(time.Second - time.Microsecond)
		take(1, limits.State{Reset: 59*time.Second + time.Microsecond, Retry: time.Microsecond})
		time.Sleep(time.Microsecond)
		take(1, limits.State{Allowed: true, Reset: time.Minute})
		time.Sleep(30 * time.Second)
		take(31, limits.State{Remaining: 30, Reset: 30 * time.Second, Retry: time.Second})
		take(30, limits.State{Allowed: true, Reset: time.Minute})
		time.Sleep(time.Hour)
		take(61, limits.State{Remaining: 60, Retry: time.Microsecond}) // never, whenever it comes
		take(60, limits.State{Allowed: true, Reset: time.Minute})
		if s := l.Take(t.Context(), "b", management, 1); !s.Allowed {
			t.Errorf("another caller: got %+v, want it allowed", s)
		}
		other := limits.Limit{Name: "mint", Count: 1, Per: time.Second}
		if s := l.Take(t.Context(), "a", other, 1); !s.Allowed {
			t.Errorf("another limit of the same caller: got %+v, want it allowed", s)
		}
	})
}

func TestACallerThatWaitsAsToldIsAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limits.NewLocal()
		random := rand.New(rand.NewPCG(3, 4))
		for _, limit := range []limits.Limit{management, {Name: "a", Count: 10, Per: time.Second}, {Name: "b", Count: 7, Per: time.Second}, {Name: "c", Count: 1_000_000, Per: time.Minute}} {
			began, taken := time.Now(), 0
			for range 2000 {
				n := random.IntN(limit.Count + 1)
				s := l.Take(t.Context(), "a", limit, n)
				if !s.Allowed {
					time.Sleep(s.Retry)
					s = l.Take(t.Context(), "a", limit, n)
				}
				if !s.Allowed || s.Retry != 0 || s.Remaining < 0 || s.Remaining > limit.Count || s.Reset > limit.Per+time.Second {
					t.Fatalf("limit %s, call %d: got %+v, want it allowed", limit.Name, n, s)
				}
				taken += n
			}
			if most := limit.Count + int(time.Since(began).Seconds()/limit.Per.Seconds()*float64(limit.Count)); taken > most {
				t.Errorf("%s: %d in %v, want at most %d", limit.Name, taken, time.Since(began), most)
			}
		}
	})
}

func TestALimitThatWasLoweredForgives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limits.NewLocal()
		l.Take(t.Context(), "a", limits.Limit{Name: "x", Count: 60, Per: time.Hour}, 60)
		lower := limits.Limit{Name: "x", Count: 10, Per: time.Second}
		if s := l.Take(t.Context(), "a", lower, 1); s.Allowed || s.Reset != time.Second {
			t.Errorf("at once: got %+v, want it refused for a second", s)
		}
		time.Sleep(time.Second)
		if s := l.Take(t.Context(), "a", lower, 10); !s.Allowed {
			t.Errorf("a second later: got %+v, want it allowed", s)
		}
	})
}

func TestALimitOfNothingAllowsNothing(t *testing.T) {
	for _, limit := range []limits.Limit{{}, {Count: -1, Per: time.Second}, {Per: time.Second}} {
		l := limits.NewLocal()
		if s := l.Take(t.Context(), "a", limit, 1); s.Allowed || s.Remaining != 0 {
			t.Errorf("limit %+v: got %+v, want it refused", limit, s)
		}
	}
	if s := limits.NewLocal().Take(t.Context(), "a", limits.Limit{Count: 1}, 1); !s.Allowed {
		t.Errorf("limit without a period: got %+v, want it allowed", s)
	}
}

func TestManyAtOnceGetNoMoreThanOne(t *testing.T) {
	l := limits.NewLocal()
	slow := limits.Limit{Name: "slow", Count: 100, Per: 24 * time.Hour}
	var allowed atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if l.Take(t.Context(), "a", slow, 1).Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if allowed.Load() != 100 {
		t.Errorf("got %d allowed, want 100", allowed.Load())
	}
}

// TestAMillionCallersFitIntoLittleMemory also shows that they do not help one
// caller of many to get more, unless they are tens of thousands in between.
func TestAMillionCallersFitIntoLittleMemory(t *testing.T) {
	l := limits.NewLocal()
	slow := limits.Limit{Name: "slow", Count: 5, Per: 24 * time.Hour}
	before, patient := heap(), 0
	for i := range 1_000_000 {
		l.Take(context.Background(), strconv.Itoa(i), slow, 1)
		if i%10_000 == 0 && l.Take(context.Background(), "patient", slow, 1).Allowed {
			patient++
		}
	}
	if used := heap() - before; used > 16<<20 {
		t.Errorf("got %d MiB in use, want at most 16", used>>20)
	} else {
		t.Logf("%d KiB for a million callers", used>>10)
	}
	if patient != 5 {
		t.Errorf("one caller among a million others was let in %d times, want 5", patient)
	}
	runtime.KeepAlive(l)
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestHeadersSayWhereTheCallerStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := http.Header{}
		limits.NewLocal().Take(t.Context(), "a", management, 1).SetHeaders(h)
		want := http.Header{
			"X-Ratelimit-Limit": {"60"}, "X-Ratelimit-Remaining": {"59"}, "X-Ratelimit-Reset": {"1"},
			"Ratelimit": {`"management";r=59;t=1`}, "Ratelimit-Policy": {`"management";q=60;w=60`},
		}
		if diff := cmp.Diff(want, h); diff != "" {
			t.Error(diff)
		}
		limits.State{Limit: management, Reset: 1001 * time.Millisecond}.SetHeaders(h)
		if h.Get("X-RateLimit-Reset") != "2" || h.Get("RateLimit") != `"management";r=0;t=2` {
			t.Errorf("got the headers %v, want times that are rounded up", h)
		}
	})
}

func BenchmarkLocal(b *testing.B) {
	l := limits.NewLocal()
	var next atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		caller := fmt.Sprint(next.Add(1))
		for pb.Next() {
			l.Take(context.Background(), caller, management, 1)
		}
	})
}
