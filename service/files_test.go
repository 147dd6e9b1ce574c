package service

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"playtoken/projects"
	"playtoken/reload"
	"playtoken/secret"
	"playtoken/settings"
)

// TestEverySecretIsReplacedWithoutARestart: a new secret in the table needs a way
// to be replaced.
func TestEverySecretIsReplacedWithoutARestart(t *testing.T) {
	s := open(t, environ(t, startGate(t)), Options{})
	replace := s.replacements()
	for _, section := range settings.Table() {
		for _, row := range section.Settings {
			if _, ok := replace[row.Name]; ok != (row.Secret && row.Of("serve")) {
				t.Errorf("%s can be replaced: got %t, want %t", row.Name, ok, !ok)
			}
		}
	}
	for name, use := range replace {
		if err := use(s.Settings); err != nil {
			t.Errorf("%s is replaced by itself: got %v, want no error", name, err)
		}
	}
}

func TestReplacedKeysAreThoseOfTheEnvironment(t *testing.T) {
	s := open(t, environ(t, startGate(t)), Options{})
	set := s.Settings
	set.AdminKey = secret.New("another-" + adminKey)
	if err := s.replaceKeys(set); err != nil {
		t.Fatal(err)
	}
	caller, err := s.environmentKeys().Identify(t.Context(), set.AdminKey)
	if _, old := s.environmentKeys().Identify(t.Context(), secret.New(adminKey)); err != nil || caller.Role != projects.RoleAdmin || old == nil {
		t.Errorf("Identify = %v, %v, and %v for the key before; want the admin, and no caller", caller, err, old)
	}
}

// TestAReplacedCredentialIsUsedByTheNextRequest also while the project's document
// is still remembered, and by the rotation.
func TestAReplacedCredentialIsUsedByTheNextRequest(t *testing.T) {
	s := open(t, environ(t, startGate(t), "PLAYTOKEN_VIEW_AGE=1m", "PLAYTOKEN_PLATFORM_API_KEY=wrong-key-for-tests-0123456789ab"), Options{})
	before, err := s.Tenant(t.Context(), projects.Default)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := before.Platform.Registrar.List(t.Context()); err == nil {
		t.Error("a list with a wrong credential: got no error, want one")
	}
	set := s.Settings
	set.Account.Credential = map[string]secret.Value{"api_key": secret.New(gateKey)}
	if err := s.replaceCredential(set); err != nil {
		t.Fatal(err)
	}
	after, err := s.Tenant(t.Context(), projects.Default)
	if err != nil || after == before {
		t.Fatalf("got %v and the same project, want another", err)
	}
	if _, err := after.Platform.Registrar.List(t.Context()); err != nil {
		t.Errorf("a list with the replaced credential: got %v, want no error", err)
	}
	if again, err := s.Tenant(t.Context(), projects.Default); err != nil || again != after {
		t.Errorf("got another project again, %v, want it opened once", err)
	}
	stored, err := s.Projects.Project(t.Context(), projects.Default)
	if err != nil || !stored.Credential["api_key"].Equal(gateKey) {
		t.Errorf("Project = %v and another credential, want the replaced one", err)
	}
}

// TestASecretThatCannotBeReplacedIsToldOf also after the look that found it. A
// gate's secret in the environment of serve is left alone.
func TestASecretThatCannotBeReplacedIsToldOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(adminKey)
	env := func(name string) []string {
		return append(environ(t, "http://127.0.0.1:1"), "PLAYTOKEN_ADMIN_KEY=", name+"="+path)
	}
	for name, want := range map[string]int{"PLAYTOKEN_ADMIN_KEY_FILE": 1, "PLAYTOKEN_GATE_API_KEY_FILE": 0} {
		write(adminKey)
		files, _, err := settings.OpenFiles(env(name), settings.ForService)
		if err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		r, hangups, used := reload.New(slog.New(slog.NewTextHandler(&log, nil))), make(chan os.Signal), 0
		AddFiles(r, files, map[string]Replace{"PLAYTOKEN_ADMIN_KEY": func(settings.Settings) error {
			used++
			return errors.New("it cannot be used")
		}})
		ctx, end := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.Run(ctx, hangups) }()
		write("another-" + adminKey)
		select { // an unbuffered send returns once it is being handled; the second, once the first was
		case hangups <- os.Interrupt:
			hangups <- os.Interrupt
		case <-time.After(time.Minute):
			t.Fatal("got no reader of hangups in a minute, want one")
		}
		end()
		<-done
		if told := strings.Count(log.String(), "it cannot be used"); used != want || told != want {
			t.Errorf("%s: got %d uses, and %d lines that it cannot be used, want %d of each:\n%s", name, used, told, want, log.String())
		}
	}
}
