package vaultkeys_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/store"
)

func TestClockAllowsForTheTimeOfTheResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openFake(t, func(r *http.Request) (*http.Response, error) {
			time.Sleep(2 * time.Second)
			return answer(r, 200, `{"initialized":true,"sealed":false,"server_time_utc":1000000000}`), nil
		})
		now, err := s.Now(t.Context())
		if want := time.Unix(1000000001, 5e8); err != nil || !now.Equal(want) {
			t.Errorf("Now() = %s, %v, want %s", now, err, want)
		}
	})
}

func TestClockWithoutATimeIsUnavailable(t *testing.T) {
	for _, body := range []string{`{}`, `{"server_time_utc":0}`, `{"server_time_utc":-5}`, `{"server_time_utc":"now"}`, ``} {
		s := openFake(t, func(r *http.Request) (*http.Response, error) { return answer(r, 200, body), nil })
		if now, err := s.Now(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Now() with response %s = %s, %v, want unavailable", body, now, err)
		}
	}
}
