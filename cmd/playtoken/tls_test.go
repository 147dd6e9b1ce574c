package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// selfSigned writes a certificate for this machine, which is its own authority,
// and its key, and returns their files.
func selfSigned(t *testing.T, dir, name string, ends time.Time) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: ends,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// shownBy returns whose certificate a server shows.
func shownBy(address string) (string, error) {
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

// TestServeAndGateEndTLS and take a new certificate at SIGHUP; a verb trusts a
// private authority.
func TestServeAndGateEndTLS(t *testing.T) {
	t.Parallel()
	slow(t, "it starts processes")
	dir := t.TempDir()
	cert, key := selfSigned(t, dir, "first", time.Now().Add(time.Hour))
	w := newDeployment(t, "PLAYTOKEN_TLS_CERT="+cert, "PLAYTOKEN_TLS_KEY="+key, "PLAYTOKEN_GATE_LISTEN=127.0.0.1:0",
		"PLAYTOKEN_GATE_MEDIA="+t.TempDir(), "PLAYTOKEN_GATE_API_KEY="+gateKey, "PLAYTOKEN_GATE_DATA="+filepath.Join(dir, "gate.db"))
	for _, verb := range []string{"serve", "gate"} {
		s := w.startServer(verb)
		address := strings.TrimPrefix(s.url, "http://")
		list := w.command("project", "list")
		list.Env = append(list.Env, "SSL_CERT_FILE="+cert, "PLAYTOKEN_SERVER=https://"+address)
		if out, err := list.CombinedOutput(); verb == "serve" && err != nil {
			t.Errorf("a verb that trusts the authority: %v\n%s", err, out)
		}
		if status, err := plays(t.Context(), newClient(t), s.url+"/healthz"); status != http.StatusBadRequest {
			t.Errorf("%s without TLS: got %d, %v, want 400", verb, status, err)
		}
		selfSigned(t, dir, "second of "+verb, time.Now().Add(time.Hour))
		s.cmd.Process.Signal(syscall.SIGHUP)
		eventually(t, patience, func() error {
			shown, err := shownBy(address)
			if err == nil && shown != "second of "+verb {
				err = fmt.Errorf("got the certificate of %s, want the second", shown)
			}
			return err
		})
		s.stop()
	}
}

func TestDoctorLooksAtTheCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newDeployment(t)
	w.must(&struct{}{}, "rotate")
	cert, key := selfSigned(t, dir, "ours", time.Now().Add(30*24*time.Hour))
	good := append(w.environ, "PLAYTOKEN_TLS_CERT="+cert, "PLAYTOKEN_TLS_KEY="+key)
	for more, want := range map[string]string{
		"PLAYTOKEN_URL=https://127.0.0.1:8080":     `"tls_certificate_good"`,
		"PLAYTOKEN_URL=https://tokens.example.com": `"tls_certificate_other_host"`,
		"PLAYTOKEN_TLS_CERT=/dev/null":             `"tls_certificate_unusable"`,
	} {
		if r := w.runWith(append(slices.Clone(good), more), "", "doctor", "-o", "json"); !strings.Contains(r.stdout, want) {
			t.Errorf("%s: got exit %d, %s%s, want the finding %s", more, r.code, r.stdout, r.stderr, want)
		}
	}
	selfSigned(t, dir, "ours", time.Now().Add(6*24*time.Hour))
	if r := w.runWith(good, "", "doctor", "-o", "json"); !strings.Contains(r.stdout, `"tls_certificate_ends_soon"`) || r.code != exitFailed {
		t.Errorf("six days before its end: got exit %d, %s, want 1 and the finding tls_certificate_ends_soon", r.code, r.stdout)
	}
}
