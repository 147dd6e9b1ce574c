package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"playtoken/handlers"
)

// canaries are secrets, each used in one place, and the only texts in which each
// may appear.
type canaries struct {
	t          *testing.T
	transcript *transcript
	values     map[string]string   // by name
	due        map[string][]string // where, by name
}

func newCanaries(t *testing.T) *canaries {
	return &canaries{t: t, transcript: &transcript{}, values: map[string]string{}, due: map[string][]string{}}
}

// plant makes a secret whose spellings all differ. It may be told where due
// says, each being how a page's name begins.
func (c *canaries) plant(name string, due ...string) string {
	return c.know(name, name[:2]+"/+~"+rand.Text()+"&="+rand.Text(), due...)
}

// plain is plant of one that fits into a path.
func (c *canaries) plain(name string, due ...string) string { return c.know(name, rand.Text(), due...) }

// know keeps a secret that the service or a platform has made.
func (c *canaries) know(name, value string, due ...string) string {
	if len(value) < 20 {
		c.t.Fatalf("%s: %q is no secret", name, value)
	}
	c.values[name], c.due[name] = value, due
	return value
}

// check holds everything that was ever said against every secret.
func (c *canaries) check() {
	c.t.Helper()
	for name, value := range c.values {
		for _, where := range c.transcript.tells(value) {
			told := false
			for _, due := range c.due[name] {
				told = told || strings.HasPrefix(where, due)
			}
			if !told {
				c.t.Errorf("got %s in %q, want it only in %q", name, where, c.due[name])
			}
		}
	}
	for name, due := range c.due {
		if len(due) > 0 && len(c.transcript.tells(c.values[name])) == 0 {
			c.t.Errorf("got %s in no text, want it where it is due: %q", name, due)
		}
	}
	c.t.Logf("%d secrets, %d pages", len(c.values), len(c.transcript.pages))
}

// stranger is an outside service that keeps what it is sent, and then does
// what it likes.
func (c *canaries) outsideService(name string, then http.HandlerFunc) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.transcript.note("sent to "+name, r.Header, append([]byte(r.URL.String()+"\n"), body...))
		then(w, r)
	}))
	c.t.Cleanup(server.Close)
	return server.URL
}

// echo answers with everything that it was sent, as an error.
func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Echo", r.Header.Get("Authorization"))
	w.WriteHeader(http.StatusBadRequest)
	fmt.Fprintf(w, `{"error":%q,"message":%[1]q,"code":%[1]q}`, r.Header.Get("Authorization"))
}

// plantSecrets is an environment full of secrets.
func plantSecrets(w *deployment, c *canaries) {
	platform := c.plant("platform key")
	w.gate = startGate(w.t, platform)
	w.environ = append(w.environ, "PLAYTOKEN_LOG_LEVEL=debug", "PLAYTOKEN_LOG_REQUESTS=all", "PLAYTOKEN_ADMIN_KEY="+c.plant("admin key"), "PLAYTOKEN_API_KEY="+c.plant("environment's API key"),
		"PLAYTOKEN_PLATFORM=gate", "PLAYTOKEN_PLATFORM_API_KEY="+platform, "PLAYTOKEN_PLATFORM_URL="+w.gate.URL,
		"PLAYTOKEN_REDIS_URL=redis://:"+c.plain("Redis password")+"@127.0.0.1:1/0", // where no server listens
		"PLAYTOKEN_URL=https://tokens.example.com", "PLAYTOKEN_OPERATOR_ISSUER="+c.outsideService("the operators' provider", echo),
		"PLAYTOKEN_OPERATOR_CLIENT_ID=playtoken", "PLAYTOKEN_OPERATOR_CLIENT_SECRET="+c.plant("client secret"), `PLAYTOKEN_OPERATOR_ROLES="admin"`,
		"PLAYTOKEN_AUDIT=file:"+filepath.Join(w.dir, "audit.jsonl"), "PLAYTOKEN_PRIVATE_TARGETS=127.0.0.0/8")
}

func TestSecretsAppearOnlyWhereTheyAreDue(t *testing.T) {
	t.Parallel()
	slow(t, "it calls everything there is")
	t.Run("file", func(t *testing.T) {
		t.Parallel()
		c, w := newCanaries(t), newDeploymentWithoutStore(t)
		plantSecrets(w, c)
		password := c.plant("store password")
		w.environ = append(w.environ, "PLAYTOKEN_STORE_PASSWORD="+password)
		w.createStore(password)
		w.tellsNothing(c)
	})
	t.Run("vault", func(t *testing.T) {
		t.Parallel()
		c, w := newCanaries(t), newVaultDeployment(t)
		plantSecrets(w.deployment, c)
		w.environ = w.as("rotator")
		c.know("root token", w.vault.RootToken)
		_, id, _ := strings.Cut(w.environ[len(w.environ)-1], "=")
		c.know("secret id", id)
		defer func() {
			if where := c.transcript.tells("hvs."); len(where) > 0 {
				t.Errorf("got a token of Vault in %q, want it in no text", where)
			}
		}()
		w.tellsNothing(c)
	})
}

