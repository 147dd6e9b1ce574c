package gate

import (
	"errors"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"playtoken/gate/register"
	"playtoken/gate/verify"
	"playtoken/store"
)

// refusal is an answer that is not what was asked for. Its detail is shown to
// the caller, its cause only logged.
type refusal struct {
	status       int
	code, detail string
	cause        error // may be nil
}

func refused(status int, code, detail string) *refusal {
	return &refusal{status: status, code: code, detail: detail}
}

func (e *refusal) Error() string {
	if e.cause != nil {
		return e.code + ": " + e.cause.Error()
	}
	return e.code + ": " + e.detail
}

func (e *refusal) Unwrap() error { return e.cause }

// asRefusal is the one place where an error becomes an answer. An error that
// the gate did not foresee is logged, not shown.
func asRefusal(err error) *refusal {
	var known *refusal
	var token *verify.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &token) && token.Reason == verify.VideoNotAllowed:
		return refused(http.StatusForbidden, string(token.Reason), token.Detail)
	case errors.Is(err, store.ErrNotFound):
		return errNoKey
	case errors.Is(err, register.ErrFull):
		return &refusal{status: http.StatusConflict, code: "conflict", cause: err,
			detail: "the gate can keep no more keys and ended sessions; delete keys that are not needed"}
	case errors.Is(err, store.ErrUnavailable):
		return &refusal{status: http.StatusServiceUnavailable, code: "unavailable", cause: err,
			detail: "the gate's store does not answer; try again in a few seconds"}
	case errors.As(err, &token):
		return refused(http.StatusUnauthorized, string(token.Reason), token.Detail)
	}
	return refused(http.StatusInternalServerError, "internal", "the gate failed; its log has the reason under this request's id")
}

// retryLater tells callers when to come back to a gate that cannot answer now.
func retryLater(h http.Header, e *refusal) {
	if e.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "5")
	}
}

// problem is the body of a refusal for programs (RFC 9457).
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      string `json:"code"`
	RequestID string `json:"request_id"`
}

// refuse answers a viewer: with a page if a browser is about to show it, with
// a problem document otherwise.
func (g *Gate) refuse(w http.ResponseWriter, r *http.Request, e *refusal) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	retryLater(h, e)
	if e.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="playtoken gate"`)
	}
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		g.showRefusal(w, r, e)
		return
	}
	p := problem{Type: "about:blank", Title: http.StatusText(e.status), Status: e.status,
		Detail: e.detail, Code: e.code, RequestID: h.Get("X-Request-Id")}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(e.status)
	_ = json.MarshalWrite(w, p) // the viewer has gone
}
