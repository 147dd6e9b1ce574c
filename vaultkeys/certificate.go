package vaultkeys

import (
	"crypto/tls"
	"net/http"
	"strings"
	"sync/atomic"
)

// withCertificate has the transport present a certificate that is read again for
// each new connection. Each login has a connection of its own, because Vault logs
// in the certificate that the connection began with.
func withCertificate(transport *http.Transport, certFile, keyFile string) http.RoundTripper {
	if transport.TLSClientConfig == nil {
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	read := &certificate{certFile: certFile, keyFile: keyFile}
	transport.TLSClientConfig.GetClientCertificate = read.present
	logins := transport.Clone()
	logins.DisableKeepAlives = true
	logins.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{} // HTTP/2 would share the connections of others
	logins.TLSClientConfig.NextProtos = nil
	return ownConnections{logins: logins, others: transport}
}

// certificate is the one in two files.
type certificate struct {
	certFile, keyFile string
	last              atomic.Pointer[tls.Certificate] // that could be read
}

// present returns the certificate as the files have it now, or the one before
// while they are being replaced.
func (c *certificate) present(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		if last := c.last.Load(); last != nil {
			return last, nil
		}
		return nil, err
	}
	c.last.Store(&pair)
	return &pair, nil
}

// ownConnections sends logins by a transport of their own.
type ownConnections struct{ logins, others *http.Transport }

// RoundTrip implements [http.RoundTripper].
func (o ownConnections) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, "/v1/auth/") && strings.HasSuffix(r.URL.Path, "/login") {
		return o.logins.RoundTrip(r)
	}
	return o.others.RoundTrip(r)
}

// CloseIdleConnections closes those that no request uses.
func (o ownConnections) CloseIdleConnections() { o.others.CloseIdleConnections() }
