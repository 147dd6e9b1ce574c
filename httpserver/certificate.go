package httpserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// CertificateFiles are where a server's certificate is, in PEM.
type CertificateFiles struct {
	Cert     string // the certificate, and those between it and its authority
	Key      string // its private key
	ClientCA string // authorities of clients' certificates; "": clients need none
}

// Certificate is a certificate whose files may change while a server uses it. It
// is safe for concurrent use, except for Look.
type Certificate struct {
	files CertificateFiles
	held  atomic.Pointer[pair]
	seen  [sha256.Size]byte // that the last look found
}

// pair is what was read of the files at one time.
type pair struct {
	config *tls.Config
	leaf   *x509.Certificate
	sum    [sha256.Size]byte // of the files
}

// OpenCertificate reads the files. Errors name no file, because a path may be a
// secret that was set in place of one.
func OpenCertificate(files CertificateFiles) (*Certificate, error) {
	read, err := files.read()
	if err != nil {
		return nil, err
	}
	c := &Certificate{files: files}
	c.held.Store(read)
	return c, nil
}

// Leaf is the certificate in use.
func (c *Certificate) Leaf() *x509.Certificate { return c.held.Load().leaf }

// Expires is when the certificate in use ends.
func (c *Certificate) Expires() time.Time { return c.Leaf().NotAfter }

// Config returns the configuration of a server; without a certificate, nil. Each
// connection gets what is in use when it begins; those that are open go on.
func (c *Certificate) Config() *tls.Config {
	if c == nil {
		return nil
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		NextProtos:         protocols(),
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.held.Load().config, nil },
	}
}

// Look reads the files again and takes over what two looks in a row found, so that
// no certificate is used while it is written. On an error, which names no file,
// the certificate that was in use stays.
func (c *Certificate) Look(context.Context) (changed bool, err error) {
	read, err := c.files.read()
	if err != nil {
		return false, err
	}
	if now := time.Now(); !valid(read.leaf, now) && valid(c.Leaf(), now) {
		return false, fmt.Errorf("the certificate is valid from %s to %s, and not now",
			read.leaf.NotBefore.UTC().Format(time.RFC3339), read.leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	again := read.sum == c.seen
	c.seen = read.sum
	if !again || read.sum == c.held.Load().sum {
		return false, nil
	}
	c.held.Store(read)
	return true, nil
}

func valid(cert *x509.Certificate, at time.Time) bool {
	return !at.Before(cert.NotBefore) && !at.After(cert.NotAfter)
}

func protocols() []string { return []string{"h2", "http/1.1"} }

func (f CertificateFiles) read() (*pair, error) {
	cert, err := readFile("certificate", f.Cert)
	if err != nil {
		return nil, err
	}
	key, err := readFile("key", f.Key)
	if err != nil {
		return nil, err
	}
	both, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("certificate and key cannot be used together: %w", err)
	}
	read := &pair{
		leaf: both.Leaf,
		// A configuration of its own for each certificate: no session of an
		// earlier one is resumed with it.
		config: &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: protocols(), Certificates: []tls.Certificate{both}},
	}
	authorities := []byte{}
	if f.ClientCA != "" {
		if authorities, err = readFile("client CA", f.ClientCA); err != nil {
			return nil, err
		}
		read.config.ClientAuth, read.config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		if !read.config.ClientCAs.AppendCertsFromPEM(authorities) {
			return nil, errors.New("the client CA file has no certificate: want PEM")
		}
	}
	read.sum = sha256.Sum256(bytes.Join([][]byte{cert, key, authorities}, []byte{0}))
	return read, nil
}

func readFile(which, path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		err = pe.Err
	}
	if err != nil {
		return nil, fmt.Errorf("the %s file: %w", which, err)
	}
	return data, nil
}
