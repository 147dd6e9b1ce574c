package web_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"playtoken/gate"
	"playtoken/gate/sample"
	"playtoken/secret"
	"playtoken/web"
	"playtoken/web/timeline"
)

const gateKey = "gate-key-for-this-test-only"

// stage is a gate with the sample video, a token service in small whose key a
// test changes at will, and the demo's page in front of both. Page and media
// have different origins, as in life.
type stage struct {
	t     *testing.T
	gate  http.Handler
	media *httptest.Server
	page  *httptest.Server

	mu   sync.Mutex
	key  *rsa.PrivateKey
	kid  string
	life time.Duration // of new tokens; negative: they have ended already
	sub  string        // the video they open

	trouble http.Handler // for segments; nil: none
}

func newStage(t *testing.T) *stage {
	t.Helper()
	media, err := sample.FS()
	if err != nil {
		t.Fatal(err)
	}
	g, err := gate.Open(gate.Config{Media: media, Data: filepath.Join(t.TempDir(), "gate.db"), APIKey: secret.New(gateKey)})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, gate: g.Handler(), life: 8 * time.Second, sub: sample.VideoID}
	s.media = httptest.NewServer(http.HandlerFunc(s.serveMedia))
	s.rotate()
	demo, err := web.Demo(web.DemoConfig{
		VideoID: sample.VideoID, Project: "default", API: http.HandlerFunc(s.mint), APIKey: secret.New(apiKey), AdminKey: secret.New(adminKey),
		Ring: s.ring, Outage: &outage{}, MediaOrigin: s.media.URL,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.page = httptest.NewServer(demo)
	t.Cleanup(func() {
		s.page.Close()
		s.media.Close()
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// rotate makes a new key, registers it and signs with it from now on. It
// returns the key id that signed until now.
func (s *stage) rotate() (old string) {
	s.t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		s.t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := json.Marshal(map[string]string{
		"name": "test", "public_key": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	var made struct{ Result struct{ ID string } }
	s.gateCall(http.MethodPost, "/v2/jwt_keys", body, &made)

	s.mu.Lock()
	defer s.mu.Unlock()
	old = s.kid
	s.key, s.kid = key, made.Result.ID
	return old
}

// endSessions deletes a key as one does that has leaked.
func (s *stage) endSessions(kid string) {
	s.gateCall(http.MethodDelete, "/v2/jwt_keys/"+kid+"?end_sessions=true", nil, nil)
}

func (s *stage) gateCall(method, path string, body []byte, into any) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.media.URL+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+gateKey)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		s.t.Fatalf("%s %s: status %d", method, path, answer.StatusCode)
	}
	if into != nil {
		if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *stage) set(life time.Duration, sub string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.life, s.sub = life, sub
}

// disturb puts a handler in front of the segments; nil takes it away.
func (s *stage) disturb(trouble http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = trouble
}

func (s *stage) serveMedia(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	trouble := s.trouble
	s.mu.Unlock()
	if trouble == nil || !strings.HasSuffix(r.URL.Path, ".m4s") {
		trouble = s.gate
	}
	trouble.ServeHTTP(w, r)
}

// mint is POST /v1/playback-tokens.
func (s *stage) mint(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().Truncate(time.Second)
	expires := now.Add(s.life)
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"sub": s.sub, "exp": expires.Unix()})
	token.Header["kid"] = s.kid
	text, err := token.SignedString(s.key)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	json.NewEncoder(w).Encode(map[string]any{
		"token": text, "video_id": sample.VideoID, "key_id": s.kid, "issued_at": now, "expires_at": expires,
		"expires_in": max(s.life, 8*time.Second).Seconds(), "refresh_at": expires.Add(-4 * time.Second),
		"urls": map[string]string{"hls": s.media.URL + "/" + sample.VideoID + "/hls.m3u8?jwt=" + text},
	})
}

// ring is a ring in mid-life.
func (s *stage) ring(context.Context) (web.Ring, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	ago := func(seconds int) time.Time { return now.Add(-time.Duration(seconds) * time.Second) }
	return web.Ring{
		Keys: []timeline.Key{
			{Generation: 4, State: "registered", KeyID: "standby00000000000000", CreatedAt: ago(5), RegisteredAt: ago(4)},
			{Generation: 3, State: "active", KeyID: s.kid, CreatedAt: ago(35), RegisteredAt: ago(34), ActivatedAt: ago(10)},
			{Generation: 2, State: "retiring", KeyID: "retiring0000000000000", CreatedAt: ago(65), RegisteredAt: ago(64), ActivatedAt: ago(40), RetiredAt: ago(10), DeleteNotBefore: ago(-12)},
			{Generation: 1, State: "deleted", KeyID: "deleted00000000000000", CreatedAt: ago(95), RegisteredAt: ago(94), ActivatedAt: ago(70), RetiredAt: ago(40), DeleteNotBefore: ago(8), DeletedAt: ago(7)},
		},
		Moves: []timeline.Move{
			{Action: "activate", Generation: 4, KeyID: "standby00000000000000", Why: "generation 3 has signed for 30s", NotBefore: ago(-20)},
			{Action: "delete", Generation: 2, KeyID: "retiring0000000000000", Why: "no token of it can still be alive", NotBefore: ago(-12)},
		},
	}, nil
}
