package handlers_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"playtoken/keyrotation"
	"playtoken/store"
)

// decoded is the body of a response.
func decoded(t *testing.T, got *httptest.ResponseRecorder) (body map[string]any) {
	t.Helper()
	if err := json.Unmarshal(got.Body.Bytes(), &body); err != nil {
		t.Fatalf("got the error %v in %s, want JSON", err, got.Body)
	}
	if kind := got.Header().Get("Content-Type"); got.Code < 300 && kind != "application/json" {
		t.Errorf("got Content-Type %q, want application/json", kind)
	}
	return body
}

// equal compares a response with the JSON it should have, "…" in a string
// standing for anything.
func equal(t *testing.T, got *httptest.ResponseRecorder, status int, want string) {
	t.Helper()
	var expected any
	if err := json.Unmarshal([]byte(want), &expected); err != nil {
		t.Fatal(err)
	}
	anything := cmp.FilterValues(func(a, b any) bool { return a == "…" || b == "…" }, cmp.Ignore())
	if diff := cmp.Diff(expected, any(decoded(t, got)), anything); diff != "" || got.Code != status {
		t.Errorf("%d, want %d, -want +got:\n%s", got.Code, status, diff)
	}
}

// inBubble runs a test with a world in a bubble of fake time, which starts at
// 2000-01-01T00:00:00Z.
func inBubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	pair()
	synctest.Test(t, func(t *testing.T) {
		w, done := newWorld(t)
		defer done()
		test(t, w)
	})
}

func TestATokenResponse(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		got := w.ask("POST", "/v1/playback-tokens", apiKey, `{"video_id":"vid1","expires_in":100}`)
		equal(t, got, 201, `{"token":"…","video_id":"vid1","key_id":"key-2","issued_at":"2000-01-01T00:00:00Z",
			"expires_at":"2000-01-01T00:01:40Z","expires_in":100,"refresh_at":"2000-01-01T00:01:15Z","urls":{"hls":"…"},
			"delivery":{"place":"query","name":"jwt","renew":"request"}}`)
		body := decoded(t, got)
		if url := body["urls"].(map[string]any)["hls"]; url != "https://media.example/vid1?jwt="+body["token"].(string) {
			t.Errorf("hls: got %v, want the address with the token", url)
		}
		if got.Header().Get("Cache-Control") != "no-store" {
			t.Error("token: got a response that may be stored, want Cache-Control: no-store")
		}
	})
}

func TestMintErrors(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	for body, want := range map[string]string{
		`{"video_id":"vid1","claims":{"plan":"a"}}`:              "201 ",
		`{"video_id":"../x"}`:                                    "422 video_invalid",
		`{"video_id":"*"}`:                                       "403 forbidden",
		`{"video_id":"vid1","claims":{"exp":1}}`:                 "422 claim_not_allowed",
		`{"video_id":"vid1","claims":{"Plan":1}}`:                "422 claim_not_allowed",
		`{"video_id":"vid1","claims":{"plan":9007199254740994}}`: "422 claim_not_allowed",
		`{"video_id":"vid1","viewer":{"ip":"192.0.2.1"}}`:        "422 not_enforceable",
		`{"video_id":"vid1","expires_in":3601}`:                  "422 ttl_out_of_range",
		`{"video_id":"vid1","project_id":"default"}`:             "201 ",
		`{"video_id":"vid1","project_id":"project_x"}`:           "404 not_found",
		`{"video_id":"vid1","project_id":"../../sys/seal"}`:      "404 not_found",
		`{"video_id":"` + strings.Repeat("vid", 2000) + `"}`:     "422 claim_not_allowed",
	} {
		got := w.ask("POST", "/v1/playback-tokens", apiKey, body)
		code, _ := decoded(t, got)["code"].(string)
		if answer := fmt.Sprintf("%d %s", got.Code, code); answer != want {
			t.Errorf("%.80s: %s, want %s", body, answer, want)
		}
	}
}

func TestAMintErrorNamesTheMember(t *testing.T) {
	d, done := deploy(t)
	defer done()
	for members, field := range map[string]string{
		`"video_id":"x"`:                             "video_id",
		`"video_id":"vid1","expires_in":0`:           "expires_in",
		`"video_id":"vid1","expires_in":9999`:        "expires_in",
		`"video_id":"vid1","claims":{"exp":1}`:       "claims",
		`"video_id":"vid1","viewer":{"ip":"::1"}`:    "viewer.ip",
		`"video_id":"vidfree","viewer":{"id":"bob"}`: "viewer.id",
		`"video_id":"vid1","kinds":["thumbnail"]`:    "kinds",
		`"video_id":"videver","expires_in":60`:       "expires_in",
		`"video_id":"videver","claims":{"plan":"a"}`: "claims",
	} {
		got := d.mintAs(d.keys["mint"], "", members)
		if p := problemOf(t, got); got.Code != 422 || len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("%s: got %s, want 422 for %s", members, got.Body, field)
		}
	}
	if p := problemOf(t, d.signAs(adminKey, "x/sign", "{}")); len(p.Errors) != 1 || p.Errors[0].Field != "media_id" {
		t.Errorf("sign for a malformed video: got %+v, want an error about media_id", p)
	}
}

