package metrics_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"playtoken/keyrotation"
	"playtoken/metrics"
	"playtoken/signer"
	"playtoken/store"
)

// everything is a store, a platform and a minter. All its methods return err.
type everything struct{ err error }

func (e everything) Read(context.Context, string) (store.Document, error) {
	return store.Document{Version: 7}, e.err
}
func (e everything) Write(context.Context, string, []byte, int64) (int64, error) { return 8, e.err }
func (e everything) Create(context.Context, string, store.KeySpec) (store.KeyInfo, error) {
	return store.KeyInfo{PublicKey: "pem"}, e.err
}
func (e everything) Describe(context.Context, string) (store.KeyInfo, error) {
	return store.KeyInfo{PublicKey: "pem"}, e.err
}
func (e everything) Destroy(context.Context, string) error                 { return e.err }
func (e everything) Export(context.Context, string) (crypto.Signer, error) { return nil, e.err }
func (e everything) Sign(context.Context, string, signer.Scheme, []byte) (signer.Signature, error) {
	return signer.Signature{Value: []byte("signature")}, e.err
}
func (e everything) Register(context.Context, string, string) (string, error) { return "key-1", e.err }
func (e everything) List(context.Context) ([]keyrotation.PlatformKey, error) {
	return []keyrotation.PlatformKey{{ID: "key-1"}}, e.err
}
func (e everything) Get(context.Context, string) (keyrotation.PlatformKey, error) {
	return keyrotation.PlatformKey{ID: "key-1"}, e.err
}
func (e everything) Delete(context.Context, string) error { return e.err }
func (e everything) Mint(context.Context, signer.Request) (signer.Token, error) {
	return signer.Token{Value: "eyJ.a.token"}, e.err
}

// secrets lists texts that callers, stores and platforms use in these tests and
// that no series may contain.
const secrets = "store_name_1 key-name key-1 eyJ.a.token vid-secret"

// use calls each measured method once. All of them return err.
func use(t *testing.T, s *metrics.Service, err error) (results []string) {
	t.Helper()
	ctx, parts := t.Context(), everything{err}
	measured, platform := s.Store(parts), s.Platform("default", "vidbeo", parts)
	document, read := measured.Read(ctx, "ring/store_name_1")
	version, write := measured.Write(ctx, "ring/store_name_1", nil, 7)
	created, create := measured.Create(ctx, "store_name_1", store.KeySpec{})
	_, export := measured.Export(ctx, "store_name_1")
	described, describe := measured.Describe(ctx, "store_name_1")
	signature, sign := s.Signing(parts).Sign(ctx, "store_name_1", signer.RS256, make([]byte, 32))
	keyID, register := platform.Register(ctx, "key-name", "pem")
	keys, list := platform.List(ctx)
	key, get := platform.Get(ctx, "key-1")
	token, mint := s.Minter("default", parts).Mint(ctx, signer.Request{VideoID: "vid-secret"})
	for _, got := range []error{read, write, create, describe, export, measured.Destroy(ctx, "store_name_1"), sign,
		register, list, get, platform.Delete(ctx, "key-1"), mint} {
		if got != err {
			t.Errorf("a measured method returned %v, want %v unchanged", got, err)
		}
	}
	return []string{fmt.Sprintf("%d %d %s %s", document.Version, version, created.PublicKey, described.PublicKey), string(signature.Value), keyID, keys[0].ID, key.ID, token.Value}
}

