package main

import (
	"bufio"
	"context"
	"embed"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"playtoken/web/browsertest"
)

//go:embed testdata/provider
var provider embed.FS

const clientSecret = "canary-client-secret-0123456789ab"

// startProvider starts an OpenID provider that is not ours, with one client.
func startProvider(t *testing.T, redirect string) (issuer string) {
	t.Helper()
	slow(t, "it installs an OpenID provider from npm")
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "provider.mjs"} {
		text, err := provider.ReadFile("testdata/provider/" + name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "npm", "ci", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund").CombinedOutput(); err != nil {
		t.Skipf("NOT TESTED: operators' sign-in with a real provider, because npm cannot install it: %v\n%s", err, out)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "node", "provider.mjs")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CLIENT_SECRET="+clientSecret, "REDIRECT_URI="+redirect)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Skipf("NOT TESTED: operators' sign-in with a real provider, because node does not start: %v", err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the provider's address: got %q, %v", line, err)
	}
	return strings.TrimSpace(line)
}

// signInWorld is a service that signs operators in, behind a proxy whose address is
// known before the service starts.
type signInWorld struct {
	*deployment
	url    string
	issuer string
	home   string
}

func newSignInWorld(t *testing.T) *signInWorld {
	t.Helper()
	var target atomic.Pointer[url.URL]
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target.Load()) }})
	t.Cleanup(proxy.Close)
	issuer := startProvider(t, proxy.URL+"/v1/auth/operator/callback")
	w := newDeployment(t, "PLAYTOKEN_URL="+proxy.URL, "PLAYTOKEN_OPERATOR_ISSUER="+issuer, "PLAYTOKEN_OPERATOR_CLIENT_ID=playtoken",
		"PLAYTOKEN_OPERATOR_CLIENT_SECRET="+clientSecret,
		`PLAYTOKEN_OPERATOR_ROLES="admins" in claims.groups ? "admin" : "auditors" in claims.groups ? "auditor" : ""`)
	address, _, stop := w.serveHere(w.environ)
	t.Cleanup(stop)
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	target.Store(at)
	return &signInWorld{deployment: w, url: proxy.URL, issuer: issuer, home: t.TempDir()}
}

// client is the environment of a person's own machine.
func (w *signInWorld) client() []string {
	return []string{"PLAYTOKEN_SERVER=" + w.url, "XDG_CONFIG_HOME=" + w.home}
}

// login runs playtoken login, with a person at the browser.
func (w *signInWorld) login(person func(address string)) (code int, stdout, stderr string) {
	w.t.Helper()
	out, in := io.Pipe()
	var printed strings.Builder
	ended := make(chan int, 1)
	go func() {
		code := run(w.t.Context(), process{args: []string{"login", "--browser=false"}, environ: w.client(), stdin: strings.NewReader(""), stdout: &printed, stderr: in})
		in.Close()
		ended <- code
	}()
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if address := strings.TrimSpace(lines.Text()); strings.HasPrefix(address, w.url) {
			person(address)
		}
	}
	return <-ended, printed.String(), said.String()
}

var formAction = regexp.MustCompile(`action="([^"]+)" method="post"`)

// as is a person with a browser that shows forms and runs no scripts.
func (w *signInWorld) as(name string) func(address string) {
	return func(address string) {
		jar, _ := cookiejar.New(nil)
		client := &http.Client{Jar: jar}
		response, err := client.Get(address)
		for page := 0; err == nil && page < 5; page++ {
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			form := formAction.FindStringSubmatch(string(body))
			if form == nil {
				w.t.Logf("the last page: %d %.200s", response.StatusCode, body)
				return
			}
			fields := url.Values{"prompt": {"login"}, "login": {name}, "password": {"x"}}
			if !strings.Contains(string(body), `name="login"`) {
				fields = url.Values{"prompt": {"consent"}}
			}
			response, err = client.PostForm(w.issuer+strings.TrimPrefix(form[1], w.issuer), fields)
		}
		if err != nil {
			w.t.Errorf("signing in as %s: %v", name, err)
		}
	}
}

func TestOperatorsSignInWithTheirProvider(t *testing.T) {
	t.Parallel()
	w := newSignInWorld(t)
	code, stdout, stderr := w.login(w.as("alice"))
	if code != exitDone || !strings.Contains(stdout, "as alice@example.com (admin)") {
		t.Fatalf("login as alice: exit %d, %s%s, want the role admin", code, stdout, stderr)
	}
	info, err := os.Stat(filepath.Join(w.home, "playtoken", "sessions.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file of sessions: got %v, %v, want one that only its user may read", info, err)
	}
	if got := w.runWith(w.client(), "", "rotate"); got.code != exitDone {
		t.Errorf("rotate over the network: exit %d, %s%s, want 0", got.code, got.stdout, got.stderr)
	}
	if got := w.runWith(w.client(), "", "api-key", "create", "--project", "default", "--scope", "mint", "--name", "x"); got.code != exitDone || !strings.Contains(got.stdout, "pt_") {
		t.Errorf("api-key create over the network: exit %d, %s%s, want a key", got.code, got.stdout, got.stderr)
	}
	if got := w.runWith(w.client(), "", "audit", "verify", "audit.log"); got.code != exitUsage || !strings.Contains(got.stderr, "unset PLAYTOKEN_SERVER") {
		t.Errorf("audit verify over the network: exit %d, %s, want that it says why not", got.code, got.stderr)
	}

	if code, stdout, stderr := w.login(w.as("bob")); code != exitDone || !strings.Contains(stdout, "(auditor)") {
		t.Fatalf("login as bob: exit %d, %s%s, want the role auditor", code, stdout, stderr)
	}
	if got := w.runWith(w.client(), "", "keys", "list"); got.code != exitDone {
		t.Errorf("keys list as auditor: exit %d, %s, want 0", got.code, got.stderr)
	}
	if got := w.runWith(w.client(), "", "rotate", "--now", "--reason", "x"); got.code != exitFailed || !strings.Contains(got.stderr, `needs the role "operator"`) {
		t.Errorf("rotate as auditor: exit %d, %s, want a refusal that names the role", got.code, got.stderr)
	}

	if code, stdout, stderr := w.login(w.as("carol")); code != exitFailed || !strings.Contains(stderr, "gives you no role") {
		t.Errorf("login as carol: exit %d, %s%s, want that she has no role", code, stdout, stderr)
	}
	w.signsOut()
	if got := w.runWith(w.client(), "", "keys", "list"); got.code != exitFailed || !strings.Contains(got.stderr, "playtoken login") {
		t.Errorf("keys list after logout: exit %d, %s, want a hint to sign in", got.code, got.stderr)
	}
}

