package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"playtoken/keyrotation"
)

// troubledGate is a gate that things happen to. From then on it answers only so
// many looks, and lets others wait until the test has seen what those have told.
type troubledGate struct {
	mu      sync.Mutex
	handler http.Handler
	began   time.Time
	looks   int // since then
	release chan struct{}
}

// answeredLooks is within how many looks an outage has to be told.
const answeredLooks = 2

func (g *troubledGate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handler, waits := g.enter(r)
	if waits {
		select {
		case <-g.release:
		case <-r.Context().Done():
		}
	}
	handler.ServeHTTP(w, r)
}

func (g *troubledGate) enter(r *http.Request) (handler http.Handler, waits bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.began.IsZero() && r.Method == http.MethodGet && r.URL.Path == "/v2/jwt_keys" {
		g.looks++
	}
	return g.handler, g.looks > answeredLooks
}

// becomes puts another handler in the gate's place.
func (g *troubledGate) becomes(handler http.Handler) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.handler, g.began = handler, time.Now()
}

// told is after how many looks and how long something was told.
func (g *troubledGate) told() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return fmt.Sprintf("%.1fs, %d looks", time.Since(g.began).Seconds(), min(g.looks, answeredLooks))
}

// afternoon is a deployment whose serve looks often, at a gate that has trouble.
type afternoon struct {
	*deployment
	platform *troubledGate
	server   *server
	client   *http.Client
	token    string
	row      []string // what each way of asking said
}

func newAfternoon(t *testing.T, more ...string) *afternoon {
	t.Helper()
	return newDeployment(t, append(busy[:len(busy):len(busy)], more...)...).afternoon()
}

// busy has serve look often.
var busy = []string{"PLAYTOKEN_PROPAGATION_DELAY=0s", "PLAYTOKEN_SETTLE=" + settled.String(), "PLAYTOKEN_OBSERVE_EVERY=300ms"}

// settled is how long lists of keys may lag.
const settled = time.Second

// afternoon puts what can have trouble before the gate.
func (w *deployment) afternoon() *afternoon {
	w.t.Helper()
	a := &afternoon{deployment: w, platform: &troubledGate{handler: w.gate.Config.Handler, release: make(chan struct{})}, client: newClient(w.t)}
	front := httptest.NewServer(a.platform)
	w.t.Cleanup(front.Close)
	w.environ = append(w.environ, "PLAYTOKEN_PLATFORM_URL="+front.URL)
	return a
}

// serving has keys that no list may leave out any more, a token, and a server.
func (a *afternoon) serving() *afternoon {
	a.must(&struct{}{}, "rotate")
	made := time.Now() // by then its keys were registered
	var token tokenView
	a.must(&token, "token", "mint", "counter", "--expires-in", "4m")
	a.token = token.Token
	a.server = a.startServer("serve")
	a.server.awaitReady(a.client)
	eventually(a.t, time.Minute, func() error {
		if old := time.Since(made); old <= settled {
			return fmt.Errorf("the keys are %s old, want older than %s", old, settled)
		}
		return nil
	})
	return a
}

// outage is what happens in an afternoon, and what has to be said about it.
type outage struct {
	name            string
	begins          func(*afternoon)
	code            keyrotation.TroubleCode
	rotate, inspect int    // exit codes
	detail          string // part of what an operator is told
}

var outages = []outage{
	{name: "the platform lost our keys", code: keyrotation.AllKeysMissing, rotate: exitRefused, inspect: exitRefused,
		begins: func(a *afternoon) { a.platform.becomes(openSample(a.t, a.t.TempDir()).Handler()) }},
	{name: "a foreign key", code: keyrotation.KeyIsUnmanaged, detail: `\"by hand\", registered at 20`,
		begins: func(a *afternoon) {
			a.registerByHand("by hand")
			a.platform.becomes(a.gate.Config.Handler)
		}},
	{name: "the credential is refused", code: keyrotation.PlatformRefusesCredential, rotate: exitFailed,
		begins: func(a *afternoon) {
			a.platform.becomes(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Header.Del("Authorization")
				a.gate.Config.Handler.ServeHTTP(w, r)
			}))
		}},
	{name: "the platform is away", code: keyrotation.PlatformUnreachable, rotate: exitDown, begins: cutsConnections},
}

