package httpserver_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"playtoken/httpserver"
)

// issued is a certificate, and what makes others with it.
type issued struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// issue makes a certificate for this machine that ends at a time. It is an
// authority if it has no issuer.
func issue(t *testing.T, name string, by *issued, ends time.Time) *issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: ends,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: by == nil,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issued{cert: cert, key: key}
}

func (i *issued) certPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw})
}

func (i *issued) keyPEM(t *testing.T) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// tlsServer is a server with a certificate in files, and who trusts it.
type tlsServer struct {
	t         *testing.T
	files     httpserver.CertificateFiles
	in        *httpserver.Certificate
	authority *issued
	address   string
}

const year = 365 * 24 * time.Hour

func serveTLS(t *testing.T, change func(*httpserver.CertificateFiles)) *tlsServer {
	t.Helper()
	dir := t.TempDir()
	s := &tlsServer{t: t, authority: issue(t, "authority", nil, time.Now().Add(year)),
		files: httpserver.CertificateFiles{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}}
	s.write(issue(t, "first", s.authority, time.Now().Add(year)))
	if change != nil {
		change(&s.files)
		s.put(s.files.ClientCA, s.authority.certPEM())
	}
	var err error
	if s.in, err = httpserver.OpenCertificate(s.files); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ln, err := httpserver.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = ln.Addr().String()
	ended := make(chan error, 1)
	server := httpserver.Server{Log: slog.New(slog.DiscardHandler), TLS: s.in.Config(),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) })}
	go func() { ended <- server.Serve(ctx, ln) }()
	t.Cleanup(func() { stop(); <-ended })
	return s
}

func (s *tlsServer) put(path string, data []byte) {
	s.t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// write puts a certificate and its key into the server's files.
func (s *tlsServer) write(i *issued) {
	s.t.Helper()
	s.put(s.files.Cert, i.certPEM())
	s.put(s.files.Key, i.keyPEM(s.t))
}

// get returns whose certificate a new connection shows, and the response's body.
func (s *tlsServer) get(change func(*tls.Config)) (shown, body string, err error) {
	pool := x509.NewCertPool()
	pool.AddCert(s.authority.cert)
	config := &tls.Config{RootCAs: pool}
	if change != nil {
		change(config)
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get("https://" + s.address)
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return resp.TLS.PeerCertificates[0].Subject.CommonName, string(data), err
}

func TestACertificateServesHTTP2AndTLS12AtTheLeast(t *testing.T) {
	s := serveTLS(t, nil)
	if shown, body, err := s.get(nil); shown != "first" || body != "HTTP/2.0" || err != nil {
		t.Errorf("got the certificate of %q, %q, %v, want first over HTTP/2.0", shown, body, err)
	}
	if _, _, err := s.get(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }); err == nil {
		t.Error("got a response over TLS 1.1, want an error")
	}
	resp, err := http.Get("http://" + s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if said, err := io.ReadAll(resp.Body); resp.StatusCode != 400 || !strings.Contains(string(said), "HTTP request to an HTTPS server") || err != nil {
		t.Errorf("HTTP without TLS: got %d %q, %v, want 400 that says what is wrong", resp.StatusCode, said, err)
	}
}

func TestAClientNeedsACertificateWhereTheyHaveAnAuthority(t *testing.T) {
	s := serveTLS(t, func(f *httpserver.CertificateFiles) { f.ClientCA = filepath.Join(filepath.Dir(f.Cert), "ca.pem") })
	with := func(by *issued) func(*tls.Config) {
		client := issue(t, "client", by, time.Now().Add(year))
		return func(c *tls.Config) {
			c.Certificates = []tls.Certificate{{Certificate: [][]byte{client.cert.Raw}, PrivateKey: client.key}}
		}
	}
	for name, c := range map[string]struct {
		change func(*tls.Config)
		ok     bool
	}{
		"none": {nil, false}, "of the authority": {with(s.authority), true}, "of another": {with(issue(t, "other", nil, time.Now().Add(year))), false},
	} {
		if _, _, err := s.get(c.change); (err == nil) != c.ok {
			t.Errorf("a client's certificate, %s: got %v, want a response = %t", name, err, c.ok)
		}
	}
}

// TestACertificateIsReplaced only by a pair that can be used, once two looks agree
// on it.
func TestACertificateIsReplaced(t *testing.T) {
	s := serveTLS(t, nil)
	second := issue(t, "second", s.authority, time.Now().Add(2*year))
	look := func(what string, changed bool, problem string) {
		t.Helper()
		got, err := s.in.Look(t.Context())
		if got != changed || (err == nil) != (problem == "") || err != nil && (!strings.Contains(err.Error(), problem) || strings.Contains(err.Error(), "pem")) {
			t.Errorf("%s: got changed = %t, %v, want %t and the problem %q without a path", what, got, err, changed, problem)
		}
	}
	look("nothing new", false, "")
	s.put(s.files.Cert, second.certPEM())
	look("another certificate with the key of the first", false, "cannot be used together")
	s.put(s.files.Cert, []byte("-----BEGIN"))
	look("half a certificate", false, "cannot be used together")
	os.Remove(s.files.Cert)
	look("no file", false, "no such file")
	s.write(issue(t, "expired", s.authority, time.Now().Add(-time.Hour)))
	look("one that expired", false, "and not now")
	if shown, _, err := s.get(nil); shown != "first" || err != nil {
		t.Errorf("after all that: got the certificate of %q, %v, want the first", shown, err)
	}
	s.write(second)
	look("a new pair, seen once", false, "")
	look("a new pair, seen twice", true, "")
	look("a new pair, seen again", false, "")
	if shown, _, err := s.get(nil); shown != "second" || !s.in.Expires().Equal(second.cert.NotAfter) || err != nil {
		t.Errorf("got the certificate of %q until %s, %v, want the second until %s", shown, s.in.Expires(), err, second.cert.NotAfter)
	}
}
