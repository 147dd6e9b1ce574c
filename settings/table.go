package settings

import (
	"maps"
	"slices"
	"strings"

	"playtoken/keyrotation"
	"playtoken/platforms/all"
)

// Setting describes one setting for people.
type Setting struct {
	Name    string // of the environment variable
	Default string // in force where the variable is unset or empty; "": there is no default
	Meaning string // one or two plain sentences, without a full stop at the end
	Secret  bool   // never shown; may be given as the file that Name_FILE names
	UsedBy  string // the verbs that use it
}

// Section is a group of settings.
type Section struct {
	Title    string
	Settings []Setting
}

// variable is a row of the table: a setting, and what takes its value. A
// default is parsed like any other value.
type variable struct {
	Setting
	field keyrotation.PolicyField // that it sets, if it belongs to the rotation policy
	parse parser
	lines bool // the value may be several lines
}

// parser checks the text of a setting and stores it. Its error says what is
// wrong and never shows the text.
type parser func(text string) error

// section is a group of rows.
type section struct {
	title string
	rows  []variable
}

// What Setting.UsedBy says.
const (
	byService   = "serve"
	byGate      = "gate"
	byListeners = "serve, gate"
	byAll       = "all"              // serve, and every verb that opens the store
	byVerbs     = "verbs"            // that are requests to the API
	byCallers   = "serve, verbs"     // and verbs that make their requests to a running service
	byStore     = "all, gate"        // and the gate, where it shares a store
	byRecord    = "all, gate"        // and the gate, which keeps a record of its own
	byOperator  = "all, gate, vault" // and the verbs of Vault's operators
)

// Of reports whether a verb reads the setting: "serve", "gate", "vault", or "verbs",
// which are requests to the API.
func (s Setting) Of(verb string) bool {
	return slices.Contains(strings.Split(s.UsedBy, ", "), verb) || (verb == "serve" || verb == byVerbs) && strings.HasPrefix(s.UsedBy, byAll)
}

// Table returns every setting, in the order in which they are documented.
func Table() []Section {
	var sections []Section
	for _, s := range new(Settings).table() {
		listed := Section{Title: s.title}
		for _, row := range s.rows {
			listed.Settings = append(listed.Settings, row.Setting)
		}
		sections = append(sections, listed)
	}
	return sections
}

// table is the one table of settings. A row may depend on those before it.
func (s *Settings) table() []section {
	return []section{
		{title: "The service", rows: slices.Concat(s.listenerRows(), s.serviceRows())},
		{title: "Logs", rows: s.Log.rows()},
		{title: "The store", rows: s.storeRows()},
		{title: "Signing", rows: s.signingRows()},
		{title: "The project default", rows: s.Account.rows()},
		{title: "Tokens and rotation", rows: s.rotationRows()},
		{title: "The gate", rows: s.Gate.rows()},
	}
}

func (s *Settings) rows() (rows []variable) {
	for _, section := range s.table() {
		rows = append(rows, section.rows...)
	}
	return rows
}

func names(rows []variable) []string {
	names := make([]string, len(rows))
	for i, row := range rows {
		names[i] = row.Name
	}
	return names
}

