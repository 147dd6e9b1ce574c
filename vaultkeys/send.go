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

// ErrForbidden: the policies of our token do not allow it. Nothing was done.
// The error's text names the path and the capability.
var ErrForbidden = errors.New("not allowed by vault's policies")

// errRefused: Vault understood the request and will not do it. Nothing was
// done.
var errRefused = errors.New("refused")

// errDead: Vault does not know our token (any more). Nothing was done.
var errDead = fmt.Errorf("%w: the token is not, or no longer, valid", store.ErrUnavailable)

// request is one request to Vault. Path holds server-made names only.
type request struct {
	method  string // GET, PUT or DELETE
	path    string // below /v1/
	body    any    // of a PUT
	timeout time.Duration
	query   url.Values // of a GET; nothing that we were given
	cluster bool       // asks the cluster, as nobody in particular
	whole   bool       // is not given up half-way, even if the caller gives up
	hide    []string   // what it says and no error may repeat
}

// failure is an answer other than success. It unwraps to what it means.
type failure struct {
	request request
	status  int
	said    string // Vault's own words, tidied
	body    []byte
	means   error
}

func (f *failure) Unwrap() error { return f.means }

func (f *failure) Error() string {
	text := fmt.Sprintf("vault: %s %s: status %d", f.request.method, f.request.path, f.status)
	switch {
	case f.status/100 == 3:
		text += ", a redirect, and none is followed; VAULT_ADDR must lead to a node that answers itself"
	case errors.Is(f.means, ErrForbidden) && f.request.hide == nil: // who logs in has no token to blame
		text += fmt.Sprintf(", %s; the token must be alive and have capability %s on %q", f.said, f.request.capability(), f.request.path)
	case f.said != "":
		text += ", " + f.said
	}
	return text + ": " + f.means.Error()
}

func (r request) capability() string {
	switch {
	case r.method == http.MethodGet:
		return `"read"`
	case r.method == http.MethodDelete:
		return `"delete"`
	case strings.Contains(r.path, "/data/"): // only KV tells the two apart
		return `"create" and "update"`
	}
	return `"update"`
}

// send sends the request and returns the body of a successful answer, which is
// empty for status 204. It is sent once, and a second time only if Vault did
// nothing the first time because it did not know our token. Every error says
// what it means: one of ErrUnavailable, ErrForbidden, ErrNotFound or errRefused.
func (s *Store) send(ctx context.Context, r request) ([]byte, error) {
	if r.whole {
		if ctx.Err() != nil {
			return nil, r.unanswered(ctx.Err())
		}
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
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

// doubtedBy: Vault did nothing, and another token may help. Some versions tell
// a dead token from a policy that forbids, and some do not; so a policy that
// forbids costs a login, but one in a while. It may even be worth it: another
// token may have other policies.
func (g grant) doubtedBy(err error) bool {
	return errors.Is(err, errDead) || errors.Is(err, ErrForbidden) && time.Since(g.at) > trusted
}

// once sends the request once, whatever the answer.
func (s *Store) once(ctx context.Context, client *api.Client, r request) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	resp, err := r.exchange(ctx, client.Logical())
	if resp == nil {
		return nil, r.unanswered(err)
	}
	defer resp.Body.Close()
	// The client has turned error statuses into errors of its own, whose text
	// is the whole answer; status and body are all we want of it.
	body, err := readAll(resp.Body)
	if err != nil {
		return nil, r.unanswered(err)
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

// unsent is an error that came before the request.
func (r request) unsent(err error) error {
	return fmt.Errorf("vault: %s %s: %w", r.method, r.path, err)
}

func (r request) unanswered(err error) error {
	return fmt.Errorf("vault: %s %s: %w: %w", r.method, r.path, store.ErrUnavailable, err)
}

func (r request) failed(status int, body []byte, hide []string) error {
	var told struct {
		Errors *[]string `json:"errors"`
		Data   any       `json:"data"`
	}
	isVault := json.Unmarshal(body, &told) == nil && (told.Errors != nil || told.Data != nil)
	var said string
	if told.Errors != nil {
		said = tidy(*told.Errors, hide)
	}
	return &failure{request: r, status: status, said: said, body: body, means: meaning(status, said, isVault)}
}

// meaning is the one place where a status, and now and then Vault's words,
// becomes an error.
func meaning(status int, said string, isVault bool) error {
	switch {
	case !isVault:
		return store.ErrUnavailable // something else answers in Vault's place
	case status == http.StatusForbidden && strings.Contains(said, "invalid token"),
		status == http.StatusBadRequest && strings.Contains(said, "missing client token"):
		return errDead
	case status == http.StatusForbidden:
		return ErrForbidden
	case status == http.StatusBadRequest && strings.Contains(said, "pgrad") && strings.Contains(said, "non-versioned"):
		return store.ErrUnavailable // KV is getting ready, as it does at each unsealing
	case status == http.StatusNotFound && said == "":
		return store.ErrNotFound
	case status == http.StatusBadRequest, status == http.StatusNotFound, // with words: no such mount
		status == http.StatusMethodNotAllowed, status == http.StatusRequestEntityTooLarge:
		return errRefused
	}
	return store.ErrUnavailable
}

// tidy makes one short printable line of Vault's words. Whatever answers in
// Vault's place may send our request back to us; credentials stay out of it.
func tidy(words, hide []string) string {
	text := strings.Join(strings.Fields(strings.Join(words, "; ")), " ")
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

// refusal returns what Vault said when it refused, and whether it did.
func refusal(err error) (said string, ok bool) {
	var f *failure
	if errors.As(err, &f) && errors.Is(f.means, errRefused) {
		return f.said, true
	}
	return "", false
}

// decode reads the answer's data. An answer without data is an error: it is
// what a redirect, or a proxy that lost the body, looks like.
func decode[T any](r request, body []byte) (T, error) {
	var answer struct {
		Data *T `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		var none T
		return none, r.unanswered(errors.New("answer is not what vault sends"))
	}
	if answer.Data == nil {
		var none T
		return none, r.unanswered(errors.New("answer without data"))
	}
	return *answer.Data, nil
}
