package gate_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// end ends sessions and returns up to when.
func (w *world) end(body string) time.Time {
	w.Helper()
	a := w.want(w.api("POST", "/v2/sessions/end", body), 200, "")
	var out struct {
		Success bool
		Result  struct {
			EndedBefore time.Time `json:"ended_before"`
		}
	}
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || !out.Success {
		w.Fatalf("got %v, %v, want a time in the envelope", a, err)
	}
	return out.Result.EndedBefore
}

// open opens a video with a new token.
func (w *world) open(viewer, video string) (ticket string) {
	w.Helper()
	claims := jwt.MapClaims{"sub": video, "exp": w.now().Add(time.Minute).Unix()}
	if viewer != "" {
		claims["viewer"] = viewer
	}
	a := w.want(w.get("/"+video+"/hls.m3u8?jwt="+sign(w.keyID, ours(), claims)), 200, "")
	_, rest, _ := strings.Cut(a.body, "ticket=")
	ticket, _, _ = strings.Cut(strings.ReplaceAll(rest, `"`, "\n"), "\n")
	return ticket
}

// TestSessionsEndByWhatTheyHaveInCommon: those that have begun, and no others;
// the clock stands still meanwhile.
func TestSessionsEndByWhatTheyHaveInCommon(t *testing.T) {
	const files = "/film/360/0.m4s?ticket= /other/0.m4s?ticket="
	for _, c := range []struct {
		body string
		ends func(keyID, viewer, video string) bool
	}{
		{`{"viewer":"` + viewerA + `","reason":"left"}`, func(_, viewer, _ string) bool { return viewer == viewerA }},
		{`{"video_id":"film"}`, func(_, _, video string) bool { return video == "film" }},
		{`{"key_id":"%s"}`, func(keyID, _, _ string) bool { return keyID == "first" }},
		{`{"all":true,"reason":""}`, func(_, _, _ string) bool { return true }},
	} {
		t.Run(c.body, func(t *testing.T) {
			w := open(t, films(), nil)
			keys := map[string]string{"first": w.keyID, "second": w.register("second", ours())}
			tickets := map[[3]string]string{}
			begin := func() {
				for name, id := range keys {
					for _, viewer := range []string{"", viewerA, viewerB} {
						for _, video := range []string{"film", "other"} {
							w.keyID = id
							tickets[[3]string{name, viewer, video}] = w.open(viewer, video)
						}
					}
				}
			}
			check := func(ended bool) {
				t.Helper()
				for of, ticket := range tickets {
					file := strings.Fields(files)[0]
					if of[2] == "other" {
						file = strings.Fields(files)[1]
					}
					if a := w.get(file + ticket); ended && c.ends(of[0], of[1], of[2]) != (a.code() == "session_ended") || !ended && a.status != 200 {
						t.Errorf("%v: got %v, ended %t", of, a, ended)
					}
				}
			}
			begin()
			check(false)
			body := c.body
			if strings.Contains(body, "%s") {
				body = fmt.Sprintf(body, keys["first"])
			}
			if at := w.end(body); at.Sub(w.now()) < 0 || at.Sub(w.now()) > time.Millisecond {
				t.Errorf("sessions ended before %v, want now, %v", at, w.now())
			}
			check(true)
			w.stop()
			w.start()
			check(true)
			begin() // new sessions, of tokens of the same second
			check(false)
			w.end(body)
			check(true)
		})
	}
}

// TestTicketsFromBeforeAnUpgradeEndToo: they do not say when they were made.
func TestTicketsFromBeforeAnUpgradeEndToo(t *testing.T) {
	w := open(t, films(), nil)
	earlier := w.forger()(w.keyID, time.Hour)
	w.end(`{"viewer":"` + viewerA + `"}`)
	w.want(w.get("/film/360/0.m4s?ticket="+earlier), 200, "")
	w.end(`{"video_id":"film"}`)
	w.want(w.get("/film/360/0.m4s?ticket="+earlier), 403, "session_ended")
}

func TestRequestsToEndSessionsAreChecked(t *testing.T) {
	w := open(t, films(), nil)
	ticket := w.open(viewerA, video)
	for _, c := range []struct{ body, says string }{
		{``, "not a JSON object"}, {`[]`, "not a JSON object"}, {`{"all":true}{}`, "not a JSON object"}, {`{"al":true}`, "not a JSON object"},
		{`{"all":true,"all":true}`, "not a JSON object"}, {`{"all":"true"}`, "not a JSON object"}, {`{"all":true,"reason":7}`, "not a JSON object"},
		{`{}`, "exactly one"}, {`{"viewer":null}`, "exactly one"}, {`{"reason":"x"}`, "exactly one"},
		{`{"all":true,"video_id":"film"}`, "exactly one"}, {`{"viewer":"` + viewerA + `","video_id":"film"}`, "exactly one"},
		{`{"all":false}`, "all is not true"}, {`{"all":false,"video_id":"film"}`, "all is not true"},
		{`{"viewer":"bob"}`, "viewer"}, {`{"viewer":""}`, "viewer"}, {`{"video_id":"a/b"}`, "video_id"}, {`{"video_id":"embed"}`, "video_id"},
		{`{"key_id":"short"}`, "key_id"}, {`{"all":true,"reason":"` + strings.Repeat("x", 201) + `"}`, "reason"}, {`{"all":true,"reason":"a\nb"}`, "reason"},
	} {
		body := strings.ReplaceAll(c.body, "\n", `\n`)
		if a := w.want(w.api("POST", "/v2/sessions/end", body), 400, "invalid_request"); !strings.Contains(a.body, c.says) {
			t.Errorf("%s: got %v, want it to say %q", body, a, c.says)
		}
	}
	w.want(w.do("POST", "/v2/sessions/end", `{"all":true}`), 401, "unauthenticated")
	w.want(w.api("GET", "/v2/sessions/end", ""), 404, "not_found")
	w.want(w.api("POST", "/v2/sessions/end", strings.Repeat(" ", 65<<10)), 413, "payload_too_large")
	w.want(w.get("/film/360/0.m4s?ticket="+ticket), 200, "")
}

// TestNoSessionEscapesAnEnd: of sessions that begin while others are ended, each
// is refused or began after.
func TestNoSessionEscapesAnEnd(t *testing.T) {
	w := open(t, films(), nil)
	token := w.tokenOf(viewerA)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 10 {
				before := w.session(token)
				w.end(`{"viewer":"` + viewerA + `"}`)
				if a := w.get("/film/360/0.m4s?ticket=" + before); a.code() != "session_ended" {
					t.Errorf("a session from before its end: got %v, want session_ended", a)
				}
			}
		})
	}
	group.Wait()
	w.want(w.get("/film/360/0.m4s?ticket="+w.session(token)), 200, "")
}
