package handlers_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"playtoken/handlers"
	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/secret"
	"playtoken/store"
)

// stubborn remembers whether its context was over when it was called.
type stubborn struct {
	handlers.Rotation
	err error
}

func (s *stubborn) Revoke(ctx context.Context, _ int, _ keyrotation.Order) (keyrotation.Revocation, error) {
	s.err = ctx.Err()
	return keyrotation.Revocation{}, nil
}

func (s *stubborn) Activate(ctx context.Context, _ int, _ keyrotation.Order) (keyrotation.Result, error) {
	s.err = ctx.Err()
	return keyrotation.Result{}, nil
}

func (s *stubborn) Reconcile(ctx context.Context, _ keyrotation.Order) (keyrotation.Result, error) {
	s.err = ctx.Err()
	return keyrotation.Result{}, nil
}

// onlyRotation finds one rotation for every project.
type onlyRotation struct {
	handlers.Projects
	rotation handlers.Rotation
}

func (p onlyRotation) Rotation(context.Context, string) (handlers.Rotation, error) {
	return p.rotation, nil
}

// TestARotationStopsWithItsProcessAndNotWithItsConnection: a rotation over HTTP goes on without its caller, one
// of the command line ends with its process, and a revocation is never stopped.
func TestARotationStopsWithItsProcessAndNotWithItsConnection(t *testing.T) {
	const revoke = "/v1/projects/default/signing-keys/2/revoke"
	for _, tt := range []struct {
		name, path, body string
		stops            bool
		want             error
	}{
		{"a rotation over HTTP", rotationPath, `{}`, false, nil},
		{"a rotation by the command line", rotationPath, `{}`, true, context.Canceled},
		{"a revocation by the command line", revoke, `{"reason":"stolen"}`, true, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := &stubborn{err: context.DeadlineExceeded}
			handler := handlers.New(handlers.Config{
				Callers:  callers{projects.EnvironmentKeys{AdminKey: secret.New(adminKey)}},
				Projects: onlyRotation{rotation: seen}, Log: slog.New(slog.DiscardHandler), StopWithCaller: tt.stops,
			})
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			handler.ServeHTTP(httptest.NewRecorder(), request("POST", tt.path, adminKey, tt.body).WithContext(ctx))
			if !errors.Is(seen.err, tt.want) || (tt.want == nil) != (seen.err == nil) {
				t.Errorf("context of the change: error = %v, want %v", seen.err, tt.want)
			}
		})
	}
}

func TestAPlatformTimeoutIsNotReportedAsTheStores(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	for want, err := range map[string]error{
		"503 platform_unavailable": fmt.Errorf("look: %w", &keyrotation.PlatformError{Cause: context.DeadlineExceeded}),
		"503 signer_unavailable":   fmt.Errorf("read: %w", context.DeadlineExceeded),
		"404 not_found":            &keyrotation.PlatformError{Cause: store.ErrNotFound},
	} {
		w.rotation.err = err
		if got := short(w.ask("POST", rotationPath, adminKey, `{"mode":"now"}`)); got != want {
			t.Errorf("rotation with error %v: got %s, want %s", err, got, want)
		}
	}
}

const rotationPath = "/v1/projects/default/rotation"

func TestTheDryRun(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	equal(t, w.ask("GET", rotationPath, adminKey, ""), 200,
		`{"due":false,"next_action_at":null,"plan":[],"last_run":{"at":null,"outcome":null,"error":null},"overdue":false,"findings":[]}`)
	w.rotation.status = keyrotation.Status{
		Due: true, NextActionAt: day(5), Overdue: true,
		Plan:    []keyrotation.Move{{Action: "activate", Generation: 3, Why: "due", NotBefore: day(5)}, {Action: "observe", Why: "a look is due"}},
		LastRun: keyrotation.Run{At: day(4), Outcome: "failed", Error: "platform: 500"},
		Troubles: []keyrotation.Trouble{
			{Code: keyrotation.AllKeysMissing, Since: day(4), Detail: "none"},
			{Code: keyrotation.KeyIsMissing, Since: day(4), Detail: "gone", Generation: 3, KeyID: "k3"},
			{Code: keyrotation.KeyIsOrphaned, Since: day(4), Detail: "twice", KeyID: "k4"},
			{Code: keyrotation.KeyIsUnmanaged, Since: day(4), Detail: "not ours", KeyID: "k5"},
		},
	}
	equal(t, w.ask("GET", rotationPath, adminKey, ""), 200, `{"due":true,"next_action_at":"1999-12-05T00:00:00Z","plan":[
		{"action":"activate","generation":3,"key_id":null,"why":"due","not_before":"1999-12-05T00:00:00Z"},
		{"action":"observe","generation":null,"key_id":null,"why":"a look is due","not_before":null}],
		"last_run":{"at":"1999-12-04T00:00:00Z","outcome":"failed","error":"platform: 500"},"overdue":true,"findings":[
		{"code":"all_keys_missing","severity":"problem","stops":"rotation","detail":"none","since":"1999-12-04T00:00:00Z","generation":null,"key_id":null},
		{"code":"key_missing","severity":"problem","stops":"viewers","detail":"gone","since":"1999-12-04T00:00:00Z","generation":3,"key_id":"k3"},
		{"code":"key_orphaned","severity":"problem","stops":null,"detail":"twice","since":"1999-12-04T00:00:00Z","generation":null,"key_id":"k4"},
		{"code":"key_unmanaged","severity":"note","stops":null,"detail":"not ours","since":"1999-12-04T00:00:00Z","generation":null,"key_id":"k5"}]}`)
}

