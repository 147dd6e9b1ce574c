package gate_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"playtoken/gate"
	"playtoken/secret"
)

// golden replaces what chance made by what it is.
func golden(body string) string {
	body = regexp.MustCompile(`"(id|created_by|updated_by)":"[a-z0-9]{21}"`).ReplaceAllString(body, `"$1":"ID"`)
	return strings.ReplaceAll(body, strings.ReplaceAll(publicPEM(ours()), "\n", `\n`), "PEM")
}

func TestAnswersHaveVidbeosShape(t *testing.T) {
	w := open(t, films(), nil)
	key := `{"id":"ID","name":"ours","public_key":"PEM","created_by":"ID","created_time":"2026-01-02T03:04:05.678Z",` +
		`"updated_by":"ID","updated_time":"2026-01-02T03:04:05.678Z"}`
	body := fmt.Sprintf(`{"name":"ours","public_key":%q}`, publicPEM(ours()))
	for _, c := range []struct{ method, path, body, want string }{
		{"GET", "", "", `{"success":true,"result":[` + key + `],"links":{},"errors":[]}`},
		{"GET", "/" + w.keyID, "", `{"success":true,"result":` + key + `,"links":null,"errors":[]}`},
		{"POST", "", body, `{"success":true,"result":` + key + `,"links":null,"errors":[]}`},
		{"DELETE", "/" + w.keyID, "", `{"success":true,"result":{},"links":null,"errors":[]}`},
		{"GET", "/" + w.keyID, "", `{"success":false,"result":null,"links":null,"errors":[{"code":"not_found","message":"there is no key with this id"}]}`},
	} {
		a := w.api(c.method, "/v2/jwt_keys"+c.path, c.body)
		if got := golden(a.body); got != c.want {
			t.Errorf("%s %s: got\n%s\nwant\n%s", c.method, c.path, got, c.want)
		}
		if a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "no-store" || a.header.Get("X-Request-Id") == "" {
			t.Errorf("%s %s: headers are %v", c.method, c.path, a.header)
		}
	}
}

func TestAReplacedAPIKeyOpensTheKeyAPIInPlaceOfTheOneBefore(t *testing.T) {
	w := open(t, films(), nil)
	w.gate.ReplaceAPIKey(secret.New("another-" + apiKey))
	w.want(w.do("GET", "/v2/jwt_keys", "", "Authorization", "Bearer another-"+apiKey), 200, "")
	w.want(w.do("GET", "/v2/jwt_keys", "", "Authorization", "Bearer "+apiKey), 401, "unauthenticated")
}

func TestOnlyTheAPIKeyOpensTheKeyAPI(t *testing.T) {
	w := open(t, films(), nil)
	w.want(w.do("GET", "/v2/jwt_keys", "", "Authorization", "bearer "+apiKey), 200, "")
	for _, headers := range [][]string{
		{},
		{"Authorization", ""},
		{"Authorization", apiKey},
		{"Authorization", "Bearer"},
		{"Authorization", "Bearer "},
		{"Authorization", "Bearer " + apiKey + "x"},
		{"Authorization", "Bearer  " + apiKey},
		{"Authorization", "Bearer " + apiKey[1:]},
		{"Authorization", "Basic " + apiKey},
		{"Authorization", "Bearer " + apiKey, "Authorization", "Bearer " + apiKey},
		{"Authorization", "Bearer " + w.token(video, time.Minute)},
		{"X-Api-Key", apiKey},
	} {
		for _, c := range [][2]string{{"GET", ""}, {"POST", ""}, {"GET", "/" + w.keyID}, {"DELETE", "/" + w.keyID}, {"PATCH", "/x/y"}} {
			a := w.want(w.do(c[0], "/v2/jwt_keys"+c[1], "", headers...), 401, "unauthenticated")
			if !strings.Contains(a.body, `"success":false`) || a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("got %v %v", a, a.header)
			}
		}
	}
	w.want(w.api("GET", "/v2/jwt_keys/"+w.keyID, ""), 200, "") // nothing was deleted
}

