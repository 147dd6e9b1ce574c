package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"playtoken/handlers"
	"playtoken/keyrotation"
	"playtoken/limits/redistest"
	"playtoken/platforms/jwplayer/jwplayertest"
)

// doctorCase is something that doctor has to find.
type doctorCase struct {
	name         string
	make         func()   // nil: the settings below are it
	environ      []string // of doctor alone
	code         int
	check, says  string
	remedy, mend string // part of the remedy; a command line that has to help, if any
}

// examined holds doctor's findings against what has to be among them.
func (w *deployment) examined(tt doctorCase) {
	w.t.Helper()
	if tt.make != nil {
		tt.make()
	}
	environ := append(w.environ[:len(w.environ):len(w.environ)], tt.environ...)
	r := w.runWith(environ, "", "doctor", "-o", "json")
	var view findingsView
	if err := json.Unmarshal([]byte(r.stdout), &view); err != nil || r.code != tt.code {
		w.t.Errorf("%s: exit %d, want %d; %v\n%s%s", tt.name, r.code, tt.code, err, r.stdout, r.stderr)
		return
	}
	found := false
	for _, f := range view.Findings {
		if f.Check == tt.check && strings.Contains(f.Detail, tt.says) && strings.Contains(orDash(f.Remedy), tt.remedy) && f.OK == (tt.code == exitDone) {
			found = true
		}
		if !f.OK && f.Remedy == nil {
			w.t.Errorf("%s: no remedy: %+v", tt.name, f)
		}
	}
	if !found {
		w.t.Errorf("%s: want %q that says %q and %q in:\n%s", tt.name, tt.check, tt.says, tt.remedy, r.stdout)
	}
	if tt.mend != "" {
		if r := w.runWith(environ, "", strings.Fields(tt.mend)...); r.code != exitDone {
			w.t.Errorf("%s: %s: exit %d, %s", tt.name, tt.mend, r.code, r.stderr)
		}
	}
}

// healthy is the control: nothing is wrong, or nothing is any more.
func (w *deployment) healthy(environ ...string) {
	w.t.Helper()
	if r := w.runWith(append(w.environ[:len(w.environ):len(w.environ)], environ...), "", "doctor"); r.code != exitDone || strings.Contains(r.stdout, "PROBLEM") {
		w.t.Errorf("doctor of a healthy deployment: got exit %d, want %d and no problem\n%s%s", r.code, exitDone, r.stdout, r.stderr)
	}
}

