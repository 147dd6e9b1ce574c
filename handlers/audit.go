package handlers

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"playtoken/audit"
)

// Searcher is what an *audit.Log does; see there.
type Searcher interface {
	Search(ctx context.Context, q audit.Query) (audit.Found, error)
}

const auditPath = "/v1/audit"

// Audited is a part of the audit log, newest first.
type Audited struct {
	Items []audit.Line `json:"items"`
	Links []Link       `json:"links"`
	// VerifiedTo is the oldest line that was read: all from the newest on, or from
	// where the page before ended, are as they were written. Null: there is no line.
	VerifiedTo *audit.Place `json:"verified_to"`
	Problem    string       `json:"problem,omitempty"` // what is wrong with the log
}

// auditQuery narrows the audit log.
type auditQuery struct{ query audit.Query }

var _ queryParameters = (*auditQuery)(nil)

func (*auditQuery) names() []string {
	return []string{"project_id", "actor", "action", "since", "until", "limit", "cursor"}
}

func (q *auditQuery) set(name, value string) *fieldError {
	switch name {
	case "project_id":
		return exact(name, value, &q.query.Project)
	case "actor":
		return exact(name, value, &q.query.Actor)
	case "action":
		return exact(name, value, &q.query.Action)
	case "since":
		return instant(name, value, &q.query.Since)
	case "until":
		return instant(name, value, &q.query.Until)
	case "limit":
		return wholeUpTo(name, value, maxPageSize, &q.query.Limit)
	}
	return exact(name, value, &q.query.Cursor)
}

// exact reads a text that is compared as it is.
func exact(name, value string, into *string) *fieldError {
	if len(value) > maxCursor || !utf8.ValidString(value) || strings.ContainsFunc(value, unprintable) {
		return &fieldError{Field: name, Detail: "must be at most 4096 bytes of UTF-8 without control characters"}
	}
	*into = value
	return nil
}

func instant(name, value string, into *time.Time) *fieldError {
	t, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return &fieldError{Field: name, Detail: `must be a time of RFC 3339, for example "2026-03-01T12:00:00Z"; write + as %2B`}
	}
	*into = t
	return nil
}

func (s *server) searchAudit(ctx context.Context, _ call, q auditQuery) (Audited, error) {
	query := q.query
	if query.Limit == 0 {
		query.Limit = defaultPageSize
	}
	if s.Searcher == nil {
		return Audited{}, audit.ErrNoFile
	}
	found, err := s.Searcher.Search(ctx, query)
	if err != nil {
		return Audited{}, err
	}
	shown := Audited{
		Items: append([]audit.Line{}, found.Lines...), VerifiedTo: found.VerifiedTo, Problem: found.Problem,
		Links: []Link{{Rel: "self", Href: auditLink(query)}},
	}
	if found.Next != "" {
		query.Cursor = found.Next
		shown.Links = append(shown.Links, Link{Rel: "next", Href: auditLink(query)})
	}
	return shown, nil
}

// auditLink is a relative reference that decodes to the same query again.
func auditLink(q audit.Query) string {
	parameters := url.Values{"limit": {strconv.Itoa(q.Limit)}}
	for name, value := range map[string]string{"project_id": q.Project, "actor": q.Actor, "action": q.Action, "cursor": q.Cursor} {
		if value != "" {
			parameters.Set(name, value)
		}
	}
	for name, t := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !t.IsZero() {
			parameters.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	return auditPath + "?" + parameters.Encode()
}