// signsOut ends the session: a copy of it is refused afterwards. While the server
// cannot be reached it is kept.
func (w *signInWorld) signsOut() {
	w.t.Helper()
	file := filepath.Join(w.home, "playtoken", "sessions.json")
	copied, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	if got := w.runWith(w.client(), "", "logout"); got.code != exitDone {
		w.t.Errorf("logout: exit %d, %s", got.code, got.stderr)
	}
	if got := w.runWith(w.client(), "", "logout"); got.code != exitDone {
		w.t.Errorf("logout without a session: exit %d, %s, want 0", got.code, got.stderr)
	}
	if err := os.WriteFile(file, copied, 0o600); err != nil {
		w.t.Fatal(err)
	}
	if got := w.runWith(w.client(), "", "keys", "list"); got.code != exitFailed || !strings.Contains(got.stderr, "playtoken login") {
		w.t.Errorf("keys list with a copy of the session: exit %d, %s, want it refused", got.code, got.stderr)
	}
	if got := w.runWith(w.client(), "", "logout"); got.code != exitDone {
		w.t.Errorf("logout of a session that is over: exit %d, %s, want 0", got.code, got.stderr)
	}
}

// arrivesAt waits until the browser shows a page for which an expression is true.
// It asks anew each time: a page that is left cannot answer any more.
func arrivesAt(t *testing.T, tab *browsertest.Page, expression string) {
	t.Helper()
	eventually(t, patience, func() error {
		there, err := browsertest.Evaluate[bool](tab, expression)
		if err == nil && !there {
			err = fmt.Errorf("%s: got false, want true", expression)
		}
		return err
	})
}

func TestOperatorsSignInWithARealBrowser(t *testing.T) {
	t.Parallel()
	slow(t, "it starts a browser")
	tab := browsertest.Chromium(t).Page(t)
	w := newSignInWorld(t)
	code, stdout, stderr := w.login(func(address string) {
		tab.Open(t, address)
		arrivesAt(t, tab, `!!document.querySelector("input[name=login]")`)
		browsertest.Eval[bool](t, tab, `(() => {
			document.querySelector("input[name=login]").value = "alice";
			document.querySelector("input[name=password]").value = "x";
			setTimeout(() => document.querySelector("form").submit(), 0); return true })()`)
		arrivesAt(t, tab, `document.body.innerText.includes("Authorize")`)
		browsertest.Eval[bool](t, tab, `(() => { setTimeout(() => document.querySelector("form").submit(), 0); return true })()`)
		arrivesAt(t, tab, `document.body.innerText.includes("You are signed in")`)
	})
	if code != exitDone || !strings.Contains(stdout, "as alice@example.com (admin)") {
		t.Errorf("login in Chromium: exit %d, %s%s, want the role admin", code, stdout, stderr)
	}
	w.opensConsole(tab)
}

// opensConsole signs the person in at the console, whom the provider knows already.
func (w *signInWorld) opensConsole(tab *browsertest.Page) {
	w.t.Helper()
	tab.Open(w.t, w.url+"/console/metrics")
	arrivesAt(w.t, tab, `!!document.querySelector('a[href="/console/login/provider"]')`)
	browsertest.Eval[bool](w.t, tab, `(() => { setTimeout(() => document.querySelector('a[href="/console/login/provider"]').click(), 0); return true })()`)
	arrivesAt(w.t, tab, `document.body.innerText.includes("Sign out")`)
	if got := browsertest.Eval[string](w.t, tab, `document.querySelector(".person span").textContent + document.cookie`); got != "alice@example.com admin" {
		w.t.Errorf("the console says %q, want the person with the role, and no cookie that scripts can read", got)
	}
	browsertest.Eval[bool](w.t, tab, `(() => { setTimeout(() => document.querySelector(".person button").click(), 0); return true })()`)
	arrivesAt(w.t, tab, `!!document.getElementById("key")`)
	if got := w.runWith(w.client(), "", "audit", "list", "--action", "console.sign_in"); got.code == exitDone && !strings.Contains(got.stdout, "alice@example.com") {
		w.t.Errorf("audit list: got %s, want the person's sign-in", got.stdout)
	}
}
