package vaultkeys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/hashicorp/vault/api"
)

// checkAddress quotes no part of a bad address, which may contain a password.
func checkAddress(address string) error {
	if address == "" {
		return errors.New("no address of Vault: set VAULT_ADDR")
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
		return errors.New("address: want no query and no fragment")
	}
	return nil
}

// client returns the official client and its settings, without retries,
// redirects and rate limit.
func (c Config) client(seen *seen) (*api.Client, *api.Config, error) {
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

	client, err := api.NewClient(settings) // requires its own transport for unix://
	if err != nil {
		return nil, nil, withoutURL(err)
	}
	client.SetWrappingLookupFunc(func(string, string) string { return "" })
	if c.Namespace != "" {
		client.SetNamespace(c.Namespace)
	}
	c.warn(settings)
	base := settings.HttpClient.Transport
	switch transport, ok := base.(*http.Transport); {
	case c.Transport != nil:
		base = c.Transport
	case ok && c.Login.Method == "cert":
		base = withCertificate(transport, os.Getenv(api.EnvVaultClientCert), os.Getenv(api.EnvVaultClientKey))
	}
	seen.base = capped{base}
	settings.HttpClient.Transport = seen
	return client, settings, nil
}

// withoutURL replaces an error that quotes a malformed URL, such as that of a
// proxy with its password.
func withoutURL(err error) error {
	var bad *url.Error
	if errors.As(err, &bad) {
		return errors.New("environment: a VAULT_ variable that must be a URL is malformed")
	}
	return err
}

func (c Config) warn(settings *api.Config) {
	if t := settings.TLSConfig(); t != nil && t.InsecureSkipVerify {
		c.Log.Warn("VAULT_SKIP_VERIFY is set: the certificate of Vault is not verified, so that another server on the network can pose as Vault")
	}
}

// keepConnections keeps one idle connection for each concurrent call. With the
// client's default, about one for each core, further calls would dial anew.
func keepConnections(t http.RoundTripper) {
	if transport, ok := t.(*http.Transport); ok {
		transport.MaxIdleConnsPerHost = 64
	}
}

// neverRetry leaves retries to the callers of the store, who know whether a
// request may be repeated.
func neverRetry(ctx context.Context, _ *http.Response, _ error) (bool, error) {
	return false, ctx.Err()
}

// capped bounds the length of responses. It works below the client, which reads
// error responses to their end before it returns them.
type capped struct{ base http.RoundTripper }

func (c capped) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxResponse)
	return resp, nil
}

// CloseIdleConnections implements the optional interface that http.Client looks
// for in its transport.
func (c capped) CloseIdleConnections() {
	if t, ok := c.base.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// readAll reads a body and explains the error of a response that is too long.
func readAll(body io.Reader) ([]byte, error) {
	data, err := io.ReadAll(body)
	var long *http.MaxBytesError
	if errors.As(err, &long) {
		return nil, fmt.Errorf("response longer than %d bytes", long.Limit)
	}
	return data, err
}