func (w *deployment) tellsNothing(c *canaries) {
	url, logs, stop := w.serveHere(w.environ)
	admin := apiClient{t: w.t, client: newClient(w.t), url: url, key: c.values["admin key"], record: c.transcript}
	admin.await("GET /readyz", func(got response) bool { return got.status == http.StatusOK })
	p := &canaryService{apiClient: admin, canaries: c, deployment: w}
	p.project()
	p.exchanges()
	p.operators()
	p.viewers()
	p.mints()
	p.guesses()
	p.brokenPlatform()
	p.verbs()
	admin.as("").want(http.StatusOK, nil, "GET /openapi.json", "")
	if got := admin.as("").ask("GET /metrics", ""); !strings.Contains(string(got.body), "playtoken_") {
		w.t.Errorf("got the metrics %s, want series of playtoken", got.body)
	}
	admin.as("").want(http.StatusOK, nil, "GET /.well-known/jwks.json", "")
	stop()
	c.transcript.add("the logs", logs.String())
	audit, err := os.ReadFile(filepath.Join(w.dir, "audit.jsonl"))
	if err != nil || !strings.Contains(string(audit), "api_key.create") || !strings.Contains(logs.String(), "Redis is away") {
		w.t.Errorf("got %v, the audit records\n%s\nand the logs\n%s\nwant an API key made on record and Redis away in the logs", err, audit, logs)
	}
	c.transcript.add("the record", string(audit))
	c.check()
}

// canaryService is a apiClient of a service full of secrets.
type canaryService struct {
	apiClient
	*canaries
	deployment *deployment
	id, key    string // a project, and the value of an API key of it
}

// project makes one with every secret that a project can have.
func (p *canaryService) project() {
	t := p.apiClient.t
	credential := p.plant("second platform key")
	gate := startGate(t, credential)
	hook := p.outsideService("the webhook", func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "echo") {
			echo(w, r)
			return
		}
		io.WriteString(w, `{"entitled":true}`)
	})
	provider := newOIDC(p.canaries)
	body := map[string]any{
		"name": "second", "platform": "gate", "platform_credential": map[string]string{"api_key": credential},
		"platform_settings": map[string]string{"url": gate.URL},
		"viewer_policy": map[string]any{
			"issuers": []any{map[string]any{"issuer": provider.url, "audiences": []string{"player"}}},
			"webhook": map[string]any{"url": hook + "/ask"}, "webhook_secret": p.know("webhook secret", base64.StdEncoding.EncodeToString([]byte(rand.Text()))),
		},
	}
	text, _ := json.Marshal(body)
	var made handlers.Project
	p.want(http.StatusCreated, &made, "POST /v1/projects", string(text))
	p.id = made.ID
	var key handlers.CreatedAPIKey
	route := "POST /v1/projects/" + p.id + "/api-keys"
	p.want(http.StatusCreated, &key, route, `{"name":"k","scopes":["mint","keys","read"]}`)
	p.key = p.know("API key", key.Value, route)
	p.know("viewer's token", provider.token(t))
	p.await("GET /v1/projects/"+p.id+"/signing-keys", func(got response) bool { return strings.Contains(string(got.body), `"active"`) })
	for _, rest := range []string{"", "/api-keys", "/rotation", "/drift", "/signing-keys/1"} {
		p.want(http.StatusOK, nil, "GET /v1/projects/"+p.id+rest, "")
	}
	p.want(http.StatusOK, nil, "PATCH /v1/projects/"+p.id, `{"name":"again"}`)
	p.refused(http.StatusBadRequest, "invalid_request", "PATCH /v1/projects/"+p.id, `{"platform_credential":{"`+p.plain("credential as a name")+`":"x"}}`)
	p.refused(http.StatusBadRequest, "invalid_request", "PATCH /v1/projects/"+p.id, `{"platform_credential":{"api_key":"`+p.plain("bad credential")+` x"}}`)
	p.refused(http.StatusBadRequest, "invalid_request", "PATCH /v1/projects/"+p.id, `{"platform_credential":"`+p.plain("credential as text")+`"}`)
	p.refused(http.StatusBadRequest, "invalid_request", "PATCH /v1/projects/"+p.id, `{"viewer_policy":{"webhook_secret":"whsec_`+p.plain("bad webhook secret")+`!"}}`)
	p.refused(http.StatusBadRequest, "invalid_request", "PATCH /v1/projects/"+p.id, `{"platform_settings":{"url":"https://user:`+p.plain("password in a URL")+`@host/v2"},"platform_credential":{"api_key":"x"}}`)
}

