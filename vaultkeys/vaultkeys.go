// Package vaultkeys is the store for production: private keys in HashiCorp
// Vault's transit engine, which signs with them and does not reveal them, and
// documents in version 2 of its KV engine.
//
// The decision a newcomer would get wrong: every request goes through one
// function, send, and is sent exactly once, or again if Vault said that it did
// nothing. The official client, by default, repeats writes, follows redirects with
// the token, reads responses of any length and takes an empty response for a success.
// Here a write that Vault did not confirm is an error, and the caller reads before it
// writes again.
//
// One mount of each engine is dedicated to playtoken. Only Setup creates or
// changes mounts.
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

// How long Vault may take to respond. VAULT_CLIENT_TIMEOUT replaces callTimeout.
const (
	callTimeout    = 10 * time.Second
	signTimeout    = 5 * time.Second
	createTimeout  = 30 * time.Second // a 4096-bit key on a busy machine
	destroyTimeout = 30 * time.Second
	clockTimeout   = 5 * time.Second
)

// maxResponse is the longest response that is read: the longest document, as
// Vault encodes it, with its metadata.
const maxResponse = 1 << 20

// Config selects a Vault and the mounts in it. Zero fields are read from the
// environment as Vault's own client does: VAULT_ADDR, VAULT_CACERT,
// VAULT_NAMESPACE and so on. VAULT_MAX_RETRIES, VAULT_RATE_LIMIT and
// VAULT_WRAP_TTL are ignored, because each would change what a response means.
type Config struct {
	Address   string       // if empty, VAULT_AGENT_ADDR or VAULT_ADDR; there is no default
	Namespace string       // if empty, VAULT_NAMESPACE
	Token     secret.Value // if zero, VAULT_TOKEN
	Login     Login        // how to obtain a token; the zero Login uses Token
	Transit   string       // mount of the transit engine
	KV        string       // mount of the KV version 2 engine

	// Transport replaces the HTTP transport and with it the effects of
	// VAULT_CACERT and similar variables. Nil: the transport of Vault's client.
	Transport http.RoundTripper
	Log       *slog.Logger // nil: no log
}

// Store keeps documents and private keys in a Vault. It implements Documents and
// PrivateKeys of package store, and PrivateKeys and Exporter of package signer,
// and is safe for concurrent use.
type Store struct {
	session *session
	cluster *api.Client // without token and namespace, for what needs neither
	http    *http.Client
	seen    *seen
	transit string
	kv      string
	timeout time.Duration
	batches *batcher
	stop    context.CancelFunc
}

var mountName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64}){0,4}$`)

// Open checks the configuration and reports every mistake in it. It makes no
// call, so that a service can start, and report that it is not ready, while
// Vault is down or sealed. The open store logs in, renews its token and logs in
// again in the background; Login returns the state of that.
func Open(ctx context.Context, config Config) (*Store, error) {
	config = config.withEnvironment()
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("vault configuration: %w", err)
	}
	seen := &seen{}
	client, settings, err := config.client(seen)
	if err != nil {
		return nil, fmt.Errorf("vault configuration: %w", err)
	}
	return config.store(ctx, client, settings, seen), nil
}

func (c Config) store(ctx context.Context, client *api.Client, settings *api.Config, seen *seen) *Store {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	client.ClearToken() // the one that the client took from VAULT_TOKEN
	s := &Store{
		cluster: client.WithNamespace(""), http: settings.HttpClient, seen: seen,
		transit: c.Transit, kv: c.KV,
		timeout: callTimeout, stop: stop,
	}
	if os.Getenv(api.EnvVaultClientTimeout) != "" && settings.Timeout > 0 {
		s.timeout = settings.Timeout
	}
	// Each call has a deadline of its own. That of the client would end before
	// the body of the response is read.
	settings.Timeout = 0
	s.batches = newBatcher(background, s.signBatch)
	s.session = &session{
		method: c.Login.method(), secretID: c.Login.SecretID, anonymous: client, send: s.once, log: c.Log, ctx: background,
		locked: LockedOut{Path: c.Login.Path, Role: c.Login.RoleID}, wake: make(chan struct{}, 1),
	}
	s.session.start(c.Token.Reveal())
	return s
}

// Login returns the state of the login.
func (s *Store) Login() LoginState { return s.session.state() }

// Close ends the background work and closes the connections. Calls of Sign
// that are waiting, and later ones, return signer.ErrUnavailable.
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
		problems = append(problems, errors.New("transit and KV need a mount each, got one path for both"))
	}
	if err := c.Login.check(c.Token); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}
