package gate_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"playtoken/audit"
	"playtoken/gate"
)

// record is an audit log in memory, which can fail.
type record struct {
	mu      sync.Mutex
	entries []audit.Entry
	fails   error
}

func (r *record) Record(_ context.Context, e audit.Entry) error {
	if r.fails != nil {
		return r.fails
	}
	return r.RecordLazily(e)
}

func (r *record) RecordLazily(e audit.Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, e)
	return r.fails
}

// lines are the entries as action, subject, reason and result.
func (r *record) lines() (lines []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.entries {
		lines = append(lines, strings.Join([]string{e.Actor, e.Action, e.Subject, e.Reason, e.Result}, "|"))
	}
	return lines
}

// recorded is a gate whose key API is recorded and counted.
func recorded(t *testing.T) (w *world, kept *record, counted func() []string) {
	kept = &record{}
	var mu sync.Mutex
	var calls []string
	w = open(t, films(), func(c *gate.Config) {
		c.Record = kept
		c.OwnerCall = func(action, result string) {
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, action+" "+result)
		}
		c.ClientIP = func(r *http.Request) netip.Addr {
			address, _ := netip.ParseAddr(r.Header.Get("X-Test-From"))
			return address
		}
	})
	return w, kept, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(calls)
	}
}

func TestWhatTheKeyAPIChangesIsOnRecord(t *testing.T) {
	w, kept, counted := recorded(t)
	w.want(w.api("GET", "/v2/jwt_keys", ""), 200, "") // changes nothing
	w.end(`{"viewer":"` + viewerA + `","reason":"left the house"}`)
	w.end(`{"all":true}`)
	w.want(w.api("DELETE", "/v2/jwt_keys/"+w.keyID, ""), 200, "")
	w.want(w.api("DELETE", "/v2/jwt_keys/"+w.keyID+"?end_sessions=true", ""), 404, "not_found")
	w.want(w.do("GET", "/v2/jwt_keys", "", "Authorization", "Bearer wrong", "X-Test-From", "192.0.2.7"), 401, "unauthenticated")
	id := w.keyID
	want := []string{
		"gate_api_key|gate_key.register|ours||intent", "gate_api_key|gate_key.register|" + id + "||ok",
		"gate_api_key|sessions.end|viewer " + viewerA + "|left the house|intent", "gate_api_key|sessions.end|viewer " + viewerA + "|left the house|ok",
		"gate_api_key|sessions.end|all||intent", "gate_api_key|sessions.end|all||ok",
		"gate_api_key|gate_key.delete|" + id + `|its name is "ours"|intent`, "gate_api_key|gate_key.delete|" + id + `|its name is "ours"|ok`,
		"gate_api_key|gate_key.delete|" + id + "|its sessions end too|intent", "gate_api_key|gate_key.delete|" + id + "|its sessions end too|not_found",
		"192.0.2.7|authenticate|||unauthenticated",
	}
	if got := kept.lines(); !slices.Equal(got, want) {
		t.Errorf("recorded\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	calls := []string{"gate_key.register ok", "sessions.end ok", "sessions.end ok", "gate_key.delete ok", "gate_key.delete not_found", "authenticate unauthenticated"}
	if got := counted(); !slices.Equal(got, calls) {
		t.Errorf("counted %q, want %q", got, calls)
	}
	for _, part := range []string{`"action":"gate_key.register"`, `"subject":"` + id, `"named":"ours"`, `"action":"sessions.end"`, `"reason":"left the house"`} {
		if !strings.Contains(w.log.String(), part) {
			t.Errorf("the log has no %s:\n%s", part, w.log.String())
		}
	}
	if strings.Contains(w.log.String()+fmt.Sprint(kept.lines()), apiKey) {
		t.Error("the API key is in the log or the record, want it nowhere")
	}
}

// TestWhatCannotBeRecordedIsNotDone, except for what ends sessions.
func TestWhatCannotBeRecordedIsNotDone(t *testing.T) {
	w, kept, _ := recorded(t)
	ticket := w.ticket(video)
	kept.fails = errors.New("the disk is full")
	body := fmt.Sprintf(`{"name":"x","public_key":%q}`, publicPEM(ours()))
	w.want(w.api("POST", "/v2/jwt_keys", body), 503, "unavailable")
	w.want(w.api("DELETE", "/v2/jwt_keys/"+w.keyID, ""), 503, "unavailable")
	if l := w.list("/v2/jwt_keys"); len(l.Result) != 1 {
		t.Errorf("got %d keys, want the one from before", len(l.Result))
	}
	w.want(w.get("/film/360/0.m4s?ticket="+ticket), 200, "")
	w.end(`{"video_id":"film"}`)
	w.want(w.get("/film/360/0.m4s?ticket="+ticket), 403, "session_ended")
	w.want(w.api("DELETE", "/v2/jwt_keys/"+w.keyID+"?end_sessions=true", ""), 200, "")
}

func TestCallsWithAWrongCredentialAreLimitedByNetwork(t *testing.T) {
	w, kept, _ := recorded(t)
	before := len(kept.lines())
	try := func(from string, headers ...string) answer {
		return w.do("POST", "/v2/sessions/end", `{"all":true}`, append(headers, "X-Test-From", from)...)
	}
	for i := range 60 {
		headers := []string{"Authorization", "Bearer wrong"}
		if i%2 == 0 {
			headers = nil
		}
		w.want(try(fmt.Sprintf("2001:db8:1:2::%x", i), headers...), 401, "unauthenticated")
	}
	for range 3 {
		a := w.want(try("2001:db8:1:2:ffff::1", "Authorization", "Bearer wrong"), 429, "rate_limited")
		if a.header.Get("Retry-After") != "1" || a.header.Get("X-RateLimit-Limit") != "60" || !strings.Contains(a.body, `"success":false`) {
			t.Errorf("got %v %v, want the envelope, the limit, and when to come back", a, a.header)
		}
	}
	if n := len(kept.lines()) - before; n != 60 {
		t.Errorf("recorded %d failures, want the 60 within the limit", n)
	}
	w.want(try("2001:db8:1:3::1", "Authorization", "Bearer wrong"), 401, "unauthenticated")
	w.want(try("2001:db8:1:2::1", "Authorization", "Bearer "+apiKey), 200, "")
}