func (p *canaryService) exchanges() {
	var first, second handlers.Tokens
	p.as("").want(http.StatusOK, &first, "POST /v1/auth/api-key", `{"apiKey":"`+p.key+`"}`)
	p.as("").want(http.StatusOK, &second, "POST /v1/auth/refresh", `{"refreshToken":"`+first.Refresh+`"}`)
	p.know("access token", first.Access, "POST /v1/auth/api-key")
	p.know("refresh token", first.Refresh, "POST /v1/auth/api-key")
	p.know("second access token", second.Access, "POST /v1/auth/refresh")
	p.know("second refresh token", second.Refresh, "POST /v1/auth/refresh")
	p.as(first.Access).want(http.StatusOK, nil, "GET /v1/projects/"+p.id, "")
	p.as("").refused(http.StatusBadRequest, "authentication-invalid-user-credentials", "POST /v1/auth/refresh", `{"refreshToken":"`+first.Refresh+`"}`)
	p.as(second.Access).ask("GET /v1/projects/default", "")
}

// operators makes a key for one, and begins a sign-in that fails.
func (p *canaryService) operators() {
	var made handlers.CreatedAdminKey
	p.want(http.StatusCreated, &made, "POST /v1/admin-keys", `{"name":"ann","role":"auditor"}`)
	own := p.as(p.know("named admin key", made.Value, "POST /v1/admin-keys"))
	own.want(http.StatusOK, nil, "GET /v1/projects", "")
	own.refused(http.StatusForbidden, "forbidden", "POST /v1/admin-keys", `{"name":"eve","role":"admin"}`)
	p.want(http.StatusOK, nil, "GET /v1/admin-keys", "")
	p.as("").ask("GET /v1/auth/operator/login?redirect_uri=http://127.0.0.1:1/callback&state=s&code_challenge="+strings.Repeat("x", 43), "")
	p.as("").ask("GET /v1/auth/operator/callback?state=x&code="+p.plain("provider's code"), "")
	p.as("").refused(http.StatusBadRequest, "invalid_request", "POST /v1/auth/operator/token", `{"code":"`+p.plain("code of a sign-in")+`","code_verifier":"`+p.plain("code verifier")+`"}`)
}

func (p *canaryService) mints() {
	var token tokenView
	route := "POST /v1/playback-tokens"
	p.as(p.key).want(http.StatusCreated, &token, route, `{"video_id":"counter"}`)
	p.know("playback token", token.Token, route)
	for _, body := range []string{`{"token":"` + token.Token + `"}`, `{"token":"` + token.Token[:len(token.Token)-4] + `AAAA"}`, `{"token":"` + token.Token + `","video_id":"other"}`} {
		p.as(p.key).want(http.StatusOK, nil, "POST /v1/playback-tokens/inspect", body)
	}
	p.as(p.key).ask("POST /v1/playback-tokens/inspect", `{"token":"`+token.Token+`","at":"x"}`)
	p.as(p.values["environment's API key"]).want(http.StatusCreated, nil, route, `{"video_id":"counter"}`)
}

// guesses presents wrong credentials, in every way.
func (p *canaryService) guesses() {
	for i, header := range []string{"Bearer %s", "Basic %s", "%s", "Digest %s", "Bearer %s x", "bearer  %s", "Basic " + "!%s"} {
		guess := p.plain(fmt.Sprint("guess ", i))
		req, err := http.NewRequestWithContext(p.apiClient.t.Context(), http.MethodGet, p.url+"/v1/projects/default/signing-keys", nil)
		if err != nil {
			p.apiClient.t.Fatal(err)
		}
		req.Header.Set("Authorization", fmt.Sprintf(header, guess))
		resp, err := p.client.Do(req)
		if err != nil {
			p.apiClient.t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		p.transcript.note("a guess", resp.Header, body)
		if resp.StatusCode != http.StatusUnauthorized {
			p.apiClient.t.Errorf("Authorization: %s: got status %d, want 401", header, resp.StatusCode)
		}
	}
	p.as(p.plant("guess")).refused(http.StatusUnauthorized, "unauthenticated", "POST /v1/playback-tokens", `{"video_id":"counter"}`)
	near := p.know("nearly an API key", p.key[:len(p.key)-8]+"aaaaaaaa")
	p.as(near).refused(http.StatusUnauthorized, "unauthenticated", "POST /v1/playback-tokens", `{"video_id":"counter"}`)
	p.as("").ask("POST /v1/auth/api-key", `{"apiKey":"`+p.plain("guessed key")+`"}`)
	p.as("").ask("POST /v1/auth/refresh", `{"refreshToken":"`+p.plain("guessed refresh token")+`"}`)
	p.as("").ask("POST /v1/auth/api-key", `{"apiKey":"`+p.plain("guess in broken JSON"))
	p.as("").ask("GET /v1/projects?api_key="+p.plain("guess in a query"), "")
	p.ask("GET /v1/projects?cursor="+p.plain("guess as a cursor"), "")
}
