package client_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms/client"

	"golang.org/x/time/rate"
)

// paced returns a function that makes a call and says how long that took.
func paced(t *testing.T, pace *client.Pace, answer answers) func() (time.Duration, error) {
	c := newClient(t, client.Config{Pace: pace, Transport: answer})
	return func() (time.Duration, error) {
		start := time.Now()
		err := c.Do(t.Context(), client.Call{Method: "GET", Path: "/"})
		return time.Since(start), err
	}
}

func TestCallsWaitForTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		call := paced(t, &client.Pace{Limiter: rate.NewLimiter(1, 2)}, func(*http.Request) (*http.Response, error) {
			sent++
			return answer(200, ""), nil
		})
		for i, want := range []time.Duration{0, 0, time.Second, time.Second} {
			if took, err := call(); err != nil || took != want {
				t.Errorf("call %d took %s, %v", i, took, err)
			}
		}
		if sent != 4 {
			t.Errorf("%d requests", sent)
		}
	})
}

func TestATurnThatComesTooLateIsAnErrorAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		call := paced(t, &client.Pace{Limiter: rate.NewLimiter(rate.Every(time.Minute), 1)}, func(*http.Request) (*http.Response, error) {
			sent++
			return answer(200, ""), nil
		})
		call()
		took, err := call()
		var held *client.HeldError
		if !errors.As(err, &held) || held.RetryAfter() != time.Minute || took != 0 || sent != 1 {
			t.Fatalf("%v after %s, %d requests", err, took, sent)
		}
		if !errors.Is(err, keyrotation.ErrThrottled) {
			t.Errorf("%v does not say that nothing was done", err)
		}
		<-time.After(time.Minute) // of the bubble; the turn that was given back is free
		if took, err := call(); took != 0 || err != nil {
			t.Errorf("the call took %s, %v, want success at once", took, err)
		}
	})
}

// A call whose turn comes with the end of its time could be sent still, and its
// answer never be heard.
func TestATurnThatLeavesNoTimeIsAnErrorAtOnce(t *testing.T) {
	for range 20 { // two timers that are due at once fire in either order
		synctest.Test(t, func(t *testing.T) {
			sent := 0
			c := newClient(t, client.Config{
				Pace: &client.Pace{Limiter: rate.NewLimiter(1, 1)}, Timeout: time.Second,
				Transport: answers(func(*http.Request) (*http.Response, error) { sent++; return answer(200, ""), nil }),
			})
			c.Do(t.Context(), client.Call{Method: "POST", Path: "/"})
			start := time.Now()
			err := c.Do(t.Context(), client.Call{Method: "POST", Path: "/"})
			if !errors.Is(err, keyrotation.ErrThrottled) || time.Since(start) != 0 || sent != 1 {
				t.Fatalf("%v after %s, %d requests", err, time.Since(start), sent)
			}
		})
	}
}

func TestCancellingEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, client.Config{
			Pace:      &client.Pace{Limiter: rate.NewLimiter(rate.Every(5*time.Second), 1)},
			Transport: answers(func(*http.Request) (*http.Response, error) { return answer(200, ""), nil }),
		})
		c.Do(t.Context(), client.Call{Method: "GET", Path: "/"})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Do(ctx, client.Call{Method: "GET", Path: "/"}) }()
		synctest.Wait()
		start := time.Now()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) || !saysNo(err) || time.Since(start) != 0 {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

func TestThePlatformSaysWhenToComeBack(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		header []string
		want   time.Duration
	}{
		"429":                      {429, []string{"Retry-After", "3"}, 3 * time.Second},
		"none left":                {200, []string{"X-Remaining", "0", "X-Reset", "4"}, 4 * time.Second},
		"none left, without reset": {200, []string{"X-Remaining", "0"}, 5 * time.Second},
		"none left, odd reset":     {200, []string{"X-Remaining", "0", "X-Reset", "-1"}, 5 * time.Second},
		"some left":                {200, []string{"X-Remaining", "1", "X-Reset", "4"}, 0},
		"nothing said":             {200, nil, 0},
		"503":                      {503, []string{"Retry-After", "3"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pace := &client.Pace{Remaining: "X-Remaining", Reset: "X-Reset", Window: 5 * time.Second}
				next := answer(c.status, "", c.header...)
				call := paced(t, pace, func(*http.Request) (*http.Response, error) {
					now := next
					next = answer(200, "")
					return now, nil
				})
				call()
				for _, want := range []time.Duration{c.want, 0} {
					if took, err := call(); err != nil || took != want {
						t.Errorf("waited %s, want %s: %v", took, want, err)
					}
				}
			})
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		value, date string
		want        time.Duration
	}{
		{"7", "", 7 * time.Second}, {" 7 ", "", 7 * time.Second}, {"007", "", 7 * time.Second},
		{"0", "", time.Second}, {"3601", "", time.Hour}, {"9223372036854775808", "", time.Hour}, {"9223372036", "", time.Hour},
		{"Fri, 02 Jan 2026 03:05:05 GMT", "", time.Minute},
		{"Fri, 02 Jan 2026 03:05:05 GMT", "nonsense", time.Minute},
		{"Fri, 02 Jan 2026 09:05:05 GMT", "Fri, 02 Jan 2026 09:04:55 GMT", 10 * time.Second}, // its clock is wrong
		{"Thu, 01 Jan 2026 00:00:00 GMT", "", time.Second}, {"Fri, 02 Jan 2099 00:00:00 GMT", "", time.Hour},
		{"", "", 30 * time.Second}, {"-7", "", 30 * time.Second}, {"+7", "", 30 * time.Second}, {"1.5", "", 30 * time.Second},
		{"1e3", "", 30 * time.Second}, {"soon", "", 30 * time.Second}, {"2026-01-02T03:05:05Z", "", 30 * time.Second}, {"٣", "", 30 * time.Second},
	} {
		if got := client.RetryAfter(http.Header{"Retry-After": {c.value}, "Date": {c.date}}, now); got != c.want {
			t.Errorf("%q at %q: %s, want %s", c.value, c.date, got, c.want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, value := range []string{"", "7", "-1", "99999999999999999999", "Fri, 02 Jan 2026 03:05:05 GMT"} {
		f.Add(value, "")
	}
	f.Fuzz(func(t *testing.T, value, date string) {
		got := client.RetryAfter(http.Header{"Retry-After": {value}, "Date": {date}}, time.Now())
		if got < time.Second || got > time.Hour {
			t.Errorf("RetryAfter(%q) = %s, want a second to an hour", value, got)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, body := range []string{"", "{}", `{"a":1,"a":1}`, `[[[[]]]]`, "null null", "\"\xff\""} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var once, twice any
		if client.Decode(body, &once) == nil && client.Decode(append(body, body...), &twice) == nil && len(body) > 0 && body[0] == '{' {
			t.Errorf("%q: something may follow the value", body)
		}
	})
}

func TestTheCallsLeftAreWhatThePlatformSaidLast(t *testing.T) {
	pace := &client.Pace{Remaining: "X-Left"}
	says := ""
	call := paced(t, pace, func(*http.Request) (*http.Response, error) {
		resp := answer(200, "")
		resp.Header.Set("X-Left", says)
		return resp, nil
	})
	for _, c := range []struct {
		says  string
		left  int
		known bool
	}{{"", 0, false}, {"many", 0, false}, {"-1", 0, false}, {" 59 ", 59, true}, {"", 59, true}, {"58", 58, true}} {
		says = c.says
		if _, err := call(); err != nil {
			t.Fatal(err)
		}
		if left, known := pace.Left(); left != c.left || known != c.known {
			t.Errorf("after %q: %d, %v", c.says, left, known)
		}
	}
	if _, known := (*client.Pace)(nil).Left(); known {
		t.Error("a nil pace knows")
	}
}
