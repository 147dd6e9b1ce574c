package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"playtoken/audit"
	"playtoken/keyrotation"
	"playtoken/service"
	"playtoken/settings"
)

// doors are the command line and the HTTP API of one deployment, each with a
// project of its own. The projects are twins.
type doors struct {
	*deployment
	hook     string
	asked    atomic.Int64 // of the webhook
	verb     twin
	route    twin
	recorded map[string]int // by audit file: bytes that were compared
}

// twin is one of two projects to which the same is done.
type twin struct{ project, token, foreign string }

func newDoors(t *testing.T, w *deployment) *doors {
	d := &doors{deployment: w, recorded: map[string]int{}}
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		d.asked.Add(1)
		io.WriteString(w, `{"entitled":false}`)
	}))
	t.Cleanup(hook.Close)
	d.hook = hook.URL
	d.settleOwnKeys()
	for _, made := range []*twin{&d.verb, &d.route} {
		gate := startGate(t, secondKey)
		var project struct {
			ID string `json:"project_id"`
		}
		status, body := d.overHTTP("POST /v1/projects", onGate("twin", gate.URL, secondKey))
		if err := json.Unmarshal(body, &project); err != nil || status != http.StatusCreated {
			t.Fatalf("create a twin: got status %d and error %v, want 201: %s", status, err, body)
		}
		made.project, made.foreign = project.ID, foreignKey(t, gate.URL)
	}
	d.newRecords("http", d.route)
	return d
}

// settleOwnKeys rotates until nothing is due but for the twins, which are not
// there yet: the keys of access tokens have an active key and a standby.
func (d *doors) settleOwnKeys() {
	d.t.Helper()
	active := regexp.MustCompile(`(?m)^.*signing_key\.active.*access_tokens.*$|^.*access_tokens.*signing_key\.active.*$`)
	eventually(d.t, time.Minute, func() error {
		d.overHTTP("POST /v1/rotation", `{}`)
		log, err := os.ReadFile(d.auditFile("http"))
		if err == nil && !active.Match(log) {
			err = errors.New("no key of access tokens is active")
		}
		return err
	})
}

// foreignKey registers a key at a gate that is not ours, and returns its id.
func foreignKey(t *testing.T, gate string) string {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"name": "by hand", "public_key": publicKey(t)})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, gate+"/v2/jwt_keys", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+secondKey)
	request.Header.Set("Content-Type", "application/json")
	response, err := newClient(t).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	id := regexp.MustCompile(`"id"\s*:\s*"([^"]+)"`).FindSubmatch(text)
	if err != nil || id == nil {
		t.Fatalf("register a key by hand: got status %d and error %v, want an id: %s", response.StatusCode, err, text)
	}
	return string(id[1])
}

