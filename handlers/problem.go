package handlers

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/audit"
	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/projects/approvals"
	"playtoken/projects/operators"
	"playtoken/projects/viewers"
	"playtoken/signer"
	"playtoken/store"
)

// Errors of this package, beside *invalid and *unauthorized.
var (
	errTooLarge = errors.New("the body is longer than 65536 bytes: shorten it, or split a batch")
	errNoRoute  = errors.New("no such path: GET /openapi.json lists all paths")
	errMethod   = errors.New("this path does not support this method: use one that the Allow header lists")
)

// notReady is any reason why a token could not be minted now.
type notReady struct{ error }

func (n notReady) Unwrap() error { return n.error }

// failure is what the response says about an error.
type failure struct {
	is     func(error) bool
	status int
	code   string
	says   string        // the detail; empty: the error's own text
	retry  time.Duration // Retry-After, unless the error has its own

	// operator: waiting does not help until an operator changes something.
	operator bool
	field    string // the member of the request that is wrong
}

func is(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
func as[E error](err error) bool       { _, ok := errors.AsType[E](err); return ok }

const (
	saysStore    = "the key store is unavailable; the request is fine, try again"
	saysPlatform = "the video platform is unavailable or reported a failure; the request is fine, try again"
)

// failures is everything that a caller can learn about an error. The first match
// counts. An error that is not listed is a fault of this service: it is logged,
// and the caller learns nothing about it.
var failures = []failure{
	{is: as[*invalid], status: 400, code: "invalid_request"},
	{is: is(errTooLarge), status: 413, code: "payload_too_large"},
	{is: is(errNoRoute), status: 404, code: "not_found"},
	{is: is(errNoFile), status: 404, code: "not_found"},
	{is: is(errMethod), status: 405, code: "method_not_allowed"},
	{is: as[*projects.Invalid], status: 400, code: "invalid_request"},
	{is: as[*limited], status: 429, code: "rate_limited", retry: time.Second},
	{is: is(operators.ErrRequest), status: 400, code: "invalid_request"},
	{is: is(operators.ErrRedirect), status: 400, code: "invalid_request"},
	{is: is(operators.ErrAway), status: 503, code: "signer_unavailable", says: operators.ErrAway.Error(), retry: 5 * time.Second},
	{is: as[badCredentials], status: 400, code: badCredentialsCode, says: "the key or token is unknown, expired, deleted or already used: send a valid one"},
	{is: is(approvals.ErrGone), status: 404, code: "not_found", says: approvals.ErrGone.Error()},
	{is: is(approvals.ErrSameOperator), status: 403, code: "forbidden", says: approvals.ErrSameOperator.Error()},
	{is: is(audit.ErrNoFile), status: 409, code: "conflict", says: "the audit record is not kept in a file, so it cannot be read here: look where standard error of this process goes, or set PLAYTOKEN_AUDIT to file:PATH"},
	{is: is(audit.ErrCursor), status: 400, field: "cursor", code: "invalid_request", says: audit.ErrCursor.Error() + ": start at the first page"},
	{is: is(approvals.ErrFull), status: 409, code: "conflict", says: approvals.ErrFull.Error()},
	{is: is(errUnrecorded), status: 503, code: "audit_unavailable", says: "nothing was changed, because the audit log cannot be written; the request is fine, try again", retry: 5 * time.Second},
	{is: as[*unauthorized], status: 401, code: "unauthenticated"},
	{is: as[*viewers.Rejected], status: 401, code: "unauthenticated"},
	{is: is(projects.ErrUnknownCaller), status: 401, code: "unauthenticated", says: "the credential is unknown, expired or deleted: send a valid API key or access token"},
	{is: is(projects.ErrForbidden), status: 403, code: "forbidden"},
	{is: as[*viewers.NotEntitled], status: 403, code: "not_entitled"},
	{is: is(projects.ErrNoKeys), status: 404, code: "not_found"},
	{is: is(projects.ErrNotFound), status: 404, code: "not_found", says: "no such project or resource: check the id, and that this key belongs to the project"},
	{is: is(signer.ErrTTL), status: 422, field: "expires_in", code: "ttl_out_of_range"},
	{is: is(signer.ErrVideo), status: 422, field: "video_id", code: "video_invalid"},
	{is: is(signer.ErrClaim), status: 422, field: "claims", code: "claim_not_allowed"},
	{is: is(signer.ErrNotEnforceable), status: 422, field: "viewer", code: "not_enforceable"},
	{is: is(keyrotation.ErrNoSessions), status: 422, code: "not_enforceable"},
	{is: is(signer.ErrAllVideos), status: 403, code: "forbidden"},
	{is: as[*signer.NoActiveKey], status: 503, code: "no_active_key", retry: 5 * time.Second},
	{is: as[*viewers.Unavailable], status: 503, code: "signer_unavailable", says: "the identity provider or webhook that decides about this viewer is unavailable; the request is fine, try again", retry: time.Second},
	{is: as[*projects.Unusable], status: 503, code: "platform_unavailable", retry: time.Minute, operator: true},
	{is: is(projects.ErrUnchecked), status: 503, code: "platform_unavailable", says: projects.ErrUnchecked.Error(), retry: 5 * time.Second},
	{is: is(keyrotation.ErrUnauthorized), status: 503, code: "platform_unavailable", says: "the video platform rejects this service's credential: an operator has to renew it", retry: time.Minute, operator: true},
	{is: is(keyrotation.ErrRefused), status: 503, code: "platform_unavailable", says: "the video platform rejects this request, and will reject it again: an operator has to read the service's log", retry: 5 * time.Second, operator: true},
	{is: is(keyrotation.ErrThrottled), status: 503, code: "platform_unavailable", says: "the video platform limits this service's calls: try again later", retry: 10 * time.Second},
	{is: is(signer.ErrUnavailable), status: 503, code: "signer_unavailable", says: "tokens cannot be signed at the moment; the request is fine, try again", retry: time.Second},
	{is: as[*keyrotation.Guard], status: 409, code: "conflict"},
	{is: is(store.ErrUnavailable), status: 503, code: "signer_unavailable", says: saysStore, retry: time.Second},
	{is: is(store.ErrNotFound), status: 404, code: "not_found", says: "no such key: the project's signing-keys and drift list the keys that exist"},
	{is: is(store.ErrConflict), status: 409, code: "conflict", says: "other changes were made at the same time: read the resource again, and retry"},
	{is: as[*keyrotation.PlatformError], status: 503, code: "platform_unavailable", says: saysPlatform, retry: 5 * time.Second}, // before deadlines: its calls have some
	{is: is(context.Canceled), status: 503, code: "signer_unavailable", says: saysStore, retry: time.Second},
	{is: is(context.DeadlineExceeded), status: 503, code: "signer_unavailable", says: saysStore, retry: time.Second},
	{is: as[notReady], status: 503, code: "signer_unavailable", says: saysStore, retry: time.Second},
	{is: func(error) bool { return true }, status: 500, code: "internal", says: "internal error: an operator finds it in the service's log under this request id"},
}

// failureOf finds an error in the table.
func failureOf(err error) (f failure) {
	for _, f = range failures {
		if f.is(err) {
			break
		}
	}
	return f
}

// What api.video's clients expect of the problem of a bad key.
const (
	badCredentialsCode  = "authentication-invalid-user-credentials"
	badCredentialsType  = "https://docs.api.video/reference/" + badCredentialsCode
	badCredentialsTitle = "The user credentials were incorrect."
)

// problem is a problem document of RFC 9457.
type problem struct {
	Type       string       `json:"type"`
	Title      string       `json:"title"`
	Name       string       `json:"name,omitempty"` // of the member with a bad credential
	Status     int          `json:"status"`
	Detail     string       `json:"detail"`
	Code       string       `json:"code"`
	Reason     string       `json:"reason,omitempty"` // why a viewer's token is not accepted
	RequestID  string       `json:"request_id"`
	Errors     []fieldError `json:"errors,omitempty"`
	RetryAfter int          `json:"retry_after,omitzero"` // seconds
	EarliestAt *time.Time   `json:"earliest_at,omitempty"`

	NeedsOperator bool `json:"needs_operator,omitzero"`
}

// explain turns an error into a problem, of which the log tells.
func (s *server) explain(o *outcome, err error) problem {
	f := failureOf(err)
	o.failed(f, err)
	p := problem{
		Type: "about:blank", Title: http.StatusText(f.status), Status: f.status,
		Detail: f.says, Code: f.code, RequestID: o.RequestID, NeedsOperator: f.operator,
	}
	if p.Detail == "" {
		p.Detail = err.Error()
	}
	p.Errors = f.fieldsOf(err)
	if bad, ok := errors.AsType[badCredentials](err); ok {
		p.Type, p.Title, p.Name = badCredentialsType, badCredentialsTitle, bad.member
	}
	if rejected, ok := errors.AsType[*viewers.Rejected](err); ok {
		p.Reason = string(rejected.Reason)
	}
	earliest := earliestAt(err)
	p.EarliestAt = timeOrNull(earliest)
	if f.retry > 0 {
		p.RetryAfter = seconds(retryAfter(err, earliest, f.retry))
	}
	return p
}

// memberError is an error about a member that only the route can name.
type memberError struct {
	error
	field string
}

func (f memberError) Unwrap() error { return f.error }

// fieldsOf lists the members that are wrong.
func (f failure) fieldsOf(err error) (fields []fieldError) {
	if malformed, ok := errors.AsType[*invalid](err); ok {
		return malformed.fields
	}
	if wrong, ok := errors.AsType[*projects.Invalid](err); ok {
		for _, one := range wrong.Fields {
			fields = append(fields, fieldError{Field: one.Field, Detail: one.Problem})
		}
		return fields
	}
	if one, ok := errors.AsType[memberError](err); ok {
		return []fieldError{{Field: one.field, Detail: one.Error()}}
	}
	if f.field == "" {
		return nil
	}
	return []fieldError{{Field: f.field, Detail: err.Error()}}
}

// earliestAt is when the refused action will be possible; zero if unknown.
func earliestAt(err error) time.Time {
	if none, ok := errors.AsType[*signer.NoActiveKey](err); ok {
		return none.EarliestAt
	}
	if guard, ok := errors.AsType[*keyrotation.Guard](err); ok {
		return guard.EarliestAt
	}
	return time.Time{}
}

// retryAfter is how long the caller should wait: what the error says, or else the
// table's.
func retryAfter(err error, earliest time.Time, otherwise time.Duration) time.Duration {
	var paced interface{ RetryAfter() time.Duration }
	switch {
	case !earliest.IsZero():
		return time.Until(earliest)
	case errors.As(err, &paced) && paced.RetryAfter() > 0:
		return paced.RetryAfter()
	}
	return otherwise
}

// seconds rounds up to at least one, so that a caller that waits that long is not
// too early.
func seconds(d time.Duration) int {
	return int(max(1, (d+time.Second-1)/time.Second))
}

// refuse responds with a problem, and returns its code.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) (code string) {
	unknown := errors.Is(err, projects.ErrUnknownCaller)
	p := s.explain(outcomeOf(w), err)
	data, err := json.Marshal(p)
	if err != nil { // a detail that is not UTF-8
		p.Detail = p.Title
		data, _ = json.Marshal(p)
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", p.challenge(unknown))
	}
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	s.write(w, r, p.Status, "application/problem+json", data)
	return p.Code
}

// challenge says what is wrong with a credential, as RFC 6750 has it. It is Bearer
// only: a Basic challenge makes browsers ask the user for a password.
func (p problem) challenge(unknown bool) string {
	text := `Bearer realm="playtoken"`
	if unknown {
		text += `, error="invalid_token"`
	}
	if p.Reason != "" {
		text += `, error_description="` + p.Detail + `"`
	}
	return text
}

// tokenRefused reports a refused mint to Config.Refused.
func (s *server) tokenRefused(ctx context.Context, c call, code string) {
	if s.Refused != nil {
		s.Refused(s.storedProject(ctx, c), code)
	}
}

// storedProject is the project of a call, if it exists: one that a caller names
// must not become a label of metrics. An operator may name any.
func (s *server) storedProject(ctx context.Context, c call) string {
	if own := cmp.Or(c.policy.ID, c.caller.ProjectID); own != "" || !c.caller.Operates() {
		return own
	}
	p, err := s.projectByID(ctx, c.project)
	if err != nil {
		return ""
	}
	return p.ID
}
