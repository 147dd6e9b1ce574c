package gate_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"playtoken/gate"
	"playtoken/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	apiKey = "canary-api-key-0123456789abcdef"
	video  = "film"
)

var (
	ours     = sync.OnceValue(newKey)
	stranger = sync.OnceValue(newKey)
)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

func publicPEM(key *rsa.PrivateKey) string {
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// films is a media folder with two videos and files that are not media.
func films() fstest.MapFS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"film/hls.m3u8": file("#EXTM3U\n#EXT-X-VERSION:7\n" +
			"#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"s\",NAME=\"a,URI=b\",URI=\"en/index.m3u8\"\n" +
			"#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"avc1.4d401e,mp4a.40.2\"\n360/index.m3u8\n"),
		"film/360/index.m3u8": file("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXT-X-MAP:URI=\"init.mp4\",BYTERANGE=\"5@0\"\n" +
			"#EXTINF:5,URI=\"x\"\n0.m4s\n#EXTINF:5,\n../common/1.m4s?v=2\n#EXT-X-ENDLIST\n"),
		"film/360/init.mp4":    file("init"),
		"film/360/0.m4s":       file("0123456789"),
		"film/common/1.m4s":    file("shared"),
		"film/en/index.m3u8":   file("#EXTM3U\r\n# a remark\r\n#EXTINF:5,\r\na.vtt\r\n"),
		"film/en/a.vtt":        file("WEBVTT"),
		"film/notes.txt":       file("private"),
		"film/gate.db":         file("private"),
		"film/.hidden.m4s":     file("private"),
		"film/.git/config.m4s": file("private"),
		"film/dir.m4s/x.m4s":   file("x"),
		"other/hls.m3u8":       file("#EXTM3U\n0.m4s\n"),
		"other/0.m4s":          file("other"),
		"v2/hls.m3u8":          file("#EXTM3U\n"),
		"top.m4s":              file("private"),
	}
}

// world is a gate under test with a clock of its own and one registered key.
type world struct {
	*testing.T
	config  gate.Config
	gate    *gate.Gate
	server  *httptest.Server
	elapsed atomic.Int64
	log     lockedBuffer
	keyID   string
}

// lockedBuffer collects what several goroutines write.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

var begin = time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)

func (w *world) now() time.Time          { return begin.Add(time.Duration(w.elapsed.Load())) }
func (w *world) advance(d time.Duration) { w.elapsed.Add(int64(d)) }

func open(t *testing.T, media fs.FS, change func(*gate.Config)) *world {
	t.Helper()
	w := &world{T: t}
	w.config = gate.Config{Media: media, Data: filepath.Join(t.TempDir(), "gate.db"), APIKey: secret.New(apiKey),
		Now: w.now, Log: slog.New(slog.NewJSONHandler(&w.log, nil))}
	if change != nil {
		change(&w.config)
	}
	w.start()
	t.Cleanup(w.stop)
	w.keyID = w.register("ours", ours())
	return w
}

func (w *world) start() {
	w.Helper()
	g, err := gate.Open(w.config)
	if err != nil {
		w.Fatal(err)
	}
	w.gate, w.server = g, httptest.NewServer(g.Handler())
}

func (w *world) stop() {
	w.server.Close()
	if err := w.gate.Close(); err != nil {
		w.Error(err)
	}
}

// answer is a whole response.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) code() string {
	var body struct {
		Code   string
		Errors []struct{ Code string }
	}
	_ = json.Unmarshal([]byte(a.body), &body)
	if len(body.Errors) == 1 {
		return body.Errors[0].Code
	}
	return body.Code
}

func (a answer) String() string { return fmt.Sprintf("%d %s %.300q", a.status, a.code(), a.body) }

func (w *world) do(method, target, body string, headers ...string) answer {
	w.Helper()
	r, err := http.NewRequest(method, w.server.URL+target, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := w.server.Client().Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

func (w *world) get(target string, headers ...string) answer {
	w.Helper()
	return w.do(http.MethodGet, target, "", headers...)
}

func (w *world) api(method, target, body string) answer {
	w.Helper()
	return w.do(method, target, body, "Authorization", "Bearer "+apiKey)
}

// want fails unless the answer has the status and, for refusals, the code.
func (w *world) want(a answer, status int, code string) answer {
	w.Helper()
	if a.status != status || a.code() != code {
		w.Fatalf("got %v, want %d %s", a, status, code)
	}
	if a.header.Get("X-Request-Id") == "" {
		w.Error("no X-Request-Id")
	}
	return a
}

func (w *world) register(name string, key *rsa.PrivateKey) string {
	w.Helper()
	body, _ := json.Marshal(map[string]string{"name": name, "public_key": publicPEM(key)})
	a := w.want(w.api("POST", "/v2/jwt_keys", string(body)), 200, "")
	var out struct{ Result struct{ ID string } }
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		w.Fatal(err)
	}
	return out.Result.ID
}

// token signs claims with our key, under its registered id.
func (w *world) token(subject string, life time.Duration) string {
	return sign(w.keyID, ours(), jwt.MapClaims{"sub": subject, "exp": w.now().Add(life).Unix()})
}

func sign(keyID string, key *rsa.PrivateKey, claims jwt.MapClaims) string {
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	t.Header["kid"] = keyID
	text, err := t.SignedString(key)
	if err != nil {
		panic(err)
	}
	return text
}

// links lists the URIs in a playlist, resolved against where it came from.
func links(t *testing.T, playlist, from string) (uris []string) {
	t.Helper()
	for line := range strings.Lines(playlist) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#EXT-X-M") {
			if _, rest, found := strings.Cut(line, `,URI="`); found {
				line, _, _ = strings.Cut(rest, `"`)
			} else if _, rest, found := strings.Cut(line, `:URI="`); found {
				line, _, _ = strings.Cut(rest, `"`)
			}
		}
		if line != "" && !strings.HasPrefix(line, "#") {
			uris = append(uris, resolve(t, from, line))
		}
	}
	return uris
}
