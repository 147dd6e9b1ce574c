package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"playtoken/audit"
)

// recordTimeout is how long a change waits for the record.
const recordTimeout = 5 * time.Second

// errUnrecorded: what was asked for cannot be written down, so it is not done.
var errUnrecorded = errors.New("the audit log cannot be written")

// put waits until an entry is on record. Errors: errUnrecorded.
func (s *server) put(ctx context.Context, entry audit.Entry) error {
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

// note puts an entry on record soon, and holds up nobody. What is lost on the
// way, the record itself says.
func (s *server) note(entry audit.Entry) {
	if s.Record != nil {
		_ = s.Record.RecordLazily(entry)
	}
}

// intend says what is about to be changed. An urgent change does not wait for
// the record.
func (s *server) intend(ctx context.Context, policy routePolicy, c call, body any) error {
	switch {
	case policy.record == "":
		return nil
	case policy.urgent:
		s.note(c.entry(policy, body, "intent"))
		return nil
	}
	return s.put(ctx, c.entry(policy, body, "intent"))
}

// conclude says how a change ended.
func (s *server) conclude(policy routePolicy, c call, body, answer any, err error) {
	if policy.record == "" || s.Record == nil {
		return
	}
	entry := c.entry(policy, body, resultOf(err))
	if made, ok := answer.(interface {
		made() (project, subject string)
	}); ok && err == nil {
		entry.Project, entry.Subject = made.made()
	}
	s.note(entry)
}

// resultOf is how something ended, as the record has it.
func resultOf(err error) string {
	if err == nil {
		return "ok"
	}
	return failureOf(err).code
}

// entry is what the caller does, to what.
func (c call) entry(policy routePolicy, body any, result string) audit.Entry {
	entry := audit.Entry{Actor: c.caller.ID, Action: policy.record, Project: c.vars["project_id"], RequestID: c.requestID, Result: result}
	if policy.action == "" {
		entry.Project = c.caller.ProjectID
	}
	for _, name := range []string{"generation", "key_id", "api_key_id"} {
		if id := c.vars[name]; id != "" {
			entry.Subject = shownName(id)
		}
	}
	if said, ok := body.(interface{ reason() string }); ok {
		entry.Reason = said.reason()
	}
	return entry
}

// noteMint records how a mint ended. Viewers do not wait for it.
func (s *server) noteMint(c call, videoID string, err error) {
	s.note(audit.Entry{
		Actor: c.caller.ID, Action: "mint", Project: c.project, Subject: shownName(videoID),
		RequestID: c.requestID, Result: resultOf(err),
	})
}

// noteFailure records that somebody was not let in. Nothing of what they
// presented is recorded.
func (s *server) noteFailure(source netip.Addr, requestID string, err error) {
	s.note(audit.Entry{Actor: source.String(), Action: "authenticate", RequestID: requestID, Result: resultOf(err)})
}
