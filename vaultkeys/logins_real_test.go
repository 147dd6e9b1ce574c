package vaultkeys_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"playtoken/secret"
	"playtoken/store"
	"playtoken/store/storetest"
	"playtoken/vaultkeys"
	"playtoken/vaultkeys/vaulttest"
)

// writes reports whether a store can be used.
func writes(t *testing.T, s *vaultkeys.Store) error {
	t.Helper()
	_, err := s.Write(t.Context(), "test/"+storetest.ID(), []byte("{}"), 0)
	return err
}

// TestFiveProcessesWithADestroyedSecretID is an operator's afternoon: three
// replicas, a cron job and a person present a destroyed secret id, one after the
// other, and then there is a good one.
func TestFiveProcessesWithADestroyedSecretID(t *testing.T) {
	server := vaulttest.Shared(t)
	for name, disabled := range map[string]bool{"as Vault has it": false, "as setup has it": true} {
		t.Run(name, func(t *testing.T) {
			config := on(t, server)
			good := appRole(t, server, map[string]any{"token_policies": policy(t, server, config)})
			if disabled {
				write(t, root(t, server), "sys/auth/"+good.Path+"/tune", map[string]any{"user_lockout_config": map[string]any{"lockout_disable": true}})
			}
			config.Login = good
			config.Login.SecretID = secret.New("00000000-1111-2222-3333-444444444444")
			var processes []*vaultkeys.Store
			for range 5 {
				s := open(t, config)
				processes = append(processes, s)
				for range 20 { // requests do not cause logins of their own
					if err := writes(t, s); !errors.Is(err, store.ErrUnavailable) {
						t.Fatalf("Write with a destroyed secret id = %v, want unavailable", err)
					}
				}
				if n := s.Login().Failures; n != 1 {
					t.Errorf("got %d logins of a process, want one", n)
				}
			}
			if disabled {
				goodAgain(t, processes[0], good.SecretID)
				return
			}
			processes[0].Replace(secret.Value{}, good.SecretID)
			err := lockedOut(t, processes[0])
			unlock(t, server, err)
			goodAgain(t, open(t, withSecretID(config, good.SecretID)), secret.Value{})
		})
	}
}

func withSecretID(config vaultkeys.Config, secretID secret.Value) vaultkeys.Config {
	config.Login.SecretID = secretID
	return config
}

// goodAgain wants a store to work, with another secret id if that is not zero.
func goodAgain(t *testing.T, s *vaultkeys.Store, secretID secret.Value) {
	t.Helper()
	if !secretID.IsZero() {
		s.Replace(secret.Value{}, secretID)
	}
	if err := writes(t, s); err != nil {
		t.Errorf("Write with a good secret id = %v, want success", err)
	}
}

// lockedOut wants a store to say that its role is locked.
func lockedOut(t *testing.T, s *vaultkeys.Store) *vaultkeys.LockedOut {
	t.Helper()
	err := writes(t, s)
	locked, ok := errors.AsType[*vaultkeys.LockedOut](err)
	if !ok || !errors.Is(err, store.ErrUnavailable) || !s.Login().LockedOut {
		t.Fatalf("Write with a good secret id after five refusals = %v, want a LockedOut", err)
	}
	return locked
}

// unlock does what the command of an error does, and first checks that Vault has
// locked what it names.
func unlock(t *testing.T, server *vaulttest.Server, locked *vaultkeys.LockedOut) {
	t.Helper()
	accessor, role := unlocks(t, server, locked.Unlock())
	operator := open(t, vaultkeys.Config{Address: server.Addr, Token: secret.New(server.RootToken), Transit: "a", KV: "b"})
	locks, err := operator.Locks(t.Context())
	if err != nil || !slices.Contains(locks, vaultkeys.Lock{Accessor: accessor, Role: role}) {
		t.Errorf("Locks = %v, %v, want %s of %s among them", locks, err, role, accessor)
	}
	if isRoot, err := operator.Root(t.Context()); !isRoot || err != nil {
		t.Errorf("Root = %t, %v with a root token, want true", isRoot, err)
	}
	write(t, root(t, server), "sys/locked-users/"+accessor+"/unlock/"+role, nil)
}

// unlocks takes a command apart, and runs the one within it.
func unlocks(t *testing.T, server *vaulttest.Server, command string) (accessor, role string) {
	t.Helper()
	rest, ok := strings.CutPrefix(command, "vault write -f sys/locked-users/$(vault read -field=accessor ")
	path, role, ok2 := strings.Cut(rest, ")/unlock/")
	if !ok || !ok2 {
		t.Fatalf("the command is %q, want vault write -f sys/locked-users/$(vault read …)/unlock/ROLE", command)
	}
	mount, err := root(t, server).ReadWithContext(t.Context(), path)
	if err != nil || mount == nil {
		t.Fatalf("reading %s: got %v, %v, want the mount", path, mount, err)
	}
	return mount.Data["accessor"].(string), role
}

