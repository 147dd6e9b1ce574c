package handlers_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

const signingKeys = "/v1/projects/default/signing-keys"

func TestSigningKeysAreListedNewestFirst(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	fingerprint := activeKey(t).Fingerprint
	equal(t, w.ask("GET", signingKeys, keysKey, ""), 200, `{"items":[
		{"generation":2,"state":"active","key_id":"key-2","name":"playtoken 2","fingerprint":"`+fingerprint+`","kind":"rsa-2048","bits":2048,"exportable":false,
		 "created_at":"1999-12-01T00:00:00Z","registered_at":"1999-12-02T00:00:00Z","activated_at":"1999-12-03T00:00:00Z",
		 "retired_at":null,"delete_not_before":null,"deleted_at":null,"note":null},
		{"generation":1,"state":"deleted","key_id":"key-1","name":"playtoken 1","fingerprint":"f1","kind":"rsa-2048","bits":2048,"exportable":false,
		 "created_at":"1999-12-01T00:00:00Z","registered_at":null,"activated_at":null,
		 "retired_at":null,"delete_not_before":null,"deleted_at":"1999-12-04T00:00:00Z","note":null}]}`)

	one := decoded(t, w.ask("GET", signingKeys+"/2", keysKey, ""))
	if one["public_key"] != activeKey(t).PublicKey || one["generation"] != 2.0 {
		t.Errorf("generation 2: got %v, want its public key", one)
	}
	if one := decoded(t, w.ask("GET", signingKeys+"/1", keysKey, "")); one["public_key"] != nil || one["generation"] != 1.0 {
		t.Errorf("generation 1, deleted: got %v, want no public key", one)
	}
	w.store.set(func(s *fakeStore) { s.ring = keyrotation.Ring{} })
	equal(t, w.ask("GET", signingKeys, keysKey, ""), 200, `{"items":[]}`)
}

func TestOperationsReachTheirGeneration(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	w.rotation.result = keyrotation.Result{Changed: true, Actions: []keyrotation.Done{{Action: "activate", Generation: 7}}, NextActionAt: day(9)}
	for _, verb := range []string{"activate", "rollback", "release"} {
		equal(t, w.ask("POST", signingKeys+"/7/"+verb, adminKey, because), 200,
			`{"changed":true,"actions":[{"action":"activate","generation":7,"key_id":null}],"next_action_at":"1999-12-09T00:00:00Z","reason":""}`)
		if w.rotation.asked != verb+" 7" || w.rotation.order != (keyrotation.Order{Actor: "admin", Reason: "because"}) {
			t.Errorf("rotation was asked for %q with %+v, want %s 7 by the admin because of \"because\"", w.rotation.asked, w.rotation.order, verb)
		}
	}
}

func TestARevocation(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	w.rotation.revoke = keyrotation.Revocation{Revoked: 2, ActiveGeneration: 3, TokensLostFor: 90*time.Second + 1}
	equal(t, w.ask("POST", signingKeys+"/2/revoke", adminKey, because), 200,
		`{"revoked":2,"active_generation":3,"earliest_at":null,"tokens_lost_for_seconds":91,"pending":null}`)
	w.rotation.revoke = keyrotation.Revocation{Revoked: 2, EarliestAt: day(5)}
	equal(t, w.ask("POST", signingKeys+"/2/revoke", adminKey, because), 200,
		`{"revoked":2,"active_generation":null,"earliest_at":"1999-12-05T00:00:00Z","tokens_lost_for_seconds":0,"pending":null}`)
	asked := w.rotation.asked
	w.rotation.asked = ""
	equal(t, w.ask("GET", signingKeys+"/2/revoke", adminKey, ""), 200,
		`{"revoked":2,"active_generation":null,"earliest_at":"1999-12-05T00:00:00Z","tokens_lost_for_seconds":0,"pending":null}`)
	if asked != "revoke 2" || w.rotation.asked != "" {
		t.Errorf("after a dry run: the rotation was asked for %q, want nothing", w.rotation.asked)
	}
	for code, err := range map[string]error{
		`"pending_code":"platform_unavailable","needs_operator":true}`: keyrotation.ErrUnauthorized, // it took effect; the platform would not delete the key
		`"pending_code":"platform_unavailable"}`:                       &keyrotation.PlatformError{Cause: errors.New("no answer")},
		`"pending_code":"signer_unavailable"}`:                         store.ErrUnavailable,
		`"pending_code":"conflict"}`:                                   &keyrotation.Guard{Why: "the clocks disagree"},
	} {
		w.rotation.err = err
		a := w.ask("POST", signingKeys+"/2/revoke", adminKey, because)
		if text := a.Body.String(); a.Code != 200 || !strings.Contains(text, "not yet deleted everywhere") || !strings.HasSuffix(strings.TrimSpace(text), code) {
			t.Errorf("revocation that is not finished because of %v: got %d %s, want 200, what is pending, and %s", err, a.Code, a.Body, code)
		}
	}
}

