package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"playtoken/filekeys"
	"playtoken/handlers"
	"playtoken/keyrotation"
	"playtoken/settings"
	"playtoken/store"
)

func TestRotateOnAnEmptyProjectEndsWithAnActiveKeyAndAStandby(t *testing.T) {
	t.Parallel()
	w := newDeploymentWithoutStore(t)
	if r := w.run("keys", "list"); r.code != exitUsage {
		t.Errorf("keys list without a store: got exit %d, %s, want %d", r.code, r.stderr, exitUsage)
	}
	var done struct{ Results []rotatedView }
	w.must(&done, "rotate")
	if len(done.Results) != 1 || done.Results[0].ProjectID != "default" || !done.Results[0].Changed {
		t.Errorf("rotate = %+v, want a change of the project default", done)
	}
	if got := w.states(); got != "2:registered 1:active" {
		t.Errorf("keys = %s, want 2:registered 1:active", got)
	}
	w.must(&done, "rotate", "--if-due")
	if done.Results[0].Changed || done.Results[0].Reason == "" {
		t.Errorf("a second rotate = %+v, want no change, and why", done)
	}
	var plan struct{ Results []statusView }
	w.must(&plan, "rotate", "--dry-run")
	if plan.Results[0].Due || len(plan.Results[0].Plan) == 0 {
		t.Errorf("dry run = %+v, want a plan of which nothing is due", plan)
	}
}

func TestMintedTokensPlayAndAreExplained(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	w.must(&struct{}{}, "rotate")
	var token tokenView
	w.must(&token, "token", "mint", "counter", "--expires-in", "4m")
	if status, err := plays(t.Context(), newClient(t), token.URLs.HLS); status != http.StatusOK || err != nil {
		t.Errorf("play: got status %d, %v, want 200", status, err)
	}
	var said handlers.Inspection
	w.must(&said, "token", "inspect", token.Token)
	if !said.Valid || said.Key == nil || said.Key.Generation != 1 || said.Claims["sub"] != "counter" {
		t.Errorf("inspect = %+v, want the claims of a valid token of generation 1", said)
	}
	for _, c := range []struct{ token, video, want string }{
		{token.Token, "another", "video_not_allowed"},
		{token.Token[:len(token.Token)-8] + "AAAAAAAA", "", "signature_invalid"},
		{"x.y.z", "", "token_malformed"},
	} {
		r := w.runWith(w.environ, c.token+"\n", "token", "inspect", "-", "--video", c.video)
		if r.code != exitRefused || !strings.Contains(r.stdout, c.want) || !strings.Contains(r.stderr, c.want) {
			t.Errorf("inspect %.10s: got exit %d, %s%s, want %d and %q", c.token, r.code, r.stdout, r.stderr, exitRefused, c.want)
		}
	}
}

