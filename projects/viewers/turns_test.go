package viewers_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/projects/viewers"
)

// hundredth is how long the webhook of these tests takes for one call.
const hundredth = 10 * time.Millisecond

// slowly entitles every viewer after some time.
func slowly(took time.Duration) transport {
	return func(r *http.Request) (*http.Response, error) {
		select {
		case <-time.After(took):
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(yes))}, nil
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

// asker is one caller's request, which asks for many tokens at once.
func asker(kind viewers.Kind, caller, request string) viewers.Request {
	q := question()
	q.Caller, q.CallerID, q.RequestID, q.Viewer.ID = kind, caller, request, caller
	return q
}

// ask asks n times at once. It returns how many got an answer, and how long that
// took.
func ask(ctx context.Context, t *testing.T, v *viewers.Viewers, q viewers.Request, n int) (answered int32, took time.Duration) {
	began := time.Now()
	var served atomic.Int32
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			err := v.Entitled(ctx, hooked("https://hook.example.com"), q)
			if err == nil {
				served.Add(1)
			} else if _, busy := errors.AsType[*viewers.Unavailable](err); !busy && ctx.Err() == nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	return served.Load(), time.Since(began)
}

func TestABulkRequestSucceeds(t *testing.T) {
	for _, kind := range []viewers.Kind{viewers.ByViewer, viewers.ByAPIKey} {
		synctest.Test(t, func(t *testing.T) {
			v, _ := viewers.New(viewers.Config{Transport: slowly(hundredth)})
			defer v.Close()
			if n, took := ask(t.Context(), t, v, asker(kind, "a", "r"), 100); n != 100 || took > 13*hundredth {
				t.Errorf("%s asks for 100: got %d answers after %s, want 100 after at most 130ms", kind, n, took)
			}
		})
	}
}

// TestNoCallersLoadStopsAnother lets one viewer ask for all that it can, and looks
// at what others get meanwhile.
func TestNoCallersLoadStopsAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, _ := viewers.New(viewers.Config{Transport: slowly(hundredth)})
		defer v.Close()
		flood, stop := context.WithCancel(t.Context())
		var flooding sync.WaitGroup
		for n := range 200 {
			flooding.Go(func() {
				for flood.Err() == nil {
					ask(flood, t, v, asker(viewers.ByViewer, "greedy", fmt.Sprint(n)), 1)
					time.Sleep(time.Millisecond) // a client that is told to come back does so at once
				}
			})
		}
		synctest.Wait()
		for n := range 20 {
			if got, took := ask(t.Context(), t, v, asker(viewers.ByViewer, fmt.Sprint("viewer", n), "r"), 1); got != 1 || took > hundredth {
				t.Errorf("another viewer: got %d answers after %s, want 1 without waiting", got, took)
			}
		}
		if got, took := ask(t.Context(), t, v, asker(viewers.ByAPIKey, "back end", "r"), 100); got != 100 || took > 5*hundredth {
			t.Errorf("the back end asks for 100: got %d answers after %s, want 100 after at most 50ms", got, took)
		}
		stop()
		flooding.Wait()
	})
}

// TestOthersGetAsMuchDuringAFlood counts for a second what twenty viewers and a back
// end get that ask one request after the other, without and with one viewer who asks
// for all there is.
func TestOthersGetAsMuchDuringAFlood(t *testing.T) {
	during := func(greedy int) (got int32) {
		synctest.Test(t, func(t *testing.T) {
			v, _ := viewers.New(viewers.Config{Transport: slowly(hundredth)})
			defer v.Close()
			second, stop := context.WithTimeout(t.Context(), time.Second)
			defer stop()
			var all sync.WaitGroup
			for n := range greedy {
				all.Go(func() {
					for second.Err() == nil {
						ask(second, t, v, asker(viewers.ByViewer, "greedy", fmt.Sprint(n)), 1)
						time.Sleep(time.Millisecond)
					}
				})
			}
			var answered atomic.Int32
			for n := range 21 {
				kind, caller := viewers.ByViewer, fmt.Sprint("viewer", n)
				if n == 20 {
					kind, caller = viewers.ByAPIKey, "back end"
				}
				all.Go(func() {
					for second.Err() == nil {
						n, _ := ask(second, t, v, asker(kind, caller, "r"), 1)
						answered.Add(n)
					}
				})
			}
			all.Wait()
			got = answered.Load()
		})
		return got
	}
	alone, flooded := during(0), during(100)
	t.Logf("others got %d tokens in a second, and %d during a flood: %.1f %%", alone, flooded, 100*float64(flooded)/float64(alone))
	if alone < 21*99 || float64(flooded) < 0.98*float64(alone) {
		t.Errorf("others: got %d tokens without a flood and %d with it, want 98 %% of 2,079 or more", alone, flooded)
	}
}

// TestManyViewersDoNotStopTheBackEnd: a crowd uses every call that may be in
// progress, and the back end still gets its part of them.
func TestManyViewersDoNotStopTheBackEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, _ := viewers.New(viewers.Config{Transport: slowly(hundredth)})
		defer v.Close()
		var crowd sync.WaitGroup
		for n := range 3_000 {
			crowd.Go(func() { ask(t.Context(), t, v, asker(viewers.ByViewer, fmt.Sprint(n), fmt.Sprint(n)), 1) })
		}
		synctest.Wait()
		if got, took := ask(t.Context(), t, v, asker(viewers.ByAPIKey, "back end", "r"), 20); got != 20 || took > 8*hundredth {
			t.Errorf("the back end asks for 20 in a crowd of 3000 viewers: got %d answers after %s, want 20 after at most 80ms", got, took)
		}
		crowd.Wait()
	})
}

// TestRequestsOfOneCallerTakeTurns: a back end's request for one viewer does not
// wait for all of its bulk request.
func TestRequestsOfOneCallerTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, _ := viewers.New(viewers.Config{Transport: slowly(hundredth)})
		defer v.Close()
		var bulk sync.WaitGroup
		bulk.Go(func() { ask(t.Context(), t, v, asker(viewers.ByAPIKey, "back end", "bulk"), 500) })
		synctest.Wait()
		if got, took := ask(t.Context(), t, v, asker(viewers.ByAPIKey, "back end", "single"), 1); got != 1 || took > 2*hundredth {
			t.Errorf("one token beside a bulk request: got %d answers after %s, want 1 after at most 20ms", got, took)
		}
		bulk.Wait()
	})
}

func TestWaitingForAWebhookEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, _ := viewers.New(viewers.Config{Transport: slowly(time.Hour)})
		defer v.Close()
		p := hooked("https://hook.example.com")
		p.ViewerPolicy.Webhook.Timeout = 10
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { _ = v.Entitled(ctx, p, asker(viewers.ByViewer, "a", "r")) })
		}
		synctest.Wait()
		leaving, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		if err := v.Entitled(leaving, p, asker(viewers.ByViewer, "a", "r")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("caller that leaves while it waits: got %v, want context.DeadlineExceeded", err)
		}
		began := time.Now()
		var busy *viewers.Unavailable
		if err := v.Entitled(t.Context(), p, asker(viewers.ByViewer, "a", "r")); !errors.As(err, &busy) || time.Since(began) > 15*time.Second {
			t.Errorf("caller whose turn does not come: got %v after %s, want *Unavailable after at most 15s", err, time.Since(began))
		}
		cancel()
		all.Wait()
	})
}
