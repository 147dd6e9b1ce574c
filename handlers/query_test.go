package handlers_test

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"playtoken/handlers"
)

func TestQueriesAreReadStrictly(t *testing.T) {
	d, done := deploy(t)
	defer done()
	const list = "/v1/projects"
	for target, field := range map[string]string{
		list + "?page_size=1&page=1&name=o&sort_by=name&sort_order=desc": "", list + "?": "", list + "?page_size=100": "",
		list + "?page_%73ize=5": "", list + "?name=a+b%26": "", list + "?page=1000000": "",

		list + "?page_size=0": "page_size", list + "?page_size=101": "page_size", list + "?page_size=-1": "page_size",
		list + "?page_size=05": "page_size", list + "?page_size=5.0": "page_size", list + "?page_size=%2B5": "page_size",
		list + "?page_size=": "page_size", list + "?page_size": "page_size", list + "?page_size=+5": "page_size",
		list + "?page_size=٥": "page_size", list + "?page_size=1&page_size=1": "page_size",
		list + "?page=0": "page", list + "?page=1000001": "page", list + "?page=99999999999999999999": "page",
		list + "?Page=1": "Page", list + "?limit=5": "limit", list + "?name=%ff": "name", list + "?name=%00": "name",
		list + "?name=" + strings.Repeat("a", 101): "name", list + "?name=": "name", list + "?sort_by=id": "sort_by",
		list + "?sort_by=Name": "sort_by", list + "?sort_order=up": "sort_order", list + "?cursor=made-up": "cursor",
		list + "?cursor=" + strings.Repeat("a", 5000): "cursor", list + "?%00=1": "\ufffd",

		list + "?page=1;page_size=2": "query", list + "?page=%zz": "query",

		list + "/count?name=own": "", list + "/count?page=1": "page", "/v1/projects/" + d.own.ID + "?name=x": "name",
		"/v1/projects/" + d.own.ID + "/api-keys?sort_by=name": "", "/v1/projects/" + d.own.ID + "/api-keys?value=x": "value",
		"/v1/projects/" + d.own.ID + "/signing-keys?page=1": "page",
	} {
		got := d.ask("GET", target, adminKey, "")
		d.counter.taken = map[string]int{}
		if field == "" {
			if got.Code != 200 {
				t.Errorf("GET %s: got %s, want 200", target, got.Body)
			}
			continue
		}
		p := problemOf(t, got)
		named := len(p.Errors) == 1 && p.Errors[0].Field == field
		if got.Code != 400 || p.Code != "invalid_request" || !named && !(field == "query" && strings.Contains(p.Detail, "query")) {
			t.Errorf("%s: want %q, %s", target, field, got.Body)
		}
	}
	for _, q := range []string{"?revoke=yes", "?revoke=", "?revoke=true&revoke=true", "?force=true", "?revoke=TRUE"} {
		if got := d.ask("DELETE", "/v1/projects/"+d.own.ID+q, adminKey, ""); got.Code != 400 || d.rotation.asked != "" {
			t.Errorf("DELETE with %s: got %s, want 400 and nothing asked", q, got.Body)
		}
		d.counter.taken = map[string]int{}
	}
}

func TestAllErrorsOfAQueryAreReported(t *testing.T) {
	d, done := deploy(t)
	defer done()
	p := problemOf(t, d.ask("GET", "/v1/projects?page=0&sort_by=x&limit=1", adminKey, ""))
	if len(p.Errors) != 3 {
		t.Errorf("errors: got %+v, want 3", p.Errors)
	}
}

// FuzzQuery: a query that is understood can be written again with the same meaning.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"page_size=5&page=2", "name=a%26b&sort_by=name", "page=01", "page=1;x", "cursor=a&sort_order=desc", "%70age=1", "name=%F0%9F%98%80", "name=+",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		page, again, err := handlers.DecodeQuery(raw)
		if err != nil {
			return
		}
		if page.Size < 1 || page.Size > 100 || page.Number < 1 || !utf8.ValidString(page.Name) {
			t.Fatalf("query %q: got %+v, want a page within bounds", raw, page)
		}
		if lenient, err := url.ParseQuery(raw); err != nil || lenient.Get("name") != page.Name || lenient.Get("cursor") != page.Cursor {
			t.Fatalf("query %q: got %+v, but a lenient parser %v; want the same", raw, page, lenient)
		}
		same, _, err := handlers.DecodeQuery(strings.TrimPrefix(again, "?"))
		if err != nil || same != page {
			t.Fatalf("query %q: got %+v, written again %q: %+v, %v; want the same page", raw, page, again, same, err)
		}
	})
}