func TestBadKeysAndBodiesAreRefused(t *testing.T) {
	w := open(t, films(), nil)
	good := publicPEM(ours())
	body := func(name, key string) string { return fmt.Sprintf(`{"name":%q,"public_key":%q}`, name, key) }
	for _, c := range []struct {
		name, body string
		status     int
		code       string
	}{
		{"good", body("x", good), 200, ""},
		{"the same key again", body("x", good), 200, ""},
		{"50 characters", body(strings.Repeat("é", 50), good), 200, ""},
		{"51 characters", body(strings.Repeat("é", 51), good), 400, "invalid_request"},
		{"no name", body("", good), 400, "invalid_request"},
		{"control character", body("a\nb", good), 400, "invalid_request"},
		{"no key", body("x", ""), 400, "invalid_request"},
		{"not a key", body("x", "-----BEGIN PUBLIC KEY-----..."), 400, "invalid_request"},
		{"two keys", body("x", good+good), 400, "invalid_request"},
		{"no body", "", 400, "invalid_request"},
		{"null", "null", 400, "invalid_request"},
		{"list", "[]", 400, "invalid_request"},
		{"unknown member", strings.Replace(body("x", good), "{", `{"id":"1",`, 1), 400, "invalid_request"},
		{"member twice", strings.Replace(body("x", good), "{", `{"name":"y",`, 1), 400, "invalid_request"},
		{"other case", strings.Replace(body("x", good), "name", "Name", 1), 400, "invalid_request"},
		{"more after it", body("x", good) + "{}", 400, "invalid_request"},
		{"number", strings.Replace(body("x", good), `"x"`, "7", 1), 400, "invalid_request"},
		{"invalid UTF-8", strings.Replace(body("x", good), `"x"`, "\"\xff\"", 1), 400, "invalid_request"},
		{"65 KiB", body(strings.Repeat("x", 65<<10), good), 413, "payload_too_large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{T: t, server: w.server}
			w.want(w.api("POST", "/v2/jwt_keys", c.body), c.status, c.code)
		})
	}
	w.want(w.api("DELETE", "/v2/jwt_keys/"+w.keyID+"?end_sessions=yes", ""), 400, "invalid_request")
	w.want(w.api("DELETE", "/v2/jwt_keys/"+w.keyID+"?end_session=true", ""), 400, "invalid_request")
	w.want(w.api("DELETE", "/v2/jwt_keys/short", ""), 404, "not_found")
	w.want(w.api("PATCH", "/v2/jwt_keys/"+w.keyID, ""), 404, "not_found")
	w.want(w.api("GET", "/v2/other", ""), 404, "not_found")
}

type list struct {
	Result []struct{ ID, Name string }
	Links  struct{ Next string }
}

func (w *world) list(target string) (l list) {
	w.Helper()
	a := w.want(w.api("GET", target, ""), 200, "")
	if err := json.Unmarshal([]byte(a.body), &l); err != nil {
		w.Fatal(err)
	}
	return l
}

// TestFollowingNextShowsEveryKeyOnce, while others come and go.
func TestFollowingNextShowsEveryKeyOnce(t *testing.T) {
	w := open(t, films(), nil)
	want := []string{"ours"}
	for i := range 30 {
		want = append(want, fmt.Sprint("key ", i))
		w.register(want[i+1], ours())
	}
	if n := len(w.list("/v2/jwt_keys").Result); n != 25 {
		t.Errorf("the default page has %d keys, want 25", n)
	}
	if l := w.list("/v2/jwt_keys?limit=31&cursor="); len(l.Result) != 31 || l.Links.Next != "" {
		t.Errorf("a full page has %d keys and next %q", len(l.Result), l.Links.Next)
	}
	var seen []string
	for next := "/v2/jwt_keys?limit=7"; next != ""; {
		l := w.list(next)
		for _, k := range l.Result {
			seen = append(seen, k.Name)
		}
		w.api("DELETE", "/v2/jwt_keys/"+l.Result[len(l.Result)-1].ID, "") // where the cursor stands
		if len(seen) < 20 {
			w.register("late", ours())
		}
		if next = l.Links.Next; next != "" {
			u, err := url.Parse(next)
			if err != nil || "http://"+u.Host != w.server.URL {
				t.Fatalf("next is %q, %v", next, err)
			}
			next = u.RequestURI()
		}
	}
	if got := seen[:len(want)]; !slices.Equal(got, want) {
		t.Errorf("saw %v, want %v", got, want)
	}
}

func TestPageParametersAreChecked(t *testing.T) {
	w := open(t, films(), nil)
	w.want(w.api("GET", "/v2/jwt_keys?limit=100&other=1", ""), 200, "")
	for _, query := range []string{"limit=0", "limit=-1", "limit=101", "limit=1e9", "limit=x", "limit=1&limit=2",
		"cursor=x", "cursor=AAAAAAAAAAE=", "cursor=AAAAAAAAAAF", "cursor=AAAAAAAAAAEA", "cursor=%00", "cursor=%zz"} {
		w.want(w.api("GET", "/v2/jwt_keys?"+query, ""), 400, "invalid_request")
	}
}

func TestARestartKeepsKeysSessionsAndMarks(t *testing.T) {
	w := open(t, films(), nil)
	kept := w.ticket(video)
	revoked := w.register("revoked", ours())
	w.keyID, revoked = revoked, w.keyID
	ended := w.ticket(video)
	w.want(w.api("DELETE", "/v2/jwt_keys/"+w.keyID+"?end_sessions=true", ""), 200, "")
	w.keyID = revoked
	before := w.api("GET", "/v2/jwt_keys", "").body
	w.stop()
	w.start()
	if after := w.api("GET", "/v2/jwt_keys", "").body; after != before {
		t.Errorf("got\n%s\nwant\n%s", after, before)
	}
	w.want(w.get("/film/360/0.m4s?ticket="+kept), 200, "")
	w.want(w.get("/film/360/0.m4s?ticket="+ended), 403, "session_ended")
	w.want(w.get("/film/hls.m3u8?jwt="+w.token(video, time.Minute)), 200, "")
	if info, err := os.Stat(w.config.Data); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the data file is %v, %v; want 0600", info.Mode(), err)
	}
}