func TestOperatorsMoveKeysByHand(t *testing.T) {
	t.Parallel()
	w := newDeployment(t, "PLAYTOKEN_PROPAGATION_DELAY=0s")
	w.must(&struct{}{}, "rotate")
	w.must(&struct{}{}, "rotate", "--now", "--reason", "test")
	if got := w.states(); got != "3:registered 2:active 1:retiring" {
		t.Errorf("keys after rotate --now = %s, want 3:registered 2:active 1:retiring", got)
	}
	var moved rotatedView
	w.must(&moved, "keys", "rollback", "1", "--reason", "test")
	if got := w.states(); !moved.Changed || !strings.Contains(got, "1:active") {
		t.Errorf("rollback = %+v, keys %s, want a change to 1:active", moved, got)
	}
	var key keyView
	w.must(&key, "keys", "show", "1")
	if key.State != keyrotation.Active || keyrotation.Fingerprint(*key.PublicKey) != *key.Fingerprint {
		t.Errorf("keys show = %+v, want an active key with its fingerprint", key)
	}
	var revoked revocationView
	w.must(&revoked, "keys", "revoke", "1", "--reason", "test")
	if got := w.states(); revoked.Revoked != 1 || strings.Contains(got, "1:active") {
		t.Errorf("revoke = %+v, keys %s, want generation 1 revoked", revoked, got)
	}
	if r := w.run("keys", "remove-unmanaged", *key.KeyID, "--reason", "test"); r.code == exitDone {
		t.Errorf("remove-unmanaged of a key of ours: got exit 0, %s, want a refusal", r.stdout)
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	w := newDeployment(t)
	w.must(&struct{}{}, "rotate")
	with := func(more ...string) []string { return append(w.environ[:len(w.environ):len(w.environ)], more...) }
	for _, c := range []struct {
		environ []string
		args    string
		code    int
		says    string
	}{
		{nil, "version", exitDone, ""},
		{nil, "keys list", exitUsage, "VAULT_TOKEN: required"},
		{w.environ, "", exitUsage, "which verb?"},
		{w.environ, "frobnicate", exitUsage, `no verb "frobnicate"`},
		{w.environ, "keys", exitUsage, "which verb?"},
		{w.environ, "keys list 1", exitUsage, "unexpected argument"},
		{w.environ, "keys show", exitUsage, "missing GENERATION"},
		{w.environ, "keys show x", exitUsage, "want a number"},
		{w.environ, "keys list --colour", exitUsage, "unknown flag"},
		{w.environ, "token inspect -", exitUsage, "missing TOKEN"},
		{w.environ, "token mint counter --expires-in 1500ms", exitUsage, "whole seconds"},
		{w.environ, "keys list -o xml", exitUsage, "text or json"},
		{w.environ, "rotate --now --if-due", exitUsage, "exclude"},
		{w.environ, "rotate --all --project default", exitUsage, "exclude"},
		{w.environ, "completion tcsh", exitUsage, "bash, zsh or fish"},
		{w.environ, "token mint counter --expires-in soon", exitUsage, "invalid argument"},
		{w.environ, "demo --listen 0.0.0.0:1", exitUsage, "this machine"},
		{w.environ, "gate", exitUsage, "PLAYTOKEN_GATE_MEDIA: required"},
		{with("PLAYTOKEN_GATE_MEDIA="+w.dir, "PLAYTOKEN_GATE_API_KEY="+gateKey, "PLAYTOKEN_GATE_LISTEN=127.0.0.1:0", "PLAYTOKEN_GATE_DATA=/nowhere/at/all/gate.db"),
			"gate", exitUsage, "PLAYTOKEN_GATE_DATA: the folder /nowhere/at/all does not exist; make it: mkdir -p /nowhere/at/all"},
		{with("PLAYTOKEN_GATE_FORWARD=nginx"), "gate", exitUsage, "PLAYTOKEN_GATE_URL: required with PLAYTOKEN_GATE_FORWARD"},
		{w.environ, "audit verify --gate x.jsonl", exitUsage, "PLAYTOKEN_GATE_API_KEY: required"},
		{with("PLAYTOKEN_STORE_PASSWORD=another"), "keys list", exitUsage, "wrong password"},
		{with("PLAYTOKEN_STORE=file:/nowhere/at/all/play.db"), "rotate", exitUsage, "PLAYTOKEN_STORE: the folder /nowhere/at/all does not exist; make it: mkdir -p /nowhere/at/all"},
		{with("PLAYTOKEN_STORE=file:" + w.dir + "/other.db"), "keys list", exitUsage, "playtoken serve and playtoken rotate make it"},
		{with("PLAYTOKEN_AUDIT=file:/nowhere/at/all/audit.jsonl"), "keys list", exitUsage, "PLAYTOKEN_AUDIT: the folder /nowhere/at/all does not exist"},
		{with("PLAYTOKEN_PLATFORM_API_KEY=", "PLAYTOKEN_API_KEY="), "rotate", exitUsage, "no project"},
		{w.environ, "keys revoke 1", exitUsage, "--reason"},
		{w.environ, "keys activate 1", exitUsage, "--reason"},
		{w.environ, "keys rollback 1", exitUsage, "--reason"},
		{w.environ, "keys release 1", exitUsage, "--reason"},
		{w.environ, "keys confirm 1", exitUsage, "--reason"},
		{w.environ, "keys remove-unmanaged x", exitUsage, "--reason"},
		{w.environ, "keys show 99", exitFailed, "no such key"},
		{w.environ, "keys list --project another", exitFailed, "no such project"},
		{w.environ, "token mint no/video", exitFailed, "video id"},
		{w.environ, "token mint counter --expires-in 1h", exitFailed, "lifetime"},
		{with("PLAYTOKEN_PLATFORM_API_KEY=wrong"), "rotate --now", exitFailed, "platform answered 401"},
		{w.environ, "keys rollback 2 --reason test", exitRefused, "not retiring"},
		{with("PLAYTOKEN_PLATFORM_URL=" + down.URL), "rotate --now", exitDown, "no answer"},
	} {
		r := w.runWith(c.environ, "", strings.Fields(c.args)...)
		if r.code != c.code || !strings.Contains(r.stderr, c.says) {
			t.Errorf("%q: exit %d, want %d and %q:\n%s", c.args, r.code, c.code, c.says, r.stderr)
		}
		for _, s := range []string{password, adminKey, frontendKey, gateKey} {
			if strings.Contains(r.stdout+r.stderr, s) {
				t.Errorf("%q: shows a secret", c.args)
			}
		}
	}
}

func TestErrorsHaveOneExitCode(t *testing.T) {
	for want, errs := range map[int][]error{
		exitDone:       {nil},
		exitFailed:     {errors.New("any"), unfinished{&apiProblem{Code: "platform_unavailable", NeedsOperator: true}}, unfinished{&apiProblem{Code: "internal"}}, context.Canceled, &apiProblem{Code: "no_active_key"}, &apiProblem{Code: "platform_unavailable", NeedsOperator: true}, &apiProblem{Code: "not_found"}, &keyrotation.PlatformError{Cause: keyrotation.ErrUnauthorized}, &keyrotation.PlatformError{Cause: store.ErrNotFound}, unhealthy{errors.New("any")}},
		exitUsage:      {usageError{"x"}, settings.Error{errors.New("x")}, &apiProblem{Code: "invalid_request"}, fmt.Errorf("doing: %w", settings.Error{})},
		exitSomeFailed: {someFailed{1, 2}},
		exitRefused:    {tokenRefused{}, unfinished{&apiProblem{Code: "conflict"}}, &apiProblem{Code: "conflict"}, &apiProblem{Code: "no_active_key", EarliestAt: new(time.Now())}},
		exitDown:       {store.ErrUnavailable, filekeys.ErrDamaged, &apiProblem{Code: "signer_unavailable"}, &apiProblem{Code: "platform_unavailable"}, unfinished{&apiProblem{Code: "platform_unavailable"}}, errors.Join(&apiProblem{Code: "not_found"}, fmt.Errorf("b: %w", &apiProblem{Code: "platform_unavailable"})), &keyrotation.PlatformError{Cause: errors.New("no answer")}, &keyrotation.PlatformError{Cause: keyrotation.ErrThrottled}, unhealthy{errors.New("any"), store.ErrUnavailable}},
	} {
		for _, err := range errs {
			if got := exitCode(err); got != want {
				t.Errorf("exitCode(%v) = %d, want %d", err, got, want)
			}
		}
	}
}

func TestDoctorSaysWhatToDo(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	w.must(&struct{}{}, "rotate")
	var healthy findingsView
	w.must(&healthy, "doctor")
	for _, f := range healthy.Findings {
		if !f.OK {
			t.Errorf("doctor of a healthy deployment: got the problem %+v, want none", f)
		}
	}
	for _, c := range []struct {
		entry string
		code  int
		says  string
	}{
		{"PLAYTOKEN_PLATFORM_API_KEY=wrong", exitFailed, "may manage keys"},
		{"PLAYTOKEN_PLATFORM_URL=http://127.0.0.1:1", exitDown, "PLAYTOKEN_PLATFORM_URL"},
		{"PLAYTOKEN_LISTEN=x", exitUsage, "PLAYTOKEN_LISTEN: want host:port"},
		{"PLAYTOKEN_STORE=file:/nowhere/play.db", exitUsage, "PLAYTOKEN_STORE"},
	} {
		r := w.runWith(append(w.environ[:len(w.environ):len(w.environ)], c.entry), "", "doctor")
		if r.code != c.code || !strings.Contains(r.stdout, c.says) {
			t.Errorf("%s: exit %d, want %d and %q:\n%s%s", c.entry, r.code, c.code, c.says, r.stdout, r.stderr)
		}
	}
}
