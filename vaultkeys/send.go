package vaultkeys

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/hashicorp/vault/api"

	"playtoken/store"
)

// ErrForbidden means that the policies of the token do not allow the request,
// which had no effect. The error names the path and the capability.
var ErrForbidden = errors.New("not allowed by the policies of the Vault token")

// errRefused means that Vault rejected the request, which had no effect.
var errRefused = errors.New("refused")

// errDead means that the token is invalid or has expired. The request had no
// effect.
var errDead = fmt.Errorf("%w: the Vault token is invalid or has expired", store.ErrUnavailable)

// request is one request to Vault. Its path contains no text from callers of the
// API, only names that the service made.
type request struct {
	method  string // GET, PUT or DELETE
	path    string // below /v1/
	body    any    // of a PUT
	timeout time.Duration
	query   url.Values // of a GET; constant
	cluster bool       // sent without token and namespace
	// detached requests run to their end even if the caller's context ends.
	detached bool
	hide     []string // texts of the body that errors must not contain
}

// failure is a response other than a success. It unwraps to its meaning.
type failure struct {
	request request
	status  int
	message string // of Vault, on one line
	body    []byte
	means   error
}

func (f *failure) Unwrap() error { return f.means }

func (f *failure) Error() string {
	text := fmt.Sprintf("vault: %s %s: status %d", f.request.method, f.request.path, f.status)
	switch {
	case f.status/100 == 3:
		text += ", a redirect, which is not followed; set VAULT_ADDR to a node that responds itself"
	case errors.Is(f.means, ErrForbidden) && f.request.hide == nil: // a login carries no token
		text += fmt.Sprintf(", %s; the token must be valid and have the capability %s on %q", f.message, f.request.capability(), f.request.path)
	case f.message != "":
		text += ", " + f.message
	}
	return text + ": " + f.means.Error()
}

func (r request) capability() string {
	switch {
	case r.method == http.MethodGet:
		return `"read"`
	case r.method == http.MethodDelete:
		return `"delete"`
	case strings.Contains(r.path, "/data/"): // only KV distinguishes the two
		return `"create" and "update"`
	}
	return `"update"`
}

