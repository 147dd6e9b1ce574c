package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/projects/viewers"
	"playtoken/signer"
	"playtoken/store"
)

// Errors of this package, beside *invalid and *unauthorized.
var (
	errTooLarge = errors.New("the body is longer than 65536 bytes: send less, or split a batch")
	errNoRoute  = errors.New("there is nothing at this address: GET /openapi.json lists what there is")
	errMethod   = errors.New("this address does not take this method; Allow lists those it takes")
)

// platformTrouble is an error of a verb that talks to the platform. What is
// not known better is the platform's.
type platformTrouble struct{ error }

func (p platformTrouble) Unwrap() error { return p.error }

// notReady is any reason for not being ready.
type notReady struct{ error }

func (n notReady) Unwrap() error { return n.error }

// failure is what a caller may learn about an error.
type failure struct {
	is     func(error) bool
	status int
	code   string
	says   string        // instead of the error's own words; if empty, those
	retry  time.Duration // unless the error knows better

	// operator: waiting does not help until an operator changes something.
	operator bool
	field    string // what is to be changed in the request
}

func is(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
func as[E error](err error) bool       { _, ok := errors.AsType[E](err); return ok }

const (
	saysStore    = "the key store does not answer; nothing is wrong with the request, try again"
	saysPlatform = "the video platform does not do what it was asked; nothing is wrong with the request, try again"
)

// failures is all that a caller can learn about an error. The first match
// counts; an error that is not listed is ours, and is logged.
var failures = []failure{
	{is: as[*invalid], status: 400, code: "invalid_request"},
	{is: is(errTooLarge), status: 413, code: "payload_too_large"},
	{is: is(errNoRoute), status: 404, code: "not_found"},
	{is: is(errMethod), status: 405, code: "method_not_allowed"},
	{is: as[*projects.Invalid], status: 400, code: "invalid_request"},
	{is: as[*limited], status: 429, code: "rate_limited", retry: time.Second},
	{is: as[badCredentials], status: 400, code: badCredentialsCode, says: "the key or token is not, or no longer, good for anything here"},
	{is: is(errUnrecorded), status: 503, code: "audit_unavailable", says: "nothing was changed, because it could not be written down; nothing is wrong with the request, try again", retry: 5 * time.Second},
	{is: as[*unauthorized], status: 401, code: "unauthenticated"},
	{is: is(projects.ErrUnknownCaller), status: 401, code: "unauthenticated", says: "the key is not one of ours, or not any more: send one that is"},
	{is: is(projects.ErrForbidden), status: 403, code: "forbidden"},
	{is: as[*viewers.NotEntitled], status: 403, code: "not_entitled"},
	{is: is(projects.ErrNoKeys), status: 404, code: "not_found"},
	{is: is(projects.ErrNotFound), status: 404, code: "not_found", says: "there is no such project, or no such thing in it: mind the id, and whose key asks"},
	{is: is(signer.ErrTTL), status: 422, field: "expires_in", code: "ttl_out_of_range"},
	{is: is(signer.ErrVideo), status: 422, field: "video_id", code: "video_invalid"},
	{is: is(signer.ErrClaim), status: 422, field: "claims", code: "claim_not_allowed"},
	{is: is(signer.ErrNotEnforceable), status: 422, field: "viewer", code: "not_enforceable"},
	{is: is(signer.ErrAllVideos), status: 403, code: "forbidden"},
	{is: as[*signer.NoActiveKey], status: 503, code: "no_active_key", retry: 5 * time.Second},
	{is: as[*viewers.Unavailable], status: 503, code: "signer_unavailable", says: "whoever knows or decides about the viewer does not answer; nothing is wrong with the request, try again", retry: time.Second},
	{is: is(keyrotation.ErrUnauthorized), status: 503, code: "platform_unavailable", says: "the video platform does not accept our credential; an operator has to renew it", retry: time.Minute, operator: true},
	{is: is(keyrotation.ErrRefused), status: 503, code: "platform_unavailable", says: "the video platform will never accept this request; an operator has to look at the log", retry: 5 * time.Second, operator: true},
	{is: is(keyrotation.ErrThrottled), status: 503, code: "platform_unavailable", says: "the video platform asks us to come back later", retry: 10 * time.Second},
	{is: is(signer.ErrUnavailable), status: 503, code: "signer_unavailable", says: "tokens cannot be made just now; nothing is wrong with the request, try again", retry: time.Second},
	{is: as[*keyrotation.Guard], status: 409, code: "conflict"},
	{is: is(store.ErrUnavailable), status: 503, code: "signer_unavailable", says: saysStore, retry: time.Second},
	{is: is(store.ErrNotFound), status: 404, code: "not_found", says: "there is no such key: the lists at signing-keys and drift show which there are"},
	{is: is(store.ErrConflict), status: 409, code: "conflict", says: "others keep changing this; look at it and try again"},
	{is: as[*keyrotation.PlatformError], status: 503, code: "platform_unavailable", says: saysPlatform, retry: 5 * time.Second}, // among them deadlines of its calls
	{is: is(context.Canceled), status: 503, code: "signer_unavailable", says: saysStore, retry: time.Second},
	{is: is(context.DeadlineExceeded), status: 503, code: "signer_unavailable", says: saysStore, retry: time.Second},
	{is: as[platformTrouble], status: 503, code: "platform_unavailable", says: saysPlatform, retry: 5 * time.Second},
	{is: as[notReady], status: 503, code: "signer_unavailable", says: saysStore, retry: time.Second},
	{is: func(error) bool { return true }, status: 500, code: "internal", says: "something went wrong here; it is in our log under this request id"},
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

// What clients of api.video look for when a key is not good.
const (
	badCredentialsCode  = "authentication-invalid-user-credentials"
	badCredentialsType  = "https://docs.api.video/reference/" + badCredentialsCode
	badCredentialsTitle = "The user credentials were incorrect."
)

// problem is an answer of RFC 9457.
type problem struct {
	Type       string       `json:"type"`
	Title      string       `json:"title"`
	Name       string       `json:"name,omitempty"` // of the member with a bad credential
	Status     int          `json:"status"`
	Detail     string       `json:"detail"`
	Code       string       `json:"code"`
	RequestID  string       `json:"request_id"`
	Errors     []fieldError `json:"errors,omitempty"`
	RetryAfter int          `json:"retry_after,omitzero"` // seconds
	EarliestAt *time.Time   `json:"earliest_at,omitempty"`

	NeedsOperator bool `json:"needs_operator,omitzero"`
}

// explain turns an error into a problem, and logs what is not the caller's.
func (s *server) explain(ctx context.Context, requestID string, err error) problem {
	f := failureOf(err)
	p := problem{
		Type: "about:blank", Title: http.StatusText(f.status), Status: f.status,
		Detail: f.says, Code: f.code, RequestID: requestID, NeedsOperator: f.operator,
	}
	if p.Detail == "" {
		p.Detail = err.Error()
	}
	p.Errors = f.fieldsOf(err)
	if bad, ok := errors.AsType[badCredentials](err); ok {
		p.Type, p.Title, p.Name = badCredentialsType, badCredentialsTitle, bad.member
	}
	earliest := earliestAt(err)
	p.EarliestAt = timeOrNull(earliest)
	if f.retry > 0 {
		p.RetryAfter = seconds(retryAfter(err, earliest, f.retry))
	}
	if f.status >= http.StatusInternalServerError {
		level := slog.LevelWarn // trouble of the store or the platform passes
		if f.status == http.StatusInternalServerError {
			level = slog.LevelError
		}
		s.Log.LogAttrs(ctx, level, "request failed", slog.String("request_id", requestID),
			slog.String("code", f.code), slog.Any("error", err))
	}
	return p
}

// memberError is an error about a member whose name only the route knows.
type memberError struct {
	error
	field string
}

func (f memberError) Unwrap() error { return f.error }

// fieldsOf names the members that have to be changed.
func (f failure) fieldsOf(err error) (fields []fieldError) {
	if malformed, ok := errors.AsType[*invalid](err); ok {
		return malformed.fields
	}
	if wrong, ok := errors.AsType[*projects.Invalid](err); ok {
		for _, one := range wrong.Fields {
			fields = append(fields, fieldError{one.Field, one.Problem})
		}
		return fields
	}
	if one, ok := errors.AsType[memberError](err); ok {
		return []fieldError{{one.field, one.Error()}}
	}
	if f.field == "" {
		return nil
	}
	return []fieldError{{f.field, err.Error()}}
}

// earliestAt is when what was refused will be possible; zero if unknown.
func earliestAt(err error) time.Time {
	if none, ok := errors.AsType[*signer.NoActiveKey](err); ok {
		return none.EarliestAt
	}
	if guard, ok := errors.AsType[*keyrotation.Guard](err); ok {
		return guard.EarliestAt
	}
	return time.Time{}
}

// retryAfter is how long to wait: exactly, if the error knows.
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

// seconds rounds up, so that whoever waits that long is not early, to at
// least one.
func seconds(d time.Duration) int {
	return int(max(1, (d+time.Second-1)/time.Second))
}

// refuse answers with a problem, and returns its code.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) (code string) {
	p := s.explain(r.Context(), w.Header().Get(requestID), err)
	data, err := json.Marshal(p)
	if err != nil { // a detail that is not UTF-8
		p.Detail = p.Title
		data, _ = json.Marshal(p)
	}
	if p.Status == http.StatusUnauthorized {
		// Bearer only: at a Basic challenge, browsers ask people for passwords.
		w.Header().Set("WWW-Authenticate", `Bearer realm="playtoken"`)
	}
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	s.write(w, r, p.Status, "application/problem+json", data)
	return p.Code
}

// noToken tells Config.Refused.
func (s *server) noToken(code string) {
	if s.Refused != nil {
		s.Refused(code)
	}
}
