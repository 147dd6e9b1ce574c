package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/secret"
	"playtoken/vaultkeys"
)

// config is the environment, read and checked. Durations and limits are
// already within what the packages that obey them accept.
type config struct {
	listen        string // host:port of the service
	metricsListen string // host:port of /metrics alone; "": it is with the rest

	storeFile     string       // path of the file store; "" means Vault
	storePassword secret.Value // seals the file store
	vaultToken    secret.Value // Vault's own VAULT_TOKEN
	vaultLogin    vaultkeys.Login
	vaultTransit  string // mount of the transit engine
	vaultKV       string // mount of the KV v2 engine

	adminKey secret.Value // zero: nobody is admin
	apiKey   secret.Value // the frontend's key for the project default; zero: none

	auditFile string         // path of the record; "": stderr
	redisURL  secret.Value   // of the shared limits; zero: each replica counts alone
	proxies   []netip.Prefix // whose forwarding headers count
	targets   []netip.Prefix // private networks where issuers and webhooks may be

	account   account       // of the project default
	tokenTTL  time.Duration // of a token that does not ask
	rotation  keyrotation.Policy
	scheduler bool // serve rotates by itself
	holdsKeys bool // keys that may leave the store are held in memory: serve's business alone

	gate gateConfig
}

// gateConfig is what the self-hosted platform reads.
type gateConfig struct {
	listen     string        // host:port
	media      string        // folder of the videos
	data       string        // file of the keys and the session secret
	apiKey     secret.Value  // opens its key API
	url        string        // how viewers reach it; "" is by its address
	forward    string        // whose forward-auth header is read; "" is nobody's
	origins    []string      // that may read media
	sessionTTL time.Duration // of a session ticket
}

// configError is everything that is wrong with the environment.
type configError []error

func (e configError) Error() string {
	lines := make([]string, len(e))
	for i, problem := range e {
		lines[i] = "\n  " + problem.Error()
	}
	return "configuration:" + strings.Join(lines, "")
}

func (e configError) Unwrap() []error { return e }

// serviceConfig reads what serve and the verbs that share its stores need.
func serviceConfig(environ []string) (config, error) {
	var c config
	err := newEnvironment(environ).read(c.variables(), append(c.rules(), c.storeRule()))
	return c, err
}

// gateOnlyConfig reads what the gate needs; media, if not empty, stands in
// for PLAYTOKEN_GATE_MEDIA.
func gateOnlyConfig(environ []string, media string) (config, error) {
	var c config
	if media != "" {
		environ = append(environ[:len(environ):len(environ)], "PLAYTOKEN_GATE_MEDIA="+media)
	}
	err := newEnvironment(environ).read(c.variables(), append(c.rules(), c.gateRule()))
	return c, err
}

// variables is the environment's table.
func (c *config) variables() []variable {
	rows := []variable{
		{name: "PLAYTOKEN_LISTEN", fallback: "127.0.0.1:8080", parse: address(&c.listen)},
		{name: "PLAYTOKEN_METRICS_LISTEN", parse: address(&c.metricsListen)},
		{name: "PLAYTOKEN_ADMIN_KEY", secret: true, parse: credential(&c.adminKey)},
		{name: "PLAYTOKEN_API_KEY", secret: true, parse: credential(&c.apiKey)},
		{name: "PLAYTOKEN_TOKEN_TTL", fallback: "10m", parse: seconds(&c.tokenTTL)},
		{name: "PLAYTOKEN_SCHEDULER", fallback: "on", parse: onOff(&c.scheduler)},
		{name: "PLAYTOKEN_AUDIT", fallback: "stderr", parse: auditAt(&c.auditFile)},
		{name: "PLAYTOKEN_REDIS_URL", secret: true, parse: redisAt(&c.redisURL)},
		{name: "PLAYTOKEN_TRUSTED_PROXIES", parse: networks(&c.proxies)},
		{name: "PLAYTOKEN_PRIVATE_TARGETS", parse: networks(&c.targets)},
	}
	for _, more := range [][]variable{c.storeVariables(), c.account.variables(), c.rotationVariables(), c.gateVariables()} {
		rows = append(rows, more...)
	}
	return rows
}

