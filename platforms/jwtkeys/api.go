// Package jwtkeys is what the platforms have in common that take public keys
// over Vidbeo's key API: that API, and the tokens and URLs that go with it.
//
// The decision a newcomer would get wrong: what is not documented is not
// relied upon. The size of a page, the form of an error, whether a name or a
// key may be registered twice: none of it is stated, so every answer that
// does not say exactly what was asked is an error, and what a failed write did
// is left for the next complete list to show.
package jwtkeys

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/platforms/client"
	"playtoken/secret"
)

// GateHeader is the header by which our own gate says in every answer of its
// key API that it is one.
const GateHeader = "Playtoken-Gate"

// Config is how one account is reached.
type Config struct {
	URL        string       // of the API; https, or http on a loopback address
	Credential secret.Value // an API key of the account

	// Timeout bounds one call; 0 means ten seconds. Keep it below the settle
	// time of the rotation.
	Timeout time.Duration

	// Pace is shared by all that use the same credential. None by default: no
	// rate is documented, and after a 429 it is the rotation that knows which
	// call can wait and which one, like the end of a stolen key, must be tried.
	Pace *client.Pace

	Transport http.RoundTripper // nil outside tests
}

// API is the key API of one account. It is safe for concurrent use.
type API struct{ calls *client.Client }

var _ keyrotation.Registrar = (*API)(nil)

// New checks the configuration. It makes no call.
func New(config Config) (*API, error) {
	calls, err := client.New(client.Config{
		Base:       config.URL,
		Credential: config.Credential,
		Authorize:  client.Bearer,
		Explain:    explain,
		Timeout:    config.Timeout,
		Pace:       config.Pace,
		Transport:  config.Transport,
	})
	if err != nil {
		return nil, err
	}
	return &API{calls: calls}, nil
}

// Call makes a call of the account that only some platforms with this API have,
// and decodes its result; nil: the result does not matter.
func (a *API) Call(ctx context.Context, call client.Call, result any) error {
	var answer envelope
	call.Into = &answer
	if err := a.calls.Do(ctx, call); err != nil {
		return err
	}
	if result == nil {
		return answer.check()
	}
	return answer.result(result)
}

// Check asks for the keys, one at most, and believes any list. That is all
// that a key which may only read is good for, too: whether this one may write,
// only writing tells.
func (a *API) Check(ctx context.Context) (platforms.Health, error) {
	if err := a.oneKey(ctx, nil); err != nil {
		return platforms.Health{}, fmt.Errorf("check api key: %w", err)
	}
	return platforms.Health{Detail: "the API key may read the account's signing keys"}, nil
}

// Header returns the header of an answer of the API, be it a refusal. Errors:
// those of calls that were not answered.
func (a *API) Header(ctx context.Context) (http.Header, error) {
	var header http.Header
	if err := a.oneKey(ctx, &header); err != nil && header == nil {
		return nil, err
	}
	return header, nil
}

// oneKey asks for one key.
func (a *API) oneKey(ctx context.Context, header *http.Header) error {
	var answer envelope
	err := a.calls.Do(ctx, client.Call{
		Method: http.MethodGet, Path: keysPath, Query: url.Values{"limit": {"1"}}, Into: &answer, Header: header,
	})
	if err == nil {
		_, err = answer.keys()
	}
	return err
}
