package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"playtoken/handlers"
	"playtoken/keyrotation"
)

// newCarriedDeployment is a deployment whose operator takes the keys to the verifiers.
func newCarriedDeployment(t *testing.T, more ...string) *deployment {
	t.Helper()
	w := newDeployment(t, more...)
	w.environ = slices.DeleteFunc(w.environ, func(v string) bool { return strings.HasPrefix(v, "PLAYTOKEN_PLATFORM") })
	w.environ = append(w.environ, "PLAYTOKEN_PLATFORM=jws", "PLAYTOKEN_PLATFORM_SETTINGS=publication=manual,issuer=https://tokens.example,audience=edge")
	return w
}

// carriedVerifier is jose, with the web keys that were put into a folder, one a file.
const carriedVerifier = `
import { createLocalJWKSet, jwtVerify } from 'jose';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
for await (const token of createInterface({ input: process.stdin })) {
  const keys = readdirSync(process.env.KEYS).map((file) => JSON.parse(readFileSync(process.env.KEYS + '/' + file)));
  try {
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet({ keys }), { issuer: 'https://tokens.example', audience: 'edge' });
    console.log(JSON.stringify({ ok: true, kid: protectedHeader.kid, sub: payload.sub }));
  } catch (e) {
    console.log(JSON.stringify({ ok: false, code: e.code ?? String(e) }));
  }
}`

