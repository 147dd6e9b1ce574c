package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"playtoken/web/npmtest"
)

const nodeClient = "@api.video/nodejs-client@2.6.8"

// npmModules is the folder of a package, name@version.
func npmModules(t *testing.T, pkg string) string {
	t.Helper()
	return filepath.Join(npmtest.Packages(t, pkg), "node_modules")
}

// visit is what a user of the client does, and prints what the client made of
// our answers.
const visit = `
const Client = require('@api.video/nodejs-client');
const { BASE, KEY, PROJECT } = process.env;
const failure = async (call) => {
  try { await call(); return null; } catch (e) {
    const p = e.problemDetails ?? {};
    return { code: e.code, message: e.message, problem: p.code ?? '', type: p.type ?? '' };
  }
};
const bearer = async (token, method, path, body) => {
  const answer = await fetch(new URL(path, BASE), { method, headers: { Authorization: 'Bearer ' + token, 'Content-Type': 'application/json' }, body });
  return { status: answer.status, body: await answer.json() };
};
(async () => {
  const good = new Client({ apiKey: KEY, baseUri: BASE });
  const bad = new Client({ apiKey: 'key-of-another-service', baseUri: BASE });
  const token = await good.getAccessToken();
  const own = await bearer(token.accessToken, 'GET', '/v1/projects/' + PROJECT);
  const mint = await bearer(token.accessToken, 'POST', '/v1/playback-tokens', '{"video_id":"counter"}');
  console.log(JSON.stringify({
    type: token.tokenType, expires: token.expiresIn, refresh: Boolean(token.refreshToken),
    own: own.status, name: own.body.name, mint: mint.status, token: Boolean(mint.body.token),
    other: (await bearer(token.accessToken, 'GET', '/v1/projects/default')).status,
    forged: await bearer(token.accessToken.slice(0, -8) + 'AAAAAAAA', 'GET', '/v1/projects/' + PROJECT),
    badLogin: await failure(() => bad.getAccessToken()),
    nothing: await failure(() => good.videos.get('viDoesNotExist')),
  }));
})();`

// visited is what it prints.
type visited struct {
	Type              string
	Expires           int
	Refresh, Token    bool
	Own, Mint, Other  int
	Name              string
	Forged            struct{ Status int }
	BadLogin, Nothing *clientError
}

type clientError struct {
	Code                   any
	Message, Problem, Type string
}

func TestThePublicClientForNodeLogsInAndIsUnderstood(t *testing.T) {
	t.Parallel()
	slow(t, "it starts node")
	modules := npmModules(t, nodeClient)
	m := newTenancy(t, newDeployment(t))
	m.awaitActive()
	_, value := m.newKey("for node", "mint", "read")
	for _, base := range []string{m.admin.url, m.other.url + "/v1"} { // as it is configured, or as one would think
		node := exec.CommandContext(t.Context(), "node", "-e", visit)
		node.Env = []string{"PATH=" + os.Getenv("PATH"), "NODE_PATH=" + modules, "BASE=" + base, "KEY=" + value, "PROJECT=" + m.project}
		out, err := node.CombinedOutput()
		var got visited
		if err != nil || json.Unmarshal(out, &got) != nil {
			t.Fatalf("node: got %v, want JSON: %s", err, out)
		}
		if got.Type != "Bearer" || got.Expires != 3600 || !got.Refresh {
			t.Errorf("log in at %s: got %+v, want a bearer token for an hour and a refresh token", base, got)
		}
		if got.Own != 200 || got.Name != "second" || got.Mint != 201 || !got.Token || got.Other != 404 || got.Forged.Status != 401 {
			t.Errorf("requests with a token at %s: got %+v, want 200 for its project, 201 for a mint, 404 for another project and 401 for a forged token", base, got)
		}
		if bad := got.BadLogin; bad == nil || bad.Message != "The user credentials were incorrect." && bad.Message != "Request failed with status code 400" {
			t.Errorf("log in with a wrong key at %s: got %+v, want that the credentials are incorrect", base, bad)
		}
		if none := got.Nothing; none == nil || none.Code != 404.0 || none.Problem != "not_found" {
			t.Errorf("GET a video at %s: got %+v, want 404 not_found", base, none)
		}
	}
}