// send sends the request and returns the body of a successful response, which is
// empty for status 204. It sends the request once, and again only if the first had
// no effect: Vault rejected the token, or is a standby that is behind. Errors:
// store.ErrUnavailable, ErrForbidden, store.ErrNotFound, errRefused.
func (s *Store) send(ctx context.Context, r request) ([]byte, error) {
	if r.detached {
		if ctx.Err() != nil {
			return nil, r.unconfirmed(ctx.Err())
		}
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	for _, pause := range pauses() {
		body, err := s.try(ctx, r)
		if !isBehind(err) {
			return body, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return body, err
		}
	}
	s.seen.forget()
	return s.try(ctx, r)
}

// try sends the request, and if the token was rejected once more with another.
func (s *Store) try(ctx context.Context, r request) ([]byte, error) {
	if r.cluster {
		return s.once(ctx, s.cluster, r)
	}
	g, err := s.session.instead(ctx, nil)
	if err != nil {
		return nil, r.unsent(err)
	}
	body, err := s.once(ctx, g.client, r)
	if !g.doubtedBy(err) {
		return body, err
	}
	fresh, loginErr := s.session.instead(ctx, g.client)
	switch {
	case loginErr == nil:
		return s.once(ctx, fresh.client, r)
	case errors.Is(err, errDead):
		return nil, r.unsent(loginErr)
	}
	return nil, err
}

// doubtedBy reports whether the request had no effect and may succeed with
// another token. Some versions of Vault do not distinguish an expired token from
// a policy that forbids the request, so such a policy costs a login, at most one
// in a while. A new token may also have other policies.
func (g grant) doubtedBy(err error) bool {
	return errors.Is(err, errDead) || errors.Is(err, ErrForbidden) && time.Since(g.at) > trusted
}

// once sends the request exactly once.
func (s *Store) once(ctx context.Context, client *api.Client, r request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	resp, err := r.exchange(ctx, client.Logical())
	if resp == nil {
		return nil, r.unconfirmed(err)
	}
	defer resp.Body.Close()
	// For an error status, err repeats the whole response. Only the status and
	// the body are used.
	body, err := readAll(resp.Body)
	if err != nil {
		return nil, r.unconfirmed(err)
	}
	if resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusNoContent {
		return body, nil
	}
	return nil, r.failed(resp.StatusCode, body, append(r.hide, client.Token()))
}

func (r request) exchange(ctx context.Context, logical *api.Logical) (*api.Response, error) {
	switch r.method {
	case http.MethodGet:
		return logical.ReadRawWithDataWithContext(ctx, r.path, r.query)
	case http.MethodDelete:
		return logical.DeleteRawWithContext(ctx, r.path)
	default:
		body, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		return logical.WriteRawWithContext(ctx, r.path, body)
	}
}

// unsent is the error of a request that was not sent.
func (r request) unsent(err error) error {
	return fmt.Errorf("vault: %s %s: %w", r.method, r.path, err)
}

// unconfirmed is the error of a request that may have had an effect.
func (r request) unconfirmed(err error) error {
	return fmt.Errorf("vault: %s %s: %w: %w", r.method, r.path, store.ErrUnavailable, err)
}

func (r request) failed(status int, body []byte, hide []string) error {
	var told struct {
		Errors *[]string `json:"errors"`
		Data   any       `json:"data"`
	}
	isVault := json.Unmarshal(body, &told) == nil && (told.Errors != nil || told.Data != nil)
	var message string
	if told.Errors != nil {
		message = tidy(*told.Errors, hide)
	}
	return &failure{request: r, status: status, message: message, body: body, means: meaning(status, message, isVault)}
}

// meaning is the only place where a status, and in some cases the message of
// Vault, becomes an error.
func meaning(status int, message string, isVault bool) error {
	switch {
	case !isVault:
		return store.ErrUnavailable // a proxy responds in place of Vault
	case status == http.StatusForbidden && strings.Contains(message, "invalid token"),
		status == http.StatusBadRequest && strings.Contains(message, "missing client token"):
		return errDead
	case status == http.StatusForbidden:
		return ErrForbidden
	case status == http.StatusBadRequest && strings.Contains(message, "pgrad") && strings.Contains(message, "non-versioned"):
		return store.ErrUnavailable // the KV engine starts, as it does after each unsealing
	case status == http.StatusNotFound && message == "":
		return store.ErrNotFound
	case status == http.StatusBadRequest, status == http.StatusNotFound, // with a message: no such mount
		status == http.StatusMethodNotAllowed, status == http.StatusRequestEntityTooLarge:
		return errRefused
	}
	return store.ErrUnavailable
}

// tidy joins the messages of Vault to one short printable line. A proxy may
// repeat the request in its response, so credentials are removed.
func tidy(messages, hide []string) string {
	text := strings.Join(strings.Fields(strings.Join(messages, "; ")), " ")
	for _, credential := range hide {
		if credential != "" {
			text = strings.ReplaceAll(text, credential, "[redacted]")
		}
	}
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return strings.ToValidUTF8(text, "�")
}

// refusal returns the message of a refusal, and whether err is one.
func refusal(err error) (message string, ok bool) {
	var f *failure
	if errors.As(err, &f) && errors.Is(f.means, errRefused) {
		return f.message, true
	}
	return "", false
}

// decode reads the data of a response. A response without data is an error: it
// comes from a proxy, or was cut off.
func decode[T any](r request, body []byte) (T, error) {
	var response struct {
		Data *T `json:"data"`
	}
	if err := json.Unmarshal(body, &response); err != nil {
		var none T
		return none, r.unconfirmed(errors.New("the response is not from vault, or is damaged"))
	}
	if response.Data == nil {
		var none T
		return none, r.unconfirmed(errors.New("the response has no data"))
	}
	return *response.Data, nil
}
