package handlers_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"playtoken/audit"
	"playtoken/handlers"
)

type searcher func(audit.Query) (audit.Found, error)

func (s searcher) Search(_ context.Context, q audit.Query) (audit.Found, error) { return s(q) }

func TestTheAuditLogIsSearchedAsAsked(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	line := audit.Line{Place: audit.Place{Chain: "C", Seq: 7, Time: at}, Entry: audit.Entry{Actor: "admin", Action: "rotation", Project: "p", Result: "ok"}}
	var asked []audit.Query
	d, done := deploy(t, func(c *handlers.Config) {
		c.Searcher = searcher(func(q audit.Query) (audit.Found, error) {
			asked = append(asked, q)
			found := audit.Found{Lines: []audit.Line{line}, VerifiedTo: &line.Place}
			if q.Cursor == "" {
				found.Next, found.Problem = "there", "the head is gone"
			}
			return found, nil
		})
	})
	defer done()
	path := "/v1/audit?project_id=p&actor=admin&action=rotation&since=2026-03-01T11:00:00Z&until=2026-03-01T14:00:00%2B01:00&limit=3"
	var page handlers.Audited
	for path != "" {
		got := d.ask("GET", path, adminKey, "")
		page = handlers.Audited{}
		if err := json.Unmarshal(got.Body.Bytes(), &page); err != nil || got.Code != http.StatusOK || len(page.Items) != 1 || page.VerifiedTo == nil {
			t.Fatalf("%s: got %d %s, want a line", path, got.Code, got.Body)
		}
		path = ""
		for _, link := range page.Links {
			if link.Rel == "next" {
				path = link.Href
			}
		}
		if (path != "") != (page.Problem != "") {
			t.Errorf("got %+v, want the problem on the first page", page)
		}
	}
	first := audit.Query{Project: "p", Actor: "admin", Action: "rotation", Since: at.Add(-time.Hour), Until: at.Add(time.Hour), Limit: 3}
	second := first
	second.Cursor = "there"
	if diff := cmp.Diff(asked, []audit.Query{first, second}); diff != "" {
		t.Errorf("queries (-got +want):\n%s", diff)
	}
}

func TestWhatTheAuditLogCannotAnswer(t *testing.T) {
	for _, c := range []struct {
		query, want string
		status      int
		err         error
	}{
		{"", `"verified_to":null`, 200, nil},
		{"", "PLAYTOKEN_AUDIT", 409, audit.ErrNoFile},
		{"?cursor=x", "start at the first page", 400, audit.ErrCursor},
		{"?limit=101", `"limit"`, 400, nil},
		{"?limit=0", `"limit"`, 400, nil},
		{"?since=2026-03-01", `"since"`, 400, nil},
		{"?until=now", `"until"`, 400, nil},
		{"?actor=", "is empty", 400, nil},
		{"?actor=a&actor=b", "appears twice", 400, nil},
		{"?subject=3", "unknown parameter", 400, nil},
		{"?action=" + strings.Repeat("x", 5000), `"action"`, 400, nil},
	} {
		d, done := deploy(t, func(config *handlers.Config) {
			config.Searcher = searcher(func(audit.Query) (audit.Found, error) { return audit.Found{}, c.err })
		})
		if got := d.ask("GET", "/v1/audit"+c.query, adminKey, ""); got.Code != c.status || !strings.Contains(got.Body.String(), c.want) {
			t.Errorf("%.40s: got %d %s, want %d and %s", c.query, got.Code, got.Body, c.status, c.want)
		}
		done()
	}
	without, end := deploy(t, func(c *handlers.Config) { c.Searcher = nil })
	defer end()
	if got := without.ask("GET", "/v1/audit", adminKey, ""); got.Code != http.StatusConflict {
		t.Errorf("without a log in a file: got %d, want 409", got.Code)
	}
}
