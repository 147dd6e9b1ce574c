package service

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"playtoken/metrics"
	"playtoken/settings"
)

// TestWhatOnlyOpeningFindsNamesItsSetting, as what the settings' own rules find does:
// every line of the error begins with the name of a variable.
func TestWhatOnlyOpeningFindsNamesItsSetting(t *testing.T) {
	dir := t.TempDir()
	file := []string{"PLAYTOKEN_STORE=file:" + filepath.Join(dir, "play.db"), "PLAYTOKEN_STORE_PASSWORD=password-for-tests-0123456789"}
	if err := opens(t, file); err != nil {
		t.Fatal(err)
	}
	for want, more := range map[string][]string{
		"PLAYTOKEN_STORE":          {"PLAYTOKEN_STORE=file:" + filepath.Join(dir, "none", "play.db")},
		"PLAYTOKEN_STORE_PASSWORD": {"PLAYTOKEN_STORE_PASSWORD=another-password-for-tests"},
		"PLAYTOKEN_STORE_PASSWORD: open store .* 5 characters": {"PLAYTOKEN_STORE=file:" + filepath.Join(dir, "new.db"), "PLAYTOKEN_STORE_PASSWORD=short"},
		"PLAYTOKEN_AUDIT":          {"PLAYTOKEN_AUDIT=file:" + filepath.Join(dir, "none", "audit.jsonl")},
		"PLAYTOKEN_REDIS_URL":      {"PLAYTOKEN_REDIS_URL=redis://host/?x=y"},
		"PLAYTOKEN_OPERATOR_ROLES": {"PLAYTOKEN_OPERATOR_ISSUER=https://login.example.com", "PLAYTOKEN_OPERATOR_CLIENT_ID=x", "PLAYTOKEN_OPERATOR_ROLES=(", "PLAYTOKEN_URL=https://tokens.example.com"},
		"VAULT_ADDR":               {"PLAYTOKEN_STORE=vault", "VAULT_TOKEN=x", "VAULT_ADDR=vault.example.com:8200"},
	} {
		err := opens(t, append(slices.Clip(file), more...))
		problems, ok := errors.AsType[settings.Error](err)
		if !ok || len(problems) != 1 || !regexp.MustCompile("^"+want+"[,: ]").MatchString(problems[0].Error()+" ") {
			t.Errorf("with %q: got the error %v, want one that begins with %s", more, err, want)
		}
	}
}

// opens opens and closes a deployment, its limits and handler included.
func opens(t *testing.T, environ []string) error {
	t.Helper()
	set, err := settings.ForService(environ)
	if err != nil {
		return err
	}
	s, err := Open(context.Background(), set, Options{CreateStore: true, Stderr: t.Output(), Log: slog.New(slog.DiscardHandler), Build: metrics.Build{}})
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = s.Handler()
	return err
}
