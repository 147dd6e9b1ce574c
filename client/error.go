package client

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Error is why a call failed. It never contains a credential.
type Error struct {
	Status     int    // of the response; 0: no answer came, and the call may have taken effect
	Code       string // of the problem document; "network" without an answer
	Detail     string // for people
	RequestID  string // stands in the service's log, too
	RetryAfter time.Duration
	Fields     []Field // the members of the request that are wrong

	what  string
	cause error
}

// Field is a member of a request that is wrong.
type Field struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

func (e *Error) Error() string {
	text := "playtoken: " + e.what + ": "
	if e.Status != 0 {
		text += strconv.Itoa(e.Status) + " "
	}
	return text + e.Code + ": " + e.Detail
}

// Unwrap returns the error of the network, if that was the reason.
func (e *Error) Unwrap() error { return e.cause }

// problem is RFC 9457's document, as the service has it.
type problem struct {
	Status     int     `json:"status"`
	Code       string  `json:"code"`
	Detail     string  `json:"detail"`
	RequestID  string  `json:"request_id"`
	RetryAfter int64   `json:"retry_after"`
	Errors     []Field `json:"errors"`
}

func (p problem) error(what string) *Error {
	return &Error{Status: p.Status, Code: p.Code, Detail: p.Detail, RequestID: p.RequestID,
		RetryAfter: time.Duration(p.RetryAfter) * time.Second, Fields: p.Errors, what: what}
}

// lost is the failure of a call without an answer.
func lost(path string, cause error) *Error {
	var inURL *url.Error
	if errors.As(cause, &inURL) {
		cause = inURL.Err
	}
	return &Error{Code: "network", Detail: cause.Error(), what: "POST " + path, cause: cause}
}

// refusal reads a problem document. A proxy may answer with something else.
func refusal(path string, resp *http.Response, data []byte) *Error {
	var p problem
	if json.Unmarshal(data, &p) != nil || p.Code == "" {
		p = problem{Code: fmt.Sprintf("http_%d", resp.StatusCode), Detail: "the answer is not the service's"}
	}
	p.Status, p.RequestID = resp.StatusCode, cmp.Or(p.RequestID, resp.Header.Get("X-Request-Id"))
	if seconds, err := strconv.ParseInt(resp.Header.Get("Retry-After"), 10, 32); err == nil && seconds > 0 {
		p.RetryAfter = seconds
	}
	return p.error("POST " + path)
}

// may reports whether the call that failed may be made again.
func (a again) may(failed *Error) bool {
	if failed.Status == 0 {
		return a.lost
	}
	return slices.Contains(a.statuses, failed.Status)
}
