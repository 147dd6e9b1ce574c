package gate_test

import (
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"playtoken/gate"
	"playtoken/secret"
	"playtoken/store"
	"playtoken/store/storetest"
)

// shared is a gate of several on one store.
type shared struct {
	*testing.T
	gate    *gate.Gate
	handler http.Handler
}

func openShared(t *testing.T, docs store.Documents, change func(*gate.Config)) shared {
	t.Helper()
	c := gate.Config{Media: films(), Data: filepath.Join(t.TempDir(), "gate.db"), Documents: docs, APIKey: secret.New(apiKey)}
	if change != nil {
		change(&c)
	}
	g, err := gate.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return shared{T: t, gate: g, handler: g.Handler()}
}

func (s shared) close() {
	s.Helper()
	if err := s.gate.Close(); err != nil {
		s.Error(err)
	}
}

func (s shared) api(method, target, body string) answer {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+apiKey)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return answer{status: w.Code, header: w.Header(), body: w.Body.String()}
}

func (s shared) register(key *rsa.PrivateKey) string {
	s.Helper()
	body, _ := json.Marshal(map[string]string{"name": "ours", "public_key": publicPEM(key)})
	a := s.api("POST", "/v2/jwt_keys", string(body))
	var out struct{ Result struct{ ID string } }
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.status != 200 {
		s.Fatalf("register: got %v, %v, want 200", a, err)
	}
	return out.Result.ID
}

// admit opens the video with a token and returns the address of a segment, with
// its ticket.
func (s shared) admit(keyID string) string {
	s.Helper()
	token := sign(keyID, ours(), jwt.MapClaims{"sub": video, "exp": time.Now().Add(10 * time.Minute).Unix()})
	a := fetch(s.handler, "/film/hls.m3u8?jwt="+token)
	_, rest, found := strings.Cut(a.body, "360/index.m3u8?ticket=")
	ticket, _, _ := strings.Cut(rest, "\n")
	if a.status != 200 || !found {
		s.Fatalf("a token at a gate: got %v, want a playlist with tickets", a)
	}
	return "/film/360/0.m4s?ticket=" + ticket
}

func (s shared) want(target string, status int, code string) {
	s.Helper()
	if a := fetch(s.handler, target); a.status != status || a.code() != code {
		s.Fatalf("GET %.40s…: got %v, want %d %s", target, a, status, code)
	}
}

// TestSeveralGatesAreOne: keys, sessions and their ends are those of all, while
// gates are upgraded one by one for days.
func TestSeveralGatesAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := storetest.NewMemory()
		gates := []shared{openShared(t, docs, nil), openShared(t, docs, nil), openShared(t, docs, nil)}
		var watching []string
		for hour := range 30 {
			keyID := gates[hour%3].register(ours())
			for i := range gates {
				watching = append(watching, gates[(hour+i)%3].admit(keyID))
			}
			if len(watching) > 9 {
				watching = watching[len(watching)-9:]
			}
			gates[hour%3].close()
			gates[hour%3] = openShared(t, docs, nil)
			for _, g := range gates {
				for _, segment := range watching {
					g.want(segment, 200, "")
				}
			}
			if a := gates[(hour+1)%3].api("DELETE", "/v2/jwt_keys/"+keyID, ""); a.status != 200 {
				t.Fatalf("a deletion at another gate: got %v, want 200", a)
			}
			time.Sleep(time.Hour)
		}
		keyID := gates[0].register(ours())
		segment := gates[1].admit(keyID)
		if a := gates[2].api("DELETE", "/v2/jwt_keys/"+keyID+"?end_sessions=true", ""); a.status != 200 {
			t.Fatalf("a revocation: got %v, want 200", a)
		}
		time.Sleep(3 * time.Second)
		for _, g := range gates {
			g.want(segment, 403, "session_ended")
			g.close()
		}
	})
}

