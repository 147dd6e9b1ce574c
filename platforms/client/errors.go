package client

import (
	"fmt"
	"net/http"
	"time"

	"playtoken/keyrotation"
)

// refusals are the statuses by which a platform says no before it does
// anything, and what a Registrar calls them. Missing on purpose: 3xx (an
// answer to a POST that worked may look so), 404 (means something else to each
// call), 408 and 5xx (the part that answers is not the part that works), 409
// (what we conflict with may be our own earlier call).
var refusals = map[int]error{
	http.StatusBadRequest:            keyrotation.ErrRefused,
	http.StatusUnauthorized:          keyrotation.ErrUnauthorized,
	http.StatusForbidden:             keyrotation.ErrUnauthorized,
	http.StatusRequestEntityTooLarge: keyrotation.ErrRefused,
	http.StatusUnsupportedMediaType:  keyrotation.ErrRefused,
	http.StatusUnprocessableEntity:   keyrotation.ErrRefused,
	http.StatusTooManyRequests:       keyrotation.ErrThrottled,
}

// StatusError is an answer that is not 2xx. errors.Is finds
// keyrotation.ErrRefused, ErrUnauthorized and ErrThrottled in it.
type StatusError struct {
	Status int
	Code   string        // the platform's own, if it gave one
	Text   string        // the platform's own words: at most 200 harmless bytes
	After  time.Duration // for 429 and 503: when to come back; 1 s to 1 h

	// Means is what a Registrar calls it, where the platform's code says more than
	// the status. Nil: what the status says.
	Means error
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("platform answered %d", e.Status)
	if e.Code != "" {
		text += " " + e.Code
	}
	if e.Text != "" {
		text += fmt.Sprintf(" (%q)", e.Text)
	}
	return text
}

// Is makes errors.Is speak a Registrar's language.
func (e *StatusError) Is(target error) bool {
	if e.Means != nil {
		return e.Means == target
	}
	return target != nil && refusals[e.Status] == target
}

// HTTPStatus is the status of the answer.
func (e *StatusError) HTTPStatus() int { return e.Status }

// RetryAfter is when to come back; 0 if the platform was not asked to say.
func (e *StatusError) RetryAfter() time.Duration { return e.After }

// HeldError is a call that was not sent because its turn would come too late,
// or because the caller gave up before. errors.Is finds
// keyrotation.ErrThrottled in it.
type HeldError struct {
	After time.Duration // when its turn would come
	cause error         // the context's, if the caller gave up
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("held back for %s to keep the platform's rate limit", e.After.Round(time.Millisecond))
}

// Is makes errors.Is speak a Registrar's language.
func (e *HeldError) Is(target error) bool { return target == keyrotation.ErrThrottled }

func (e *HeldError) Unwrap() error { return e.cause }

// RetryAfter is when the call's turn would have come.
func (e *HeldError) RetryAfter() time.Duration { return e.After }

// unclear is the error of a call that may or may not have had an effect.
type unclear struct {
	text   string
	cause  error // nil, or a context's: nothing else is safe to pass on
	status int   // of the answer; 0: there was none
}

func (e *unclear) Error() string { return e.text }
func (e *unclear) Unwrap() error { return e.cause }

// HTTPStatus is the status of an answer that was not understood; 0: there was none.
func (e *unclear) HTTPStatus() int { return e.status }

// words are those that may be said of a call.
func (c *Client) words(call Call) Words { return NewWords(c.config.Credential, call.Credential) }

// unclear keeps of an error what can be shown: net/http and JSON decoders
// quote what they were sent.
func (c *Client) unclear(call Call, status int, doing string, err error) error {
	return c.words(call).Unclear(doing, status, err)
}

func (c *Client) refusal(call Call, resp *http.Response, body []byte) error {
	var code, text string
	if c.config.Explain != nil {
		code, text = c.config.Explain(body)
	}
	e := c.words(call).Refusal(resp.StatusCode, resp.Header, code, text)
	if e.Status == http.StatusTooManyRequests {
		e.After = c.config.Pace.retryAfter(resp.Header, time.Now())
	}
	return e
}