func TestEmptyTextsDifferFromAbsentOnes(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	for body, field := range map[string]string{
		`{"video_id":"vid1","viewer":{"id":""}}`: "viewer.id", `{"video_id":"vid1","viewer":{"ip":""}}`: "viewer.ip",
		`{"video_id":"vid1","project_id":""}`: "project_id", `{"video_id":""}`: "video_id",
		`{"video_id":"vid1","kinds":["a",""]}`: "kinds", `{"video_id":"vid1","kinds":["a","a"]}`: "kinds",
		`{"video_id":"vid1","kinds":["1","2","3","4","5","6","7","8","9"]}`: "kinds",
	} {
		if p := problemOf(t, w.ask("POST", mint, adminKey, body)); p.Status != 400 || p.Errors[0].Field != field {
			t.Errorf("%s: got %+v, want 400 for %s", body, p, field)
		}
	}
	for body, field := range map[string]string{
		`{"token":"x","project_id":""}`: "project_id", `{"token":"x","video_id":""}`: "video_id",
	} {
		if p := problemOf(t, w.ask("POST", inspect, adminKey, body)); p.Status != 400 || p.Errors[0].Field != field {
			t.Errorf("inspect %s: got %+v, want 400 for %s", body, p, field)
		}
	}
}

func TestABatchRespondsToEachRequestInOrder(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	got := w.ask("POST", "/v1/playback-tokens/batch", apiKey, `{"requests":[
		{"video_id":"vid0"},{"video_id":"x"},{"video_id":"vid2","expires_in":0},{},{"video_id":"vid4","project_id":"project_b"},{"video_id":"vid5"}]}`)
	if got.Code != 200 {
		t.Fatal(got.Body)
	}
	want := []string{"vid0", "422 video_invalid", "422 ttl_out_of_range", "400 invalid_request", "404 not_found", "vid5"}
	for i, item := range decoded(t, got)["items"].([]any) {
		item := item.(map[string]any)
		said := fmt.Sprint(item["video_id"])
		if trouble, ok := item["error"].(map[string]any); ok {
			said = fmt.Sprintf("%v %v", trouble["status"], trouble["code"])
			if trouble["request_id"] != got.Header().Get("X-Request-Id") {
				t.Errorf("item %d: got the request id %v, want that of the header", i, trouble["request_id"])
			}
		}
		if said != want[i] {
			t.Errorf("%d: %s, want %s", i, said, want[i])
		}
	}
	full := `{"requests":[` + strings.Repeat(`{"video_id":"vid"},`, 99) + `{"video_id":"vid"}]}`
	if got := w.ask("POST", "/v1/playback-tokens/batch", adminKey, full); got.Code != 200 || len(decoded(t, got)["items"].([]any)) != 100 {
		t.Errorf("batch of 100: got %d, want 200 and 100 items", got.Code)
	}
}

func TestTheExactWaitForAnActiveKeyIsReported(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		standby := activeKey(t)
		standby.State, standby.RegisteredAt = keyrotation.Registered, time.Now()
		w.store.set(func(s *fakeStore) { s.ring.Keys = []keyrotation.Key{standby} })
		time.Sleep(12*time.Second + time.Millisecond)
		for _, ask := range []func() *httptest.ResponseRecorder{
			func() *httptest.ResponseRecorder {
				return w.ask("POST", "/v1/playback-tokens", apiKey, `{"video_id":"vid1"}`)
			},
			func() *httptest.ResponseRecorder { return w.ask("GET", "/readyz", "", "") },
		} {
			got := ask()
			p := problemOf(t, got)
			if got.Code != 503 || p.Code != "no_active_key" || p.EarliestAt != "2000-01-01T00:01:00Z" {
				t.Errorf("no active key yet: got %s, want 503 no_active_key with the time of activation", got.Body)
			}
			if after := got.Header().Get("Retry-After"); after != "48" || p.RetryAfter != 48 {
				t.Errorf("47.999 s before activation: got Retry-After %s, retry_after %d, want 48", after, p.RetryAfter)
			}
		}
		w.store.set(func(s *fakeStore) { s.ring.Keys = nil })
		time.Sleep(time.Second)
		got := w.ask("POST", "/v1/playback-tokens", apiKey, `{"video_id":"vid1"}`)
		if p := problemOf(t, got); p.Code != "no_active_key" || p.EarliestAt != "" || got.Header().Get("Retry-After") == "" {
			t.Errorf("no active key at all: got %s, want no_active_key without a time, and Retry-After", got.Body)
		}
	})
}

func TestAnUnavailableStoreIsReportedAtOnceAndRecovers(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		mint := func() *httptest.ResponseRecorder {
			return w.ask("POST", "/v1/playback-tokens", apiKey, `{"video_id":"vid1"}`)
		}
		sealed := fmt.Errorf("read at https://vault.internal: %w", store.ErrUnavailable)
		w.store.set(func(s *fakeStore) { s.err = sealed })
		for range 100 {
			asked := time.Now()
			got := mint()
			if p := problemOf(t, got); got.Code != 503 || p.Code != "signer_unavailable" || got.Header().Get("Retry-After") != "1" {
				t.Fatalf("mint while the store is unavailable: got %s, want 503 signer_unavailable, Retry-After 1", got.Body)
			}
			if strings.Contains(got.Body.String(), "vault.internal") {
				t.Fatal("got the store's address in the response, want it only in the log")
			}
			if time.Since(asked) != 0 {
				t.Fatalf("mint with a view that is too old: took %s, want no wait", time.Since(asked))
			}
			time.Sleep(100 * time.Millisecond)
		}
		if got := w.ask("GET", "/readyz", "", ""); got.Code != 503 {
			t.Errorf("readyz while the store is unavailable: got %s, want 503", got.Body)
		}
		if !strings.Contains(w.log.String(), "vault.internal") {
			t.Error("got a log without the cause, want it there")
		}
		w.store.set(func(s *fakeStore) { s.err = nil })
		time.Sleep(time.Second) // what Retry-After said
		if got := mint(); got.Code != 201 {
			t.Errorf("mint after the store is back: got %s, want 201", got.Body)
		}
		if got := w.ask("GET", "/readyz", "", ""); got.Code != 200 {
			t.Errorf("readyz after the store is back: got %s, want 200", got.Body)
		}
	})
}
