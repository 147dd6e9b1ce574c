package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"playtoken/handlers"
)

// player is a viewer who watches: the address of a segment, with a ticket.
type player struct {
	t       *testing.T
	segment string
}

// watch mints a token over HTTP, for a viewer if there is one, and opens the
// video with it down to its first segment.
func (v apiClient) watch(viewer string) player {
	v.t.Helper()
	body := `{"video_id":"counter"}`
	if viewer != "" {
		body = fmt.Sprintf(`{"video_id":"counter","viewer":{"id":%q}}`, viewer)
	}
	var token handlers.Token
	v.want(http.StatusCreated, &token, "POST /v1/playback-tokens", body)
	address := token.URLs.HLS
	for strings.Contains(address, ".m3u8") {
		address = firstURI(v.t, v.client, address)
	}
	p := player{v.t, address}
	p.plays()
	return p
}

// firstURI is the first address that a playlist names.
func firstURI(t *testing.T, client *http.Client, playlist string) string {
	t.Helper()
	resp, err := client.Get(playlist)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	base, err := url.Parse(playlist)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: got %d and %v, want 200", playlist, resp.StatusCode, err)
	}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if line := lines.Text(); line != "" && !strings.HasPrefix(line, "#") {
			named, err := base.Parse(line)
			if err != nil {
				t.Fatal(err)
			}
			return named.String()
		}
	}
	t.Fatalf("%s names nothing", playlist)
	return ""
}

func (p player) ask() (status int, body string) {
	p.t.Helper()
	resp, err := http.Get(p.segment)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, string(said)
}

func (p player) plays() {
	p.t.Helper()
	if status, body := p.ask(); status != http.StatusOK {
		p.t.Fatalf("a segment is answered %d %.200s, want 200", status, body)
	}
}

func (p player) hasEnded() {
	p.t.Helper()
	if status, body := p.ask(); status != http.StatusForbidden || !strings.Contains(body, "session_ended") {
		p.t.Errorf("a segment is answered %d %.200s, want 403 session_ended", status, body)
	}
}

// sessionsWorld is a running service in front of a real gate.
func sessionsWorld(t *testing.T) (w *deployment, v apiClient, stop func() string) {
	w = newDeployment(t)
	w.must(&struct{}{}, "rotate")
	s := w.startServer("serve")
	return w, apiClient{t: t, client: http.DefaultClient, url: s.url, key: adminKey}, s.stop
}

func TestSessionsEndAtTheGateByEitherDoor(t *testing.T) {
	t.Parallel()
	w, v, stop := sessionsWorld(t)
	defer stop()
	doors := map[string]func(member, value string){
		"HTTP": func(member, value string) {
			var ended handlers.EndedSessions
			v.want(http.StatusOK, &ended, "POST /v1/projects/default/sessions/end", fmt.Sprintf(`{"reason":"test","%s":%s}`, member, value))
			if ended.Pending != nil {
				t.Errorf("pending is %q, want null", *ended.Pending)
			}
		},
		"command line": func(member, value string) {
			flag := map[string]string{"video_id": "--video"}[member]
			if flag == "" {
				flag = "--" + member
			}
			r := w.run("sessions", "end", flag+"="+strings.Trim(value, `"`), "--reason", "test")
			if r.code != exitDone || r.stdout != "the sessions have ended\n" {
				t.Errorf("sessions end %s: exit %d, %s%s", flag, r.code, r.stdout, r.stderr)
			}
		},
	}
	for name, end := range doors {
		t.Run(name, func(t *testing.T) {
			ann, bob := v.watch("ann@example.com"), v.watch("bob")
			end("viewer", `"ann@example.com"`)
			ann.hasEnded()
			bob.plays()
			end("video_id", `"counter"`)
			bob.hasEnded()
			ann, unnamed := v.watch("ann@example.com"), v.watch("")
			end("generation", "2")
			ann.plays()
			end("generation", "1")
			ann.hasEnded()
			unnamed.hasEnded()
			ann = v.watch("ann@example.com")
			end("all", "true")
			ann.hasEnded()
			v.watch("ann@example.com")
		})
	}
}

func TestARevocationEndsPlaybackByEitherDoor(t *testing.T) {
	t.Parallel()
	w, v, stop := sessionsWorld(t)
	defer stop()
	ann := v.watch("ann")
	var revoked handlers.Revocation
	v.want(http.StatusOK, &revoked, "POST /v1/projects/default/signing-keys/1/revoke", `{"reason":"stolen"}`)
	if revoked.Pending != nil {
		t.Errorf("pending is %q, want null", *revoked.Pending)
	}
	ann.hasEnded()

	eventually(t, time.Minute, func() error { // the standby signs as soon as its view of the ring is new
		if got := v.once("POST /v1/playback-tokens", `{"video_id":"counter"}`); got.status != http.StatusCreated {
			return fmt.Errorf("mint: %d %s", got.status, got.body)
		}
		return nil
	})
	bob := v.watch("bob")
	if r := w.run("keys", "revoke", "2", "--reason", "stolen"); r.code != exitDone {
		t.Errorf("keys revoke 2: exit %d, %s%s", r.code, r.stdout, r.stderr)
	}
	bob.hasEnded()
}

// TestARevocationIsPendingWhileTheGateIsAway: the caller learns that sessions may
// go on, and the next rotation ends them.
func TestARevocationIsPendingWhileTheGateIsAway(t *testing.T) {
	t.Parallel()
	w := newDeployment(t, "PLAYTOKEN_SETTLE=2s")
	w.must(&struct{}{}, "rotate")
	token := handlers.Token{}
	w.must(&token, "token", "mint", "counter")
	ann := player{t, firstURI(t, http.DefaultClient, firstURI(t, http.DefaultClient, token.URLs.HLS))}
	ann.plays()

	away := append(w.environ, "PLAYTOKEN_PLATFORM_SETTINGS=api_url=http://127.0.0.1:1")
	for _, line := range []string{"keys revoke 1 --reason stolen", "sessions end --all --reason drill"} {
		r := w.runWith(away, "", strings.Fields(line)...)
		if r.code != exitDown || !strings.Contains(r.stdout, "may go on") {
			t.Errorf("%s without the gate: exit %d, %s%s; want %d and that sessions may go on", line, r.code, r.stdout, r.stderr, exitDown)
		}
	}
	ann.plays()
	w.run("rotate")
	ann.hasEnded()
	var revoked handlers.Revocation
	if w.must(&revoked, "keys", "revoke", "1", "--reason", "again"); revoked.Pending != nil {
		t.Errorf("after the rotation, pending is %q, want null", *revoked.Pending)
	}
}