func TestNamesAndLabelsStayAsTheyAre(t *testing.T) {
	s := newService(t)
	use(t, s, nil)
	s.Refused("default", "forbidden")
	s.Ran("default", keyrotation.RunOK)
	s.Rotates(true)
	s.RecordTo("stderr")
	s.StoreTime(func(context.Context) (time.Time, error) { return time.Now(), nil })
	s.Responded("/v1/playback-tokens", "POST", 201, time.Millisecond)
	s.Shared(func() uint64 { return 3 })
	s.Faults(func() uint64 { return 1 })
	s.CallsLeft("default", "vidbeo", func() (int, bool) { return 59, true })
	login := func() metrics.Login {
		return metrics.Login{Method: "approle", At: time.Now(), ExpiresAt: time.Now().Add(time.Hour), Failures: 1}
	}
	s.Login(login)
	s.Watch("default", &rotation{ring: someRing()})
	s.LimitsAlone(true)
	s.Unrecorded()
	s.Viewer("default", "webhook", "failed")
	gate := newGate(t)
	gate.Admission("token")
	gate.OwnerCall("gate_key.register", "ok")
	gate.Unrecorded()
	gate.LimitsAlone(true)
	gate.Served("media", 206, 1, time.Millisecond)
	gate.Open(func() time.Duration { return time.Second }, func() int { return 2 })
	gate.Login(login)
	gate.RecordTo("file")
	e := scrape(t, s)
	got := append(e.ours(), scrape(t, gate).ours()...)
	// Dashboards depend on every line of this.
	want := []string{
		"playtoken_active_key_age_seconds gauge {project}",
		"playtoken_audit_failures_total counter {}",
		"playtoken_audit_info gauge {destination}",
		"playtoken_build_info gauge {revision,version}",
		"playtoken_clock_ahead_seconds gauge {}",
		"playtoken_finding gauge {code,project}",
		"playtoken_http_request_duration_seconds histogram {route}",
		"playtoken_http_requests_total counter {method,route,status}",
		"playtoken_keys_budget gauge {project}",
		"playtoken_keys_drifted gauge {kind,project}",
		"playtoken_keys_held gauge {project}",
		"playtoken_keys_unrecognised gauge {project}",
		"playtoken_limits_alone gauge {}",
		"playtoken_platform_calls_left gauge {platform}",
		"playtoken_platform_calls_total counter {operation,platform,project,result}",
		"playtoken_projects_not_shown gauge {state}",
		"playtoken_ring_stale_seconds gauge {project}",
		"playtoken_rings_unread gauge {}",
		"playtoken_rotation_last_look_age_seconds gauge {project}",
		"playtoken_rotation_last_run_timestamp_seconds gauge {project}",
		"playtoken_rotation_last_success_age_seconds gauge {project}",
		"playtoken_rotation_next_action_seconds gauge {project}",
		"playtoken_rotation_overdue gauge {project}",
		"playtoken_rotation_runs_total counter {outcome,project}",
		"playtoken_scheduler_running gauge {}",
		"playtoken_signature_faults_total counter {}",
		"playtoken_signatures_shared_total counter {}",
		"playtoken_signing_duration_seconds histogram {result}",
		"playtoken_signing_keys gauge {project,state}",
		"playtoken_store_duration_seconds histogram {operation,result}",
		"playtoken_tokens_minted_total counter {project}",
		"playtoken_tokens_refused_total counter {code,project}",
		"playtoken_vault_locked_out gauge {method}",
		"playtoken_vault_login_age_seconds gauge {method}",
		"playtoken_vault_login_expires_seconds gauge {method}",
		"playtoken_vault_login_failures gauge {method}",
		"playtoken_viewer_failures_total counter {outcome,part,project}",
		"playtoken_viewer_questions_total counter {outcome,part}",
		"playtoken_audit_failures_total counter {}",
		"playtoken_audit_info gauge {destination}",
		"playtoken_build_info gauge {revision,version}",
		"playtoken_gate_admissions_total counter {result}",
		"playtoken_gate_key_calls_total counter {action,result}",
		"playtoken_gate_live_sessions gauge {}",
		"playtoken_gate_registered_keys gauge {}",
		"playtoken_gate_request_duration_seconds histogram {kind}",
		"playtoken_gate_requests_total counter {kind,status}",
		"playtoken_gate_response_bytes_total counter {kind}",
		"playtoken_gate_view_age_seconds gauge {}",
		"playtoken_limits_alone gauge {}",
		"playtoken_vault_locked_out gauge {method}",
		"playtoken_vault_login_age_seconds gauge {method}",
		"playtoken_vault_login_expires_seconds gauge {method}",
		"playtoken_vault_login_failures gauge {method}",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, name := range []string{"go_goroutines", "process_cpu_seconds_total"} {
		if e.families[name] == nil {
			t.Errorf("family %s is missing, want it exposed", name)
		}
	}
}

func TestMeasuredMethodsReturnTheSame(t *testing.T) {
	s := newService(t)
	want := []string{"7 8 pem pem", "signature", "key-1", "key-1", "key-1", "eyJ.a.token"}
	for range 2 {
		if diff := cmp.Diff(want, use(t, s, nil)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	e := scrape(t, s)
	for _, operation := range []string{"read", "write", "create", "describe", "destroy", "export"} {
		e.shows(t, 2, "playtoken_store_duration_seconds", operation, "ok")
	}
	for _, operation := range []string{"register", "list", "get", "delete"} {
		e.shows(t, 2, "playtoken_platform_calls_total", "default", "vidbeo", operation, "ok")
	}
	e.shows(t, 2, "playtoken_signing_duration_seconds", "ok")
	e.shows(t, 2, "playtoken_tokens_minted_total", "default")
}

func TestErrorsMapToAFixedSetOfResults(t *testing.T) {
	s := newService(t)
	for _, c := range []struct {
		err  error
		want string
	}{
		{store.ErrNotFound, "not_found"}, {store.ErrConflict, "conflict"},
		{store.ErrUnavailable, "unavailable"}, {signer.ErrUnavailable, "unavailable"}, {signer.ErrKeyGone, "key_gone"},
		{keyrotation.ErrRefused, "refused"}, {keyrotation.ErrUnauthorized, "unauthorized"}, {keyrotation.ErrThrottled, "throttled"},
		{errors.New("lost the response about store_name_1"), "failed"},
	} {
		before, _ := scrape(t, s).value("playtoken_store_duration_seconds", "read", c.want)
		use(t, s, fmt.Errorf("call with key-name: %w", c.err))
		e := scrape(t, s)
		e.shows(t, before+1, "playtoken_store_duration_seconds", "read", c.want)
		e.shows(t, before+1, "playtoken_platform_calls_total", "default", "vidbeo", "register", c.want)
		e.shows(t, 0, "playtoken_tokens_minted_total", "default")
		for _, secret := range strings.Fields(secrets) {
			if strings.Contains(e.text, secret) {
				t.Errorf("after the error %v, the exposition contains %q", c.err, secret)
			}
		}
	}
}

func TestCallersCannotAddSeries(t *testing.T) {
	s := newService(t)
	for i := range 100 {
		s.Responded("", fmt.Sprint("METHOD", i), 404, 0)
	}
	e := scrape(t, s)
	e.shows(t, 100, "playtoken_http_requests_total", "none", "other", "404")
	if n := len(e.families["playtoken_http_requests_total"].Metric); n != 1 {
		t.Errorf("got %d series after requests with invented methods, want 1", n)
	}
}

func TestLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := newService(t), metrics.Login{Method: "approle", Failures: 2}
		s.Login(func() metrics.Login { return l })
		e := scrape(t, s)
		e.shows(t, 2, "playtoken_vault_login_failures", "approle")
		for _, unknown := range []string{"playtoken_vault_login_age_seconds", "playtoken_vault_login_expires_seconds"} {
			if got, there := e.value(unknown, "approle"); there {
				t.Errorf("%s = %v, want no series while the time is unknown", unknown, got)
			}
		}
		l = metrics.Login{Method: "approle", At: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
		time.Sleep(time.Minute)
		e = scrape(t, s)
		e.shows(t, 60, "playtoken_vault_login_age_seconds", "approle")
		e.shows(t, 3540, "playtoken_vault_login_expires_seconds", "approle")
	})
}

func TestCallsLeft(t *testing.T) {
	const name = "playtoken_platform_calls_left"
	fixed := func(calls int, known bool) func() (int, bool) { return func() (int, bool) { return calls, known } }
	s := newService(t)
	s.CallsLeft("p1", "quiet", fixed(0, false))
	s.CallsLeft("p2", "exhausted", fixed(0, true))
	s.CallsLeft("p3", "shared", fixed(40, true))
	s.CallsLeft("p4", "shared", fixed(30, true))
	s.CallsLeft("p5", "shared", fixed(20, false))
	e := scrape(t, s)
	e.shows(t, 0, name, "exhausted")
	e.shows(t, 30, name, "shared") // the account with the fewest
	if got, there := e.value(name, "quiet"); there {
		t.Errorf("%s = %v for a platform that never said so, want no series", name, got)
	}

	s.CallsLeft("p2", "exhausted", fixed(60, true)) // the account was opened again
	s.Unwatch("p4")
	e = scrape(t, s)
	e.shows(t, 60, name, "exhausted")
	e.shows(t, 40, name, "shared")
	s.Unwatch("p3")
	if got, there := scrape(t, s).value(name, "shared"); there {
		t.Errorf("%s = %v after the projects were closed, want no series", name, got)
	}
}

// calls makes the calls of a mint that are measured.
func calls(minter signer.Minter, keys signer.PrivateKeys, responded func(route, method string, status int, took time.Duration)) func() {
	return func() {
		minter.Mint(context.Background(), signer.Request{})
		keys.Sign(context.Background(), "name", signer.RS256, make([]byte, 32))
		responded("/v1/playback-tokens", "POST", 201, time.Millisecond)
	}
}

// mints are the calls with and without counting.
func mints(s *metrics.Service) map[string]func() {
	return map[string]func(){
		"counted": calls(s.Minter("default", everything{}), s.Signing(everything{}), s.Responded),
		"bare":    calls(everything{}, everything{}, func(string, string, int, time.Duration) {}),
	}
}

func TestCountingAMintAllocatesNothing(t *testing.T) {
	made := mints(newService(t))
	bare, counted := testing.AllocsPerRun(1000, made["bare"]), testing.AllocsPerRun(1000, made["counted"])
	if counted > bare {
		t.Errorf("a counted mint allocates %v times, want %v as without counting", counted, bare)
	}
}

// BenchmarkMint shows what counting costs.
func BenchmarkMint(b *testing.B) {
	s, err := metrics.NewService(metrics.Build{})
	if err != nil {
		b.Fatal(err)
	}
	for name, call := range mints(s) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				call()
			}
		})
	}
}
