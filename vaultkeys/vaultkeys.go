// Package vaultkeys is the production store: private keys in HashiCorp Vault's
// transit engine, which signs with them and never shows them, and documents in
// its KV engine, version 2.
//
// The decision a newcomer would get wrong: every request goes through one
// function, send, and is sent exactly once. The official client, left alone,
// repeats writes, follows redirects with the token in hand, reads answers of
// any length and takes an empty answer for success; here a write that was not
// confirmed is an error, and whoever asked for it looks before asking again.
//
// One mount of each engine is dedicated to playtoken. Nothing here makes or
// changes a mount.
package vaultkeys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"playtoken/secret"
)

// How long Vault may take to answer. VAULT_CLIENT_TIMEOUT, where it is set,
// replaces the first.
const (
	callTimeout    = 10 * time.Second
	signTimeout    = 5 * time.Second
	createTimeout  = 30 * time.Second // a 4096-bit key on a busy machine
	destroyTimeout = 30 * time.Second
	clockTimeout   = 5 * time.Second
)

// maxAnswer is the longest answer that is read: the longest document, as Vault
// spells it, and what comes with it.
const maxAnswer = 1 << 20

// Config says which Vault, and where in it. What it leaves open is taken from
// the environment as Vault's own client does: VAULT_ADDR, VAULT_CACERT,
// VAULT_NAMESPACE and so on. VAULT_MAX_RETRIES, VAULT_RATE_LIMIT and
// VAULT_WRAP_TTL are ignored: each would change what an answer means.
type Config struct {
	Address   string       // VAULT_AGENT_ADDR or VAULT_ADDR if empty; there is no default
	Namespace string       // VAULT_NAMESPACE if empty
	Token     secret.Value // VAULT_TOKEN if there is none
	Login     Login        // how to get a token, unless it is the one above
	Transit   string       // mount of the transit engine
	KV        string       // mount of the KV version 2 engine

	// Transport replaces the HTTP transport, with all that VAULT_CACERT and
	// its like ask for. Nil means the official one.
	Transport http.RoundTripper
	Log       *slog.Logger // nil means none
}

// Store is a Vault. It implements the Documents and PrivateKeys of package
// keyrotation and the PrivateKeys of package signer, and is safe for
// concurrent use.
type Store struct {
	session *session
	cluster *api.Client // without token and namespace, for what anybody may ask
	http    *http.Client
	transit string
	kv      string
	timeout time.Duration
	batches *batcher
	stop    context.CancelFunc
}

var mountName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64}){0,4}$`)

// Open reads the configuration and reports every mistake in it. It waits for
// nothing, so that a service can start, and say that it is not ready, while
// Vault is down or sealed. From then on the store logs in, renews, and logs in
// again by itself, for as long as it is open; see LoginState for how that goes.
func Open(ctx context.Context, config Config) (*Store, error) {
	config = config.withEnvironment()
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("vault configuration: %w", err)
	}
	client, settings, err := config.client()
	if err != nil {
		return nil, fmt.Errorf("vault configuration: %w", err)
	}
	return config.store(ctx, client, settings), nil
}

func (c Config) store(ctx context.Context, client *api.Client, settings *api.Config) *Store {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	client.ClearToken() // whatever VAULT_TOKEN held
	s := &Store{
		cluster: client.WithNamespace(""), http: settings.HttpClient,
		transit: c.Transit, kv: c.KV,
		timeout: callTimeout, stop: stop,
	}
	if os.Getenv(api.EnvVaultClientTimeout) != "" && settings.Timeout > 0 {
		s.timeout = settings.Timeout
	}
	// From here on the deadline of each call is its own; the client's would
	// end before the answer's body is read.
	settings.Timeout = 0
	s.batches = newBatcher(background, s.signBatch)
	s.session = &session{method: c.Login.method(), anonymous: client, ask: s.once, log: c.Log, ctx: background}
	s.session.start(c.Token.Reveal())
	return s
}

// Login says how the store is logged in.
func (s *Store) Login() LoginState { return s.session.state() }

// Close lets go of everything. Signatures that are waited for end with
// signer.ErrUnavailable, as does every later one.
func (s *Store) Close() {
	s.stop()
	s.batches.close()
	s.session.close()
	s.http.CloseIdleConnections()
}

func (c Config) withEnvironment() Config {
	if c.Address == "" {
		c.Address = os.Getenv(api.EnvVaultAgentAddr)
	}
	if c.Address == "" {
		c.Address = os.Getenv(api.EnvVaultAddress)
	}
	if c.Namespace == "" {
		c.Namespace = os.Getenv(api.EnvVaultNamespace)
	}
	if c.Token.IsZero() {
		c.Token = secret.New(os.Getenv(api.EnvVaultToken))
	}
	c.Token = secret.New(strings.TrimSpace(c.Token.Reveal()))
	c.Login = c.Login.withDefaults()
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) check() error {
	var problems []error
	if err := checkAddress(c.Address); err != nil {
		problems = append(problems, err)
	}
	for _, mount := range []string{c.Transit, c.KV} {
		if !mountName.MatchString(mount) {
			problems = append(problems, fmt.Errorf("mount %.80q: want a path like playtoken-kv, without slashes at its ends", mount))
		}
	}
	if c.Transit == c.KV {
		problems = append(problems, errors.New("transit and KV need a mount each"))
	}
	if err := c.Login.check(c.Token); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}
