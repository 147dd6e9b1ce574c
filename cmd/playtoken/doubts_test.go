package main

import (
	"strings"
	"testing"
)

// serve starts with doubtful settings, and says so; see Doubts of package settings.
func TestServePointsOutDoubtfulSettings(t *testing.T) {
	t.Parallel()
	w := newDeployment(t, "PLAYTOKEN_REDIS_URL=redis://:canary@redis.example:6379", "PLAYTOKEN_GATE_SERVICE_HOST=10.0.0.1",
		"PLAYTOKEN_GATE_PORT=tcp://10.0.0.1:8081", `PLAYTOKEN_GATE_API_KEY="`+gateKey+`"`)
	_, logs, stop := w.serveHere(w.environ)
	stop()
	for _, want := range []string{"PLAYTOKEN_REDIS_URL: the password of Redis travels unencrypted", "PLAYTOKEN_GATE_API_KEY: the quotes around it"} {
		if !strings.Contains(logs.String(), want) {
			t.Errorf("got the log\n%s\nwant in it %q", logs, want)
		}
	}
	if strings.Contains(logs.String(), "canary") || strings.Contains(logs.String(), gateKey) {
		t.Errorf("the log shows a secret:\n%s", logs)
	}
}

// A carriage return would open another file.
func TestAnEnvFileWithWindowsLineEndsIsRefused(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	for _, args := range [][]string{{"serve"}, {"gate"}, {"doctor"}, {"keys", "list"}, {"rotate"}, {"settings"}} {
		environ := append(w.environ[:len(w.environ):len(w.environ)], "PLAYTOKEN_GATE_MEDIA="+w.dir, "PLAYTOKEN_GATE_API_KEY="+gateKey, "PLAYTOKEN_GATE_DATA=gate.db\r")
		r := w.runWith(environ, "", args...)
		if r.code != exitUsage || !strings.Contains(r.stdout+r.stderr, "PLAYTOKEN_GATE_DATA: has a control character") {
			t.Errorf("%v: got exit %d, want %d and the setting's name\n%s%s", args, r.code, exitUsage, r.stdout, r.stderr)
		}
	}
}