func TestARotation(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	w.rotation.result = keyrotation.Result{Reason: "nothing is due", NextActionAt: day(5)}
	equal(t, w.ask("POST", rotationPath, keysKey, `{"mode":"due"}`), 200,
		`{"changed":false,"actions":[],"next_action_at":"1999-12-05T00:00:00Z","reason":"nothing is due"}`)
	if w.rotation.order != (keyrotation.Order{Actor: "api_key_keys"}) {
		t.Errorf("got the order %+v, want one by the API key that is not urgent", w.rotation.order)
	}
	w.rotation.result = keyrotation.Result{Changed: true, Actions: []keyrotation.Done{{Action: "register", Generation: 3, KeyID: "key-3"}}}
	equal(t, w.ask("POST", rotationPath, adminKey, `{"mode":"now","reason":"drill"}`), 200,
		`{"changed":true,"actions":[{"action":"register","generation":3,"key_id":"key-3"}],"next_action_at":null,"reason":""}`)
	if w.rotation.order != (keyrotation.Order{Now: true, Actor: "admin", Reason: "drill"}) {
		t.Errorf("got the order %+v, want one for now by the admin with the reason drill", w.rotation.order)
	}
	w.ask("POST", rotationPath, adminKey, `{"mode":"replace_lost","reason":"the gate lost its data"}`)
	if w.rotation.order != (keyrotation.Order{Lost: true, Actor: "admin", Reason: "the gate lost its data"}) {
		t.Errorf("got the order %+v, want one to replace lost keys by the admin with the reason", w.rotation.order)
	}
}

func TestTooEarlyToRotateIsNotAnError(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	w.rotation.err = &keyrotation.Guard{Why: "still propagating", EarliestAt: day(5)}
	equal(t, w.ask("POST", rotationPath, adminKey, `{"mode":"now"}`), 200, `{"changed":false,"actions":[],
		"next_action_at":"1999-12-05T00:00:00Z","reason":"still propagating; possible from 1999-12-05T00:00:00Z","refused":true}`)
}

func TestRotatingEveryProject(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	const fine = `{"project_id":"default","changed":false,"actions":[],"next_action_at":null,"reason":""}`
	equal(t, w.ask("POST", "/v1/rotation", adminKey, `{}`), 200, `{"results":[`+fine+`]}`)

	w.others = []string{"project_failing"}
	equal(t, w.ask("POST", "/v1/rotation", adminKey, `{"mode":"due"}`), 207, `{"results":[`+fine+`,
		{"project_id":"project_failing","changed":false,"actions":[],"next_action_at":null,"reason":"","error":
		 {"type":"about:blank","title":"Service Unavailable","status":503,"code":"platform_unavailable","detail":"…","request_id":"…","retry_after":10}}]}`)
}

func TestTheDryRunOfEveryProject(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	w.others = []string{"project_failing"}
	const rest = `"due":false,"next_action_at":null,"plan":[],"last_run":{"at":null,"outcome":null,"error":null},"overdue":false,"findings":[]`
	equal(t, w.ask("GET", "/v1/rotation", adminKey, ""), 207, `{"results":[{"project_id":"default",`+rest+`},
		{"project_id":"project_failing",`+rest+`,"error":
		 {"type":"about:blank","title":"Service Unavailable","status":503,"code":"platform_unavailable","detail":"…","request_id":"…","retry_after":10}}]}`)
}