// publicKey is the public half of a new key, in PEM.
func publicKey(t *testing.T) string {
	t.Helper()
	pair, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text, err := keyrotation.EncodePublicKey(&pair.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// overHTTP opens the service as serve does, makes one request with the admin
// key, and closes it again, so that its records are complete.
func (d *doors) overHTTP(route, body string) (status int, response []byte) {
	d.t.Helper()
	set, err := settings.ForService(append(slices.Clip(d.environ), "PLAYTOKEN_AUDIT=file:"+d.auditFile("http")))
	if err != nil {
		d.t.Fatal(err)
	}
	s, err := service.Open(d.t.Context(), set, service.Options{CreateStore: true, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		d.t.Fatal(err)
	}
	defer s.Close()
	handler, err := s.Handler()
	if err != nil {
		d.t.Fatal(err)
	}
	method, path, _ := strings.Cut(route, " ")
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Header.Set("Authorization", "Bearer "+adminKey)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	return recorder.Code, recorder.Body.Bytes()
}

func (d *doors) auditFile(door string) string { return filepath.Join(d.dir, door+".jsonl") }

// fill puts what belongs to a twin in the place of its names.
func (d *doors) fill(text string, of twin) string {
	return strings.NewReplacer("{P}", of.project, "{TOKEN}", of.token, "{FOREIGN}", of.foreign, "{HOOK}", d.hook).Replace(text)
}

// compare does an act by both doors, and holds what came of it side by side.
func (d *doors) compare(a act) {
	d.t.Helper()
	asked := d.asked.Load()
	status, response := d.overHTTP(d.fill(a.route, d.route), d.fill(a.body, d.route))
	askedByRoute := d.asked.Load() - asked
	ran := d.byVerb(a)
	if status != a.want {
		d.t.Errorf("%s: got status %d, want %d: %s", a.route, status, a.want, response)
	}
	if got, want := ran.code, exitOf(status, response); got != want {
		d.t.Errorf("%s: got exit %d, want %d as of status %d: %s", a.verb, got, want, status, ran.stderr)
	}
	if askedByVerb := d.asked.Load() - asked - askedByRoute; askedByVerb != askedByRoute {
		d.t.Errorf("%s: got %d calls of the webhook, want %d as of its route", a.verb, askedByVerb, askedByRoute)
	}
	if status < 300 {
		verb, route := d.shape(ran.stdout, d.verb), d.shape(string(response), d.route)
		if !reflect.DeepEqual(verb, route) {
			d.t.Errorf("%s: got\n%v\nwant the response of its route\n%v", a.verb, verb, route)
		}
	} else if detail := d.plain(detailOf(response), d.route); !strings.Contains(d.plain(ran.stderr, d.verb), detail) {
		d.t.Errorf("%s: got %s, want the detail of its route: %s", a.verb, ran.stderr, detail)
	}
	verb, route := d.newRecords("verbs", d.verb), d.newRecords("http", d.route)
	if !slices.Equal(verb, route) {
		d.t.Errorf("%s: got the records\n%v\nwant those of its route\n%v", a.verb, verb, route)
	}
	d.keepTokens(ran.stdout, response)
}

// byVerb runs the verb on its twin.
func (d *doors) byVerb(a act) result {
	d.t.Helper()
	var args []string
	for _, arg := range strings.Fields(a.verb) {
		if arg == "{BODY}" {
			arg = filepath.Join(d.dir, "body.json")
			if err := os.WriteFile(arg, []byte(d.fill(a.body, d.verb)), 0o600); err != nil {
				d.t.Fatal(err)
			}
		}
		args = append(args, d.fill(arg, d.verb))
	}
	environ := append(slices.Clip(d.environ), "PLAYTOKEN_AUDIT=file:"+d.auditFile("verbs"))
	return d.runWith(environ, "", append(args, "-o", "json")...)
}

// exitOf is the exit code for a response of the API.
func exitOf(status int, response []byte) int {
	if status >= 400 {
		return exitCode(newProblem(status, response, ""))
	}
	var refused struct {
		Refused bool  `json:"refused"`
		Valid   *bool `json:"valid"` // of a token
	}
	if json.Unmarshal(response, &refused) == nil && (refused.Refused || refused.Valid != nil && !*refused.Valid) {
		return exitRefused
	}
	return exitDone
}

func detailOf(response []byte) string {
	var problem struct {
		Detail string `json:"detail"`
	}
	_ = json.Unmarshal(response, &problem)
	return problem.Detail
}

var (
	aMoment = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*Z`)
	// differing members have another value for each key, token or project.
	differing = []string{
		"name", "key_id", "fingerprint", "public_key", "jwk", "token", "urls", "api_key_id", "admin_key_id", "value", "removed",
		"platform_settings", "project_id", "tokens_lost_for_seconds", "iat", "nbf", "exp", "jti", "kid", "links",
	}
)

// plain replaces what differs between the twins and between moments.
func (d *doors) plain(text string, of twin) string {
	text = strings.ReplaceAll(text, of.project, "{P}")
	for _, known := range []string{of.token, of.foreign} {
		if known != "" {
			text = strings.ReplaceAll(text, known, "{ID}")
		}
	}
	return aMoment.ReplaceAllString(text, "{TIME}")
}

// shape is a response without what differs between the twins.
func (d *doors) shape(text string, of twin) any {
	d.t.Helper()
	if text == "" {
		return nil
	}
	var value any
	if err := json.Unmarshal([]byte(d.plain(text, of)), &value); err != nil {
		d.t.Fatalf("a response is not JSON: %v: %s", err, text)
	}
	if object, ok := value.(map[string]any); ok && object["actions"] != nil || ok && object["plan"] != nil {
		delete(object, "project_id") // verbs say which project they mean
	}
	return blank(value)
}

func blank(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			if slices.Contains(differing, name) && member != nil {
				member = "…"
			}
			v[name] = blank(member)
		}
	case []any:
		for i := range v {
			v[i] = blank(v[i])
		}
	}
	return value
}

// newRecords are the audit entries since the last call, as text.
func (d *doors) newRecords(door string, of twin) (entries []string) {
	d.t.Helper()
	data, err := os.ReadFile(d.auditFile(door))
	if err != nil && !os.IsNotExist(err) {
		d.t.Fatal(err)
	}
	seen := d.recorded[door]
	d.recorded[door] = len(data)
	for line := range strings.Lines(d.plain(string(data[seen:]), of)) {
		var entry audit.Entry
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			d.t.Fatalf("an audit entry is not JSON: %v: %s", err, line)
		}
		if entry.Action == "" || entry.Actor == "audit" {
			continue
		}
		if entry.Actor == "cli" || entry.Actor == "admin" {
			entry.Actor = "operator"
		}
		if strings.HasPrefix(entry.Subject, "api_key_") || strings.HasPrefix(entry.Subject, "admin_key_") {
			entry.Subject = "api_key"
		}
		text := strings.Join([]string{entry.Actor, entry.Action, entry.Project, entry.Subject, entry.Result, entry.Reason}, " ")
		entries = append(entries, regexp.MustCompile(`key \S+, not ours`).ReplaceAllString(text, "key, not ours"))
	}
	return entries
}

// keepTokens has the next acts use the tokens that this one minted.
func (d *doors) keepTokens(byVerb string, byRoute []byte) {
	for text, of := range map[string]*twin{byVerb: &d.verb, string(byRoute): &d.route} {
		var minted struct {
			Token string `json:"token"`
		}
		if json.Unmarshal([]byte(text), &minted) == nil && minted.Token != "" {
			of.token = minted.Token
		}
	}
}