// carry puts a key into the folder of a verifier, and confirms it.
func (w *deployment) carry(folder, generation string) {
	w.t.Helper()
	var exported struct{ JWK json.RawMessage }
	w.must(&exported, "keys", "export", generation)
	if err := os.WriteFile(filepath.Join(folder, generation), exported.JWK, 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.must(&struct{}{}, "keys", "confirm", generation, "--reason", "put into the verifier")
}

// TestAnOperatorCarriesKeys: through a first key, a rotation and a revocation, with a
// verifier that has only what was put there.
func TestAnOperatorCarriesKeys(t *testing.T) {
	t.Parallel()
	slow(t, "it starts node and waits for delays")
	modules := npmModules(t, joseForNode)
	w, folder := newCarriedDeployment(t), t.TempDir()
	verify := startNode(t, modules, carriedVerifier, folder)
	play := func(what string, generation int) string {
		t.Helper()
		var token tokenView
		w.must(&token, "token", "mint", "counter")
		if got := verify(token.Token); !got.OK || got.Sub != "counter" || got.Kid != *w.key(generation).KeyID {
			t.Fatalf("%s: got %+v, want a token of generation %d, accepted", what, got, generation)
		}
		return token.Token
	}
	if r := w.run("rotate"); r.code != exitRefused || !strings.Contains(r.stderr, "key_to_carry_due") {
		t.Fatalf("at first: got exit %d, %s, want %d and key_to_carry_due", r.code, r.stderr, exitRefused)
	}
	if r := w.run("doctor"); !strings.Contains(r.stdout, "playtoken keys export 1 --project default") {
		t.Errorf("doctor: got %s, want the command that exports the key", r.stdout)
	}
	w.carry(folder, "1")
	w.must(&struct{}{}, "rotate")
	first := play("the first key", 1)
	w.carry(folder, "2")
	if r := w.run("keys", "confirm", "2", "--reason", "once more"); r.code != exitDone {
		t.Errorf("a confirmation once more: got exit %d, %s, want 0", r.code, r.stderr)
	}
	w.rotateUntil(2)
	play("the second key", 2)
	if got := verify(first); !got.OK {
		t.Errorf("a token of the key before: got %+v, want that it is accepted", got)
	}
	if r := w.run("keys", "confirm", "1", "--removed", "--reason", "too early"); r.code != exitRefused {
		t.Errorf("the removal of a key whose tokens live: got exit %d, want %d", r.code, exitRefused)
	}
	if r := w.run("keys", "revoke", "1", "--reason", "stolen"); r.code != exitRefused || !strings.Contains(r.stdout, "taken its public key out of the verifiers") {
		t.Errorf("revoke: got exit %d, %s, want %d and what is left to do", r.code, r.stdout, exitRefused)
	}
	if r := w.run("keys", "export", "1"); r.code != exitRefused {
		t.Errorf("export of a revoked key: got exit %d, want %d", r.code, exitRefused)
	}
	if err := os.Remove(filepath.Join(folder, "1")); err != nil {
		t.Fatal(err)
	}
	w.must(&struct{}{}, "keys", "confirm", "1", "--removed", "--reason", "taken out")
	if got := verify(first); got.OK || w.key(1).WaitsFor != keyrotation.NoOperator {
		t.Errorf("a token of the removed key: got %+v, and the key waits for %q", got, w.key(1).WaitsFor)
	}
	play("after all", 2)
}

// anyKeyVerifier is jose as a verifier that asks for a type, and tries every key because
// tokens name none.
const anyKeyVerifier = `
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { createInterface } from 'node:readline';
const keys = createRemoteJWKSet(new URL(process.env.KEYS), { cacheMaxAge: 1000, cooldownDuration: 0 });
const accept = async (token) => {
  const options = { issuer: 'https://tokens.example', audience: 'edge', typ: 'at+jwt' };
  const verified = await jwtVerify(token, keys, options).catch(async (e) => {
    if (e.code !== 'ERR_JWKS_MULTIPLE_MATCHING_KEYS') throw e;
    for await (const key of e) {
      const one = await jwtVerify(token, key, options).catch(() => undefined);
      if (one) return one;
    }
    throw e;
  });
  return { ok: true, sub: verified.payload.sub, kid: verified.protectedHeader.kid ?? '' };
};
for await (const token of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await accept(token).catch((e) => ({ ok: false, code: e.code ?? String(e) }))));
}`

// TestAVerifierThatTriesEveryKeyTakesTokensWithoutAKeyID: of a type of its own, through
// a rotation.
func TestAVerifierThatTriesEveryKeyTakesTokensWithoutAKeyID(t *testing.T) {
	t.Parallel()
	slow(t, "it starts node and waits for caches")
	modules := npmModules(t, joseForNode)
	w := newFetchedDeployment(t)
	w.environ = append(w.environ, "PLAYTOKEN_PLATFORM_SETTINGS=verifier_cache=1s,issuer=https://tokens.example,audience=edge,kid=none,typ=at+jwt")
	w.must(&struct{}{}, "rotate")
	s := w.startServer("serve")
	defer s.stop()
	verify := startNode(t, modules, anyKeyVerifier, s.url+"/v1/projects/default/jwks.json")
	var tokens []string
	for _, generation := range []int{1, 2} {
		if generation == 2 {
			w.rotateUntil(2)
		}
		var token tokenView
		w.must(&token, "token", "mint", "counter")
		tokens = append(tokens, token.Token)
		for _, text := range tokens {
			if got := verify(text); !got.OK || got.Sub != "counter" || got.Kid != "" {
				t.Errorf("generation %d: got %+v, want it accepted, without a key id", generation, got)
			}
			if r := w.run("token", "inspect", text); r.code != exitDone {
				t.Errorf("inspect: got exit %d, %s, want 0", r.code, r.stderr)
			}
		}
	}
}

// key is a generation as keys show has it.
func (w *deployment) key(generation int) (key handlers.KeyDetail) {
	w.t.Helper()
	var shown keyView
	w.must(&shown, "keys", "show", string(rune('0'+generation)))
	return handlers.KeyDetail(shown)
}

// rotateUntil rotates until a generation is active.
func (w *deployment) rotateUntil(generation int) {
	w.t.Helper()
	eventually(w.t, patience, func() error {
		w.run("rotate", "--now", "--reason", "test")
		if got := w.key(generation); got.State != keyrotation.Active {
			return &apiProblem{Status: http.StatusConflict, Detail: "the key is " + string(got.State)}
		}
		return nil
	})
}