func TestRotatingEveryProjectRotatesTheKeysOfAccessTokens(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	w.own = &rotation{store: w.store}
	equal(t, w.ask("POST", "/v1/rotation", adminKey, `{"mode":"now","reason":"drill"}`), 200,
		`{"results":[{"project_id":"default","changed":false,"actions":[],"next_action_at":null,"reason":""}]}`)
	if want := (keyrotation.Order{Actor: "admin", Reason: "drill"}); w.own.order != want {
		t.Errorf("order for the keys of access tokens = %+v, want %+v", w.own.order, want)
	}
	w.own.err = keyrotation.ErrThrottled
	if r := w.ask("POST", "/v1/rotation", adminKey, `{}`); r.Code != 207 || !strings.Contains(r.Body.String(), `"project_id":"access_tokens"`) {
		t.Errorf("response when they cannot be rotated = %d %s, want 207 with their error", r.Code, r.Body)
	}
}

func TestDriftIsListed(t *testing.T) {
	w, done := newWorld(t)
	defer done()
	const path = "/v1/projects/default/drift"
	equal(t, w.ask("GET", path, adminKey, ""), 200, `{"orphans":[],"missing":[],"unmanaged":[],"mismatched":[],"keys":[]}`)
	w.rotation.drift = keyrotation.Drift{
		Orphans:   []keyrotation.Finding{{Code: keyrotation.KeyOrphan, KeyID: "k", Name: "n", Fingerprint: "f", Generation: 2, Meaning: "m"}},
		Unmanaged: []keyrotation.Finding{{Code: keyrotation.KeyForeign, KeyID: "u", Meaning: "m"}},
		Keys: []keyrotation.Known{
			{Generation: 2, State: keyrotation.Active, KeyID: "o", Name: "n", Fingerprint: "f", Store: keyrotation.DiffersKey, Platform: keyrotation.HasKey},
			{KeyID: "u", Platform: keyrotation.HasKey},
		},
	}
	equal(t, w.ask("GET", path, adminKey, ""), 200, `{
		"orphans":[{"key_id":"k","name":"n","fingerprint":"f","generation":2,"meaning":"m",
		 "remedy":"none needed, the next rotations delete it; to hurry: playtoken rotate --project default"}],"missing":[],
		"unmanaged":[{"key_id":"u","name":"","fingerprint":null,"generation":null,"meaning":"m",
		 "remedy":"if no signer uses it any more: playtoken keys remove-unmanaged u --project default --reason TEXT"}],"mismatched":[],"keys":[
		{"generation":2,"state":"active","key_id":"o","name":"n","fingerprint":"f","store":"differs","platform":"has"},
		{"generation":null,"state":null,"key_id":"u","name":"","fingerprint":null,"store":null,"platform":"has"}]}`)
}

func TestEveryFindingHasARemedy(t *testing.T) {
	const remove = "playtoken keys remove-unmanaged key_1 --project project_a --reason TEXT"
	for code, want := range map[keyrotation.FindingCode]string{
		keyrotation.KeyMissing:      "playtoken keys revoke 3 --project project_a --reason TEXT",
		keyrotation.KeyMismatched:   "playtoken keys revoke 3 --project project_a --reason TEXT",
		keyrotation.KeyOrphan:       "playtoken rotate --project project_a",
		keyrotation.KeyForgotten:    "1 hour after the backup was restored: " + remove,
		keyrotation.KeyForeign:      remove,
		keyrotation.KeyOfProject:    "none needed",
		keyrotation.KeyUnattributed: "playtoken doctor",
	} {
		f := keyrotation.Finding{Code: code, KeyID: "key_1", Generation: 3, TokensFor: time.Hour}
		got := handlers.DriftRemedy("project_a", f)
		if !strings.Contains(got, want) {
			t.Errorf("DriftRemedy of %q = %q, want it to contain %q", code, got, want)
		}
		harmless := code == keyrotation.KeyOfProject || code == keyrotation.KeyUnattributed || code == keyrotation.KeyOrphan
		if harmless && (strings.Contains(got, "remove-unmanaged") || strings.Contains(got, "revoke")) {
			t.Errorf("DriftRemedy of %q = %q, want nothing that could lock viewers out", code, got)
		}
	}
}
