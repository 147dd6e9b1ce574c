package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"playtoken/audit"
	"playtoken/limits"
)

// recordTimeout is how long a change waits for the audit log.
const recordTimeout = 5 * time.Second

// errUnrecorded means that a change cannot be recorded, so it is not made.
var errUnrecorded = errors.New("cannot write the audit log")

// record waits until an entry is in the audit log. Errors: errUnrecorded.
func (s *server) record(ctx context.Context, entry audit.Entry) error {
	if s.Record == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := s.Record.Record(ctx, entry); err != nil {
		return fmt.Errorf("%w: %w", errUnrecorded, err)
	}
	return nil
}

// recordLater queues an entry for the audit log and does not wait. The log itself
// says how many queued entries were lost.
func (s *server) recordLater(entry audit.Entry) {
	if s.Record != nil {
		_ = s.Record.RecordLazily(entry)
	}
}

// recordIntent records what is about to be changed.
func (s *server) recordIntent(ctx context.Context, policy routePolicy, c call, body any) error {
	if policy.record == "" {
		return nil
	}
	return s.recordBefore(ctx, policy, c.entry(policy, body, "intent"))
}

// recordBefore records something before a change. An urgent change does not wait
// for the audit log.
func (s *server) recordBefore(ctx context.Context, policy routePolicy, entry audit.Entry) error {
	if policy.urgent {
		s.recordLater(entry)
		return nil
	}
	return s.record(ctx, entry)
}

// recordOutcome records how a change ended.
func (s *server) recordOutcome(policy routePolicy, c call, body, response any, err error) {
	if policy.record == "" || s.Record == nil {
		return
	}
	entry := c.entry(policy, body, resultOf(err))
	if shown, ok := response.(withCreated); ok && err == nil {
		entry.Project, entry.Subject = shown.created()
	}
	s.recordLater(entry)
}

// resultOf is the audit log's word for how an action ended.
func resultOf(err error) string {
	if err == nil {
		return "ok"
	}
	return failureOf(err).code
}

// entry is the audit entry of a call.
func (c call) entry(policy routePolicy, body any, result string) audit.Entry {
	entry := audit.Entry{
		Actor: c.caller.ID, ActorName: c.caller.Name, Action: policy.record,
		Project: c.vars["project_id"], RequestID: c.outcome.id, ProxyRequestID: c.outcome.proxied(), Result: result,
	}
	if named, ok := body.(withRecord); ok {
		entry.Action = named.recordedAs(policy.record)
	}
	if policy.action == "" {
		entry.Project = c.caller.ProjectID
	}
	for _, name := range []string{"generation", "key_id", "api_key_id", "admin_key_id", "operator_id"} {
		if id := c.vars[name]; id != "" {
			entry.Subject = shownName(id)
		}
	}
	if named, ok := body.(withSubject); ok {
		entry.Subject = shownName(named.subject())
	}
	if explained, ok := body.(withReason); ok {
		entry.Reason = explained.reason()
	}
	entry.Reason = c.because(entry.Reason)
	return entry
}

// recordMint records how a mint ended. The viewer does not wait for it.
func (s *server) recordMint(c call, videoID string, err error) {
	s.recordLater(audit.Entry{
		Actor: c.caller.ID, ActorName: c.caller.Name, Action: "mint", Project: c.project, Subject: shownName(videoID),
		RequestID: c.outcome.id, ProxyRequestID: c.outcome.proxied(), Result: resultOf(err),
	})
}

// recordFailure records a failed authentication, and nothing of the credential.
func (s *server) recordFailure(source netip.Addr, o *outcome, err error) {
	entry := audit.Entry{
		Actor: source.String(), Action: "authenticate", RequestID: o.id, ProxyRequestID: o.proxied(), Result: resultOf(err),
	}
	if n := s.bursts.end(source); n > 0 {
		entry.Reason = fmt.Sprintf("%d attempts of this source before this one were above the limit and are not in the log", n)
	}
	s.recordLater(entry)
}

// recordBurst counts a failed authentication above the limit. It records the
// first, the tenth, the hundredth and so on, so that a burst cannot fill the log
// and its size is known while it lasts.
func (s *server) recordBurst(source netip.Addr, o *outcome) {
	n := s.bursts.add(source)
	if !powerOfTen(n) {
		return
	}
	s.recordLater(audit.Entry{
		Actor: source.String(), Action: "authenticate", RequestID: o.id, ProxyRequestID: o.proxied(), Result: "rate_limited",
		Reason: fmt.Sprintf("attempt %d of this source above the limit", n),
	})
}

func powerOfTen(n int) bool {
	for n%10 == 0 && n > 0 {
		n /= 10
	}
	return n == 1
}

// maxBursts is how many sources are counted at a time.
const maxBursts = 10_000

// bursts counts failed authentications above the limit, by source.
type bursts struct {
	mu    sync.Mutex
	count map[string]int
}

// add counts one, and returns how many there were since the burst began.
func (b *bursts) add(source netip.Addr) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.count == nil || len(b.count) >= maxBursts {
		b.count = map[string]int{}
	}
	network := limits.Network(source)
	b.count[network]++
	return b.count[network]
}

// end returns how many there were, and begins to count anew.
func (b *bursts) end(source netip.Addr) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	network := limits.Network(source)
	n := b.count[network]
	delete(b.count, network)
	return n
}
