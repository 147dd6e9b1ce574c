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

	"playtoken/secret"
)

// Login is how to obtain the token of requests.
type Login struct {
	Method   string       // "token" (the default: Config.Token), "approle" or "kubernetes"
	Path     string       // of the method's mount; by default its name
	RoleID   string       // of an AppRole
	SecretID secret.Value // of an AppRole
	Role     string       // with Kubernetes
	JWTFile  string       // with the token of the service account; by default that of a pod
}

// defaultJWTFile is the file of a pod that has the token of its service account.
const defaultJWTFile = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// maxJWT bounds what is read from the file of a service account's token.
const maxJWT = 64 << 10

// method is a way to log in.
type method struct {
	name string
	path string // of the login request
	// prove returns the members of the login request. Nil for a configured
	// token, which cannot be replaced.
	prove func() (map[string]string, error)
	// refused returns the pause after the n-th refusal in a row.
	refused func(n int) time.Duration
}

func (l Login) method() method {
	m := method{name: l.Method, refused: func(int) time.Duration { return 5 * time.Second }}
	switch l.Method {
	case "approle":
		m.prove = func() (map[string]string, error) {
			return map[string]string{"role_id": l.RoleID, "secret_id": l.SecretID.Reveal()}, nil
		}
		m.refused = rarely
	case "kubernetes":
		m.prove = func() (map[string]string, error) {
			jwt, err := readJWT(l.JWTFile)
			return map[string]string{"role": l.Role, "jwt": jwt}, err
		}
	}
	m.path = "auth/" + l.Path + "/login"
	return m
}

// rarely keeps a process with an old secret id from locking out the processes
// that use the same role: after five refused logins within 15 minutes, Vault
// refuses all logins of the role for 15 minutes.
func rarely(n int) time.Duration {
	if n == 1 {
		return 5 * time.Second
	}
	return 5 * time.Minute
}

// readJWT reads the file at every login, because Kubernetes replaces the token
// long before it expires. The error does not contain the path.
func readJWT(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("file of the service account's token: %w", withoutPath(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxJWT+1))
	switch jwt := strings.TrimSpace(string(text)); {
	case err != nil:
		return "", fmt.Errorf("file of the service account's token: %w", withoutPath(err))
	case jwt == "" || len(text) > maxJWT || strings.ContainsFunc(jwt, notPrintable):
		return "", errors.New("file of the service account's token: want a token of printable characters")
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
	if l.JWTFile == "" {
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
	case "kubernetes":
		if l.Role == "" {
			return errors.New("login by kubernetes: want a role")
		}
	default:
		return fmt.Errorf("login by %.20q: want token, approle or kubernetes", l.Method)
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
func (s *session) logIn(ctx context.Context) (lease, error) {
	proof, err := s.method.prove()
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
