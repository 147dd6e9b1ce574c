// Package client is for back ends in Go: the calls of the token service that a
// back end makes, after it has decided that a viewer may watch.
//
// The decision a newcomer would get wrong: a call that failed is not always
// sent again. Minting twice does no harm, so Mint waits out what may pass; a
// refresh token works once, so a Refresh whose answer was lost is an error, and
// the caller exchanges the API key anew.
package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"playtoken/secret"
)

// maxAnswer bounds an answer: a hundred tokens of four kilobytes, three URLs each.
const maxAnswer = 4 << 20

// maxBatch is how many tokens one request may ask for.
const maxBatch = 100

// Config is what a client needs: URL, and one of APIKey and AccessToken.
type Config struct {
	URL    string // of the service, as in https://tokens.example.com
	APIKey string // with the scope mint; never logged, and in no URL
	// AccessToken is asked before each call, for a back end that holds no API
	// key of its own.
	AccessToken func(context.Context) (string, error)

	// Patience is how long failures that may pass are waited out. Zero: five
	// seconds; negative: not at all.
	Patience time.Duration
	// Timeout is that of one attempt. Zero: ten seconds.
	Timeout time.Duration
	// Transport makes the requests. Nil: http.DefaultTransport.
	Transport http.RoundTripper
}

// Client calls the service. It is safe for concurrent use.
type Client struct {
	config Config // without the API key
	apiKey secret.Value
	http   http.Client
}

// New checks the configuration. It makes no call.
func New(config Config) (*Client, error) {
	base, err := url.Parse(config.URL)
	switch {
	case err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.User != nil || base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("URL: want that of the service, as in https://tokens.example.com")
	case (config.APIKey == "") == (config.AccessToken == nil):
		return nil, errors.New("APIKey, AccessToken: want one of them")
	case strings.ContainsFunc(config.APIKey, func(c rune) bool { return c <= ' ' || c > '~' }):
		return nil, errors.New("APIKey: has a blank, the end of a line or a character that no API key has; give the key alone")
	}
	c := &Client{config: config, apiKey: secret.New(config.APIKey)}
	c.config.URL, c.config.APIKey = strings.TrimRight(config.URL, "/"), ""
	c.config.Patience, c.config.Timeout = cmp.Or(config.Patience, 5*time.Second), cmp.Or(config.Timeout, 10*time.Second)
	c.http = http.Client{
		Transport: config.Transport,
		// The credential goes to the service and no further.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// String keeps the API key out of what is printed.
func (c Client) String() string { return "a client of " + c.config.URL }

// GoString implements [fmt.GoStringer].
func (c Client) GoString() string { return c.String() }

// again says which failures of a call may be followed by the same call.
type again struct {
	statuses []int
	lost     bool // no answer came; the call may have taken effect
}

var (
	harmless   = again{statuses: []int{429, 502, 503, 504}, lost: true}
	unexecuted = again{statuses: []int{429}}
)

// Mint returns a playback token. Errors: *Error, or the context's.
func (c *Client) Mint(ctx context.Context, req TokenRequest) (token Token, err error) {
	err = c.authorized(ctx, "/v1/playback-tokens", req, &token)
	return token, err
}

// Batch mints many tokens, a hundred with each request. The items are in the order
// of the requests. The error is about all of them: of single ones, see Item.
func (c *Client) Batch(ctx context.Context, reqs []TokenRequest) (items []Item, err error) {
	for len(reqs) > 0 {
		n := min(maxBatch, len(reqs))
		var answer struct{ Items []Item }
		if err := c.authorized(ctx, "/v1/playback-tokens/batch", map[string]any{"requests": reqs[:n]}, &answer); err != nil {
			return nil, err
		}
		if len(answer.Items) != n {
			return nil, fmt.Errorf("mint a batch: got %d items for %d requests", len(answer.Items), n)
		}
		items, reqs = append(items, answer.Items...), reqs[n:]
	}
	return items, nil
}

// Inspect tells whether the platform would accept a token, and why not.
func (c *Client) Inspect(ctx context.Context, req InspectRequest) (found Inspection, err error) {
	err = c.authorized(ctx, "/v1/playback-tokens/inspect", req, &found)
	return found, err
}

// Exchange returns an access token for the API key. It ends by itself.
func (c *Client) Exchange(ctx context.Context) (tokens AccessTokens, err error) {
	if c.apiKey.IsZero() {
		return AccessTokens{}, errors.New("exchange: this client has no API key")
	}
	err = c.call(ctx, "/v1/auth/api-key", map[string]string{"apiKey": c.apiKey.Reveal()}, "", harmless, &tokens)
	return tokens, err
}

// Refresh returns the next access token, and the next refresh token. A refresh
// token works once: after an error without a status, use Exchange.
func (c *Client) Refresh(ctx context.Context, refreshToken string) (tokens AccessTokens, err error) {
	err = c.call(ctx, "/v1/auth/refresh", map[string]string{"refreshToken": refreshToken}, "", unexecuted, &tokens)
	return tokens, err
}

func (c *Client) authorized(ctx context.Context, path string, body, into any) error {
	credential := c.apiKey.Reveal()
	if c.config.AccessToken != nil {
		var err error
		if credential, err = c.config.AccessToken(ctx); err != nil {
			return fmt.Errorf("get an access token: %w", err)
		}
	}
	return c.call(ctx, path, body, credential, harmless, into)
}

// call makes a request until it succeeds, its failure is final, or the patience
// is over.
func (c *Client) call(ctx context.Context, path string, body any, credential string, again again, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("playtoken: POST %s: %w", path, err)
	}
	var waited time.Duration
	for backoff := 200 * time.Millisecond; ; backoff *= 2 {
		failed := c.attempt(ctx, path, data, credential, into)
		if failed == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("playtoken: POST %s: %w", path, ctx.Err())
		}
		wait := max(failed.RetryAfter, backoff/2+rand.N(backoff/2))
		if !again.may(failed) || waited+wait > c.config.Patience {
			return failed
		}
		waited += wait
		if err := pause(ctx, wait); err != nil {
			return fmt.Errorf("playtoken: POST %s: %w", path, err)
		}
	}
}

func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attempt makes a request once.
func (c *Client) attempt(ctx context.Context, path string, body []byte, credential string, into any) *Error {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.URL+path, bytes.NewReader(body))
	if err != nil {
		return lost(path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	if credential != "" {
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return lost(path, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return lost(path, err)
	case resp.StatusCode/100 != 2 || len(data) > maxAnswer:
		return refusal(path, resp, data)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return lost(path, fmt.Errorf("the answer is not the service's: %w", err))
	}
	return nil
}
