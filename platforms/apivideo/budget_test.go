package apivideo_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/platforms/apivideo/apivideotest"
	"playtoken/platforms/standin"
	"playtoken/signer"
)

// crowd starts n concurrent callers and returns how many got a token. One that does
// not is told so within seconds, and when to come back.
func crowd(t *testing.T, w *world, video string, n int) int {
	var served atomic.Int64
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			start := time.Now()
			_, err := w.mint(t.Context(), video)
			if err == nil {
				served.Add(1)
			} else if after := retryAfter(err); !errors.Is(err, signer.ErrUnavailable) || after < time.Second || after > time.Minute+time.Second {
				t.Errorf("%v, come back after %s", err, after)
			}
			if took := time.Since(start); took > 4*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
	wg.Wait()
	return int(served.Load())
}

func TestTheBudgetIsKept(t *testing.T) {
	for name, reads := range map[string]int{"production": apivideotest.ProductionReads, "sandbox": 100} {
		bubble(t, name, func(t *testing.T) {
			w := newWorld(t, "environment", name)
			w.Limit("read", reads)
			start, minted := time.Now(), 0
			for time.Since(start) < 3*time.Minute {
				minted += crowd(t, w, film, 50)
				time.Sleep(time.Second)
			}
			if all := reads / 2 * 3; minted < all*9/10 {
				t.Errorf("%d tokens in three minutes, of %d that could be", minted, all)
			}
			if asked := w.Count(show); asked != 2*minted {
				t.Errorf("%d reads for %d tokens: some were more than is allowed", asked, minted)
			}
		})
	}
}

// A crowd at one video must not keep the viewers of another one waiting.
func TestOneVideoDoesNotStarveAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		var greedy sync.WaitGroup
		for range 200 {
			greedy.Go(func() {
				for ctx.Err() == nil {
					w.mint(ctx, film)
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		time.Sleep(5 * time.Second) // the half without a schedule is spent
		for range 60 {
			start := time.Now()
			if _, err := w.mint(t.Context(), second); err != nil {
				t.Errorf("%v after %s", err, time.Since(start))
			}
			time.Sleep(2 * time.Second)
		}
		cancel()
		greedy.Wait()
	})
}

func TestThePlatformsCountIsBelieved(t *testing.T) {
	bubble(t, "others have used it up", func(t *testing.T) {
		w := newWorld(t)
		w.must(t)
		w.Limit("read", 4)
		w.must(t) // which is told so
		asked := w.Count(show)
		if n := crowd(t, w, film, 20); n != 0 || w.Count(show) != asked {
			t.Errorf("%d tokens, %d reads", n, w.Count(show)-asked)
		}
		w.Limit("read", 500)
		time.Sleep(time.Minute + time.Second)
		w.must(t)
		if n := crowd(t, w, film, 100); n != 100 {
			t.Errorf("%d tokens in a new window", n)
		}
	})
	bubble(t, "but not what it said of the window before", func(t *testing.T) {
		w := newWorld(t)
		late := &delayed{next: w.account.Transport}
		w.account.Transport = late
		w.platform = w.open(t)
		start := time.Now()
		for time.Since(start) < 58*time.Second { // until hardly anything is left
			w.mint(t.Context(), film)
			time.Sleep(100 * time.Millisecond)
		}
		var overtaken sync.WaitGroup
		late.by.Store(int64(4 * time.Second))
		overtaken.Go(func() { w.mint(t.Context(), film) })
		time.Sleep(time.Until(start.Add(61 * time.Second)))
		late.by.Store(0)
		w.must(t) // which is told of the next window
		overtaken.Wait()
		start = time.Now()
		if n := crowd(t, w, film, 100); n != 100 || time.Since(start) > time.Second {
			t.Errorf("%d tokens within %s", n, time.Since(start))
		}
	})
	bubble(t, "429 without a word", func(t *testing.T) {
		w := newWorld(t)
		w.must(t)
		w.Script(show, standin.Refuse(429))
		if _, err := w.mint(t.Context(), film); !errors.Is(err, signer.ErrUnavailable) || retryAfter(err) == 0 {
			t.Errorf("Mint after status 429 = %v, want ErrUnavailable with a RetryAfter", err)
		}
		time.Sleep(time.Minute + time.Second)
		w.must(t)
	})
	bubble(t, "a login counts as a write", func(t *testing.T) {
		w := newWorld(t)
		w.Limit("write", 1)
		w.must(t)
		if n := crowd(t, w, film, 50); n != 50 {
			t.Errorf("%d tokens", n)
		}
	})
}

func TestHealthSaysWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		if calls, known := w.platform.CallsLeft(); known {
			t.Errorf("CallsLeft before the first read = %d, want unknown", calls)
		}
		w.must(t)
		const left = apivideotest.ProductionReads - 3
		health, err := w.platform.Check(t.Context())
		if err != nil || health.Limit != apivideotest.ProductionReads || health.Remaining != left || health.Window != time.Minute {
			t.Errorf("Check = %+v, %v, want %d of %d reads left in a minute", health, err, left, apivideotest.ProductionReads)
		}
		if calls, known := w.platform.CallsLeft(); !known || calls != left {
			t.Errorf("CallsLeft = %d, %v, want %d", calls, known, left)
		}
	})
}

func TestCallersThatGiveUpDoNotDelayOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		crowd(t, w, film, 125) // the half without a schedule
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			w.mint(ctx, film)
			cancel()
			if _, err := w.mint(t.Context(), second); err != nil {
				t.Errorf("Mint for another video = %v, want success", err)
			}
			time.Sleep(time.Second)
		}
	})
}

// delayed is a network on which answers take their time.
type delayed struct {
	next http.RoundTripper
	by   atomic.Int64
}

func (d *delayed) RoundTrip(r *http.Request) (*http.Response, error) {
	by := time.Duration(d.by.Load())
	resp, err := d.next.RoundTrip(r)
	time.Sleep(by)
	return resp, err
}
