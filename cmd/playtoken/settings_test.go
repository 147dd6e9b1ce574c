package main

import (
	"strings"
	"testing"

	"playtoken/settings"
)

func TestSettingsShowsWhatIsInForceAndNoSecret(t *testing.T) {
	w := &deployment{t: t, environ: goodEnviron("PLAYTOKEN_LISTEN=:9999")}
	var view settingsView
	w.must(&view, "settings")
	got := map[string]string{}
	for _, s := range view.Settings {
		got[s.Name] = s.Value
	}
	for name, want := range map[string]string{
		"PLAYTOKEN_LISTEN": ":9999", "PLAYTOKEN_ADMIN_KEY": "set", "VAULT_TOKEN": "unset", "PLAYTOKEN_KEY_BITS": "2048",
	} {
		if got[name] != want {
			t.Errorf("settings: got %s = %q, want %q", name, got[name], want)
		}
	}
	listed := 0
	for _, section := range settings.Table() {
		listed += len(section.Settings)
	}
	if len(view.Settings) != listed {
		t.Errorf("settings: got %d, want all %d", len(view.Settings), listed)
	}
	w.environ = append(w.environ, "PLAYTOKEN_KEY_BITS="+adminKey)
	r := w.run("settings")
	if r.code != exitUsage || !strings.Contains(r.stderr, "PLAYTOKEN_KEY_BITS: ") || !strings.Contains(r.stdout, "invalid") {
		t.Errorf("settings with a wrong value: got exit %d, %s, want %d and the values", r.code, r.stderr, exitUsage)
	}
	for _, secret := range []string{adminKey, frontendKey, platformKey, password} {
		if strings.Contains(r.stdout+r.stderr, secret) {
			t.Errorf("settings: got the secret %s in the output, want no secret", secret)
		}
	}
}
