package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"playtoken/store"
)

// kindsAndAlgorithms are the kinds of keys beside RSA, and what their tokens say.
var kindsAndAlgorithms = map[store.Kind]string{store.ECDSAP256: "ES256", store.ECDSAP384: "ES384", store.Ed25519: "EdDSA"}

// projectWith makes a project with a kind of key over HTTP, as operators do.
func (w *deployment) projectWith(server, members string, kind store.Kind) (id string, problem result) {
	w.t.Helper()
	body := fmt.Sprintf(`{"name":%q,%s,"rotation_policy":{"key_kind":%q}}`, "with "+string(kind), members, kind)
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, server+"/v1/projects", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.SetBasicAuth(adminKey, "")
	req.Header.Set("Content-Type", "application/json")
	resp, err := newClient(w.t).Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	var made struct {
		ID string `json:"project_id"`
	}
	if err != nil || json.Unmarshal(answer, &made) != nil {
		w.t.Fatalf("create a project: %d, %v\n%s", resp.StatusCode, err, answer)
	}
	return made.ID, result{code: resp.StatusCode, stdout: string(answer)}
}

// TestAGatePlaysWithKeysOfEveryKind: signed in memory and in a real Vault.
func TestAGatePlaysWithKeysOfEveryKind(t *testing.T) {
	t.Parallel()
	slow(t, "it makes keys of every kind, and starts a Vault")
	for name, open := range map[string]func(*testing.T) *deployment{
		"in memory": func(t *testing.T) *deployment { return newDeployment(t, "PLAYTOKEN_SIGNING=memory") },
		"in Vault": func(t *testing.T) *deployment {
			w := newVaultDeployment(t)
			w.environ = append(w.environ, "VAULT_TOKEN="+w.vault.RootToken)
			return w.deployment
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, client := open(t), newClient(t)
			s := w.startServer("serve")
			defer s.stop()
			members := fmt.Sprintf(`"platform":"gate","platform_settings":{"url":%q},"platform_credential":{"api_key":%q}`, w.gate.URL, gateKey)
			for kind, algorithm := range kindsAndAlgorithms {
				id, made := w.projectWith(s.url, members, kind)
				if id == "" {
					t.Fatalf("create a project with %s: got %d, want 201\n%s", kind, made.code, made.stdout)
				}
				w.must(&struct{}{}, "rotate", "--project", id)
				playing := w.minted(id)
				w.opens(client, http.StatusOK, playing)
				if got := algorithmOf(t, playing); got != algorithm {
					t.Errorf("%s: got a token of %s, want %s", kind, got, algorithm)
				}
				if list := w.run("keys", "list", "--project", id); !strings.Contains(list.stdout, string(kind)) {
					t.Errorf("keys list of %s does not say so:\n%s", kind, list.stdout)
				}
			}
		})
	}
}

// algorithmOf reads the header of the token in a URL.
func algorithmOf(t *testing.T, playing string) string {
	t.Helper()
	u, err := url.Parse(playing)
	if err != nil {
		t.Fatal(err)
	}
	header, _, _ := strings.Cut(u.Query().Get("jwt"), ".")
	var says struct{ Alg string }
	text, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil || json.Unmarshal(text, &says) != nil {
		t.Fatalf("the header %q of a token: %v", header, err)
	}
	return says.Alg
}

// TestChangingTheKindRefusesNoViewer: what was minted before goes on, and the kind of
// the environment and of a project are both obeyed.
func TestChangingTheKindRefusesNoViewer(t *testing.T) {
	t.Parallel()
	w, client := newDeployment(t, "PLAYTOKEN_KEY_KIND=ecdsa-p256"), newClient(t)
	w.must(&struct{}{}, "rotate")
	before := w.minted("default")
	w.environ = append(w.environ, "PLAYTOKEN_KEY_KIND=ed25519")
	for algorithmOf(t, w.minted("default")) != "EdDSA" {
		w.must(&struct{}{}, "rotate")
		w.opens(client, http.StatusOK, before, w.minted("default"))
	}
	w.opens(client, http.StatusOK, before, w.minted("default"))
	var shown keyView
	w.must(&shown, "keys", "show", "1")
	if shown.Kind != store.ECDSAP256 || shown.Bits != 256 {
		t.Errorf("generation 1: got kind %s of %d bits, want %s of 256", shown.Kind, shown.Bits, store.ECDSAP256)
	}
}

// TestAKindThatThePlatformDoesNotTakeIsRefused: when a project is saved, and when a
// process starts.
func TestAKindThatThePlatformDoesNotTakeIsRefused(t *testing.T) {
	t.Parallel()
	w := newDeployment(t)
	s := w.startServer("serve")
	defer s.stop()
	for name, c := range map[string]struct {
		members string
		kind    store.Kind
		says    string // of the problem
	}{
		"Vidbeo":    {`"platform":"vidbeo","platform_credential":{"api_key":"k"}`, store.Ed25519, "must be one of rsa-2048, rsa-3072, rsa-4096: platform vidbeo takes no other keys"},
		"JW Player": {`"platform":"jwplayer","platform_credential":{"signing_secret":"s"}`, store.RSA2048, "takes no signing keys of this service"},
		"api.video": {`"platform":"apivideo","platform_credential":{"api_key":"k"}`, store.RSA2048, "takes no signing keys of this service"},
		"HAProxy":   {`"platform":"jws","platform_settings":{"preset":"haproxy"}`, store.Ed25519, "ecdsa-p384: platform jws takes no other keys with these settings"},
		"no kind":   {`"platform":"jws"`, "ml-dsa-44", "must be one of rsa-2048"},
	} {
		_, got := w.projectWith(s.url, c.members, c.kind)
		if got.code != http.StatusBadRequest || !strings.Contains(got.stdout, `"rotation_policy.key_kind"`) || !strings.Contains(got.stdout, c.says) {
			t.Errorf("%s: got %d, want 400 about rotation_policy.key_kind that says %q:\n%s", name, got.code, c.says, got.stdout)
		}
	}
	refused := w.runWith(append(w.environ, "PLAYTOKEN_PLATFORM=vidbeo", "PLAYTOKEN_PLATFORM_URL=https://api.vidbeo.com/v2", "PLAYTOKEN_KEY_KIND=ecdsa-p384"), "", "keys", "list")
	if want := "PLAYTOKEN_KEY_KIND: must be one of rsa-2048"; refused.code != exitUsage || !strings.Contains(refused.stderr, want) {
		t.Errorf("the environment: exit %d, want %d and %q:\n%s", refused.code, exitUsage, want, refused.stderr)
	}
}