func (s *Settings) listenerRows() []variable {
	return []variable{
		{parse: address(&s.Listen), Setting: Setting{Name: "PLAYTOKEN_LISTEN", Default: "127.0.0.1:8080", UsedBy: byService,
			Meaning: "Address of the HTTP API, host:port"}},
		{parse: address(&s.MetricsListen), Setting: Setting{Name: "PLAYTOKEN_METRICS_LISTEN", UsedBy: byListeners,
			Meaning: "Address of /metrics alone. Unset: /metrics is served with everything else"}},
		{parse: oneOf(&s.Console, "on", "off"), Setting: Setting{Name: "PLAYTOKEN_CONSOLE", UsedBy: byService,
			Meaning: "Whether the console is served at /console/: `on` or `off`. Unset: where PLAYTOKEN_LISTEN is a loopback address, or PLAYTOKEN_CONSOLE_LISTEN is set"}},
		{parse: address(&s.ConsoleListen), Setting: Setting{Name: "PLAYTOKEN_CONSOLE_LISTEN", UsedBy: byService,
			Meaning: "Address of the console alone, with the TLS of the service. Unset: it is served with everything else"}},
		{parse: drain(&s.Drain), Setting: Setting{Name: "PLAYTOKEN_DRAIN", Default: "5s", UsedBy: byListeners,
			Meaning: "How long everything is still served after SIGTERM, while /readyz responds 503, at most 10m. A second signal ends the process at once"}},
		{parse: text(&s.TLS.Cert), Setting: Setting{Name: "PLAYTOKEN_TLS_CERT", UsedBy: byListeners,
			Meaning: "File of the server's certificate and those between it and its authority, PEM; read again as it changes. Unset: HTTP without TLS. PLAYTOKEN_METRICS_LISTEN never has TLS"}},
		{parse: text(&s.TLS.Key), Setting: Setting{Name: "PLAYTOKEN_TLS_KEY", UsedBy: byListeners,
			Meaning: "File of the certificate's private key, PEM; required with it"}},
		{parse: text(&s.TLS.ClientCA), Setting: Setting{Name: "PLAYTOKEN_TLS_CLIENT_CA", UsedBy: byListeners,
			Meaning: "File of the authorities, PEM, one of which has to have signed the certificate of every client. Unset: clients need none"}},
	}
}

func (s *Settings) serviceRows() []variable {
	return []variable{
		{parse: ownKey(&s.AdminKey), Setting: Setting{Name: "PLAYTOKEN_ADMIN_KEY", Secret: true, UsedBy: byCallers,
			Meaning: "The key that may do everything, 32 characters or more. Unset: there is no admin key"}},
		{parse: ownKey(&s.APIKey), Setting: Setting{Name: "PLAYTOKEN_API_KEY", Secret: true, UsedBy: byService,
			Meaning: "A key that mints tokens for the project `default`, 32 characters or more"}},
		{parse: base(&s.PublicURL), Setting: Setting{Name: "PLAYTOKEN_URL", UsedBy: byService,
			Meaning: "How browsers reach the service; required where operators sign in"}},
		{parse: issuer(&s.Operators.Issuer), Setting: Setting{Name: "PLAYTOKEN_OPERATOR_ISSUER", UsedBy: byService,
			Meaning: "The OpenID provider with which operators sign in. Unset: they use admin keys"}},
		{parse: word(&s.Operators.ClientID), Setting: Setting{Name: "PLAYTOKEN_OPERATOR_CLIENT_ID", UsedBy: byService,
			Meaning: "The service's client id at that provider, where the redirect URI is PLAYTOKEN_URL + `/v1/auth/operator/callback`"}},
		{parse: credential(&s.Operators.ClientSecret), Setting: Setting{Name: "PLAYTOKEN_OPERATOR_CLIENT_SECRET", Secret: true, UsedBy: byService,
			Meaning: "The client's secret. Unset: the client is public"}},
		{parse: text(&s.Operators.Roles), Setting: Setting{Name: "PLAYTOKEN_OPERATOR_ROLES", UsedBy: byService,
			Meaning: "A CEL expression over `claims` that is an operator's role, `admin`, `operator` or `auditor`, or empty. A change ends all sessions"}},
		{parse: manyOf(&s.Approvals, "revoke", "remove", "delete"), Setting: Setting{Name: "PLAYTOKEN_APPROVALS", UsedBy: byAll,
			Meaning: "What waits for a second operator, separated by commas: `revoke` (of a signing key), `remove` (of a key at the platform that is not ours), `delete` (of a project). Unset: nothing"}},
		{parse: base(&s.Server), Setting: Setting{Name: "PLAYTOKEN_SERVER", UsedBy: byVerbs,
			Meaning: "URL of a running service to which verbs make their requests, with the session of playtoken login or PLAYTOKEN_ADMIN_KEY. Unset: they open the store themselves"}},
		{parse: auditAt(&s.AuditFile), Setting: Setting{Name: "PLAYTOKEN_AUDIT", Default: "stderr", UsedBy: byRecord,
			Meaning: "Where the audit record is written: `stderr` or `file:PATH`"}},
		{parse: redisAt(&s.RedisURL), Setting: Setting{Name: "PLAYTOKEN_REDIS_URL", Secret: true, UsedBy: byListeners,
			Meaning: "The Redis in which replicas count requests together: `redis://`, `redis+sentinel://` or `redis+cluster://`, with `rediss` for TLS. Unset: each replica counts alone"}},
		{parse: redisTimeout(&s.RedisTimeout), Setting: Setting{Name: "PLAYTOKEN_REDIS_TIMEOUT", Default: "50ms", UsedBy: byListeners,
			Meaning: "How long a request waits for Redis, 10ms to 5s; the replica counts alone after that, until Redis responds in time"}},
		{parse: oneOf(&s.Plaintext, "warn", "refuse"), Setting: Setting{Name: "PLAYTOKEN_PLAINTEXT", Default: "warn", UsedBy: byStore,
			Meaning: "What happens where VAULT_ADDR is plain http, or PLAYTOKEN_REDIS_URL has a password and no TLS, and the server is not on this machine: `warn`, or `refuse` to start"}},
		{parse: networks(&s.TrustedProxies), Setting: Setting{Name: "PLAYTOKEN_TRUSTED_PROXIES", UsedBy: byListeners,
			Meaning: "Networks of the proxies whose X-Forwarded-For is believed, as CIDRs separated by commas"}},
		{parse: networks(&s.PrivateTargets), Setting: Setting{Name: "PLAYTOKEN_PRIVATE_TARGETS", UsedBy: byAll,
			Meaning: "Private networks where identity providers and webhooks may be, as CIDRs separated by commas"}},
		{parse: onOff(&s.Scheduler), Setting: Setting{Name: "PLAYTOKEN_SCHEDULER", Default: "on", UsedBy: byService,
			Meaning: "Whether serve rotates keys by itself: `on`, or `off` where cron runs playtoken rotate"}},
	}
}