// signedJWT is a token that Vault can verify with the key.
func signedJWT(t *testing.T, key *ecdsa.PrivateKey, subject string, life time.Duration) string {
	t.Helper()
	text, err := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": "https://ci.example.com", "aud": "vault", "sub": subject, "jti": rand.Text(),
		"iat": time.Now().Unix(), "exp": time.Now().Add(life).Unix(),
	}).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestAJWTIsReadAtEachLogin(t *testing.T) {
	server := vaulttest.Shared(t)
	config := on(t, server)
	operator, path, key := root(t, server), enable(t, server, "jwt"), newKey(t)
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	write(t, operator, "auth/"+path+"/config", map[string]any{
		"jwt_validation_pubkeys": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), "bound_issuer": "https://ci.example.com",
	})
	write(t, operator, "auth/"+path+"/role/r", map[string]any{
		"role_type": "jwt", "user_claim": "sub", "bound_subject": "playtoken", "bound_audiences": "vault",
		"token_policies": policy(t, server, config), "token_ttl": "1h",
	})
	file := filepath.Join(t.TempDir(), "jwt")
	writeFile(t, file, signedJWT(t, key, "stranger", time.Hour))
	config.Login = vaultkeys.Login{Method: "jwt", Path: path, Role: "r", JWTFile: file}
	if err := writes(t, open(t, config)); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, vaultkeys.ErrForbidden) {
		t.Errorf("Write with the JWT of a stranger = %v, want unavailable", err)
	}
	writeFile(t, file, signedJWT(t, key, "playtoken", time.Hour)+"\n")
	s := open(t, config)
	for range 3 {
		if err := writes(t, s); err != nil {
			t.Error(err)
		}
		writeFile(t, file, signedJWT(t, key, "playtoken", time.Hour))
		write(t, operator, "sys/leases/revoke-prefix/auth/"+path+"/login", nil)
	}
}

// authority signs certificates, and has them in files.
type authority struct {
	t    *testing.T
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir(), key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tests"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pem = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	writeFile(t, a.file("ca"), a.pem)
	return a
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name+".pem") }

// issue writes a certificate and its key, and returns its serial number.
func (a *authority) issue(name string) *big.Int {
	a.t.Helper()
	key := newKey(a.t)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<60))
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, SubjectKeyId: serial.Bytes(),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	private, err2 := x509.MarshalPKCS8PrivateKey(key)
	if err = errors.Join(err, err2); err != nil {
		a.t.Fatal(err)
	}
	writeFile(a.t, a.file(name), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	writeFile(a.t, a.file(name+"-key"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	if _, err := tls.LoadX509KeyPair(a.file(name), a.file(name+"-key")); err != nil {
		a.t.Fatal(err)
	}
	return serial
}

// loggedInWith returns the serial number of the certificate of the last login.
func loggedInWith(t *testing.T, server *vaulttest.Server, s *vaultkeys.Store) string {
	t.Helper()
	token, err := root(t, server).WriteWithContext(t.Context(), "auth/token/lookup", map[string]any{"token": s.Token()})
	if err != nil {
		t.Fatal(err)
	}
	return token.Data["meta"].(map[string]any)["serial_number"].(string)
}

func TestACertificateIsReadAtEachLogin(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a Vault of its own")
	}
	a := newAuthority(t)
	a.issue("server")
	server := vaulttest.StartTLS(t, vaulttest.TLS{Cert: a.file("server"), Key: a.file("server-key"), CA: a.file("ca")})
	config := on(t, server)
	config.Transport = nil // that of Vault's client, with its certificate
	config.Token = secret.Value{}
	operator, path := root(t, server), enable(t, server, "cert")
	write(t, operator, "auth/"+path+"/certs/playtoken", map[string]any{
		"certificate": a.pem, "allowed_common_names": "playtoken", "token_policies": policy(t, server, config), "token_ttl": "1h",
	})
	config.Login = vaultkeys.Login{Method: "cert", Path: path}
	t.Setenv("VAULT_CACERT", a.file("ca"))
	t.Setenv("VAULT_CLIENT_CERT", a.file("playtoken"))
	t.Setenv("VAULT_CLIENT_KEY", a.file("playtoken-key"))
	a.issue("playtoken")
	s := open(t, config)
	for _, role := range []string{"", "playtoken"} {
		config.Login.Role = role
		if err := writes(t, open(t, config)); err != nil {
			t.Errorf("Write with the role %q = %v, want success", role, err)
		}
	}
	seen := map[string]bool{}
	for range 3 {
		if err := writes(t, s); err != nil {
			t.Fatal(err)
		}
		serial := a.issue("playtoken") // in use from the next login on
		write(t, operator, "sys/leases/revoke-prefix/auth/"+path+"/login", nil)
		if err := writes(t, s); err != nil {
			t.Fatal(err)
		}
		if got := loggedInWith(t, server, s); got != serial.String() || seen[got] {
			t.Errorf("logged in with the certificate %s, want %s, which is new", got, serial)
		}
		seen[serial.String()] = true
	}
	if err := os.Truncate(a.file("playtoken"), 10); err != nil { // it is being written
		t.Fatal(err)
	}
	write(t, operator, "sys/leases/revoke-prefix/auth/"+path+"/login", nil)
	if err := writes(t, s); err != nil {
		t.Errorf("Write while the file is being written = %v, want the certificate before to be used", err)
	}
}
