package vaultkeys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/hashicorp/vault/api"

	"playtoken/secret"
)

// Login is how to obtain the token of requests.
type Login struct {
	Method   string       // "token" (the default: Config.Token), "approle", "kubernetes", "jwt" or "cert"
	Path     string       // of the method's mount; by default its name
	RoleID   string       // of an AppRole
	SecretID secret.Value // of an AppRole; Store.Replace replaces it
	Role     string       // with Kubernetes, a JWT or, if it is to be a certain one, a certificate
	JWTFile  string       // with the JWT; with Kubernetes by default that of a pod
}

// defaultJWTFile is the file of a pod that has the token of its service account.
const defaultJWTFile = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// maxJWT bounds what is read from the file of a JWT.
const maxJWT = 64 << 10

// method is a way to log in.
type method struct {
	name string
	path string // of the login request
	// prove returns the members of the login request, with the secret id that is
	// in use. Nil for a configured token, which only the operator can replace.
	prove func(secretID secret.Value) (map[string]string, error)
	// locks is set if Vault refuses all logins of a role for some time after a few
	// that it refused.
	locks bool
}

func (l Login) method() method {
	m := method{name: l.Method}
	switch l.Method {
	case "approle":
		m.prove = func(secretID secret.Value) (map[string]string, error) {
			return map[string]string{"role_id": l.RoleID, "secret_id": secretID.Reveal()}, nil
		}
		m.locks = true
	case "kubernetes", "jwt":
		m.prove = func(secret.Value) (map[string]string, error) {
			jwt, err := readJWT(l.JWTFile)
			return map[string]string{"role": l.Role, "jwt": jwt}, err
		}
	case "cert":
		m.prove = func(secret.Value) (map[string]string, error) {
			if l.Role == "" {
				return map[string]string{}, nil // Vault looks for the role
			}
			return map[string]string{"name": l.Role}, nil
		}
	}
	m.path = "auth/" + l.Path + "/login"
	return m
}

// readJWT reads the file at every login, because Kubernetes, and others that make
// such files, replace the token long before it expires. The error does not contain
// the path.
func readJWT(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("file of the JWT: %w", withoutPath(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxJWT+1))
	switch jwt := strings.TrimSpace(string(text)); {
	case err != nil:
		return "", fmt.Errorf("file of the JWT: %w", withoutPath(err))
	case jwt == "" || len(text) > maxJWT || strings.ContainsFunc(jwt, notPrintable):
		return "", errors.New("file of the JWT: want a token of printable characters")
	default:
		return jwt, nil
	}
}

func withoutPath(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}

func notPrintable(r rune) bool { return !unicode.IsPrint(r) }

func (l Login) withDefaults() Login {
	if l.Method == "" {
		l.Method = "token"
	}
	if l.Path == "" {
		l.Path = l.Method
	}
	if l.JWTFile == "" && l.Method == "kubernetes" {
		l.JWTFile = defaultJWTFile
	}
	return l
}

func (l Login) check(token secret.Value) error {
	if !mountName.MatchString(l.Path) {
		return fmt.Errorf("login path %.80q: want a path like approle, without auth/ and without slashes at its ends", l.Path)
	}
	switch l.Method {
	case "token":
		return checkToken(token.Reveal())
	case "approle":
		if l.RoleID == "" || l.SecretID.IsZero() {
			return errors.New("login by approle: want a role id and a secret id")
		}
	case "kubernetes", "jwt":
		if l.Role == "" || l.JWTFile == "" {
			return fmt.Errorf("login by %s: want a role and the file of a JWT", l.Method)
		}
	case "cert":
		if os.Getenv(api.EnvVaultClientCert) == "" || os.Getenv(api.EnvVaultClientKey) == "" {
			return errors.New("login by cert: set VAULT_CLIENT_CERT and VAULT_CLIENT_KEY to the files of the certificate and its key")
		}
	default:
		return fmt.Errorf("login by %.20q: want token, approle, kubernetes, jwt or cert", l.Method)
	}
	return nil
}

func checkToken(token string) error {
	switch {
	case token == "":
		return errors.New("no token for Vault: set VAULT_TOKEN")
	case strings.ContainsFunc(token, notPrintable):
		return errors.New("token: want printable characters only")
	}
	return nil
}

// lease describes a token in a response of Vault.
type lease struct {
	Token     string `json:"client_token"`
	Seconds   int64  `json:"lease_duration"` // 0: never expires
	Renewable bool   `json:"renewable"`
}

func (l lease) ttl() time.Duration { return time.Duration(l.Seconds) * time.Second }

// logIn obtains a new token.
func (s *session) logIn(ctx context.Context, secretID secret.Value) (lease, error) {
	proof, err := s.method.prove(secretID)
	if err != nil {
		return lease{}, err
	}
	r := request{method: http.MethodPut, path: s.method.path, body: proof, timeout: loginTimeout}
	for _, text := range proof {
		r.hide = append(r.hide, text)
	}
	body, err := s.send(ctx, s.anonymous, r)
	if err != nil {
		return lease{}, err
	}
	return r.lease(body)
}

// renew extends the token by its original lease.
func (s *session) renew(ctx context.Context, g grant) (lease, error) {
	r := request{method: http.MethodPut, path: "auth/token/renew-self", body: struct{}{}, timeout: loginTimeout}
	body, err := s.send(ctx, g.client, r)
	if err != nil {
		return lease{}, err
	}
	return r.lease(body)
}

func (r request) lease(body []byte) (lease, error) {
	var response struct {
		Auth lease `json:"auth"`
	}
	err := json.Unmarshal(body, &response)
	if err != nil || checkToken(response.Auth.Token) != nil || response.Auth.Seconds < 0 {
		return lease{}, r.unconfirmed(errors.New("the response has no token"))
	}
	return response.Auth, nil
}

// lookUp returns the lease of a configured token.
func (s *session) lookUp(ctx context.Context, g grant) (lease, error) {
	r := request{method: http.MethodGet, path: "auth/token/lookup-self", timeout: loginTimeout}
	body, err := s.send(ctx, g.client, r)
	if err != nil {
		return lease{}, err
	}
	told, err := decode[struct {
		Seconds   int64 `json:"ttl"`
		Renewable bool  `json:"renewable"`
	}](r, body)
	return lease{Seconds: told.Seconds, Renewable: told.Renewable}, err
}
