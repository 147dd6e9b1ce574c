// Package client makes one JSON call to a video platform: bounded in time and
// size, to one place, once.
//
// The decision a newcomer would get wrong: nothing is retried here, not even
// a read. Most calls to a platform change something there, and a missing
// response leaves open whether they did. So errors.Is finds
// keyrotation.ErrRefused, ErrUnauthorized or ErrThrottled in an error only
// if the call had no effect, because the platform refused it or because it was
// not sent, so that the caller can decide what to do.
package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"playtoken/secret"

	"github.com/go-json-experiment/json"
)

const defaultTimeout = 10 * time.Second

// Config says how one platform is called with one credential.
type Config struct {
	// Base is where the API is: https, or http on a loopback address. See
	// ParseBase.
	Base string

	// Credential is required. It never appears in an error, in any form
	// the platform may send it back.
	Credential secret.Value

	// Authorize puts the credential into a request: Bearer, Basic, or nil for
	// a call that carries it in its body.
	Authorize Authorize

	// Explain finds a code and a text for people in the body of a refusal.
	// Optional. It is handed at most 1 MiB of anything at all.
	Explain func(body []byte) (code, text string)

	// Timeout bounds a call from the first wait to the last byte; 0 means ten
	// seconds. An earlier deadline of the context wins.
	Timeout time.Duration

	// Pace holds back calls; share one among all clients of a credential.
	// Optional.
	Pace *Pace

	// KeepAlive keeps connections open between calls, for platforms that are
	// asked at every mint. It is off by default because a kept connection that
	// the platform closes just as we write makes a call of unknown outcome
	// (and net/http sends a GET again if that happens; nothing else, ever).
	KeepAlive bool

	// Transport is for tests; nil means our own.
	Transport http.RoundTripper
}

// Client calls one platform with one credential. It is safe for concurrent
// use.
type Client struct {
	config    Config
	base      *url.URL
	transport http.RoundTripper
}

// New checks the configuration. It makes no call.
func New(config Config) (*Client, error) {
	base, err := ParseBase(config.Base)
	if err != nil {
		return nil, err
	}
	if config.Credential.IsZero() {
		return nil, errors.New("platform credential: missing")
	}
	if strings.ContainsFunc(config.Credential.Reveal(), func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, errors.New("platform credential: holds a control character, perhaps a line end")
	}
	if config.Timeout == 0 {
		config.Timeout = defaultTimeout
	}
	if config.Timeout < 0 {
		return nil, fmt.Errorf("platform timeout %s: must be positive", config.Timeout)
	}
	c := &Client{config: config, base: base, transport: config.Transport}
	if c.transport == nil {
		c.transport = NewTransport(config.KeepAlive)
	}
	return c, nil
}

// Close ends connections that are kept open. Calls under way are not touched.
func (c *Client) Close() {
	if idle, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
}

// URL is where a call with this path and query goes.
func (c *Client) URL(path string, query url.Values) *url.URL {
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	return u
}

// Call is one request.
type Call struct {
	Method string
	Path   string // below the base; segments that are not constant are checked by the caller
	Query  url.Values
	Body   any // sent as JSON; nil: no body
	Into   any // gets the JSON of a 2xx answer; nil: the body does not matter

	// Header gets the header of the answer, be it a refusal. Optional.
	Header *http.Header

	// Credential replaces the client's, for platforms that exchange theirs
	// for a short-lived one.
	Credential secret.Value
}

// Do sends the call, once, and reads the whole answer. Its error is a
// *StatusError if the platform answered with anything but 2xx, a *HeldError if
// the call was not sent because of the Pace, and otherwise one that tells
// nothing about what the platform did.
//
// Members that Into does not have are ignored: platforms add them. Everything
// else about the JSON is strict.
func (c *Client) Do(ctx context.Context, call Call) error {
	if err := c.do(ctx, call); err != nil {
		return fmt.Errorf("%s %s: %w", call.Method, call.Path, err)
	}
	return nil
}

func (c *Client) do(ctx context.Context, call Call) error {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	req, err := c.request(ctx, call)
	if err != nil {
		return err
	}
	if err := c.config.Pace.wait(ctx); err != nil {
		return err
	}
	// No http.Client: it would follow redirects, and repeat our URL in errors.
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return c.unclear(call, 0, "no answer", err)
	}
	defer resp.Body.Close()
	c.config.Pace.note(resp, time.Now())
	if call.Header != nil {
		*call.Header = resp.Header
	}
	body, err := readBody(resp.Body)
	if resp.StatusCode/100 != 2 {
		return c.refusal(call, resp, body) // the status decides, even if the body could not be read
	}
	if err != nil {
		return c.unclear(call, resp.StatusCode, "read answer", err)
	}
	if call.Into == nil {
		return nil
	}
	if err := Decode(body, call.Into); err != nil {
		return c.unclear(call, resp.StatusCode, "answer not understood", err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, call Call) (*http.Request, error) {
	var body []byte
	if call.Body != nil {
		var err error
		if body, err = json.Marshal(call.Body); err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
	}
	target := c.URL(call.Path, call.Query).String()
	req, err := http.NewRequestWithContext(ctx, call.Method, target, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("build request: bad method or path")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "playtoken")
	if call.Body != nil {
		req.Header.Set("Content-Type", "application/json")
		// Without it net/http cannot send the body a second time.
		req.GetBody = nil
	}
	if c.config.Authorize != nil {
		c.config.Authorize(req.Header, c.credential(call))
	}
	return req, nil
}

func (c *Client) credential(call Call) secret.Value {
	if call.Credential.IsZero() {
		return c.config.Credential
	}
	return call.Credential
}
