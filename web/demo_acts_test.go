package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/web"
)

func TestButtonsMakeRequestsOfAnOperator(t *testing.T) {
	for path, want := range map[string]string{
		"/demo/rotate": "/v1/projects/default/rotation",
		"/demo/revoke": "/v1/projects/default/signing-keys/3/revoke",
	} {
		api := &service{status: http.StatusCreated}
		got := ask(newDemo(t, config(api)), "POST", path, `{"mode":"mine"}`, "Cookie", "visitor=1", "Authorization", "Bearer visitor")
		if got.StatusCode != http.StatusCreated || text(t, got) != `{"made":"by the service"}` {
			t.Errorf("%s: got status %d, want the response of the service", path, got.StatusCode)
		}
		if len(api.asked) != 1 || api.asked[0].URL.Path != want || api.asked[0].Header.Get("Authorization") != "Bearer "+adminKey || len(api.asked[0].Header) != 2 {
			t.Fatalf("%s: the service was asked %v, want %s with the admin key and nothing of the visitor's", path, api.asked, want)
		}
		if !strings.Contains(api.bodies[0], `"reason":"`) || strings.Contains(api.bodies[0], "mine") {
			t.Errorf("%s: the service got the body %s, want one of the demo's own with a reason", path, api.bodies[0])
		}
	}
}

func TestRevokingNeedsAKeyThatSigns(t *testing.T) {
	api := &service{status: http.StatusCreated}
	cfg := config(api)
	cfg.Ring = func(context.Context) (web.Ring, error) { return web.Ring{Keys: midLife().Keys[2:]}, nil }
	if got := ask(newDemo(t, cfg), "POST", "/demo/revoke", ""); got.StatusCode != http.StatusConflict || len(api.asked) != 0 {
		t.Errorf("got status %d and %d requests, want 409 and none", got.StatusCode, len(api.asked))
	}
	cfg.Ring = func(context.Context) (web.Ring, error) { return web.Ring{}, errors.New("vault at 10.1.2.3") }
	got := ask(newDemo(t, cfg), "POST", "/demo/revoke", "")
	if body := text(t, got); got.StatusCode != http.StatusServiceUnavailable || strings.Contains(body, "10.1.2.3") {
		t.Errorf("got status %d, %s, want 503 without the cause", got.StatusCode, body)
	}
}

func TestActsAreThePagesOwn(t *testing.T) {
	for _, path := range []string{"/demo/rotate", "/demo/revoke", "/demo/outage"} {
		api, stop := &service{status: http.StatusCreated}, &outage{}
		cfg := config(api)
		cfg.Outage = stop
		h := newDemo(t, cfg)
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.test"}} {
			if got := ask(h, "POST", path, "", header...); got.StatusCode != http.StatusForbidden {
				t.Errorf("%s with %v: got status %d, want 403", path, header, got.StatusCode)
			}
		}
		if got := ask(h, "GET", path, ""); got.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: got status %d, want 404", path, got.StatusCode)
		}
		if len(api.asked) != 0 || stop.length != 0 {
			t.Errorf("%s: got %d requests and an outage of %v, want none", path, len(api.asked), stop.length)
		}
	}
}

func TestTheStoreIsStoppedForTenSeconds(t *testing.T) {
	cfg, stop := config(&service{}), &outage{}
	cfg.Outage = stop
	h := newDemo(t, cfg)
	if body := text(t, ask(h, "POST", "/demo/outage", "")); body != `{"stopped":10}` || stop.length != 10*time.Second {
		t.Errorf("got %s and an outage of %v, want 10 seconds", body, stop.length)
	}
	if body := text(t, ask(h, "GET", "/demo/keys", "")); !strings.Contains(body, `"stopped":10`) {
		t.Errorf("got the keys %s, want them to say that the store is stopped", body)
	}
}

