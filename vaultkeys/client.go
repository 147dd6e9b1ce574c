package vaultkeys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/hashicorp/vault/api"
)

// checkAddress repeats no part of a bad address: it may hold a password.
func checkAddress(address string) error {
	if address == "" {
		return errors.New("no address: set VAULT_ADDR")
	}
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("address: not a URL")
	}
	switch {
	case u.Scheme == "unix" && u.Path != "":
		return nil
	case (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return errors.New("address: want https://host:port, http://host:port or unix:///path")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("address: no query or fragment, please")
	}
	return nil
}

// client returns the official client and its settings, tamed.
func (c Config) client() (*api.Client, *api.Config, error) {
	settings := api.DefaultConfig() // reads the environment
	if settings.Error != nil {
		return nil, nil, withoutURL(settings.Error)
	}
	settings.Address, settings.AgentAddress = c.Address, ""
	settings.MaxRetries = 0
	settings.CheckRetry = neverRetry
	settings.DisableRedirects = true
	settings.Limiter = nil
	keepConnections(settings.HttpClient.Transport)

	client, err := api.NewClient(settings) // wants the official transport for unix://
	if err != nil {
		return nil, nil, withoutURL(err)
	}
	client.SetWrappingLookupFunc(func(string, string) string { return "" })
	if c.Namespace != "" {
		client.SetNamespace(c.Namespace)
	}
	c.warn(settings)
	base := settings.HttpClient.Transport
	if c.Transport != nil {
		base = c.Transport
	}
	settings.HttpClient.Transport = capped{base}
	return client, settings, nil
}

// withoutURL takes a URL that cannot be read out of the error that says so: a
// proxy's, say, with its password.
func withoutURL(err error) error {
	var bad *url.Error
	if errors.As(err, &bad) {
		return errors.New("environment: a VAULT_ variable holds no URL where it should")
	}
	return err
}

func (c Config) warn(settings *api.Config) {
	if t := settings.TLSConfig(); t != nil && t.InsecureSkipVerify {
		c.Log.Warn("VAULT_SKIP_VERIFY is set: anybody on the way can pretend to be Vault")
	}
}

// keepConnections keeps as many as calls may be under way; the client's default,
// about one for each core of ours, would have the others dial anew.
func keepConnections(t http.RoundTripper) {
	if transport, ok := t.(*http.Transport); ok {
		transport.MaxIdleConnsPerHost = 64
	}
}

// neverRetry: whether a request may be repeated is for whoever asked to know.
func neverRetry(ctx context.Context, _ *http.Response, _ error) (bool, error) {
	return false, ctx.Err()
}

// capped bounds the answers that pass through it. It has to sit below the
// client, which reads the whole of an error answer before anybody can stop it.
type capped struct{ base http.RoundTripper }

func (c capped) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswer)
	return resp, nil
}

// CloseIdleConnections implements what http.Client asks its transport for.
func (c capped) CloseIdleConnections() {
	if t, ok := c.base.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// readAll also explains what the cap says.
func readAll(body io.Reader) ([]byte, error) {
	data, err := io.ReadAll(body)
	var long *http.MaxBytesError
	if errors.As(err, &long) {
		return nil, fmt.Errorf("answer longer than %d bytes", long.Limit)
	}
	return data, err
}
