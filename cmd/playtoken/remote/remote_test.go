package remote

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"playtoken/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server that ends with the test.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(func() { server.Close(); http.DefaultTransport.(*http.Transport).CloseIdleConnections() })
	return server.URL
}

// ask makes one request through the handler, as a verb does.
func ask(t *testing.T, s Server) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/rotation?x=1", strings.NewReader(`{"mode":"due"}`))
	r.Header.Set("Authorization", "Bearer cli")
	r.Header.Set("Content-Type", "application/json")
	got := httptest.NewRecorder()
	s.ServeHTTP(got, r)
	return got
}

func TestARequestGoesToTheServerWithTheCredential(t *testing.T) {
	var seen []string
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Authorization")+" "+r.Header.Get("Content-Type"))
		w.WriteHeader(http.StatusConflict)
		_, _ = w.Write([]byte(`{"code":"conflict"}`))
	})
	got := ask(t, Server{URL: at, Credential: secret.New("pts_x")})
	if got.Code != http.StatusConflict || got.Body.String() != `{"code":"conflict"}` {
		t.Errorf("response: got %d %s, want the server's own", got.Code, got.Body)
	}
	ask(t, Server{URL: at})
	want := []string{"POST /v1/rotation?x=1 Bearer pts_x application/json", "POST /v1/rotation?x=1  application/json"}
	if strings.Join(seen, "|") != strings.Join(want, "|") {
		t.Errorf("requests: got %q, want %q", seen, want)
	}
}

// TestTroubleOfTheServerIsAProblem: whether the request was carried out is said
// where it is known.
func TestTroubleOfTheServerIsAProblem(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	var stolen bool
	other := serve(t, func(http.ResponseWriter, *http.Request) { stolen = true })
	for name, c := range map[string]struct{ url, says string }{
		"nothing listens": {"http://" + closed.Addr().String(), "cannot be reached"},
		"it redirects":    {serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other, http.StatusTemporaryRedirect) }), "set PLAYTOKEN_SERVER to that address"},
		"it hangs up":     {serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), "cannot be reached"},
		"its response breaks off": {serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
		}), "what became of the request is unknown"},
	} {
		got := ask(t, Server{URL: c.url, Credential: secret.New("canary-credential")})
		var problem struct{ Code, Detail string }
		if err := json.Unmarshal(got.Body.Bytes(), &problem); err != nil || got.Code != http.StatusServiceUnavailable || problem.Code != "signer_unavailable" || !strings.Contains(problem.Detail, c.says) {
			t.Errorf("%s: got %d %s, want a problem with %q", name, got.Code, got.Body, c.says)
		}
		if strings.Contains(got.Body.String(), "canary") {
			t.Errorf("%s: got the credential in %s, want it nowhere", name, got.Body)
		}
	}
	if stolen {
		t.Error("a redirect was followed with the credential")
	}
}

func TestSessionsAreKeptByServerUntilTheyEnd(t *testing.T) {
	dir := t.TempDir()
	s, err := UserSessions([]string{"XDG_CONFIG_HOME=" + dir})
	if err != nil || s.Path != filepath.Join(dir, "playtoken", "sessions.json") {
		t.Fatalf("file of sessions: got %q, %v, want it below XDG_CONFIG_HOME", s.Path, err)
	}
	if _, err := s.Token("https://a.example"); !errors.Is(err, ErrNoSession) {
		t.Errorf("before any sign-in: got %v, want ErrNoSession", err)
	}
	later, earlier := time.Now().Add(time.Hour), time.Now().Add(-time.Second)
	for server, began := range map[string]session{"https://a.example": {Token: "pts_a", Expires: later}, "https://b.example": {Token: "pts_b", Expires: earlier}} {
		if err := s.keep(server, began); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Token("https://a.example"); err != nil || !got.Equal("pts_a") {
		t.Errorf("session of one server: got %v, %v, want its token", got, err)
	}
	if _, err := s.Token("https://b.example"); !errors.Is(err, ErrNoSession) {
		t.Errorf("session that is over: got %v, want ErrNoSession", err)
	}
	if err := errors.Join(s.Forget("https://a.example"), s.Forget("https://a.example")); err != nil {
		t.Errorf("Forget twice: got %v, want no error", err)
	}
	if _, err := s.Token("https://a.example"); !errors.Is(err, ErrNoSession) {
		t.Errorf("session that was forgotten: got %v, want ErrNoSession", err)
	}
	if err := os.WriteFile(s.Path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Token("https://a.example"); err == nil || errors.Is(err, ErrNoSession) || !strings.Contains(err.Error(), "delete it") {
		t.Errorf("damaged file: got %v, want an error that says what to do", err)
	}
}

// browser visits the callback of the sign-in that an address begins.
func browser(t *testing.T, address string, change func(url.Values)) string {
	t.Helper()
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	answer := url.Values{"state": {at.Query().Get("state")}, "code": {"c"}}
	change(answer)
	resp, err := http.Get(at.Query().Get("redirect_uri") + "?" + answer.Encode())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.Status
}

func TestASignInTakesOnlyItsOwnAnswer(t *testing.T) {
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Code     string `json:"code"`
			Verifier string `json:"code_verifier"`
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.Code != "c" || body.Verifier == "" || r.Header.Get("Authorization") != "" {
			t.Errorf("exchange: got %+v, %v, want the code and a verifier without a credential", body, err)
		}
		_, _ = w.Write([]byte(`{"access_token":"pts_new","expires_in":60,"name":"ana","role":"auditor"}`))
	})
	sessions := Sessions{Path: filepath.Join(t.TempDir(), "sessions.json")}
	who, err := Server{URL: at}.SignIn(t.Context(), sessions, func(address string) {
		if got := browser(t, address, func(v url.Values) { v.Set("state", "another") }); !strings.HasPrefix(got, "400") {
			t.Errorf("answer to another sign-in: got %s, want 400", got)
		}
		browser(t, address, func(url.Values) {})
	})
	if err != nil || who.Name != "ana" || who.Role != "auditor" {
		t.Errorf("SignIn: got %+v, %v, want ana with the role auditor", who, err)
	}
	if token, err := sessions.Token(at); err != nil || !token.Equal("pts_new") {
		t.Errorf("session: got %v, %v, want the server's token", token, err)
	}
}

func TestASignInThatFailsKeepsNothing(t *testing.T) {
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	refuses := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"detail":"begin again"}`))
	})
	garbage := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) })
	for name, c := range map[string]struct {
		url, says string
		change    func(url.Values)
	}{
		"the provider refuses":         {refuses, "no role", func(v url.Values) { v.Set("error", "no role") }},
		"the server refuses":           {refuses, "begin again", func(url.Values) {}},
		"the server answers otherwise": {garbage, "read the server's response", func(url.Values) {}},
		"the server is gone":           {"http://127.0.0.1:1", "cannot be reached", func(url.Values) {}},
	} {
		sessions := Sessions{Path: filepath.Join(t.TempDir(), "sessions.json")}
		_, err := Server{URL: c.url}.SignIn(t.Context(), sessions, func(address string) { browser(t, address, c.change) })
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.says)
		}
		if _, err := sessions.Token(c.url); !errors.Is(err, ErrNoSession) {
			t.Errorf("%s: got a session (%v), want none kept", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := (Server{URL: refuses}).SignIn(ctx, Sessions{}, func(string) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("person who gives up: got %v, want context.Canceled", err)
	}
}
