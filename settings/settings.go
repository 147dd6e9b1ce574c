// Package settings turns the environment into one typed value and reports all
// that is wrong with it at once.
//
// The decision a newcomer would get wrong: there is one table of settings
// (table.go). What is parsed, what help and docs/settings.md say and what
// `playtoken settings` prints are all made from it, so a new setting is one
// row there and one field here.
package settings

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"playtoken/keyrotation"
	"playtoken/secret"
)

// Settings is the environment, read and checked. Durations and limits are
// within what the packages that obey them accept.
type Settings struct {
	Listen        string        // host:port of the service
	MetricsListen string        // host:port of /metrics alone; "": it is served at Listen
	Drain         time.Duration // that a server goes on for after it was told to stop

	Console       string // "on", "off" or "": see HasConsole
	ConsoleListen string // host:port of the console alone; "": it is served at Listen

	TLS TLS // of the service, or of the gate

	StoreFile     string       // path of the file store; "": the store is Vault
	StorePassword secret.Value // encrypts the file store
	Vault         Vault

	AdminKey secret.Value // zero: there is no admin key
	APIKey   secret.Value // of the project default; zero: the environment names none

	PublicURL string    // of the service, as browsers reach it; "": unknown
	Operators Operators // how operators sign in
	Approvals []string  // which acts wait for a second operator: "revoke", "remove", "delete"
	Server    string    // of a running service that verbs use; "": verbs open the store

	AuditFile      string         // path of the audit record; "": stderr
	RedisURL       secret.Value   // of the limits that replicas share; zero: each replica counts alone
	RedisTimeout   time.Duration  // how long a request waits for Redis
	TrustedProxies []netip.Prefix // whose forwarding headers count
	PrivateTargets []netip.Prefix // private networks where issuers and webhooks may be

	Account   Account       // of the project default
	TokenTTL  time.Duration // of a token for which no lifetime was asked
	Rotation  keyrotation.Policy
	Scheduler bool // serve rotates keys by itself

	MaxStaleness time.Duration // that the gate, and memory signing, go on without the store

	Log Log

	Plaintext string   // "warn" or "refuse": what happens where a credential travels unencrypted
	Doubts    []string // what works and is hardly what was meant; a line each that begins with a setting's name

	Gate Gate
}

// TLS is where a server's certificate is. All empty: it is HTTP without TLS.
type TLS struct {
	Cert, Key string // files in PEM; both or neither
	ClientCA  string // a file of authorities; "": clients need no certificate
}

// Operators says with which identity provider operators sign in.
type Operators struct {
	Issuer       string // "": operators do not sign in
	ClientID     string
	ClientSecret secret.Value // zero: the client is public
	Roles        string       // a CEL expression over the claims of the ID token
}

// The usual mounts in Vault.
const (
	DefaultTransit = "playtoken-transit"
	DefaultKV      = "playtoken-kv"
)

// Vault is where the store is in HashiCorp Vault and how to log in there.
type Vault struct {
	Address string       // VAULT_AGENT_ADDR or VAULT_ADDR
	Token   secret.Value // VAULT_TOKEN
	Transit string       // mount of the transit engine
	KV      string       // mount of the KV v2 engine

	Method   string       // "token", "approle", "kubernetes", "jwt" or "cert"
	Path     string       // where the login method is mounted; "": at its name
	RoleID   string       // of an AppRole
	SecretID secret.Value // of an AppRole
	Role     string       // to log in as, with Kubernetes, a JWT or a certificate
	JWTFile  string       // of the JWT; "", with Kubernetes: where a pod has it
}