// TestViewersAreServedWhileKeysChange: sessions and tokens of a key that stays
// never notice others coming and going.
func TestViewersAreServedWhileKeysChange(t *testing.T) {
	w := open(t, films(), nil)
	token, ticket := w.token(video, time.Minute), w.ticket(video)
	body := fmt.Sprintf(`{"name":"x","public_key":%q}`, publicPEM(ours()))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 10 {
				var made struct{ Result struct{ ID string } }
				a := w.api("POST", "/v2/jwt_keys", body)
				if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.status != 200 {
					t.Errorf("register: got %v, %v, want 200", a, err)
				}
				if a := w.api("DELETE", "/v2/jwt_keys/"+made.Result.ID+"?end_sessions=true", ""); a.status != 200 {
					t.Errorf("delete: got %v, want 200", a)
				}
				for _, query := range []string{"jwt=" + token, "ticket=" + ticket} {
					if a := w.get("/film/360/0.m4s?" + query); a.status != 200 {
						t.Errorf("watch: got %v, want 200", a)
					}
				}
			}
		})
	}
	group.Wait()
	if l := w.list("/v2/jwt_keys"); len(l.Result) != 1 {
		t.Errorf("%d keys are left, want 1", len(l.Result))
	}
}

func TestOneProcessOwnsTheDataFile(t *testing.T) {
	w := open(t, films(), nil)
	if g, err := gate.Open(w.config); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second gate: got %v, %v, want an error", g, err)
	}
}

// TestAClosedFileChangesNothing: the change did not happen, says so, and
// viewers are served as before.
func TestAClosedFileChangesNothing(t *testing.T) {
	w := open(t, films(), nil)
	ticket := w.ticket(video)
	w.want(w.get("/readyz"), 200, "")
	if err := w.gate.Close(); err != nil {
		t.Fatal(err)
	}
	w.want(w.api("DELETE", "/v2/jwt_keys/"+w.keyID+"?end_sessions=true", ""), 503, "unavailable")
	w.want(w.api("POST", "/v2/jwt_keys", fmt.Sprintf(`{"name":"x","public_key":%q}`, publicPEM(ours()))), 503, "unavailable")
	w.want(w.get("/film/360/0.m4s?ticket="+ticket), 200, "")
	w.want(w.get("/film/hls.m3u8?jwt="+w.token(video, time.Minute)), 200, "")
	w.want(w.get("/healthz"), 200, "")
}

func TestConfigurationErrorsAreToldTogether(t *testing.T) {
	_, err := gate.Open(gate.Config{Forward: "apache", PublicURL: "ftp://x", Origins: []string{"*", "https://a/b"}, SessionTTL: -1})
	if err == nil {
		t.Fatal("it opened")
	}
	for _, part := range []string{"forward", "public URL", "media", "data", "API key", "sessions", "origin"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not named in: %v", part, err)
		}
	}
	served := gate.Config{Media: films(), Data: t.TempDir() + "/gate.mp4", APIKey: secret.New("x")}
	if _, err := gate.Open(served); err == nil {
		t.Error("the data file may be called like media")
	}
	for _, origins := range [][]string{{"https://a.example/"}, {"a.example"}, {"https://u@a.example"}, {"*", "*"}, {""}} {
		c := gate.Config{Media: films(), Data: t.TempDir() + "/gate.db", APIKey: secret.New("x"), Origins: origins}
		if _, err := gate.Open(c); err == nil {
			t.Errorf("origins %q were taken", origins)
		}
	}
}

func TestEveryAnswerOfTheKeyAPISaysThatThisIsAGate(t *testing.T) {
	w := open(t, films(), nil)
	for _, a := range []answer{
		w.api("GET", "/v2/jwt_keys", ""), w.do("GET", "/v2/jwt_keys", ""), w.api("PUT", "/v2/jwt_keys", ""),
		w.api("GET", "/v2/jwt_keys/none", ""), w.api("POST", "/v2/jwt_keys", "{"), w.api("GET", "/v2/none", ""),
	} {
		if got := a.header.Get("Playtoken-Gate"); got != "1" {
			t.Errorf("answer %d %s: header Playtoken-Gate is %q, want 1", a.status, a.code(), got)
		}
	}
	if got := w.do("GET", "/"+video, "").header.Get("Playtoken-Gate"); got != "" {
		t.Errorf("a viewer's answer has the header Playtoken-Gate %q, want none", got)
	}
}

// TestAGateThatIsStoppingIsNotReady while it serves on.
func TestAGateThatIsStoppingIsNotReady(t *testing.T) {
	w := open(t, films(), nil)
	w.gate.Stopping()
	w.want(w.get("/readyz"), 503, "unavailable")
	w.want(w.get("/healthz"), 200, "")
	w.want(w.get("/film/hls.m3u8?jwt="+w.token(video, time.Minute)), 200, "")
}
