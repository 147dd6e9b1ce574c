// Package apivideo is a client of api.video: it requests private asset URLs, and
// has the Admin API issue the API keys for those requests.
//
// The decision a newcomer would get wrong: no private token is cached. A private
// token works once, so each mint requests two: one is exchanged for a session,
// whose four URLs then work together for [SessionLife], and one is returned
// unused, as the token. The platform alone decides the lifetime. So a request
// without a lifetime gets that of the platform, and a request with any other
// lifetime is refused. The lifetimes of the policy bound only what callers
// request.
package apivideo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"playtoken/platforms"
	"playtoken/platforms/client"
	"playtoken/secret"
)

// Where api.video is.
const (
	ProductionURL = "https://ws.api.video"
	SandboxURL    = "https://sandbox.api.video"
	AdminURL      = "https://admin.api.video"
)

// SessionLife is how long the URLs of a token work, from the moment it is
// made. The platform allows no other lifetime.
const SessionLife = 24 * time.Hour

const defaultTimeout = 5 * time.Second // of one call; viewers wait for it

// Reads that may be made in a minute, until the platform says otherwise.
const (
	productionReads = 500
	sandboxReads    = 100
)

// Kind is what may be said about an account.
func Kind() platforms.Kind {
	return platforms.Kind{
		Name: "apivideo",
		Settings: []platforms.Member{
			{Name: "environment", Meaning: "production (the default) or sandbox"},
			{Name: "url", Receives: true, Meaning: "of the API, instead of an environment's own"},
			{Name: "authentication", Meaning: "bearer (the default: disposable tokens) or basic"},
			{Name: "project_id", Meaning: "the project whose API keys are made with the admin key"},
			{Name: "admin_url", Receives: true, Meaning: "of the Admin API; " + AdminURL + " by default"},
		},
		Credentials: []platforms.Member{
			{Name: "api_key", Meaning: "an API key of the environment; it is never rotated"},
			{Name: "admin_key", Meaning: "the admin API key, for API keys that are made and rotated here"},
		},
		Offers: platforms.Offer{
			Ways: []platforms.Way{platforms.Issued}, MaxTTL: SessionLife,
			URLs: []string{"embed", "hls", "mp4", "thumbnail"},
		},
		Open: Open,
	}
}

// account is an account whose settings make sense.
type account struct {
	platforms.Account
	environment string // for people
	url, admin  string
	reads       int // in a minute, until the platform says otherwise
	basic       bool
	project     string
	apiKey      secret.Value // either
	adminKey    secret.Value // or
}

// ids is what a video id, project id or key id may look like. All of them end
// up in paths.
var (
	videoIDs = regexp.MustCompile(`^vi[A-Za-z0-9]{1,62}$`)
	ids      = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

// Open checks the settings and the credential of an account. It makes no call.
func Open(a platforms.Account) (platforms.Platform, error) {
	p, err := open(a)
	if err != nil {
		return platforms.Platform{}, fmt.Errorf("apivideo: %w", err)
	}
	opened := platforms.Platform{
		Minter:  p.minter,
		URLs:    []string{"embed", "hls", "mp4", "thumbnail"},
		Check:   p.check,
		Inspect: inspect,

		CallsLeft: p.budget.callsLeft,
	}
	if p.keys != nil {
		opened.Issuer = p.keys
	}
	return opened, nil
}

// platform is an opened account. It is safe for concurrent use.
type platform struct {
	account  account
	api      *client.Client // the part that wants a bearer token, or Basic
	sessions *sessions
	budget   *budget
	delivery http.RoundTripper // to wherever the assets are
	seen     *seen
	keys     *keys // nil without an admin key
}

func open(a platforms.Account) (*platform, error) {
	account, err := readAccount(a)
	if err != nil {
		return nil, err
	}
	p := &platform{account: account, budget: newBudget(account.reads), delivery: a.Transport, seen: newSeen()}
	if p.delivery == nil {
		p.delivery = client.NewTransport(true)
	}
	if !account.adminKey.IsZero() {
		if p.keys, err = newKeys(account); err != nil {
			return nil, err
		}
	}
	if p.sessions, err = newSessions(account); err != nil {
		return nil, err
	}
	p.api, err = client.New(client.Config{
		Base:       account.url,
		Credential: account.credential(),
		Authorize:  account.authorize(),
		Explain:    explain,
		Timeout:    account.timeout(),
		Transport:  metered{next: p.delivery, budget: p.budget},
	})
	return p, err
}

func (a account) timeout() time.Duration { return cmp.Or(a.Timeout, defaultTimeout) }

// given is the API key of an account that was told one.
func (a account) given(context.Context) (platforms.IssuedKey, error) {
	return platforms.IssuedKey{ID: "given", Value: a.apiKey}, nil
}

// credential is the one that stays: calls bring their own.
func (a account) credential() secret.Value {
	if a.adminKey.IsZero() {
		return a.apiKey
	}
	return a.adminKey
}

func (a account) authorize() client.Authorize {
	if a.basic {
		return client.Basic
	}
	return client.Bearer
}

func readAccount(given platforms.Account) (account, error) {
	a := account{
		Account:  given,
		admin:    cmp.Or(given.Settings["admin_url"], AdminURL),
		project:  given.Settings["project_id"],
		apiKey:   given.Credential["api_key"],
		adminKey: given.Credential["admin_key"],
	}
	if err := a.readPlace(); err != nil {
		return account{}, err
	}
	switch given.Settings["authentication"] {
	case "", "bearer":
	case "basic":
		a.basic = true
	default:
		return account{}, errors.New("authentication: want bearer or basic")
	}
	if err := a.checkKeys(); err != nil {
		return account{}, err
	}
	if a.adminKey.IsZero() {
		a.Issued = a.given
	}
	return a, nil
}

// readPlace settles where the API is, and how much it may be asked.
func (a *account) readPlace() error {
	a.environment = cmp.Or(a.Settings["environment"], "production")
	switch a.environment {
	case "production":
		a.url, a.reads = ProductionURL, productionReads
	case "sandbox":
		a.url, a.reads = SandboxURL, sandboxReads
	default:
		return errors.New("environment: want production or sandbox")
	}
	a.url = cmp.Or(a.Settings["url"], a.url)
	for name, text := range map[string]string{"url": a.url, "admin_url": a.admin} {
		if _, err := client.ParseBase(text); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (a *account) checkKeys() error {
	switch hasKey, hasAdmin := !a.apiKey.IsZero(), !a.adminKey.IsZero(); {
	case hasKey && hasAdmin:
		return errors.New("api_key, admin_key: want one of them, not both")
	case !hasKey && !hasAdmin:
		return errors.New("api_key: missing; or give admin_key and project_id, for keys that are made here")
	case hasAdmin && !ids.MatchString(a.project):
		return errors.New("project_id: want the id of the project that admin_key shall make API keys for")
	case hasKey && a.project != "":
		return errors.New("project_id: means something with admin_key only")
	}
	return nil
}