func TestConfirmingAKey(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	for _, c := range []struct {
		body   string
		status int
		asked  string
	}{
		{`{"reason":"seen in its console"}`, 200, "confirm 2"},
		{`{"reason":"taken out","removed":true}`, 200, "confirm removed 2"},
		{`{"reason":"taken out","removed":true,"key_id":"key-7"}`, 400, ""},
		{`{"reason":"seen in its console","key_id":"key-7/a+b="}`, 200, "confirm 2 key-7/a+b="},
		{`{"key_id":"key-7"}`, 400, ""},
		{`{"reason":"x","key_id":"a b"}`, 400, ""},
		{`{"reason":"x","key_id":"ä"}`, 400, ""},
		{`{"reason":"x","key_id":"` + strings.Repeat("x", 129) + `"}`, 400, ""},
		{`{"reason":"x","key_id":7}`, 400, ""},
		{`{"reason":"x","keyId":"key-7"}`, 400, ""},
	} {
		w.rotation.asked = ""
		if got := w.ask("POST", signingKeys+"/2/confirm", keysKey, c.body); got.Code != c.status || strings.TrimSpace(w.rotation.asked) != c.asked {
			t.Errorf("%s: got %d, asked for %q, want %d and %q", c.body, got.Code, w.rotation.asked, c.status, c.asked)
		}
	}
}

func TestRemovingAnUnmanagedKey(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	equal(t, w.ask("DELETE", "/v1/projects/default/platform-keys/key-9", adminKey, because), 200, `{"removed":"key-9"}`)
	if w.rotation.asked != "remove key-9" {
		t.Errorf("rotation was asked for %q, want remove key-9", w.rotation.asked)
	}
	w.rotation.asked = ""
	if got := w.ask("DELETE", "/v1/projects/default/platform-keys/a%20b", adminKey, because); got.Code != 404 || w.rotation.asked != "" {
		t.Errorf("key id with a space: got %d, asked for %q, want 404 and nothing asked", got.Code, w.rotation.asked)
	}
}

// paced is the error of a platform that says when to retry.
type paced struct{ error }

func (paced) RetryAfter() time.Duration { return 6500 * time.Millisecond }
func (p paced) Unwrap() error           { return p.error }

func TestErrorsOfARotation(t *testing.T) {
	changes := []string{
		"POST " + signingKeys + "/2/revoke", "POST " + signingKeys + "/2/activate", "POST " + signingKeys + "/2/rollback",
		"POST " + signingKeys + "/2/release", "POST " + signingKeys + "/2/confirm", "DELETE /v1/projects/default/platform-keys/key-9",
		"GET /v1/projects/default/drift", "GET /v1/projects/default/rotation",
	}
	for _, c := range []struct {
		err               error
		status            int
		code, after, when string
	}{
		{&keyrotation.Guard{Why: "still propagating", EarliestAt: day(5)}, 409, "conflict", "", "1999-12-05T00:00:00Z"},
		{&keyrotation.Guard{Why: "it is ours"}, 409, "conflict", "", ""},
		{store.ErrNotFound, 404, "not_found", "", ""},
		{store.ErrConflict, 409, "conflict", "", ""},
		{store.ErrUnavailable, 503, "signer_unavailable", "1", ""},
		{keyrotation.ErrUnauthorized, 503, "platform_unavailable", "60", ""},
		{keyrotation.ErrThrottled, 503, "platform_unavailable", "10", ""},
		{paced{keyrotation.ErrThrottled}, 503, "platform_unavailable", "7", ""},
		{keyrotation.ErrRefused, 503, "platform_unavailable", "5", ""},
		{errors.New("not foreseen"), 500, "internal", "", ""},
		{&keyrotation.PlatformError{Cause: errors.New("dial tcp 192.0.2.1: refused")}, 503, "platform_unavailable", "5", ""},
		{context.DeadlineExceeded, 503, "signer_unavailable", "1", ""},
	} {
		w, done := newWorld(t)
		w.rotation.err = fmt.Errorf("rotate default: %w", c.err)
		for _, route := range changes {
			method, path := target(route, "default")
			body := because
			if method == "GET" {
				body = ""
			}
			got := w.ask(method, path, adminKey, body)
			p := problemOf(t, got)
			if got.Code != c.status || p.Code != c.code || p.EarliestAt != c.when || got.Header().Get("Retry-After") != c.after {
				t.Errorf("%s with error %v: got Retry-After %q and %s, want %q, %d %s, earliest at %q", route, c.err, got.Header().Get("Retry-After"), got.Body, c.after, c.status, c.code, c.when)
			}
		}
		done()
	}
}

func TestAChangeGoesOnAfterTheCallerDisconnects(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	cancelled := &stubborn{Rotation: w.rotation}
	w.swapped = cancelled
	for _, path := range []string{signingKeys + "/2/revoke", signingKeys + "/2/activate"} {
		cancelled.err = errors.New("never called")
		w.ServeHTTP(httptest.NewRecorder(), request("POST", path, adminKey, because).WithContext(ctx))
		if cancelled.err != nil {
			t.Errorf("%s after the caller has gone: got %v, want the change to be made", path, cancelled.err)
		}
	}
}
