package handlers_test

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"playtoken/web/npmtest"
)

// sdk is a public client that has to work with this service.
const sdk = "@api.video/nodejs-client@2.6.8"

// script prints what the client understood, one line for each attempt.
const script = `
const Client = require('@api.video/nodejs-client');
const [base, good] = process.argv.slice(2);
const attempt = async (what, call) => {
  try {
    const t = await call();
    console.log(what, t.tokenType, t.expiresIn, t.accessToken, t.refreshToken);
  } catch (e) {
    console.log(what, e.code, e.message, e.problemDetails && e.problemDetails.type.split('/').pop(), e.problemDetails && e.problemDetails.name);
  }
};
(async () => {
  const client = new Client({ apiKey: good, baseUri: base });
  const { default: Authentication } = require('@api.video/nodejs-client/lib/api/AdvancedAuthenticationApi');
  client.advancedAuthentication = new Authentication(client.httpClient);
  await attempt('own', () => client.getAccessToken());
  await attempt('authenticate', () => client.advancedAuthentication.authenticate({ apiKey: good }));
  await attempt('refresh', () => client.advancedAuthentication.refresh({ refreshToken: 'refresh-1' }));
  await attempt('bad key', () => client.advancedAuthentication.authenticate({ apiKey: 'guess' }));
  await attempt('bad token', () => client.advancedAuthentication.refresh({ refreshToken: 'guess' }));
})();`

func TestThePublicClientUnderstandsTheResponses(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skipf("NOT TESTED with %s: %v", sdk, err)
	}
	modules := filepath.Join(npmtest.Packages(t, sdk), "node_modules")
	d, done := deploy(t)
	defer done()
	server := httptest.NewServer(d)
	defer server.Close()
	file := filepath.Join(t.TempDir(), "client.js")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, file, server.URL, d.keys["mint"])
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "NODE_PATH=" + modules}
	out, err := cmd.CombinedOutput()
	const want = `own Bearer 3600 aaa.bbb.ccc refresh-1
authenticate Bearer 3600 aaa.bbb.ccc refresh-1
refresh Bearer 3600 aaa.bbb.ccc refresh-1
bad key 400 The user credentials were incorrect. authentication-invalid-user-credentials apiKey
bad token 400 The user credentials were incorrect. authentication-invalid-user-credentials refreshToken
`
	if err != nil || string(out) != want {
		t.Errorf("client's script: got %v and\n%s\nwant\n%s", err, out, want)
	}
}
