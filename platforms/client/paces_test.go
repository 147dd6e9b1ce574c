package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/platforms/client"
	"playtoken/secret"

	"golang.org/x/time/rate"
)

func TestOneCredentialHasOnePace(t *testing.T) {
	made := 0
	paces := client.Paces{New: func() *client.Pace { made++; return new(client.Pace) }}
	one := paces.For(secret.New("one"))
	var crowd sync.WaitGroup
	for range 20 {
		crowd.Go(func() {
			if paces.For(secret.New("one")) != one {
				t.Error("another pace for the same credential")
			}
		})
	}
	crowd.Wait()
	if paces.For(secret.New("two")) == one || made != 2 {
		t.Errorf("%d paces", made)
	}
	for i := range 5000 { // unused
		paces.For(secret.New(fmt.Sprint(i)))
		if i%1000 == 0 {
			runtime.GC()
		}
	}
	if paces.For(secret.New("one")) != one {
		t.Error("it was forgotten while in use")
	}
	runtime.KeepAlive(one)
}

func TestFewCallsLeftAreSpread(t *testing.T) {
	for left, want := range map[string]time.Duration{"60": 0, "11": 0, "9": 6 * time.Second, "10": 60 * time.Second / 11, "1": 30 * time.Second, "0": time.Minute, "-1": 0, "few": 0} {
		synctest.Test(t, func(t *testing.T) {
			pace := &client.Pace{Remaining: "X-Left", Limit: "X-Limit", Window: time.Minute, Low: 10}
			c := newClient(t, client.Config{Pace: pace, Timeout: time.Hour, Transport: answers(func(*http.Request) (*http.Response, error) {
				return answer(200, "", "X-Left", left, "X-Limit", "60"), nil
			})})
			call := client.Call{Method: "GET", Path: "/"}
			if err := c.Do(t.Context(), call); err != nil || pace.Allowed() != 60 {
				t.Fatalf("%v, %d allowed", err, pace.Allowed())
			}
			start := time.Now()
			if err := c.Do(t.Context(), call); err != nil || time.Since(start) != want {
				t.Errorf("%s left: waited %s, want %s, %v", left, time.Since(start), want, err)
			}
		})
	}
}

func TestARefusalThatDoesNotSayWhenToComeBackIsAWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := answer(429, "")
		pace := &client.Pace{Window: time.Minute}
		c := newClient(t, client.Config{Pace: pace, Timeout: time.Hour, Transport: answers(func(*http.Request) (*http.Response, error) {
			now := next
			next = answer(200, "")
			return now, nil
		})})
		err := c.Do(t.Context(), client.Call{Method: "GET", Path: "/"})
		if says, ok := after(err); !ok || says != time.Minute {
			t.Errorf("%v: come back after %s", err, says)
		}
		start := time.Now()
		if err := c.Do(t.Context(), client.Call{Method: "GET", Path: "/"}); err != nil || time.Since(start) != time.Minute {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

// after is when an error says to come back.
func after(err error) (time.Duration, bool) {
	var says interface{ RetryAfter() time.Duration }
	if !errors.As(err, &says) {
		return 0, false
	}
	return says.RetryAfter(), true
}

func TestWhoWaitsForATurnHearsThePlatform(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var sent []time.Duration
		pace := &client.Pace{Limiter: rate.NewLimiter(1, 1), Remaining: "X-Left", Window: time.Minute}
		c := newClient(t, client.Config{Pace: pace, Timeout: time.Hour, Transport: answers(func(*http.Request) (*http.Response, error) {
			sent = append(sent, time.Since(start))
			time.Sleep(500 * time.Millisecond)
			return answer(200, "", "X-Left", "0"), nil
		})})
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if err := c.Do(t.Context(), client.Call{Method: "GET", Path: "/"}); err != nil {
					t.Error(err)
				}
			})
		}
		both.Wait()
		if len(sent) != 2 || sent[1] != time.Minute+500*time.Millisecond {
			t.Errorf("sent after %v", sent)
		}
	})
}
