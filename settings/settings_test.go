package settings

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/keyrotation"
	"playtoken/secret"
	"playtoken/store"
)

const (
	adminKey    = "admin-key-for-tests-0123456789abcdef"
	frontendKey = "frontend-key-for-tests-0123456789abc"
	platformKey = "platform-key-for-tests"
	password    = "password-for-tests"
)

// goodEnviron is a complete, valid configuration, and more.
func goodEnviron(more ...string) []string {
	return append([]string{
		"HOME=/root", "PLAYTOKEN_STORE=file:play.db", "PLAYTOKEN_STORE_PASSWORD=" + password,
		"PLAYTOKEN_ADMIN_KEY=" + adminKey, "PLAYTOKEN_API_KEY=" + frontendKey,
		"PLAYTOKEN_PLATFORM_API_KEY=" + platformKey,
		"PLAYTOKEN_GATE_MEDIA=media", "PLAYTOKEN_GATE_API_KEY=gate-key-for-tests-0123456789abcdef",
	}, more...)
}

func TestEmptyEnvironmentHasDocumentedDefaults(t *testing.T) {
	c, err := ForService([]string{"VAULT_TOKEN=root"})
	if err != nil {
		t.Fatal(err)
	}
	want := Settings{
		Listen: "127.0.0.1:8080", Drain: 5 * time.Second,
		Vault:        Vault{Token: secret.New("root"), Method: "token", Transit: "playtoken-transit", KV: "playtoken-kv"},
		Account:      Account{Platform: "vidbeo", Settings: map[string]string{}, Credential: map[string]secret.Value{}},
		RedisTimeout: 50 * time.Millisecond, TokenTTL: 10 * time.Minute, Scheduler: true, MaxStaleness: time.Hour, Log: Log{Requests: RequestLog{Refusals: true, Management: true}}, Plaintext: "warn",
		Rotation: keyrotation.Policy{
			RotateEvery: 720 * time.Hour, ObserveEvery: 10 * time.Minute, MaxTTL: time.Hour,
			Durations: keyrotation.Durations{Propagation: time.Minute, ViewAge: 15 * time.Second, Skew: time.Minute, Settle: 30 * time.Second},
			KeySpec:   keyrotation.KeySpec{Kind: store.RSA2048}, KeyBudget: 10,
		},
		Gate: Gate{Listen: "127.0.0.1:8081", Data: "gate.db", Origins: []string{"*"}, SessionTTL: 4 * time.Hour, SteeringMax: 12 * time.Hour,
			Index: "hls.m3u8", MaxTokenLife: 24 * time.Hour},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

// wrong has, for every setting, values that must not be accepted.
var wrong = map[string][]string{
	"PLAYTOKEN_LISTEN":               {"8080", "localhost", "localhost:http", ":65536", "::1:80", ":080"},
	"PLAYTOKEN_METRICS_LISTEN":       {"9090", "localhost:metrics"},
	"PLAYTOKEN_DRAIN":                {"5", "-1s", "11m"},
	"PLAYTOKEN_CONSOLE":              {"yes", "ON", "127.0.0.1:9000"},
	"PLAYTOKEN_CONSOLE_LISTEN":       {"9000", "127.0.0.1:8080"},
	"PLAYTOKEN_TLS_CERT":             {"cert.pem"},
	"PLAYTOKEN_TLS_KEY":              {"key.pem"},
	"PLAYTOKEN_TLS_CLIENT_CA":        {"ca.pem"},
	"PLAYTOKEN_ADMIN_KEY":            {"sesame", strings.Repeat("x", 31), strings.Repeat("x", 32) + "\n", " " + strings.Repeat("x", 32), frontendKey},
	"PLAYTOKEN_API_KEY":              {"sesame", strings.Repeat("x", 31), strings.Repeat("x\x00", 32), adminKey},
	"PLAYTOKEN_TOKEN_TTL":            {"600", "0s", "-1m", "1500ms", "2h", "ten minutes"},
	"PLAYTOKEN_TOKEN_MAX_TTL":        {"25h", "1h1ms", "0s", "5m"},
	"PLAYTOKEN_SCHEDULER":            {"yes", "ON", "true"},
	"PLAYTOKEN_AUDIT":                {"stdout", "file:", "/var/log/audit"},
	"PLAYTOKEN_REDIS_URL":            {"localhost:6379", "http://localhost", "redis://host\n", "redis+other://host", "redissss://host", "canary"},
	"PLAYTOKEN_REDIS_TIMEOUT":        {"50", "0s", "9ms", "5001ms", "1m"},
	"PLAYTOKEN_TRUSTED_PROXIES":      {"10.0.0.1/8", "proxy.example.com", "10.0.0.0/8,", "10.0.0.0/33"},
	"PLAYTOKEN_PRIVATE_TARGETS":      {"*", "10.0.0.0-10.0.0.9"},
	"PLAYTOKEN_STORE":                {"file:", "memory", "play.db", "Vault"},
	"PLAYTOKEN_STORE_PASSWORD":       {"line\nline"},
	"VAULT_TOKEN":                    {"hvs.x\n"},
	"PLAYTOKEN_VAULT_AUTH":           {"ldap", "AppRole"},
	"PLAYTOKEN_VAULT_AUTH_PATH":      {"/approle", "auth/../x"},
	"PLAYTOKEN_VAULT_ROLE_ID":        {"a b", "a\nb"},
	"PLAYTOKEN_VAULT_SECRET_ID":      {"a\tb"},
	"PLAYTOKEN_VAULT_ROLE":           {"a b"},
	"PLAYTOKEN_VAULT_TRANSIT":        {"../sys", "a//b", "/a", "a b", "a?b"},
	"PLAYTOKEN_VAULT_KV":             {"kv/", "k%2fv"},
	"PLAYTOKEN_PLAINTEXT":            {"on", "Warn", "refuse,warn"},
	"PLAYTOKEN_SIGNING":              {"kms", "Memory", "memory,transit"},
	"PLAYTOKEN_MAX_STALENESS":        {"-1s", "an hour", "3600"},
	"PLAYTOKEN_PLATFORM":             {"youtube", "Vidbeo", "jwplayer\x00"},
	"PLAYTOKEN_PLATFORM_SETTINGS":    {"url", "colour=red", "url=", "=x", "url=https://a.example,url=https://b.example"},
	"PLAYTOKEN_PLATFORM_CREDENTIALS": {"api_secret", "api_secret=x", "admin_key="},
	"PLAYTOKEN_PLATFORM_URL":         {"http://api.example.com/v2", "api.example.com", "https://u:p@example.com", "https://x/?k=v", "https://x/#f", "ftp://localhost"},
	"PLAYTOKEN_PLATFORM_API_KEY":     {"a\tb"},
	"PLAYTOKEN_PLATFORM_LANDING_URL": {"https://example.com/{video_id}", "https://example.com/?jwt={token}", "http://example.com/{video_id}?jwt={token}"},
	"PLAYTOKEN_PLATFORM_EMBED_URL":   {"{video_id}{token}"},
	"PLAYTOKEN_PLATFORM_HLS_URL":     {"javascript:{video_id}{token}"},
	"PLAYTOKEN_KEY_BITS":             {"1024", "2049", "-2048", "2k"},
	"PLAYTOKEN_KEY_KIND":             {"rsa", "RSA-2048", "rsa-1024", "p256", "ed25519"}, // the platform is vidbeo
	"PLAYTOKEN_KEY_BUDGET":           {"0", "2", "ten", "70000"},
	"PLAYTOKEN_ROTATE_EVERY":         {"30d", "0s", "1m", "-720h", "5m", "2562047h"},
	"PLAYTOKEN_OBSERVE_EVERY":        {"0s", "often"},
	"PLAYTOKEN_PROPAGATION_DELAY":    {"-1s", "720h"},
	"PLAYTOKEN_CLOCK_SKEW":           {"-1s", "1"},
	"PLAYTOKEN_VIEW_AGE":             {"0s", "2m"},
	"PLAYTOKEN_SETTLE":               {"0s", "x"},
	"PLAYTOKEN_REPLACE_LOST":         {"on", "Auto", "off,auto"},
	"PLAYTOKEN_LOG_REQUESTS":         {"on", "0", "1/0", "1/-3", "2/100", "1/", "1/1e3", "ALL", "1/99999999999"},
	"PLAYTOKEN_LOG_LEVEL":            {"INFO", "warning", "trace", "0", "info+1"},
	"PLAYTOKEN_LOG_FORMAT":           {"JSON", "logfmt", "pretty"},
	"PLAYTOKEN_GATE_LISTEN":          {"8081"},
	"PLAYTOKEN_GATE_API_KEY":         {"a\x01"},
	"PLAYTOKEN_GATE_STORE":           {"redis", "file:", "Vault"},
	"PLAYTOKEN_GATE_URL":             {"http://video.example.com", "video.example.com"},
	"PLAYTOKEN_GATE_FORWARD":         {"apache", "nginx,traefik"},
	"PLAYTOKEN_GATE_ORIGINS":         {"*,https://a.example", "a.example", "https://a.example/path", "https://u@a.example", ","},
	"PLAYTOKEN_GATE_SESSION_TTL":     {"0s", "4", "1.5s"},
	"PLAYTOKEN_GATE_INDEX":           {"hls", "a/hls.m3u8", ".m3u8", "..m3u8", "a#.m3u8", "manifest.mpd"},
	"PLAYTOKEN_GATE_MAX_TOKEN_LIFE":  {"0s", "24", "1.5s"},

	"PLAYTOKEN_URL":                    {"http://tokens.example.com", "tokens.example.com", "https://a.example/?x"},
	"PLAYTOKEN_APPROVALS":              {"on", "revoke;remove", "revoke,", "Delete", "revoke,revoke"},
	"PLAYTOKEN_SERVER":                 {"http://tokens.example.com", "tokens.example.com"},
	"PLAYTOKEN_OPERATOR_ISSUER":        {"http://login.example.com", "login.example.com", "https://login.example.com"},
	"PLAYTOKEN_OPERATOR_CLIENT_ID":     {"a b", "playtoken"},
	"PLAYTOKEN_OPERATOR_CLIENT_SECRET": {"a\x01", "without the others"},
	"PLAYTOKEN_OPERATOR_ROLES":         {`"admin"`},

	"PLAYTOKEN_GATE_STEERING":     {"0s", "5", "1.5s", "-1m"},
	"PLAYTOKEN_GATE_STEERING_MAX": {"0s", "12", "1.5s"},

	"PLAYTOKEN_GATE_STREAMS_PER_VIEWER": {"-1", "two", "1.5", "70000", "unlimited"},
}

func TestWrongValuesOfEverySettingAreRefused(t *testing.T) {
	if _, err := ForGate(goodEnviron(), ""); err != nil {
		t.Fatalf("the valid environment: got %v, want no error", err)
	}
	for _, row := range new(Settings).rows() {
		if wrong[row.Name] == nil && !slices.Contains([]string{"PLAYTOKEN_GATE_MEDIA", "PLAYTOKEN_GATE_DATA", "PLAYTOKEN_VAULT_JWT_FILE"}, row.Name) {
			t.Errorf("%s: got no wrong values to try, want some", row.Name)
		}
		for _, value := range wrong[row.Name] {
			_, err := ForService(goodEnviron(row.Name + "=" + value))
			if err == nil {
				t.Errorf("%s=%q: got no error, want one", row.Name, value)
				continue
			}
			checkLines(t, err)
			if row.Secret && strings.Contains(err.Error(), value) && len(value) > 1 {
				t.Errorf("%s: got an error that shows the value: %v", row.Name, err)
			}
		}
	}
}

// checkLines checks that each problem begins with the name of a setting.
func checkLines(t *testing.T, err error) {
	t.Helper()
	known := names(new(Settings).rows())
	for _, problem := range err.(Error) {
		name, _, _ := strings.Cut(problem.Error(), ": ")
		if !slices.Contains(known, name) || strings.Contains(problem.Error(), "\n") {
			t.Errorf("got the problem %q, want one line that begins with the name of a setting", problem)
		}
	}
}

func TestRightValuesAreAccepted(t *testing.T) {
	for _, entry := range []string{
		"PLAYTOKEN_LISTEN=:8080", "PLAYTOKEN_LISTEN=[::1]:0", "PLAYTOKEN_TOKEN_TTL=1h", "PLAYTOKEN_TOKEN_TTL=",
		"PLAYTOKEN_SIGNING=transit", "PLAYTOKEN_SIGNING=memory", "PLAYTOKEN_MAX_STALENESS=24h", "PLAYTOKEN_PLATFORM=vidbeo", "PLAYTOKEN_VAULT_AUTH=token", "PLAYTOKEN_VAULT_KV=team/kv-2",
		"PLAYTOKEN_PLATFORM_URL=http://127.0.0.1:8081/v2", "PLAYTOKEN_PLATFORM_URL=http://[::1]/v2/",
		"PLAYTOKEN_PLATFORM_HLS_URL=http://localhost:1/{video_id}/hls.m3u8?jwt={token}",
		"PLAYTOKEN_LOG_REQUESTS=all", "PLAYTOKEN_LOG_REQUESTS=errors", "PLAYTOKEN_LOG_REQUESTS=none", "PLAYTOKEN_LOG_REQUESTS=management", "PLAYTOKEN_LOG_LEVEL=debug", "PLAYTOKEN_LOG_FORMAT=text", "PLAYTOKEN_LOG_REQUESTS=1/100", "PLAYTOKEN_LOG_REQUESTS=1/1",
		"PLAYTOKEN_GATE_ORIGINS=https://a.example, http://localhost:3000", "PLAYTOKEN_GATE_FORWARD=caddy", "PLAYTOKEN_GATE_INDEX=Main List.M3U8", "PLAYTOKEN_GATE_MAX_TOKEN_LIFE=720h",
		"PLAYTOKEN_SERVICE_HOST=10.0.0.1", "PLAYTOKEN_PORT=tcp://10.0.0.1:80", "PLAYTOKEN_PORT_80_TCP=x", "PLAYTOKEN_TEST_VAULT_ADDR=x",
		"PLAYTOKEN_PROPAGATION_DELAY=0s", "PLAYTOKEN_ROTATE_EVERY=240h", "PLAYTOKEN_KEY_BITS=3072", "PLAYTOKEN_SCHEDULER=off",
	} {
		if _, err := ForService(goodEnviron(entry)); err != nil {
			t.Errorf("ForService with %s: got %v, want no error", entry, err)
		}
	}
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	_, err := ForService([]string{"PLAYTOKEN_LISTEN=x", "PLAYTOKEN_TOKEN_TTL=x", "PLAYTOKEN_VIEW_AGE=x", "PLAYTOKEN_ROTATE_EVERY=1s",
		"PLAYTOKEN_KEY_BITS=1", "PLAYTOKEN_SIGNNG=memory", "PLAYTOKEN_STORE_PASWORD_FILE=x", "PLAYTOKEN_COLOUR_OF_THE_LOGO=red", "PLAYTOKEN_HLS_URL=x"})
	if err == nil {
		t.Fatal("got no error, want one about every setting")
	}
	for _, want := range []string{"PLAYTOKEN_LISTEN: want host:port", "PLAYTOKEN_TOKEN_TTL: want a duration", "PLAYTOKEN_VIEW_AGE: want a duration", "PLAYTOKEN_ROTATE_EVERY: 1s: must exceed", "PLAYTOKEN_KEY_BITS: 1: want 2048",
		"did you mean PLAYTOKEN_SIGNING?", "did you mean PLAYTOKEN_PLATFORM_HLS_URL?", "did you mean PLAYTOKEN_STORE_PASSWORD_FILE?", "PLAYTOKEN_COLOUR_OF_THE_LOGO: no such setting; playtoken settings lists", "VAULT_TOKEN: required"} {
		if !strings.Contains(err.Error()+"\n", want) {
			t.Errorf("got\n%v\nwant in it %q", err, want)
		}
	}
}

func TestEverySecretIsReadFromItsFile(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secrets := []string{"PLAYTOKEN_STORE_PASSWORD", "PLAYTOKEN_ADMIN_KEY", "PLAYTOKEN_PLATFORM_API_KEY", "PLAYTOKEN_API_KEY",
		"PLAYTOKEN_GATE_API_KEY", "PLAYTOKEN_VAULT_SECRET_ID", "PLAYTOKEN_REDIS_URL", "VAULT_TOKEN", "PLAYTOKEN_PLATFORM_CREDENTIALS",
		"PLAYTOKEN_OPERATOR_CLIENT_SECRET"}
	value := strings.Repeat("v", 40)
	good := file("good", value+"\n")
	for _, row := range new(Settings).rows() {
		if row.Secret != slices.Contains(secrets, row.Name) {
			t.Errorf("%s: got Secret = %t, want %t", row.Name, row.Secret, !row.Secret)
		}
		if !row.Secret {
			continue
		}
		env := environment(Variables([]string{row.Name + "_FILE=" + good}))
		if got, err := env.lookup(row.Setting); got != value || err != nil {
			t.Errorf("%s_FILE: got %q, %v, want %q", row.Name, got, err, value)
		}
		for what, entries := range map[string][]string{
			"both":       {row.Name + "=" + value, row.Name + "_FILE=" + good},
			"empty":      {row.Name + "_FILE=" + file("empty", "\n")},
			"missing":    {row.Name + "_FILE=" + filepath.Join(dir, "missing")},
			"a folder":   {row.Name + "_FILE=" + dir},
			"very large": {row.Name + "_FILE=" + file("large", strings.Repeat("x", maxSecretFile+1))},
		} {
			if _, err := ForService(entries); err == nil || !strings.Contains(err.Error(), row.Name+": ") {
				t.Errorf("%s, file %s: got %v, want an error that names the setting", row.Name, what, err)
			}
		}
	}
	env := environment(Variables([]string{"VAULT_TOKEN_FILE=" + file("two", "x\n\n")}))
	if got, _ := env.lookup(Setting{Name: "VAULT_TOKEN", Secret: true}); got != "x\n" {
		t.Errorf("a file with two newlines at its end: got %q, want one of them left", got)
	}
}

func FuzzConfig(f *testing.F) {
	for name, values := range wrong {
		f.Add(name + "=" + values[0])
	}
	f.Add(strings.Join(goodEnviron(), "\n"))
	f.Fuzz(func(t *testing.T, entries string) {
		c, err := ForService(goodEnviron(strings.Split(entries, "\n")...))
		if err == nil {
			if c.TokenTTL > c.Rotation.MaxTTL || c.Rotation.Validate() != nil || c.AdminKey.Equal(c.APIKey.Reveal()) {
				t.Errorf("entries %q: got no error, want one", entries)
			}
			return
		}
		for _, s := range []string{adminKey, frontendKey, platformKey, password} {
			if strings.Contains(err.Error(), s) && !strings.Contains(entries, s) {
				t.Errorf("got an error that shows a secret: %v", err)
			}
		}
	})
}

func TestOnlyMemorySigningObeysTheStaleness(t *testing.T) {
	for mode, want := range map[string]time.Duration{"transit": 0, "memory": 2 * time.Hour} {
		c, err := ForService(goodEnviron("PLAYTOKEN_MAX_STALENESS=2h", "PLAYTOKEN_SIGNING="+mode))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Rotation; got.Durations.Staleness != want || got.KeySpec.Exportable != (want > 0) {
			t.Errorf("signing %s: got %+v, want staleness %s", mode, got, want)
		}
	}
	if c, _ := ForService(goodEnviron("PLAYTOKEN_SIGNING=memory")); c.Rotation.Durations.Staleness != time.Hour {
		t.Errorf("default staleness: got %s, want 1h", c.Rotation.Durations.Staleness)
	}
	_, err := ForService(goodEnviron("PLAYTOKEN_SIGNING=memory", "PLAYTOKEN_MAX_STALENESS=23h", "PLAYTOKEN_ROTATE_EVERY=2h"))
	if err == nil || !strings.Contains(err.Error(), "PLAYTOKEN_KEY_BUDGET: 10: these intervals need") {
		t.Errorf("more keys at once than the budget: got %v, want an error about the budget", err)
	}
}

// TestAGateNeedsTheAddressThatViewersUse: the error names the setting that is
// missing or wrong.
func TestAGateNeedsTheAddressThatViewersUse(t *testing.T) {
	env := []string{"PLAYTOKEN_STORE=file:/tmp/play.db", "PLAYTOKEN_STORE_PASSWORD=a-password-for-tests-0123456789",
		"PLAYTOKEN_PLATFORM=gate", "PLAYTOKEN_PLATFORM_API_KEY=gate-key-for-tests-0123456789abcdef"}
	for address, want := range map[string]string{
		"": "PLAYTOKEN_PLATFORM_URL: ", "https://videos.example.com/v2": "PLAYTOKEN_PLATFORM_URL: ", "https://videos.example.com": "",
	} {
		_, err := ForService(append(env, "PLAYTOKEN_PLATFORM_URL="+address))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("with the address %q: got error %v, want one with %q", address, err, want)
		}
	}
}