func (c *config) storeVariables() []variable {
	return []variable{
		{name: "PLAYTOKEN_STORE", fallback: "vault", parse: storeAt(&c.storeFile)},
		{name: "PLAYTOKEN_STORE_PASSWORD", secret: true, parse: credential(&c.storePassword)},
		{name: "VAULT_TOKEN", secret: true, parse: credential(&c.vaultToken)},
		{name: "PLAYTOKEN_VAULT_AUTH", fallback: "token", parse: oneOf(&c.vaultLogin.Method, "token", "approle", "kubernetes")},
		{name: "PLAYTOKEN_VAULT_AUTH_PATH", parse: mount(&c.vaultLogin.Path)},
		{name: "PLAYTOKEN_VAULT_ROLE_ID", parse: word(&c.vaultLogin.RoleID)},
		{name: "PLAYTOKEN_VAULT_SECRET_ID", secret: true, parse: credential(&c.vaultLogin.SecretID)},
		{name: "PLAYTOKEN_VAULT_ROLE", parse: word(&c.vaultLogin.Role)},
		{name: "PLAYTOKEN_VAULT_JWT_FILE", parse: text(&c.vaultLogin.JWTFile)},
		{name: "PLAYTOKEN_VAULT_TRANSIT", fallback: "playtoken-transit", parse: mount(&c.vaultTransit)},
		{name: "PLAYTOKEN_VAULT_KV", fallback: "playtoken-kv", parse: mount(&c.vaultKV)},
		{name: "PLAYTOKEN_SIGNING", parse: signing(&c.rotation.KeySpec.Exportable)},
		{name: "PLAYTOKEN_MAX_STALENESS", fallback: "1h", parse: staleness(&c.rotation)}, // after the mode, which it depends on
	}
}

func (c *config) rotationVariables() []variable {
	p := &c.rotation
	return []variable{
		{name: "PLAYTOKEN_KEY_BITS", fallback: "2048", parse: number(&p.KeySpec.Bits)},
		{name: "PLAYTOKEN_KEY_BUDGET", fallback: "10", parse: number(&p.KeyBudget)},
		{name: "PLAYTOKEN_TOKEN_MAX_TTL", fallback: "1h", parse: seconds(&p.MaxTTL)},
		{name: "PLAYTOKEN_ROTATE_EVERY", fallback: "720h", parse: duration(&p.RotateEvery)},
		{name: "PLAYTOKEN_OBSERVE_EVERY", fallback: "10m", parse: duration(&p.ObserveEvery)},
		{name: "PLAYTOKEN_PROPAGATION_DELAY", fallback: "1m", parse: duration(&p.Durations.Propagation)},
		{name: "PLAYTOKEN_CLOCK_SKEW", fallback: "1m", parse: duration(&p.Durations.Skew)},
		{name: "PLAYTOKEN_VIEW_AGE", fallback: "15s", parse: duration(&p.Durations.ViewAge)},
		{name: "PLAYTOKEN_SETTLE", fallback: "30s", parse: duration(&p.Durations.Settle)},
	}
}

func (c *config) gateVariables() []variable {
	g := &c.gate
	return []variable{
		{name: "PLAYTOKEN_GATE_LISTEN", fallback: "127.0.0.1:8081", parse: address(&g.listen)},
		{name: "PLAYTOKEN_GATE_MEDIA", parse: text(&g.media)},
		{name: "PLAYTOKEN_GATE_DATA", fallback: "gate.db", parse: text(&g.data)},
		{name: "PLAYTOKEN_GATE_API_KEY", secret: true, parse: credential(&g.apiKey)},
		{name: "PLAYTOKEN_GATE_URL", parse: base(&g.url)},
		{name: "PLAYTOKEN_GATE_FORWARD", parse: oneOf(&g.forward, "nginx", "traefik", "caddy")},
		{name: "PLAYTOKEN_GATE_ORIGINS", fallback: "*", parse: origins(&g.origins)},
		{name: "PLAYTOKEN_GATE_SESSION_TTL", fallback: "4h", parse: seconds(&g.sessionTTL)},
	}
}