func (s *Settings) storeRows() []variable {
	v := &s.Vault
	return []variable{
		{parse: storeAt(&s.StoreFile), Setting: Setting{Name: "PLAYTOKEN_STORE", Default: "vault", UsedBy: byAll,
			Meaning: "Where keys and documents are kept: `vault`, or `file:PATH` for one encrypted file"}},
		{parse: credential(&s.StorePassword), Setting: Setting{Name: "PLAYTOKEN_STORE_PASSWORD", Secret: true, UsedBy: byStore,
			Meaning: "Encrypts the file store; required for it"}},
		{parse: credential(&v.Token), Setting: Setting{Name: "VAULT_TOKEN", Secret: true, UsedBy: byOperator,
			Meaning: "Vault's own variable: the token to work with, required where PLAYTOKEN_VAULT_AUTH is `token`. Vault's VAULT_ADDR and the like apply too"}},
		{parse: oneOf(&v.Method, "token", "approle", "kubernetes", "jwt", "cert"), Setting: Setting{Name: "PLAYTOKEN_VAULT_AUTH", Default: "token", UsedBy: byStore,
			Meaning: "How to log in to Vault: `token`, `approle`, `kubernetes`, `jwt` or `cert` (the TLS certificate in Vault's own VAULT_CLIENT_CERT and VAULT_CLIENT_KEY)"}},
		{parse: mount(&v.Path), Setting: Setting{Name: "PLAYTOKEN_VAULT_AUTH_PATH", UsedBy: byStore,
			Meaning: "Where the login method is mounted. Unset: at the method's name"}},
		{parse: word(&v.RoleID), Setting: Setting{Name: "PLAYTOKEN_VAULT_ROLE_ID", UsedBy: byStore,
			Meaning: "Role id of the AppRole; required for `approle`"}},
		{parse: credential(&v.SecretID), Setting: Setting{Name: "PLAYTOKEN_VAULT_SECRET_ID", Secret: true, UsedBy: byStore,
			Meaning: "Secret id of the AppRole; required for `approle`"}},
		{parse: word(&v.Role), Setting: Setting{Name: "PLAYTOKEN_VAULT_ROLE", UsedBy: byStore,
			Meaning: "Role to log in as; required for `kubernetes` and `jwt`. With `cert`, unset: Vault looks for it"}},
		{parse: text(&v.JWTFile), Setting: Setting{Name: "PLAYTOKEN_VAULT_JWT_FILE", UsedBy: byStore,
			Meaning: "File of the JWT that is read at each login with `kubernetes` or `jwt`. Unset, with `kubernetes`: where a pod has it"}},
		{parse: mount(&v.Transit), Setting: Setting{Name: "PLAYTOKEN_VAULT_TRANSIT", Default: DefaultTransit, UsedBy: byOperator,
			Meaning: "Mount of the transit engine, which holds the private keys"}},
		{parse: mount(&v.KV), Setting: Setting{Name: "PLAYTOKEN_VAULT_KV", Default: DefaultKV, UsedBy: byOperator,
			Meaning: "Mount of the KV v2 engine, which holds the documents"}},
	}
}