// TestAListGoesOnAtAnotherGate from every page.
func TestAListGoesOnAtAnotherGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := storetest.NewMemory()
		one, two := openShared(t, docs, nil), openShared(t, docs, nil)
		defer one.close()
		defer two.close()
		for range 10 {
			one.register(ours())
		}
		seen := map[string]bool{}
		gates := []shared{two, one}
		for next, page := "/v2/jwt_keys?limit=3", 0; next != ""; page++ {
			var l list
			a := gates[page%2].api("GET", next, "")
			if err := json.Unmarshal([]byte(a.body), &l); err != nil || a.status != 200 {
				t.Fatalf("page %d: got %v, %v", page, a, err)
			}
			for _, k := range l.Result {
				if seen[k.ID] {
					t.Errorf("page %d: got the key %s twice", page, k.ID)
				}
				seen[k.ID] = true
			}
			_, query, _ := strings.Cut(l.Links.Next, "?")
			if next = ""; query != "" {
				next = "/v2/jwt_keys?" + query
			}
		}
		if len(seen) != 10 {
			t.Errorf("got %d keys, want 10", len(seen))
		}
	})
}

// TestAnOutageStopsNoViewerForAWhile, and after that every viewer.
func TestAnOutageStopsNoViewerForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := storetest.NewMemory()
		g := openShared(t, docs, func(c *gate.Config) { c.MaxStaleness, c.Forward = 10*time.Minute, "nginx" })
		defer g.close()
		keyID := g.register(ours())
		segment := g.admit(keyID)
		docs.Break(storetest.Away)
		time.Sleep(9 * time.Minute)
		g.want(segment, 200, "")
		g.want(g.admit(keyID), 200, "")
		g.want("/readyz", 200, "")
		for _, c := range [][2]string{{"GET", ""}, {"GET", "/" + keyID}, {"DELETE", "/" + keyID}} {
			a := g.api(c[0], "/v2/jwt_keys"+c[1], "")
			if a.status != 503 || a.code() != "unavailable" || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, `"success":false`) {
				t.Errorf("%s %s: got %v %v, want 503 unavailable with Retry-After", c[0], c[1], a, a.header)
			}
		}
		time.Sleep(2 * time.Minute)
		g.want(segment, 503, "unavailable")
		g.want("/readyz", 503, "unavailable")
		if status := ask(g.handler, segment); status != 403 {
			t.Errorf("/auth: got %d, want 403: proxies know no other refusal", status)
		}
		docs.Break(nil)
		time.Sleep(3 * time.Second)
		g.want(segment, 200, "")
		g.want("/readyz", 200, "")
	})
}

// TestGatesTakeOverTheirDataFiles when they move to a store one after the
// other: sessions of before go on at each of them.
func TestGatesTakeOverTheirDataFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs, files := storetest.NewMemory(), []string{filepath.Join(t.TempDir(), "a.db"), filepath.Join(t.TempDir(), "b.db")}
		var segments, keyIDs []string
		for _, file := range files {
			alone := openShared(t, nil, func(c *gate.Config) { c.Data, c.Documents = file, nil })
			keyIDs = append(keyIDs, alone.register(ours()))
			segments = append(segments, alone.admit(keyIDs[len(keyIDs)-1]))
			alone.close()
		}
		var gates []shared
		for i, file := range append(files, files...) {
			g := openShared(t, docs, func(c *gate.Config) { c.Data = file })
			defer g.close()
			gates = append(gates, g)
			for _, g := range gates {
				for _, segment := range segments[:min(i+1, 2)] {
					g.want(segment, 200, "")
				}
			}
		}
		for _, keyID := range keyIDs {
			gates[0].want(gates[1].admit(keyID), 200, "")
		}
		if a := gates[0].api("GET", "/v2/jwt_keys", ""); strings.Count(a.body, `"id"`) != 2 {
			t.Errorf("got %v, want the two keys of the files, once each", a)
		}
	})
}