// changeRing rewrites a ring without a rotation.
func (w *deployment) changeRing(change func(*keyrotation.Ring)) {
	w.t.Helper()
	store, name := w.openStore(), keyrotation.RingName("default")
	doc, err := store.Read(w.t.Context(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	ring, err := keyrotation.DecodeRing(doc)
	if err != nil {
		w.t.Fatal(err)
	}
	change(&ring)
	data, err := ring.Encode()
	if err == nil {
		_, err = store.Write(w.t.Context(), name, data, doc.Version)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestDoctorFindsWhatIsWrongWithTheKeys(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	w.must(&struct{}{}, "rotate")
	w.healthy()
	yesterday := time.Now().Add(-30 * time.Hour).UTC()
	other := httptest.NewServer(openSample(t, t.TempDir()).Handler())
	t.Cleanup(other.Close)
	for _, tt := range []doctorCase{
		{"a gate that is taken for Vidbeo", nil, []string{"PLAYTOKEN_PLATFORM=vidbeo", "PLAYTOKEN_PLATFORM_URL=" + w.gate.URL + "/v2"}, exitUsage, "platform",
			"answers as a playtoken gate", "PLAYTOKEN_PLATFORM=gate", ""},
		{"more than the platform may hold", nil, []string{"PLAYTOKEN_KEY_BUDGET=2"}, exitUsage, "configuration", "PLAYTOKEN_KEY_BUDGET: 2", "", ""},
		{"quotes around a key", nil, []string{`PLAYTOKEN_ADMIN_KEY="` + adminKey + `"`}, exitFailed, "configuration", "PLAYTOKEN_ADMIN_KEY: the quotes", "correct the environment", ""},
		{"a password that travels unencrypted", nil, []string{"PLAYTOKEN_REDIS_URL=redis://:secret@redis.example:6379"}, exitFailed, "configuration", "PLAYTOKEN_REDIS_URL: the password of Redis travels unencrypted", "correct the environment", ""},
		{"and may not", nil, []string{"PLAYTOKEN_REDIS_URL=redis://:secret@redis.example:6379", "PLAYTOKEN_PLAINTEXT=refuse"}, exitUsage, "configuration", "PLAYTOKEN_REDIS_URL: the password of Redis travels unencrypted", "correct the environment", ""},
		{"durations that were longer", nil, []string{"PLAYTOKEN_VIEW_AGE=50ms"}, exitDone, "durations", "stay in force", "PLAYTOKEN_VIEW_AGE=100ms", ""},
		{"longer tokens", nil, []string{"PLAYTOKEN_TOKEN_MAX_TTL=20m"}, exitFailed, "lifetimes", "may live 20 min, but the active key has 10 min", "playtoken rotate --project default",
			"rotate --project default"},
		{"no process looks", func() { w.changeRing(func(r *keyrotation.Ring) { r.ObservedAt = yesterday }) }, nil, exitFailed, "rotation",
			"no process has looked after the keys since", "start playtoken serve", ""},
		{"and cron does not run", nil, []string{"PLAYTOKEN_SCHEDULER=off"}, exitFailed, "rotation", "since", "cron run playtoken rotate --if-due", "rotate --if-due"},
		{"overdue", func() { w.changeRing(func(r *keyrotation.Ring) { r.NextAction = yesterday }) }, nil, exitFailed, "rotation", "overdue since", "playtoken rotate --project default",
			"rotate --if-due"},
		{"another account", nil, []string{"PLAYTOKEN_PLATFORM_URL=" + other.URL}, exitFailed, "account", "shows none of our keys", "PLAYTOKEN_PLATFORM_API_KEY", ""},
		{"a key that is gone", func() { w.atGate(http.MethodDelete, "/"+w.registered()[0], "", &struct{}{}) }, nil, exitFailed, "drift", "does not show it", "playtoken keys revoke ", ""},
	} {
		w.examined(tt)
		if tt.mend != "" {
			w.healthy()
		}
	}
}

func TestDoctorFindsABudgetThatOneProjectCannotKeep(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	w.must(&struct{}{}, "rotate", "--project", "default")
	other := w.addProject("other")
	change := func(budget int) {
		t.Helper()
		body := fmt.Sprintf(`{"rotation_policy":{"key_budget":%d}}`, budget)
		if r := w.runWith(w.environ, body, "project", "update", other, "--from", "-"); r.code != exitDone {
			t.Fatal(r.stderr)
		}
	}
	change(3)
	w.healthy()
	often := []string{"PLAYTOKEN_ROTATE_EVERY=5m"}
	w.examined(doctorCase{"it rotates more often now", nil, often, exitUsage, "budget", "5 keys at the platform at once, and 3",
		`echo '{"rotation_policy":{"key_budget":5}}' | playtoken project update ` + other + " --from -", ""})
	change(5)
	w.healthy(often...)
}

func TestDoctorFindsWhoMayOpenTheStore(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	w.must(&struct{}{}, "rotate")
	file := filepath.Join(w.dir, "play.db")
	mode := func(path string, mode os.FileMode) func() {
		return func() {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []doctorCase{
		{"every user may write the directory", mode(w.dir, 0o777), nil, exitFailed, "rights", "may replace", "chmod o-w " + w.dir, ""},
		{"every user may open the file", mode(file, 0o666), nil, exitUsage, "store", "every user of this machine may open it", "chmod 600 " + file, ""},
	} {
		w.examined(tt)
		mode(w.dir, 0o755)()
		mode(file, 0o600)()
		w.healthy()
	}
}

func TestDoctorFindsARecordThatCannotBeKept(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	path := filepath.Join(w.dir, "audit.log")
	audit := "PLAYTOKEN_AUDIT=file:" + path
	w.environ = append(w.environ, audit)
	w.must(&struct{}{}, "rotate")
	w.healthy()
	w.healthy("PLAYTOKEN_AUDIT=file:" + filepath.Join(w.dir, "another.log"))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.examined(doctorCase{"an altered line", func() { write([]byte(strings.Replace(string(text), `"cli"`, `"bob"`, 1))) }, nil,
		exitFailed, "audit", "tampered with", "playtoken audit verify " + path, ""})
	write(text)
	w.healthy()
	w.examined(doctorCase{"no directory", nil, []string{audit + "/below"}, exitUsage, "audit", "not a directory", "mkdir -p " + path, ""})
	w.examined(doctorCase{"a directory", nil, []string{"PLAYTOKEN_AUDIT=file:" + w.dir}, exitUsage, "audit", "is a directory", "append", ""})
}

func TestDoctorAsksTheIssuersOfViewers(t *testing.T) {
	t.Parallel()
	w := newDeployment(t, "PLAYTOKEN_PRIVATE_TARGETS=127.0.0.0/8")
	w.must(&struct{}{}, "rotate", "--project", "default")
	other := w.addProject("other")
	var login *httptest.Server
	login = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			io.WriteString(rw, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
			return
		}
		fmt.Fprintf(rw, `{"issuer":%q,"jwks_uri":%q}`, login.URL, login.URL+"/keys")
	}))
	t.Cleanup(login.Close)
	policy := fmt.Sprintf(`{"viewer_policy":{"issuers":[{"issuer":%q,"audiences":["video"]}]}}`, login.URL)
	if r := w.runWith(w.environ, policy, "project", "update", other, "--from", "-"); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	w.healthy()
	w.examined(doctorCase{"it is down", login.Close, nil, exitDown, "viewers", login.URL, "playtoken project update " + other, ""})
}

func TestDoctorFindsCallsThatAreNearlyUsedUp(t *testing.T) {
	t.Parallel()
	w := newDeployment(t, "PLAYTOKEN_PLATFORM_API_KEY=", "PLAYTOKEN_API_KEY=")
	left := 30
	api := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		for name, values := range jwplayertest.Left(left) {
			rw.Header()[name] = values
		}
		io.WriteString(rw, `{"media":[]}`)
	}))
	t.Cleanup(api.Close)
	secret := filepath.Join(w.dir, "secret")
	if err := os.WriteFile(secret, []byte("a-secret-of-sixteen-or-more"), 0o600); err != nil {
		t.Fatal(err)
	}
	var made handlers.Project
	w.must(&made, "project", "create", "--name", "jw", "--platform", "jwplayer", "--setting", "url="+api.URL, "--setting", "site_id=Abcd1234",
		"--credential", "signing_secret="+secret, "--credential", "api_secret="+secret)
	w.healthy()
	w.examined(doctorCase{"few are left", func() { left = 2 }, nil, exitFailed, "rate", "2 of 60 calls", "who else uses the credential", ""})
}

// TestDoctorLooksAtRedis: with a wrong password each replica counts alone, which
// would only be seen when a caller is over a limit.
func TestDoctorLooksAtRedis(t *testing.T) {
	t.Parallel()
	w := newDeployment(t, "PLAYTOKEN_REDIS_URL="+startRedis(t))
	w.must(&struct{}{}, "rotate")
	good := "PLAYTOKEN_REDIS_URL=" + startRedis(t)
	w.healthy(good)
	for _, tt := range []doctorCase{
		{name: "a wrong password", environ: []string{strings.Replace(good, redistest.Password, "another", 1)}, says: "WRONGPASS"},
		{name: "no password", environ: []string{strings.Replace(good, ":"+redistest.Password+"@", "", 1)}, says: "NOAUTH"},
		{name: "no Redis", environ: []string{"PLAYTOKEN_REDIS_URL=redis://127.0.0.1:1"}, says: "connection refused"},
	} {
		tt.code, tt.check, tt.remedy = exitFailed, "limits", "PLAYTOKEN_REDIS_URL"
		w.examined(tt)
	}
}