// Gate is what the self-hosted platform reads.
type Gate struct {
	Listen     string        // host:port
	Media      string        // folder of the videos
	Shares     bool          // its state is in a store that other gates use too
	StoreFile  string        // the file of that store; "": it is in Vault
	Data       string        // file of the keys and the session secrets, where it shares none
	APIKey     secret.Value  // for its key API
	URL        string        // how viewers reach it; "": at its address
	Forward    string        // the proxy whose forward-auth header is read; "": there is no such proxy
	Origins    []string      // of the pages whose scripts may read media
	SessionTTL time.Duration // of a session ticket

	Steering    time.Duration // between two tickets of a player that is steered; 0: none is
	SteeringMax time.Duration // after its beginning, for which a session is renewed so

	Index        string        // name of the first playlist in a video's folder
	MaxTokenLife time.Duration // the longest that a playback token may still be valid

	StreamsPerViewer int // that play at once; 0: any number
}

// Error is everything that is wrong with the environment. Each problem is one
// line that begins with the name of the setting.
type Error []error

func (e Error) Error() string {
	lines := make([]string, len(e))
	for i, problem := range e {
		lines[i] = "\n  " + problem.Error()
	}
	return "configuration:" + strings.Join(lines, "")
}

func (e Error) Unwrap() []error { return e }

// ForService reads what serve needs, and every verb that opens its store.
func ForService(environ []string) (Settings, error) {
	s, env := empty(), environment(Variables(environ))
	s.Vault.Address = env.vaultAddress()
	vault := func() bool { return s.StoreFile == "" }
	err := env.read(s.rows(), append(s.rules(), s.storeRule(), s.openlyRule(vault)))
	s.Doubts = slices.Concat(env.quoted(s.rows()), s.openly(vault()), s.exposed())
	return s, err
}

// ForClient reads what a verb needs that makes its requests to a running service.
// Rules between settings are not checked, because the service has its own.
func ForClient(environ []string) (Settings, error) {
	s := empty()
	err := environment(Variables(environ)).read(s.rows(), nil)
	return s, err
}

// ForGate reads what the gate needs; media, if not empty, takes the place of
// PLAYTOKEN_GATE_MEDIA.
func ForGate(environ []string, media string) (Settings, error) {
	if media != "" {
		environ = append(environ[:len(environ):len(environ)], "PLAYTOKEN_GATE_MEDIA="+media)
	}
	s, env := empty(), environment(Variables(environ))
	s.Vault.Address = env.vaultAddress()
	vault := func() bool { return s.Gate.Shares && s.Gate.StoreFile == "" }
	err := env.read(s.rows(), append(s.rules(), s.gateRule(), s.steeringRule(), s.gateForwardRule(), s.gateStoreRule(), s.openlyRule(vault)))
	s.Doubts = slices.Concat(env.quoted(s.rows()), s.openly(vault()), s.exposed())
	return s, err
}

// ForCheck reads what an examination of a media folder needs. Rules between
// settings are not checked.
func ForCheck(environ []string) (Gate, error) {
	s := empty()
	err := environment(Variables(environ)).read(s.rows(), nil)
	return s.Gate, err
}

// ForOperator reads what an operator of Vault needs. Other rules between settings
// are not checked, because operators log in with a VAULT_TOKEN of their own.
func ForOperator(environ []string) (Settings, error) {
	s, env := empty(), environment(Variables(environ))
	s.Vault.Address = env.vaultAddress()
	err := env.read(s.rows(), []rule{s.openlyRule(func() bool { return true })})
	return s, err
}

// vaultAddress is where Vault's own client would look for it. Everything else
// that is Vault's own, its client reads from the process's environment.
func (env environment) vaultAddress() string {
	return cmp.Or(env["VAULT_AGENT_ADDR"], env["VAULT_ADDR"])
}

// HasConsole reports whether the console is served: where the settings say so, and
// where the service listens on this machine only.
func (s *Settings) HasConsole() bool {
	host, _, _ := net.SplitHostPort(s.Listen)
	return s.Console == "on" || s.ConsoleListen != "" || s.Console == "" && onLoopback(&url.URL{Host: net.JoinHostPort(host, "0")})
}

func empty() Settings {
	return Settings{Account: Account{Settings: map[string]string{}, Credential: map[string]secret.Value{}}}
}