func cutsConnections(a *afternoon) {
	a.platform.becomes(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
}

// TestAfternoon: what stops viewers or rotation is told within two looks, with
// one code, by all that can be asked. With -v it prints how soon.
func TestAfternoon(t *testing.T) {
	slow(t, "it starts processes")
	for _, o := range outages {
		t.Run(o.name, func(t *testing.T) { newAfternoon(t).serving().tells(o) })
	}
}

// tells fails unless every way of asking tells of an outage.
func (a *afternoon) tells(o outage) {
	a.t.Helper()
	o.begins(a)
	a.tellsByItself(o)
	close(a.platform.release)
	a.tellsVerbs(o)
	a.server.stop()
	a.t.Log(strings.Join(a.row, " | "))
}

// tellsByItself: log, metric and the route, with no verb that would look too.
func (a *afternoon) tellsByItself(o outage) {
	a.t.Helper()
	for _, way := range []struct {
		name string
		says func(code string) error
	}{{"log", a.server.logged}, {"metric", a.server.measured}, {"GET rotation", a.server.answered}} {
		eventually(a.t, patience, func() error { return way.says(string(o.code)) })
		a.row = append(a.row, way.name+" "+a.platform.told())
	}
	if text := a.server.logs.String(); !strings.Contains(text, o.detail) {
		a.t.Errorf("%s: got log %s, want it to say %q", o.name, text, o.detail)
	}
}

// tellsVerbs: those that a person or cron uses.
func (a *afternoon) tellsVerbs(o outage) {
	a.t.Helper()
	rotated := a.run("rotate", "--if-due")
	if said := rotated.stdout + rotated.stderr; rotated.code != o.rotate || !strings.Contains(said, string(o.code)) {
		a.t.Errorf("%s: rotate --if-due: got exit %d, %s, want %d and %s", o.name, rotated.code, said, o.rotate, o.code)
	}
	doctor := a.run("doctor", "-o", "json")
	if !strings.Contains(doctor.stdout, `"`+string(o.code)+`"`) || !strings.Contains(doctor.stdout, o.detail) {
		a.t.Errorf("%s: doctor: got exit %d, %s, want %s and %q", o.name, doctor.code, doctor.stdout, o.code, o.detail)
	}
	inspected := a.runWith(a.environ, a.token+"\n", "token", "inspect", "-")
	if named := strings.Contains(inspected.stdout, "key_missing_at_platform"); inspected.code != o.inspect || named != (o.inspect != exitDone) {
		a.t.Errorf("%s: inspect: got exit %d, %s, want %d", o.name, inspected.code, inspected.stdout, o.inspect)
	}
	a.row = append(a.row, fmt.Sprintf("rotate exit %d", rotated.code), fmt.Sprintf("doctor exit %d", doctor.code),
		fmt.Sprintf("inspect exit %d", inspected.code))
}

// logged: a line of the log is about the code.
func (s *server) logged(code string) error {
	for line := range strings.Lines(s.logs.String()) {
		if strings.Contains(line, `"msg":"finding"`) && strings.Contains(line, `"code":"`+code+`"`) {
			return nil
		}
	}
	return fmt.Errorf("no line about %s in the log:\n%s", code, s.logs.String())
}

// measured: the finding's metric is 1.
func (s *server) measured(code string) error {
	got, _ := scrape(s.t, s.url)
	if value := got["playtoken_finding "+code+" default"]; value != 1 {
		return fmt.Errorf("playtoken_finding of %s: got %v, want 1", code, value)
	}
	return nil
}

// answered: the route of the project's rotation has the finding.
func (s *server) answered(code string) error {
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+"/v1/projects/default/rotation", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+adminKey)
	resp, err := newClient(s.t).Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && !strings.Contains(string(text), `"code":"`+code+`"`) {
		err = fmt.Errorf("GET rotation: got status %d, %s, want %s", resp.StatusCode, text, code)
	}
	return err
}

// TestAfternoonOfAProjectThatNeverSucceeded: its platform has never answered.
func TestAfternoonOfAProjectThatNeverSucceeded(t *testing.T) {
	slow(t, "it starts a process")
	a := newAfternoon(t)
	close(a.platform.release)
	cutsConnections(a)
	a.server = a.startServer("serve")
	for _, code := range []keyrotation.TroubleCode{keyrotation.PlatformUnreachable, keyrotation.RotationOverdue} {
		a.row = nil
		a.tellsByItself(outage{name: "never", code: code})
		t.Log(code, strings.Join(a.row, " | "))
	}
	if r := a.run("rotate", "--if-due"); r.code != exitDown {
		t.Errorf("rotate --if-due: got exit %d, %s%s, want %d", r.code, r.stdout, r.stderr, exitDown)
	}
	a.server.stop()
}

// TestAfternoonOfAStoreThatIsAway: without the ring there is no finding in it; the
// log and the exit code say what is away.
func TestAfternoonOfAStoreThatIsAway(t *testing.T) {
	slow(t, "it starts a process")
	a := newAfternoon(t)
	close(a.platform.release)
	a.serving()
	file := filepath.Join(a.dir, "play.db")
	if err := errors.Join(os.Rename(file, file+".away"), os.Mkdir(file, 0o700)); err != nil {
		t.Fatal(err)
	}
	a.platform.becomes(a.gate.Config.Handler)
	eventually(t, patience, func() error { return a.server.logged("store_unreachable") })
	logged := a.platform.told()
	eventually(t, patience, a.server.missesItsStore)
	r := a.run("rotate", "--if-due")
	if r.code == exitDone || !strings.Contains(r.stderr, "play.db") {
		t.Errorf("rotate --if-due: got exit %d, %s%s, want a failure that names the file", r.code, r.stdout, r.stderr)
	}
	t.Logf("log %s | metric of the store %s | rotate exit %d: %s", logged, a.platform.told(), r.code, r.stderr)
	a.server.stop()
}

// missesItsStore: the metric of the store's operations says that it is away.
func (s *server) missesItsStore() error {
	_, text := scrape(s.t, s.url)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "playtoken_store_duration_seconds_count") && strings.Contains(line, `result="unavailable"`) {
			return nil
		}
	}
	return fmt.Errorf("no operation of the store was unavailable:\n%s", text)
}
