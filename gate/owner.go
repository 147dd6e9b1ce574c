package gate

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"playtoken/audit"
	"playtoken/limits"
)

// Record is what an *audit.Log does; see there.
type Record interface {
	Record(ctx context.Context, e audit.Entry) error
	RecordLazily(e audit.Entry) error
}

const (
	// ownerActor is who acts, in the audit log: the holder of the API key.
	ownerActor = "gate_api_key"
	// recordTimeout is how long a registration waits for the audit log.
	recordTimeout = 5 * time.Second
)

// failureLimit is how many calls of the key API may fail from one network. The
// right credential is accepted all the same.
var failureLimit = limits.Limit{Name: "failures", Count: 60, Per: time.Minute}

// owner lets only the holder of the API key through.
func (g *Gate) owner(next endpoint) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := g.authenticate(r); err != nil {
			return g.countFailure(w, r, err)
		}
		return next(w, r)
	}
}

func (g *Gate) authenticate(r *http.Request) *refusal {
	given := r.Header.Values("Authorization")
	if len(given) != 1 {
		return refused(http.StatusUnauthorized, "unauthenticated", "send one header, Authorization: Bearer YOUR-API-KEY")
	}
	scheme, key, _ := strings.Cut(given[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return refused(http.StatusUnauthorized, "unauthenticated", "write the header as Authorization: Bearer YOUR-API-KEY")
	}
	if !g.apiKey.Load().Equal(key) {
		return refused(http.StatusUnauthorized, "unauthenticated", "the API key is wrong")
	}
	return nil
}

// countFailure counts a call without the right credential against the network
// that it comes from, and records it. What is too many is no longer recorded.
func (g *Gate) countFailure(w http.ResponseWriter, r *http.Request, failure *refusal) error {
	source := g.config.ClientIP(r)
	state := g.config.Failures.Take(r.Context(), "gate key API from "+limits.Network(source), failureLimit, 1)
	state.SetHeaders(w.Header())
	if !state.Allowed {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((state.Retry+time.Second-1)/time.Second), 10))
		failure = refused(http.StatusTooManyRequests, "rate_limited",
			"too many calls from this address had a wrong credential: wait as long as Retry-After says; the right one is still accepted")
	} else {
		entry := audit.Entry{Actor: source.String(), Action: "authenticate", Result: failure.code}
		entry.RequestID, entry.ProxyRequestID = requestIDs(w)
		g.recordLater(entry)
	}
	g.tellOwnerCall("authenticate", failure.code)
	return failure
}

// act is what the holder of the API key changes.
type act struct {
	action  string // as the audit log and the metrics call it
	subject string // what is changed
	reason  string // may be empty
	urgent  bool   // it does not wait for the audit log: sessions are to end
}

// change does what the holder of the API key asks for, on record: it is recorded
// before it is done. Do returns the id of what it made, or nothing.
func (g *Gate) change(w http.ResponseWriter, r *http.Request, a act, do func(context.Context) (made string, err error)) error {
	entry := audit.Entry{Actor: ownerActor, Action: a.action, Subject: a.subject, Reason: a.reason, Result: "intent"}
	entry.RequestID, entry.ProxyRequestID = requestIDs(w)
	if err := g.recordIntent(r.Context(), entry, a.urgent); err != nil {
		return err
	}
	made, err := do(r.Context())
	if made != "" {
		entry.Subject = made
	}
	entry.Result = "ok"
	if err != nil {
		entry.Result = asRefusal(err).code
	}
	g.recordLater(entry)
	g.tellOwnerCall(a.action, entry.Result)
	g.config.Log.LogAttrs(r.Context(), slog.LevelInfo, "the key API was used", slog.String("request_id", w.Header().Get("X-Request-Id")),
		slog.String("action", a.action), slog.String("subject", entry.Subject), slog.String("named", a.subject), slog.String("reason", a.reason),
		slog.String("from", g.config.ClientIP(r).String()), slog.String("result", entry.Result))
	return err
}

// requestIDs are the request's own id and, if it came from a trusted proxy that gave
// it one, the proxy's.
func requestIDs(w http.ResponseWriter) (own, proxied string) {
	shown := w.Header().Get("X-Request-Id")
	if out, ok := w.(*response); ok && shown != out.id {
		return out.id, shown
	}
	return shown, ""
}

func (g *Gate) recordIntent(ctx context.Context, entry audit.Entry, urgent bool) error {
	if g.config.Record == nil {
		return nil
	}
	if urgent {
		g.recordLater(entry)
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := g.config.Record.Record(ctx, entry); err != nil {
		return &refusal{status: http.StatusServiceUnavailable, code: "unavailable", detail: "the audit log cannot be written, so nothing was changed",
			cause: fmt.Errorf("record %s: %w", entry.Action, err)}
	}
	return nil
}

// recordLater does not wait. The audit log itself says how many entries were lost.
func (g *Gate) recordLater(entry audit.Entry) {
	if g.config.Record != nil {
		_ = g.config.Record.RecordLazily(entry)
	}
}

func (g *Gate) tellOwnerCall(action, result string) {
	if g.config.OwnerCall != nil {
		g.config.OwnerCall(action, result)
	}
}

// peer is where a request comes from, without proxies in between.
func peer(r *http.Request) netip.Addr { return limits.ClientIP(r.RemoteAddr, nil, nil) }
