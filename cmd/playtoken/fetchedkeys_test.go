package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"

	"playtoken/store"
)

const joseForNode = "jose@6.2.18"

// newFetchedDeployment is a deployment whose verifiers fetch its keys, and keep them for a second.
func newFetchedDeployment(t *testing.T) *deployment {
	t.Helper()
	w := newDeployment(t, "PLAYTOKEN_MAX_STALENESS=1s")
	w.environ = slices.DeleteFunc(w.environ, func(v string) bool { return strings.HasPrefix(v, "PLAYTOKEN_PLATFORM") })
	w.environ = append(w.environ, "PLAYTOKEN_PLATFORM=jws",
		`PLAYTOKEN_PLATFORM_SETTINGS=verifier_cache=1s,issuer=https://tokens.example,audience=edge,claims={"sub":"{video_id}","v":1}`)
	return w
}

// verifier is jose, which fetches the keys each second and no sooner, also when it
// sees a token of another key. It answers each line, a token, with a line of JSON.
const verifier = `
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { createInterface } from 'node:readline';
const keys = createRemoteJWKSet(new URL(process.env.KEYS), { cacheMaxAge: 1000, cooldownDuration: 3600_000 });
for await (const token of createInterface({ input: process.stdin })) {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer: 'https://tokens.example', audience: 'edge', subject: 'counter' });
    console.log(JSON.stringify({ ok: true, kid: protectedHeader.kid, sub: payload.sub, v: payload.v }));
  } catch (e) {
    console.log(JSON.stringify({ ok: false, code: e.code ?? String(e) }));
  }
}`

// verdict is what it says about one token.
type verdict struct {
	OK             bool
	Kid, Sub, Code string
	V              int
}

// startVerifier returns what asks a jose about a token, whose keys come from a URL.
func startVerifier(t *testing.T, modules, keys string) func(token string) verdict {
	t.Helper()
	return startNode(t, modules, verifier, keys)
}

// startNode returns what asks a script about a token, which finds its keys in KEYS.
func startNode(t *testing.T, modules, verifier, keys string) func(token string) verdict {
	t.Helper()
	script := filepath.Join(filepath.Dir(modules), "verifier-"+fmt.Sprint(os.Getpid(), time.Now().UnixNano())+".mjs") // beside its modules, which Node asks of imports
	if err := os.WriteFile(script, []byte(verifier), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(script) })
	node := exec.CommandContext(t.Context(), "node", script)
	node.Env, node.Stderr = []string{"PATH=" + os.Getenv("PATH"), "KEYS=" + keys}, os.Stderr
	in, err1 := node.StdinPipe()
	out, err2 := node.StdoutPipe()
	if err1 != nil || err2 != nil || node.Start() != nil {
		t.Fatalf("start node: %v, %v", err1, err2)
	}
	t.Cleanup(func() { in.Close(); node.Wait() })
	lines := bufio.NewReader(out)
	return func(token string) (got verdict) {
		t.Helper()
		fmt.Fprintln(in, token)
		line, err := lines.ReadBytes('\n')
		if err != nil || json.Unmarshal(line, &got) != nil {
			t.Fatalf("the verifier ended: %v %s", err, line)
		}
		return got
	}
}

// TestAVerifierThatFetchesKeysRefusesNoViewer: jose fetches from one replica, while
// another process rotates.
func TestAVerifierThatFetchesKeysRefusesNoViewer(t *testing.T) {
	t.Parallel()
	slow(t, "it starts node and waits for caches")
	modules := npmModules(t, joseForNode)
	w := newFetchedDeployment(t)
	w.must(&struct{}{}, "rotate")
	s, client := w.startServer("serve"), newClient(t)
	defer s.stop()
	verify := startVerifier(t, modules, s.url+"/v1/projects/default/jwks.json")
	kids := map[string]bool{}
	mint := func() tokenView {
		token, status, _, err := mintOver(t.Context(), client, s.url)
		if err != nil || status != http.StatusCreated {
			t.Fatalf("mint: got %d, %v, want 201", status, err)
		}
		return token
	}
	play := func(token tokenView) {
		if got := verify(token.Token); !got.OK || got.Sub != "counter" || got.V != 1 {
			t.Fatalf("a token of key %s: got %+v, want that it is accepted", *token.KeyID, got)
		} else {
			kids[got.Kid] = true
		}
	}
	var first tokenView
	for rotations := 0; rotations < 3; {
		token := mint()
		if play(token); rotations == 0 {
			first = token
		}
		if w.run("rotate", "--now", "--reason", "test").code != exitDone {
			continue
		}
		rotations++
		eventually(t, patience, func() error { // until the replica has seen it
			next := mint()
			if play(next); *next.KeyID == *token.KeyID {
				return fmt.Errorf("after a rotation: got a token of key %s again, want another one", *token.KeyID)
			}
			return nil
		})
	}
	play(first) // its key is retired, and still published
	if len(kids) < 4 {
		t.Errorf("got tokens of %d keys, want 4", len(kids))
	}
	w.must(&struct{}{}, "keys", "revoke", "1", "--reason", "test")
	eventually(t, patience, func() error {
		if got := verify(first.Token); got.OK || got.Code != "ERR_JWKS_NO_MATCHING_KEY" {
			return fmt.Errorf("a token of a revoked key: got %+v, want that its key is unknown", got)
		}
		return nil
	})
}