// signingRows are in this order because the staleness depends on the mode.
func (s *Settings) signingRows() []variable {
	return []variable{
		{parse: signing(&s.Rotation.KeySpec.Exportable), Setting: Setting{Name: "PLAYTOKEN_SIGNING", Default: "transit", UsedBy: byAll,
			Meaning: "Where signatures are made: `transit` (in the store, which private keys never leave) or `memory` (in serve, which holds the private keys in memory)"}},
		{parse: staleness(&s.MaxStaleness, &s.Rotation), Setting: Setting{Name: "PLAYTOKEN_MAX_STALENESS", Default: "1h", UsedBy: byStore,
			Meaning: "With `memory`: how long serve goes on minting while the store is down. Every deletion of a key waits that long. A gate admits viewers for that long while its store is down"},
			field: keyrotation.Staleness},
	}
}

func (a *Account) rows() []variable {
	kinds := slices.Sorted(maps.Keys(all.Kinds()))
	return []variable{
		{parse: oneOf(&a.Platform, kinds...), Setting: Setting{Name: "PLAYTOKEN_PLATFORM", Default: "vidbeo", UsedBy: byAll,
			Meaning: "Its platform: `" + strings.Join(kinds, "`, `") + "`"}},
		{parse: a.setting("url", base), Setting: Setting{Name: "PLAYTOKEN_PLATFORM_URL", UsedBy: byAll,
			Meaning: "URL of the platform's API; for `gate`: how viewers reach the gate. Unset: the platform's own"}},
		// After the platform, whose kind says what the key is called there.
		{parse: a.mainCredential, Setting: Setting{Name: "PLAYTOKEN_PLATFORM_API_KEY", Secret: true, UsedBy: byAll,
			Meaning: "The credential for the platform. It makes the project `default` exist; the project then follows the environment"}},
		{parse: a.setting("landing_url", template), Setting: Setting{Name: "PLAYTOKEN_PLATFORM_LANDING_URL", UsedBy: byAll,
			Meaning: "URL of a video's page, with {video_id} and {token} in it. Unset: the platform's own"}},
		{parse: a.setting("embed_url", template), Setting: Setting{Name: "PLAYTOKEN_PLATFORM_EMBED_URL", UsedBy: byAll,
			Meaning: "URL of a video's embedded player, with {video_id} and {token} in it. Unset: the platform's own"}},
		{parse: a.setting("hls_url", template), Setting: Setting{Name: "PLAYTOKEN_PLATFORM_HLS_URL", UsedBy: byAll,
			Meaning: "URL of a video's HLS playlist, with {video_id} and {token} in it. Unset: the platform's own"}},
		{parse: a.moreSettings, lines: true, Setting: Setting{Name: "PLAYTOKEN_PLATFORM_SETTINGS", UsedBy: byAll,
			Meaning: "Further settings of the account, name=value separated by commas"}},
		{parse: a.moreCredentials, lines: true, Setting: Setting{Name: "PLAYTOKEN_PLATFORM_CREDENTIALS", Secret: true, UsedBy: byAll,
			Meaning: "Further parts of the credential, name=value separated by commas"}},
		{parse: keyKind(&a.KeyKind), Setting: Setting{Name: "PLAYTOKEN_KEY_KIND", UsedBy: byAll,
			Meaning: "Kind of the project's signing keys: `rsa-2048`, `rsa-3072`, `rsa-4096`, `ecdsa-p256`, `ecdsa-p384` or `ed25519`. Unset: RSA of PLAYTOKEN_KEY_BITS, if the platform takes it"}},
	}
}

