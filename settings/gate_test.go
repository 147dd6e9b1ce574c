package settings

import (
	"strings"
	"testing"
	"time"
)

func TestAGateOpensTheStoreThatItShares(t *testing.T) {
	with := func(entries ...string) []string { return append(goodEnviron(), entries...) }
	for _, c := range []struct {
		environ []string
		problem string // empty: none
	}{
		{with(), ""},
		{with("PLAYTOKEN_GATE_STORE=vault", "VAULT_TOKEN=x"), ""},
		{with("PLAYTOKEN_GATE_STORE=vault"), "VAULT_TOKEN: required"},
		{with("PLAYTOKEN_GATE_STORE=vault", "PLAYTOKEN_VAULT_AUTH=kubernetes"), "PLAYTOKEN_VAULT_ROLE: required"},
		{with("PLAYTOKEN_GATE_STORE=file:shared.db"), ""},
		{with("PLAYTOKEN_GATE_STORE=file:shared.db", "PLAYTOKEN_STORE_PASSWORD="), "PLAYTOKEN_STORE_PASSWORD: required"},
		{with("PLAYTOKEN_GATE_STORE=file:gate.db"), "the file is PLAYTOKEN_GATE_DATA"},
		{with("PLAYTOKEN_GATE_API_KEY=" + strings.Repeat("k", 31)), "PLAYTOKEN_GATE_API_KEY: 31 characters, want at least 32"},
		{with("PLAYTOKEN_GATE_API_KEY=" + strings.Repeat("k", 32)), ""},
		{with("PLAYTOKEN_GATE_STEERING=5m", "PLAYTOKEN_GATE_SESSION_TTL=15m"), ""},
		{with("PLAYTOKEN_GATE_STEERING=5m", "PLAYTOKEN_GATE_SESSION_TTL=14m"), "PLAYTOKEN_GATE_STEERING: more than a third of PLAYTOKEN_GATE_SESSION_TTL"},
		{with("PLAYTOKEN_GATE_STEERING=5m", "PLAYTOKEN_GATE_STEERING_MAX=3h"), "PLAYTOKEN_GATE_STEERING_MAX: less than PLAYTOKEN_GATE_SESSION_TTL"},
		{with("PLAYTOKEN_GATE_STEERING_MAX=3h"), ""},
		{with("PLAYTOKEN_GATE_STEERING=59s"), "PLAYTOKEN_GATE_STEERING: less than a minute"},
		{with("PLAYTOKEN_GATE_FORWARD=nginx", "PLAYTOKEN_GATE_URL="), "PLAYTOKEN_GATE_URL: required with PLAYTOKEN_GATE_FORWARD"},
		{with("PLAYTOKEN_GATE_FORWARD=envoy", "PLAYTOKEN_GATE_URL=https://films.example"), ""},
		{with("PLAYTOKEN_GATE_FORWARD=", "PLAYTOKEN_GATE_URL="), ""},
		{with("PLAYTOKEN_GATE_FORWARD=mediamtx", "PLAYTOKEN_GATE_URL="), ""}, // it hands out no cookie
	} {
		_, err := ForGate(c.environ, "")
		if c.problem == "" && err != nil || c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)) {
			t.Errorf("ForGate(%q): got %v, want the problem %q", c.environ[len(c.environ)-1], err, c.problem)
		}
	}
	if _, err := ForService(with("PLAYTOKEN_GATE_API_KEY=short")); err != nil {
		t.Errorf("ForService with a short gate key: got %v, want no error: the service does not use it", err)
	}
}

func TestAGateReadsWhatItShares(t *testing.T) {
	for store, want := range map[string]Gate{
		"": {}, "vault": {Shares: true}, "file:/srv/x.db": {Shares: true, StoreFile: "/srv/x.db"},
	} {
		s, err := ForGate(goodEnviron("PLAYTOKEN_GATE_STORE="+store, "VAULT_TOKEN=x", "PLAYTOKEN_MAX_STALENESS=20m"), "")
		if err != nil || s.Gate.Shares != want.Shares || s.Gate.StoreFile != want.StoreFile || s.MaxStaleness != 20*time.Minute {
			t.Errorf("PLAYTOKEN_GATE_STORE=%s: got shares %t, file %q, staleness %s, %v; want %t, %q, 20m", store,
				s.Gate.Shares, s.Gate.StoreFile, s.MaxStaleness, err, want.Shares, want.StoreFile)
		}
	}
}
