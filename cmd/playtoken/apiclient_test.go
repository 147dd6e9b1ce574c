package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"playtoken/gate"
	"playtoken/gate/sample"
	"playtoken/secret"
	"playtoken/vaultkeys"
)

// apiClient calls a service over HTTP, and retries when Retry-After says so.
type apiClient struct {
	t      *testing.T
	client *http.Client
	url    string
	key    string // empty: presents nothing
	record *transcript
}

// as is the same apiClient with another key.
func (v apiClient) as(key string) apiClient { v.key = key; return v }

// at is the same apiClient at another replica.
func (v apiClient) at(url string) apiClient { v.url = url; return v }

// response is one answer, with its headers.
type response struct {
	status int
	header http.Header
	body   []byte
}

// ask makes one request, "METHOD /path", and again if it came too soon: as
// late as it is told to, because what comes sooner counts, too.
func (v apiClient) ask(route, body string) response {
	v.t.Helper()
	for {
		got := v.once(route, body)
		wait, _ := strconv.Atoi(got.header.Get("Retry-After"))
		if got.status != http.StatusTooManyRequests {
			return got
		}
		select {
		case <-v.t.Context().Done():
			v.t.Fatalf("%s: %d until the end", route, got.status)
		case <-time.After(time.Duration(wait) * time.Second):
		}
	}
}

func (v apiClient) once(route, body string) response {
	v.t.Helper()
	method, path, _ := strings.Cut(route, " ")
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.url+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	if v.key != "" {
		req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(v.key+":")))
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := v.client.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	v.record.note(route, resp.Header, said)
	return response{resp.StatusCode, resp.Header, said}
}

// want is ask where only one status will do; into, if not nil, gets the body.
func (v apiClient) want(status int, into any, route, body string) {
	v.t.Helper()
	got := v.ask(route, body)
	if got.status != status {
		v.t.Fatalf("%s: %d, want %d: %s", route, got.status, status, got.body)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(got.body, into); err != nil {
		v.t.Fatalf("%s: %v in %s", route, err, got.body)
	}
}

// refused is want of a problem with this code.
func (v apiClient) refused(status int, code, route, body string) {
	v.t.Helper()
	if got := v.ask(route, body); !got.refuses(status, code) {
		v.t.Fatalf("%s: %d, want %d and %q: %s", route, got.status, status, code, got.body)
	}
}

// refuses reports whether this is a problem with this code.
func (r response) refuses(status int, code string) bool {
	var problem struct{ Code string }
	return r.status == status && json.Unmarshal(r.body, &problem) == nil && problem.Code == code
}

// unless makes an error of an answer that will not do.
func (r response) unless(good bool) error {
	if good {
		return nil
	}
	return fmt.Errorf("%d %s", r.status, r.body)
}

// await asks until the answer will do.
func (v apiClient) await(route string, good func(response) bool) (got response) {
	v.t.Helper()
	eventually(v.t, patience, func() error {
		got = v.ask(route, "")
		return got.unless(good(got))
	})
	return got
}

// sees asks until the answer shows what was just changed at any replica. No
// question that comes when views of it are too old may be answered from one.
func (v apiClient) sees(route, body string, good func(response) bool) {
	v.t.Helper()
	eventually(v.t, viewAge, func() error {
		got := v.ask(route, body)
		return got.unless(good(got))
	})
}

// seesRefused is refused of what was allowed until something was changed.
func (v apiClient) seesRefused(status int, code, route, body string) {
	v.t.Helper()
	v.sees(route, body, func(got response) bool { return got.refuses(status, code) })
}

// transcript keeps the responses of servers, and other texts, by where they were.
type transcript struct {
	mu    sync.Mutex
	pages []page
}

type page struct{ where, text string }

func (l *transcript) note(where string, header http.Header, body []byte) {
	if l == nil {
		return
	}
	var text bytes.Buffer
	header.Write(&text)
	text.Write(body)
	l.add(where, text.String())
}

func (l *transcript) add(where, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pages = append(l.pages, page{where, text})
}

// tells returns where a secret appeared, in any encoding.
func (l *transcript) tells(secret string) (where []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.pages {
		if shows(p.text, secret) {
			where = append(where, p.where)
		}
	}
	return where
}

func shows(text, secret string) bool {
	return slices.ContainsFunc(encodings(secret), func(s string) bool { return strings.Contains(text, s) })
}

// encodings are the ways in which a text may turn up: plain, escaped for URLs,
// in hexadecimal, and in both base64s, alone or in the middle of something.
func encodings(text string) []string {
	all := []string{text, url.QueryEscape(text), url.PathEscape(text), hex.EncodeToString([]byte(text))}
	all = append(all, strings.ToUpper(all[3]))
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for before := range 3 {
			encoded := encoding.EncodeToString(append(make([]byte, before), text...))
			all = append(all, encoded[(before*8+5)/6:(before+len(text))*8/6])
		}
	}
	return all
}