func (g *Gate) rows() []variable {
	return []variable{
		{parse: address(&g.Listen), Setting: Setting{Name: "PLAYTOKEN_GATE_LISTEN", Default: "127.0.0.1:8081", UsedBy: byGate,
			Meaning: "Address of the gate, host:port"}},
		{parse: text(&g.Media), Setting: Setting{Name: "PLAYTOKEN_GATE_MEDIA", UsedBy: byGate,
			Meaning: "Folder of the videos; required, here or with --media"}},
		{parse: gateStore(g), Setting: Setting{Name: "PLAYTOKEN_GATE_STORE", UsedBy: byGate,
			Meaning: "What several gates share: `vault`, or `file:PATH` for the encrypted file that PLAYTOKEN_STORE names too. Unset: the gate stands alone, with its data file"}},
		{parse: text(&g.Data), Setting: Setting{Name: "PLAYTOKEN_GATE_DATA", Default: "gate.db", UsedBy: byGate,
			Meaning: "File of the public keys and of the secrets that protect sessions. With PLAYTOKEN_GATE_STORE it is taken over once, if it exists"}},
		{parse: credential(&g.APIKey), Setting: Setting{Name: "PLAYTOKEN_GATE_API_KEY", Secret: true, UsedBy: byGate,
			Meaning: "The credential for the gate's key API, 32 characters or more; required"}},
		{parse: base(&g.URL), Setting: Setting{Name: "PLAYTOKEN_GATE_URL", UsedBy: byGate,
			Meaning: "How viewers reach the gate. Needed behind a proxy that ends TLS, or cookies are not Secure. Unset: at its address"}},
		{parse: oneOf(&g.Forward, "nginx", "ingress-nginx", "haproxy", "caddy", "traefik", "envoy", "mediamtx"), Setting: Setting{Name: "PLAYTOKEN_GATE_FORWARD", UsedBy: byGate,
			Meaning: "The proxy that asks /auth: `nginx`, `ingress-nginx`, `haproxy`, `caddy`, `traefik` or `envoy`; or `mediamtx`. Unset: /auth refuses everything"}},
		{parse: origins(&g.Origins), Setting: Setting{Name: "PLAYTOKEN_GATE_ORIGINS", Default: "*", UsedBy: byGate,
			Meaning: "Origins of the pages whose scripts may read media, separated by commas; `*`: every page"}},
		{parse: seconds(&g.SessionTTL), Setting: Setting{Name: "PLAYTOKEN_GATE_SESSION_TTL", Default: "4h", UsedBy: byGate,
			Meaning: "How long a viewer's session lasts"}},
		{parse: seconds(&g.Steering), Setting: Setting{Name: "PLAYTOKEN_GATE_STEERING", UsedBy: byGate,
			Meaning: "How often hls.js renews its session by HLS content steering, without code in the page: from 1m to a third of PLAYTOKEN_GATE_SESSION_TTL. Unset: sessions are not renewed"}},
		{parse: seconds(&g.SteeringMax), Setting: Setting{Name: "PLAYTOKEN_GATE_STEERING_MAX", Default: "12h", UsedBy: byGate,
			Meaning: "How long after its beginning a session can be renewed by PLAYTOKEN_GATE_STEERING"}},
		{parse: playlistName(&g.Index), Setting: Setting{Name: "PLAYTOKEN_GATE_INDEX", Default: "hls.m3u8", UsedBy: byGate,
			Meaning: "Name of the first playlist in the folder of a video"}},
		{parse: seconds(&g.MaxTokenLife), Setting: Setting{Name: "PLAYTOKEN_GATE_MAX_TOKEN_LIFE", Default: "24h", UsedBy: byGate,
			Meaning: "The gate refuses a playback token that stays valid for longer than this"}},
		{parse: number(&g.StreamsPerViewer), Setting: Setting{Name: "PLAYTOKEN_GATE_STREAMS_PER_VIEWER", UsedBy: byGate,
			Meaning: "How many streams one viewer may watch at once; where one more begins, the one watched least recently ends. Gates share the count through PLAYTOKEN_REDIS_URL. Unset: any number"}},
	}
}
