package client

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"playtoken/secret"
)

// Authorize puts a credential into the header of a request.
type Authorize func(header http.Header, credential secret.Value)

// Bearer sends "Authorization: Bearer credential".
func Bearer(header http.Header, credential secret.Value) {
	header.Set("Authorization", "Bearer "+credential.Reveal())
}

// Basic sends the credential as the user name, with an empty password.
func Basic(header http.Header, credential secret.Value) {
	pair := base64.StdEncoding.EncodeToString([]byte(credential.Reveal() + ":"))
	header.Set("Authorization", "Basic "+pair)
}

// ParseBase reads the URL of an API: https, or http if the host is this
// machine, with nothing but a host and a path. Errors do not repeat it, since
// what is wrong may be a password in it.
func ParseBase(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, errors.New("platform url: want https://host/path")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("platform url at %s: only a host and a path, please", u.Host)
	case !SafeScheme(u):
		return nil, fmt.Errorf("platform url at %s: want https (http only on a loopback address)", u.Host)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return u, nil
}

// SafeScheme reports whether what is sent to u stays private: https, or http
// that does not leave this machine.
func SafeScheme(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	host := u.Hostname()
	return u.Scheme == "http" && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// NewTransport returns what a Client uses by itself, for those that have to
// share it, or to see the answers' headers. See Config.KeepAlive.
func NewTransport(keepAlive bool) http.RoundTripper {
	return &http.Transport{
		Proxy:                  proxy,
		ForceAttemptHTTP2:      true,
		DisableKeepAlives:      !keepAlive,
		DisableCompression:     true, // the cap counts bytes as they arrive
		MaxResponseHeaderBytes: 64 << 10,
		IdleConnTimeout:        time.Minute,
	}
}

// proxy is the environment's proxy. The error of a setting that cannot be read
// would repeat it, password and all.
func proxy(req *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, errors.New("the proxy setting of the environment cannot be read")
	}
	return u, nil
}