// TestJoseVerifiesTokensOfEveryKindOfKey: a project each, in one deployment.
func TestJoseVerifiesTokensOfEveryKindOfKey(t *testing.T) {
	t.Parallel()
	slow(t, "it starts node and waits for caches")
	modules := npmModules(t, joseForNode)
	w := newFetchedDeployment(t)
	s := w.startServer("serve")
	defer s.stop()
	const members = `"platform":"jws","platform_settings":{"verifier_cache":"1s","issuer":"https://tokens.example","audience":"edge","claims":"{\"sub\":\"{video_id}\",\"v\":1}"}`
	for _, kind := range []store.Kind{store.RSA3072, store.ECDSAP256, store.ECDSAP384, store.Ed25519} {
		id, made := w.projectWith(s.url, members, kind)
		if id == "" {
			t.Fatalf("create a project with %s: got %d, want 201\n%s", kind, made.code, made.stdout)
		}
		w.must(&struct{}{}, "rotate", "--project", id)
		var token tokenView
		w.must(&token, "token", "mint", "counter", "--project", id)
		if got := startVerifier(t, modules, s.url+"/v1/projects/"+id+"/jwks.json")(token.Token); !got.OK || got.V != 1 {
			t.Errorf("a token of %s: got %+v, want that it is accepted", kind, got)
		}
	}
}

// TestInspectJudgesATokenAsItsVerifierDoes: one that names an audience.
func TestInspectJudgesATokenAsItsVerifierDoes(t *testing.T) {
	t.Parallel()
	w := newFetchedDeployment(t)
	w.must(&struct{}{}, "rotate")
	var token tokenView
	w.must(&token, "token", "mint", "counter")
	at := func(more ...string) string {
		r := w.run(append([]string{"token", "inspect", token.Token}, more...)...)
		return fmt.Sprint(r.code, strings.Contains(r.stderr, "video_not_allowed"), strings.Contains(r.stderr, "audience_wrong"))
	}
	for _, c := range []struct {
		args []string
		want string
	}{{nil, "0 false false"}, {[]string{"--video", "counter"}, "0 false false"}, {[]string{"--video", "other"}, fmt.Sprint(exitRefused, " true false")}} {
		if got := at(c.args...); got != c.want {
			t.Errorf("inspect %v: got exit code, wrong video and wrong audience %s, want %s", c.args, got, c.want)
		}
	}
	w.environ = append(w.environ, "PLAYTOKEN_PLATFORM_SETTINGS=verifier_cache=1s,issuer=https://tokens.example,audience=other")
	if got, want := at(), fmt.Sprint(exitRefused, " false true"); got != want {
		t.Errorf("for another audience: got exit code, wrong video and wrong audience %s, want %s", got, want)
	}
	status, text := postWithKey(t, w, `{"token":"`+token.Token+`","at":"2100-01-01T00:00:00Z"}`)
	if status != http.StatusOK || !strings.Contains(text, `"token_expired"`) {
		t.Errorf("inspect it in the year 2100: got %d %s, want token_expired", status, text)
	}
}

// postWithKey inspects over HTTP.
func postWithKey(t *testing.T, w *deployment, body string) (status int, text string) {
	t.Helper()
	s := w.startServer("serve")
	defer s.stop()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/playback-tokens/inspect", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(frontendKey, "")
	req.Header.Set("Content-Type", "application/json")
	resp, err := newClient(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// fetchKeys is GET jwks.json.
func fetchKeys(ctx context.Context, client *http.Client, server string) (jwk.Set, *http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/v1/projects/default/jwks.json", nil)
	if err != nil {
		return nil, nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, resp, err
	}
	set, err := jwk.Parse(body)
	return set, resp, err
}

func TestOnlyProjectsWhoseVerifiersFetchPublishKeys(t *testing.T) {
	t.Parallel()
	slow(t, "it starts processes")
	handed, fetched := newDeployment(t), newFetchedDeployment(t)
	for w, want := range map[*deployment]int{handed: http.StatusNotFound, fetched: http.StatusOK} {
		w.must(&struct{}{}, "rotate")
		s, client := w.startServer("serve"), newClient(t)
		set, resp, err := fetchKeys(t.Context(), client, s.url)
		s.stop()
		if err != nil || resp.StatusCode != want {
			t.Fatalf("got %v, %v, want %d", resp, err, want)
		}
		if set == nil {
			continue
		}
		var list keyListView
		w.must(&list, "keys", "list")
		for _, k := range list.Items {
			if _, known := set.LookupKeyID(*k.KeyID); !known {
				t.Errorf("generation %d, %s, is not published under %s", k.Generation, k.State, *k.KeyID)
			}
		}
		if set.Len() != len(list.Items) || !strings.HasPrefix(resp.Header.Get("Cache-Control"), "public, max-age=") {
			t.Errorf("got %d keys and Cache-Control %q, want %d keys that may be cached", set.Len(), resp.Header.Get("Cache-Control"), len(list.Items))
		}
	}
}
