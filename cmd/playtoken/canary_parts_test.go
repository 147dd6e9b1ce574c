package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"

	"playtoken/handlers"
)

// oidc is a provider of viewers.
type oidc struct {
	url string
	key *rsa.PrivateKey
}

func newOIDC(c *canaries) *oidc {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		c.t.Fatal(err)
	}
	o := &oidc{key: key}
	o.url = c.outsideService("the provider", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/keys") {
			json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{KeyID: "1", Key: key.Public(), Algorithm: "RS256", Use: "sig"}}})
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"issuer": o.url, "jwks_uri": o.url + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	return o
}

// token is a viewer's.
func (o *oidc) token(t *testing.T) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: o.key, KeyID: "1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	claims, _ := json.Marshal(map[string]any{"iss": o.url, "sub": "viewer", "aud": "player", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()})
	signed, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// viewers come with tokens of their own, good ones and others, and the webhook
// says yes, or throws back what it was sent.
func (p *canaryService) viewers() {
	token, route := p.values["viewer's token"], "POST /v1/playback-tokens"
	body := `{"video_id":"counter","project_id":"` + p.id + `"}`
	bearer := func(token string) int {
		req, err := http.NewRequestWithContext(p.apiClient.t.Context(), http.MethodPost, p.url+"/v1/playback-tokens", strings.NewReader(body))
		if err != nil {
			p.apiClient.t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := p.client.Do(req)
		if err != nil {
			p.apiClient.t.Fatal(err)
		}
		defer resp.Body.Close()
		var answer json.RawMessage
		if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
			p.apiClient.t.Fatal(err)
		}
		p.transcript.note(route, resp.Header, answer)
		return resp.StatusCode
	}
	if status := bearer(token); status != http.StatusCreated {
		p.apiClient.t.Errorf("mint with a viewer's token: got status %d, want 201", status)
	}
	if status := bearer(p.know("forged viewer's token", token[:len(token)-8]+"AAAAAAAA")); status != http.StatusUnauthorized {
		p.apiClient.t.Errorf("mint with a forged viewer's token: got status %d, want 401", status)
	}
	var project handlers.Project
	p.want(http.StatusOK, &project, "GET /v1/projects/"+p.id, "")
	hook := project.ViewerPolicy.Webhook.URL
	p.want(http.StatusOK, nil, "PATCH /v1/projects/"+p.id, fmt.Sprintf(`{"viewer_policy":{"webhook":{"url":%q}}}`, strings.Replace(hook, "/ask", "/echo", 1)))
	becomes := func(want int) {
		eventually(p.apiClient.t, viewAge, func() error {
			if status := bearer(token); status != want {
				return fmt.Errorf("a viewer after the webhook was changed: %d, want %d", status, want)
			}
			return nil
		})
	}
	becomes(http.StatusForbidden)
	p.want(http.StatusOK, nil, "PATCH /v1/projects/"+p.id, fmt.Sprintf(`{"viewer_policy":{"webhook":{"url":%q}}}`, hook))
	becomes(http.StatusCreated)
}

// brokenPlatform throws the credential back in its errors.
func (p *canaryService) brokenPlatform() {
	broken := p.outsideService("the echoing platform", echo)
	var made handlers.Project
	p.want(http.StatusCreated, &made, "POST /v1/projects", onGate("broken", broken, p.plant("echoed platform key", "sent to the echoing platform")))
	path := "/v1/projects/" + made.ID
	p.await("GET "+path+"/rotation", func(got response) bool { return strings.Contains(string(got.body), `"failed"`) })
	p.ask("POST "+path+"/rotation", `{"mode":"now"}`)
	p.ask("GET "+path+"/drift", "")
	p.ask("POST /v1/rotation", `{"mode":"due"}`)
	p.ask("DELETE "+path+"/platform-keys/x", `{"reason":"test"}`)
	p.ask("PATCH "+path, onGateOnly(p.deployment.gate.URL, p.values["echoed platform key"]))
}

// verbs are the same from the command line, with environments that are wrong.
func (p *canaryService) verbs() {
	t, w := p.apiClient.t, p.deployment
	file := filepath.Join(t.TempDir(), "credential")
	if err := os.WriteFile(file, []byte(p.plant("credential of a verb")), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(more []string, stdin, args string) result {
		r := w.runWith(append(w.environ[:len(w.environ):len(w.environ)], more...), stdin, strings.Fields(args)...)
		p.transcript.add("playtoken "+args, fmt.Sprint(r.code, r.stdout, r.stderr))
		return r
	}
	for _, args := range []string{
		"doctor", "keys list", "keys show 1 -o json", "rotate", "rotate --dry-run", "project list", "project show " + p.id + " -o json", "audit verify " + filepath.Join(w.dir, "audit.jsonl"),
		"project create --name x --platform vidbeo --credential api_key=" + file, "project create --name x --platform vidbeo --credential key=" + file,
		"project create --name x --platform vidbeo --credential " + p.plain("credential as an argument"),
		"project create --name x --platform vidbeo --credential api_key=/nowhere/" + p.plain("credential as a file's name"),
		"serve --listen", "rotate --project " + p.id + " --now",
	} {
		run(nil, "", args)
	}
	var key handlers.CreatedAPIKey
	args := "api-key create --project " + p.id + " --name verb -o json"
	if err := json.Unmarshal([]byte(run(nil, "", args).stdout), &key); err != nil {
		t.Fatal(err)
	}
	p.know("API key of a verb", key.Value, "playtoken "+args)
	var token tokenView
	if r := run(nil, "", "token mint counter -o json"); json.Unmarshal([]byte(r.stdout), &token) != nil {
		t.Fatalf("exit %d, %s", r.code, r.stderr)
	}
	p.know("playback token of a verb", token.Token, "playtoken token mint counter")
	run(nil, token.Token, "token inspect -")
	run(nil, token.Token+"x", "token inspect - -o json")
	run(nil, `{"platform_credential":{"api_key":"`+p.plain("credential in broken JSON"), "project create --from -")
	for name, entry := range map[string]string{
		"short admin key": "PLAYTOKEN_ADMIN_KEY= %s", "wrong password": "PLAYTOKEN_STORE_PASSWORD=%s", "wrong secret id": "PLAYTOKEN_VAULT_SECRET_ID=%s",
		"wrong platform key": "PLAYTOKEN_PLATFORM_API_KEY=%s", "bad Redis URL": "PLAYTOKEN_REDIS_URL=redis://:%s@host:port", "no Redis URL": "PLAYTOKEN_REDIS_URL=%s",
		"a URL with a password": "PLAYTOKEN_PLATFORM_URL=https://user:%s@host/v2", "a secret for a file": "PLAYTOKEN_ADMIN_KEY_FILE=/nowhere/%s",
		"bad credentials": "PLAYTOKEN_PLATFORM_CREDENTIALS=%s", "unknown credentials": "PLAYTOKEN_PLATFORM_CREDENTIALS=x=%s",
	} {
		for _, args := range []string{"doctor", "rotate --now", "project list"} {
			if r := run([]string{fmt.Sprintf(entry, p.plain(name))}, "", args); r.code == exitUsage && r.stderr == "" && r.stdout == "" {
				t.Errorf("playtoken %s with the %s: got exit %d and no text, want text", args, name, r.code)
			}
		}
	}
}
