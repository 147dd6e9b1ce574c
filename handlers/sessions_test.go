package handlers_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"playtoken/keyrotation"
	"playtoken/store"
)

const endSessions = "/v1/projects/default/sessions/end"

func TestSessionsAreEndedAsAsked(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	w.rotation.recorded = true
	for body, want := range map[string]keyrotation.SessionsOf{
		`"viewer":"ann"`: {Viewer: "ann"}, `"video_id":"film"`: {VideoID: "film"}, `"generation":7`: {Generation: 7},
		`"all":true,"viewer":null`: {All: true},
	} {
		equal(t, w.ask("POST", endSessions, adminKey, `{"reason":"because",`+body+`}`), 200, `{"pending":null}`)
		if asked := fmt.Sprintf("end sessions %+v", want); w.rotation.asked != asked || w.rotation.order.Reason != "because" {
			t.Errorf("%s: rotation was asked for %q because of %q, want %q", body, w.rotation.asked, w.rotation.order.Reason, asked)
		}
	}
	w.rotation.err = errors.New("no answer")
	if a := w.ask("POST", endSessions, adminKey, `{"reason":"because","all":true}`); a.Code != 200 || !strings.Contains(a.Body.String(), "has not confirmed") {
		t.Errorf("an end that is not confirmed: got %d %s, want 200 and what is pending", a.Code, a.Body)
	}
}

func TestEndsOfSessionsThatAreRefused(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	for _, body := range []string{
		`{"reason":"r"}`, `{"all":true}`, `{"all":true,"reason":" "}`, `{"all":false,"reason":"r"}`, `{"all":true,"viewer":"a","reason":"r"}`,
		`{"viewer":"","reason":"r"}`, `{"viewer":"a\u0000","reason":"r"}`, `{"video_id":"` + strings.Repeat("v", 201) + `","reason":"r"}`,
		`{"generation":0,"reason":"r"}`, `{"generation":"1","reason":"r"}`, `{"key_id":"k","reason":"r"}`,
	} {
		if a := w.ask("POST", endSessions, adminKey, body); a.Code != 400 || w.rotation.asked != "" {
			t.Errorf("%s: got %d, and the rotation was asked for %q; want 400 and nothing asked", body, a.Code, w.rotation.asked)
		}
	}
	for _, c := range []struct {
		err    error
		body   string
		status int
		code   string
	}{
		{keyrotation.ErrNoSessions, `"all":true`, 422, "not_enforceable"},
		{store.ErrNotFound, `"generation":9`, 404, "not_found"},
		{keyrotation.ErrRefused, `"video_id":"no video"`, 422, "video_invalid"},
		{&keyrotation.Guard{Why: "too many"}, `"viewer":"ann"`, 409, "conflict"},
		{store.ErrUnavailable, `"all":true`, 503, "signer_unavailable"},
	} {
		w.rotation.err = fmt.Errorf("end sessions: %w", c.err)
		a := w.ask("POST", endSessions, adminKey, `{"reason":"r",`+c.body+`}`)
		if a.Code != c.status || decoded(t, a)["code"] != c.code {
			t.Errorf("%v: got %d %s, want %d %s", c.err, a.Code, a.Body, c.status, c.code)
		}
	}
}

func TestAPendingRevocationSpeaksOfSessions(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	w.rotation.revoke, w.rotation.err = keyrotation.Revocation{Revoked: 2, EndsSessions: true}, errors.New("no answer")
	if a := w.ask("POST", signingKeys+"/2/revoke", adminKey, because); a.Code != 200 || !strings.Contains(a.Body.String(), "sessions that its tokens opened may go on") {
		t.Errorf("revocation that is not finished: got %d %s, want 200, and that sessions go on", a.Code, a.Body)
	}
}

func TestTheRecordSaysWhatWasEnded(t *testing.T) {
	d, done := deploy(t)
	defer done()
	for body, want := range map[string]string{`"viewer":"ann"`: "viewer ann", `"video_id":"film"`: "video film", `"generation":7`: "generation 7", `"all":true`: "all"} {
		d.record.entries = nil
		d.ask("POST", "/v1/projects/"+d.own.ID+"/sessions/end", adminKey, `{"reason":"r",`+body+`}`)
		if len(d.record.entries) == 0 || d.record.entries[0].Subject != want || d.record.entries[0].Action != "sessions.end" {
			t.Errorf("%s: recorded %+v, want the subject %q", body, d.record.entries, want)
		}
	}
}