func TestKeysAreRowsAndMoves(t *testing.T) {
	cfg := config(&service{})
	const want = `{"items":[{"generation":4,"state":"planned","does":"about to be made"},` +
		`{"generation":3,"state":"active","key_id":"k3","does":"signs every new token"},` +
		`{"generation":2,"state":"retiring","key_id":"k2","does":"signs nothing new; still opens what it signed","stays":20}],` +
		`"moves":[{"number":1,"words":"register generation 4","why":"the budget is spent","in":null},` +
		`{"number":2,"words":"delete generation 2","why":"no token of it can still be alive","in":20}],"fresh":true,"stopped":0}`
	if body := text(t, ask(newDemo(t, cfg), "GET", "/demo/keys", "")); body != want {
		t.Errorf("got %s, want %s", body, want)
	}
	cfg.Ring = func(context.Context) (web.Ring, error) { return web.Ring{}, nil }
	if body := text(t, ask(newDemo(t, cfg), "GET", "/demo/keys", "")); body != `{"items":[],"moves":[],"fresh":true,"stopped":0}` {
		t.Errorf("no keys: got %s, want empty lists", body)
	}
	cfg.Ring = func(context.Context) (web.Ring, error) { return web.Ring{}, errors.New("vault at 10.1.2.3") }
	for _, path := range []string{"/demo/keys", "/demo/timeline.svg"} {
		got := ask(newDemo(t, cfg), "GET", path, "")
		if body := text(t, got); got.StatusCode != 503 || strings.Contains(body, "10.1.2.3") {
			t.Errorf("%s: got status %d, %s, want 503 without the cause", path, got.StatusCode, body)
		}
	}
}

func TestThePictureGoesOnWhileTheStoreDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, reads := config(&service{}), 0
		var trouble error
		cfg.Ring = func(context.Context) (web.Ring, error) {
			reads++
			return midLife(), trouble
		}
		h := newDemo(t, cfg)
		for range 5 {
			ask(h, "GET", "/demo/keys", "")
		}
		if reads != 1 {
			t.Errorf("got %d reads of the ring for five requests at once, want one", reads)
		}
		time.Sleep(time.Second)
		trouble = errors.New("unavailable")
		if body := text(t, ask(h, "GET", "/demo/keys", "")); !strings.Contains(body, `"generation":3`) || !strings.Contains(body, `"fresh":false`) {
			t.Errorf("got %s, want the ring as it was, said so", body)
		}
		if got := ask(h, "GET", "/demo/timeline.svg", ""); got.StatusCode != http.StatusOK || !strings.Contains(text(t, got), "gen. 3") {
			t.Errorf("got status %d, want the picture as it was", got.StatusCode)
		}
		trouble = nil
		if body := text(t, ask(h, "GET", "/demo/keys", "")); !strings.Contains(body, `"fresh":true`) {
			t.Errorf("got %s, want the ring as it is now", body)
		}
	})
}

func TestThePictureHasThePagesTokens(t *testing.T) {
	h := newDemo(t, config(&service{}))
	got := ask(h, "GET", "/demo/timeline.svg?token=k3:2000:20000&token=k2:15000:20000&token=strange:1:1", "")
	svg := text(t, got)
	if got.Header.Get("Content-Type") != "image/svg+xml" || strings.Count(svg, `class="timeline-token`) != 2 || strings.Count(svg, "playing") != 1 {
		t.Errorf("got %s, want a token in the lanes of generations 3 and 2, the first of which plays", svg)
	}
	for _, query := range []string{"token=k3", "token=k3:1", "token=k3:1:x", "token=k3:-1:20000", "token=k3:1:99999999999", "token=k3:1:1:1", strings.Repeat("token=k:1:1&", 9)} {
		if got := ask(h, "GET", "/demo/timeline.svg?"+query, ""); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: got status %d, want 400", query, got.StatusCode)
		}
	}
	evil := text(t, ask(h, "GET", fmt.Sprintf("/demo/timeline.svg?token=%s:1:1", "%22%3E%3Cscript%3E"), ""))
	if strings.Contains(evil, "<script") {
		t.Errorf("got %s, want no markup of the visitor's", evil)
	}
}