// rules are the conditions between variables that hold for every verb.
func (c *config) rules() []rule {
	return []rule{
		{[]string{"PLAYTOKEN_TOKEN_TTL", "PLAYTOKEN_TOKEN_MAX_TTL"}, func() error {
			return unless(c.tokenTTL <= c.rotation.MaxTTL, "PLAYTOKEN_TOKEN_TTL: longer than PLAYTOKEN_TOKEN_MAX_TTL")
		}},
		// Of no variable: what is wrong with the others is said even if one
		// cannot be read, which counts as its default then.
		{nil, func() error { return c.rotation.Validate() }},
		{[]string{"PLAYTOKEN_API_KEY", "PLAYTOKEN_PLATFORM_API_KEY"}, func() error {
			return unless(c.apiKey.IsZero() || c.account.exists(),
				"PLAYTOKEN_API_KEY: belongs to the project default, which PLAYTOKEN_PLATFORM_API_KEY would make")
		}},
		{c.account.names(), func() error { return c.account.check(kinds()) }},
		{[]string{"PLAYTOKEN_API_KEY", "PLAYTOKEN_ADMIN_KEY"}, func() error { return c.callers().Validate() }},
	}
}

// callers are those that the environment names.
func (c *config) callers() projects.EnvironmentKeys {
	return projects.EnvironmentKeys{AdminKey: c.adminKey, APIKey: c.apiKey}
}

// storeRule: a store has to be openable.
func (c *config) storeRule() rule {
	var names []string
	for _, row := range c.storeVariables() {
		names = append(names, row.name)
	}
	return rule{names, func() error {
		if c.storeFile != "" {
			return unless(!c.storePassword.IsZero(), "PLAYTOKEN_STORE_PASSWORD: required for a file store")
		}
		return c.loginRule()
	}}
}

// loginRule: what the way to log in to Vault needs is there, and nothing of
// another way, which somebody would believe in.
func (c *config) loginRule() error {
	l := c.vaultLogin
	var problems []error
	for _, row := range []struct {
		method, name string
		set          bool
	}{
		{"token", "VAULT_TOKEN", !c.vaultToken.IsZero()},
		{"approle", "PLAYTOKEN_VAULT_ROLE_ID", l.RoleID != ""},
		{"approle", "PLAYTOKEN_VAULT_SECRET_ID", !l.SecretID.IsZero()},
		{"kubernetes", "PLAYTOKEN_VAULT_ROLE", l.Role != ""},
	} {
		switch {
		case row.method == l.Method && !row.set && l.Method == "token":
			problems = append(problems, errors.New("VAULT_TOKEN: required for the store in Vault, unless PLAYTOKEN_VAULT_AUTH says another way to log in"))
		case row.method == l.Method && !row.set:
			problems = append(problems, fmt.Errorf("%s: required for PLAYTOKEN_VAULT_AUTH=%s", row.name, row.method))
		case row.method != l.Method && row.set && row.name != "VAULT_TOKEN": // an operator's shell may have it
			problems = append(problems, fmt.Errorf("%s: is for PLAYTOKEN_VAULT_AUTH=%s", row.name, row.method))
		}
	}
	return errors.Join(problems...)
}

// gateRule: the gate has media to serve and a key that guards its keys.
func (c *config) gateRule() rule {
	return rule{[]string{"PLAYTOKEN_GATE_MEDIA", "PLAYTOKEN_GATE_API_KEY"}, func() error {
		return errors.Join(
			unless(c.gate.media != "", "PLAYTOKEN_GATE_MEDIA: required (or --media)"),
			unless(!c.gate.apiKey.IsZero(), "PLAYTOKEN_GATE_API_KEY: required"))
	}}
}

func unless(fine bool, problem string) error {
	if fine {
		return nil
	}
	return errors.New(problem)
}
