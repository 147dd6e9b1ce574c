package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"playtoken/gate/sample"
	"playtoken/keyrotation"
)

// gates are two processes that share a store and a Redis.
type gates struct {
	*deployment
	all   [2]*server
	key   *rsa.PrivateKey
	keyID string
}

func startGates(t *testing.T, more ...string) *gates {
	t.Helper()
	w := newDeployment(t, more...)
	media := filepath.Join(w.dir, "media")
	files, err := sample.FS()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(media, files); err != nil {
		t.Fatal(err)
	}
	w.environ = append(w.environ, "PLAYTOKEN_GATE_API_KEY="+gateKey, "PLAYTOKEN_GATE_LISTEN=127.0.0.1:0", "PLAYTOKEN_GATE_MEDIA="+media,
		"PLAYTOKEN_GATE_STORE=file:"+filepath.Join(w.dir, "play.db"), "PLAYTOKEN_GATE_DATA="+filepath.Join(w.dir, "none.db"))
	g := &gates{deployment: w}
	for i := range g.all {
		w.environ = append(w.environ, "PLAYTOKEN_AUDIT=file:"+g.record(i))
		g.all[i] = w.startServer("gate")
	}
	if g.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	public, err := keyrotation.EncodePublicKey(&g.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := json.Marshal(map[string]string{"name": "by hand", "public_key": public})
	_, text := g.call(0, "POST", "/v2/jwt_keys", string(body), gateKey)
	var made struct{ Result struct{ ID string } }
	if err := json.Unmarshal([]byte(text), &made); err != nil || made.Result.ID == "" {
		t.Fatalf("register: got %s, %v, want an id", text, err)
	}
	g.keyID = made.Result.ID
	return g
}

// record is the file of a gate's audit record.
func (g *gates) record(i int) string { return filepath.Join(g.dir, []string{"one", "two"}[i]+".jsonl") }

func (g *gates) call(gate int, method, target, body, credential string) (status int, text string) {
	g.t.Helper()
	r, err := http.NewRequestWithContext(g.t.Context(), method, g.all[gate].url+target, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	if credential != "" {
		r.Header.Set("Authorization", "Bearer "+credential)
	}
	resp, err := newClient(g.t).Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return resp.StatusCode, string(all)
}

// opens begins a stream of a viewer at a gate, and returns its ticket.
func (g *gates) opens(gate int, viewer string) string {
	g.t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"sub": sample.VideoID, "exp": time.Now().Add(time.Minute).Unix(), "viewer": viewer})
	token.Header["kid"] = g.keyID
	signed, err := token.SignedString(g.key)
	if err != nil {
		g.t.Fatal(err)
	}
	status, text := g.call(gate, "GET", "/"+sample.VideoID+"/hls.m3u8?jwt="+signed, "", "")
	_, rest, found := strings.Cut(text, "ticket=")
	if status != http.StatusOK || !found {
		g.t.Fatalf("open: got %d %s, want a ticket", status, text)
	}
	ticket, _, _ := strings.Cut(strings.ReplaceAll(rest, `"`, "\n"), "\n")
	return ticket
}

// watches fails unless a ticket is answered at a gate with the code, or 200 for
// "", within some seconds.
func (g *gates) watches(gate int, ticket, code string) {
	g.t.Helper()
	eventually(g.t, patience, func() error {
		status, text := g.call(gate, "GET", "/"+sample.VideoID+"/hls.m3u8?ticket="+ticket, "", "")
		if (code == "") == (status == http.StatusOK) && strings.Contains(text, code) {
			return nil
		}
		return fmt.Errorf("gate %d: got %d %.200s, want %q", gate, status, text, code)
	})
}

// TestGatesBoundStreamsTogether, end sessions together, and each keeps a record.
func TestGatesBoundStreamsTogether(t *testing.T) {
	t.Parallel()
	slow(t, "it starts processes")
	const viewer, other = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA"
	g := startGates(t, "PLAYTOKEN_REDIS_URL="+startRedis(t), "PLAYTOKEN_REDIS_TIMEOUT=5s", "PLAYTOKEN_GATE_STREAMS_PER_VIEWER=1")
	first, foreign := g.opens(0, viewer), g.opens(0, other)
	g.watches(0, first, "")
	second := g.opens(1, viewer)
	g.watches(0, first, "stream_limit")
	g.watches(1, second, "")
	g.watches(1, foreign, "")
	if status, text := g.call(0, "POST", "/v2/sessions/end", `{"viewer":"`+viewer+`","reason":"test"}`, gateKey); status != http.StatusOK {
		t.Fatalf("end: got %d %s, want 200", status, text)
	}
	g.watches(1, second, "session_ended")
	g.watches(0, foreign, "")
	g.call(1, "GET", "/v2/jwt_keys", "", "wrong")
	for i, wants := range [][]string{{"gate_key.register", "sessions.end", viewer}, {"authenticate"}} {
		g.all[i].stop()
		if r := g.run("audit", "verify", "--gate", g.record(i)); r.code != exitDone {
			t.Errorf("audit verify --gate: got exit %d, %s%s, want 0", r.code, r.stdout, r.stderr)
		}
		text, err := os.ReadFile(g.record(i))
		for _, want := range wants {
			if err != nil || !strings.Contains(string(text), want) {
				t.Errorf("the record of gate %d has no %s (%v):\n%s", i, want, err, text)
			}
		}
	}
}