func TestASecretIsFoundInEveryEncoding(t *testing.T) {
	const hidden = "pt/secret+with=all&sorts"
	for _, text := range []string{
		"x" + hidden + "x", "?k=" + url.QueryEscape(hidden), hex.EncodeToString([]byte("x" + hidden)),
		base64.StdEncoding.EncodeToString([]byte("a" + hidden + ":")), base64.RawURLEncoding.EncodeToString([]byte("ab" + hidden + "c")),
	} {
		if !shows(text, hidden) {
			t.Errorf("shows(%q) = false, want true", text)
		}
	}
	if shows("nothing", hidden) {
		t.Error("shows() of a text without the secret = true, want false")
	}
}

// startGate is one more platform, with a key of its own.
func startGate(t *testing.T, key string) *httptest.Server {
	t.Helper()
	media, err := sample.FS()
	if err != nil {
		t.Fatal(err)
	}
	g, err := gate.Open(gate.Config{Media: media, Data: filepath.Join(t.TempDir(), "gate.db"), APIKey: secret.New(key)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g.Handler())
	t.Cleanup(func() { server.Close(); g.Close() })
	return server
}

// onGate is the body of a project whose platform is a gate.
func onGate(name, gate, key string) string {
	body, _ := json.Marshal(map[string]any{
		"name": name, "platform": "gate", "platform_credential": map[string]string{"api_key": key},
		"platform_settings": map[string]string{"url": gate},
	})
	return string(body)
}

// onEachStore runs a test on both stores. Dump returns all that a thief of the
// store would have: of Vault, every document as its root sees it.
func onEachStore(t *testing.T, test func(t *testing.T, w *deployment, dump func() []byte), more ...string) {
	t.Run("file", func(t *testing.T) {
		t.Parallel()
		w := newDeployment(t, more...)
		test(t, w, func() []byte {
			data, err := os.ReadFile(filepath.Join(w.dir, "play.db"))
			if err != nil {
				t.Fatal(err)
			}
			return data
		})
	})
	t.Run("vault", func(t *testing.T) {
		t.Parallel()
		w := newVaultDeployment(t, more...)
		w.environ = w.as(vaultkeys.Rotator)
		test(t, w.deployment, w.documents)
	})
}

// documents are all that are in Vault, one after the other.
func (w *vaultDeployment) documents() []byte {
	w.t.Helper()
	client := w.vault.Client(w.t).Logical()
	var all bytes.Buffer
	var walk func(folder string)
	walk = func(folder string) {
		list, err := client.ListWithContext(w.t.Context(), "playtoken-kv/metadata/"+folder)
		if err != nil || list == nil {
			w.t.Fatalf("list %q: %v, %v", folder, list, err)
		}
		for _, name := range list.Data["keys"].([]any) {
			path := folder + name.(string)
			if strings.HasSuffix(path, "/") {
				walk(path)
				continue
			}
			found, err := client.ReadWithContext(w.t.Context(), "playtoken-kv/data/"+path)
			if err != nil || found == nil {
				w.t.Fatalf("read %q: %v, %v", path, found, err)
			}
			data, _ := json.Marshal(found.Data)
			all.WriteString(path + " " + string(data) + "\n")
		}
	}
	walk("")
	return all.Bytes()
}

// replicas are two services on one store, in this process.
func (w *deployment) replicas() (urls [2]string, logs func() string) {
	w.t.Helper()
	var buffers [2]*logBuffer
	var stops [2]func()
	for i := range urls {
		urls[i], buffers[i], stops[i] = w.serveHere(w.environ)
	}
	stop := sync.OnceFunc(func() { stops[0](); stops[1]() })
	w.t.Cleanup(stop)
	return urls, func() string { stop(); return buffers[0].String() + buffers[1].String() }
}
