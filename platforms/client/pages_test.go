package client_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"playtoken/keyrotation"
	"playtoken/platforms/client"
)

// part is one page of a list: its keys, and the query of the next page.
type part struct {
	ids, next string
	err       error
}

// pages reads the parts, by the queries that lead to them, and says which were
// read.
func pages(first string, parts map[string]part) (ids []string, asked []string, err error) {
	query, _ := url.ParseQuery(first)
	keys, err := client.Pages(query, func(query url.Values) (keys []keyrotation.PlatformKey, next url.Values, err error) {
		asked = append(asked, query.Encode())
		now := parts[query.Encode()]
		for _, id := range strings.Fields(now.ids) {
			keys = append(keys, keyrotation.PlatformKey{ID: id})
		}
		if now.next != "" {
			next, _ = url.ParseQuery(now.next)
		}
		return keys, next, now.err
	})
	if keys == nil {
		return nil, asked, err
	}
	ids = []string{}
	for _, key := range keys {
		ids = append(ids, key.ID)
	}
	return ids, asked, err
}

func TestAListIsWholeOrNone(t *testing.T) {
	away := errors.New("away")
	for name, c := range map[string]struct {
		first string
		parts map[string]part
		want  string // "none": no list
		asked int
	}{
		"empty":                        {"", map[string]part{"": {}}, "", 1},
		"one page":                     {"", map[string]part{"": {ids: "a b"}}, "a b", 1},
		"three":                        {"page=1", map[string]part{"page=1": {"a b", "page=2", nil}, "page=2": {"c", "page=3", nil}, "page=3": {ids: "d"}}, "a b c d", 3},
		"an empty page is not the end": {"", map[string]part{"": {"a", "c=x", nil}, "c=x": {"", "c=y", nil}, "c=y": {ids: "b"}}, "a b", 3},
		"the first is not read":        {"", map[string]part{"": {err: away}}, "none", 1},
		"the last is not read":         {"", map[string]part{"": {"a", "c=x", nil}, "c=x": {ids: "b", err: away}}, "none", 2},
		"a key twice on a page":        {"", map[string]part{"": {ids: "a b a"}}, "none", 1},
		"a key on two pages":           {"", map[string]part{"": {"a b", "c=x", nil}, "c=x": {ids: "c a"}}, "none", 2},
		"a page leads to itself":       {"", map[string]part{"": {"a", "c=x", nil}, "c=x": {"b", "c=x", nil}}, "none", 2},
		"a page leads to the first":    {"page=1", map[string]part{"page=1": {"a", "page=2", nil}, "page=2": {"b", "page=1", nil}}, "none", 2},
		"the first has no query":       {"", map[string]part{"": {"a", "&", nil}}, "none", 1},
		"the same query, reordered":    {"", map[string]part{"": {"a", "c=x&d=y", nil}, "c=x&d=y": {"b", "d=y&c=x", nil}}, "none", 2},
	} {
		ids, asked, err := pages(c.first, c.parts)
		if c.want == "none" && (ids != nil || err == nil) || c.want != "none" && (err != nil || strings.Join(ids, " ") != c.want) {
			t.Errorf("%s: Pages read %q, %v, want %s", name, ids, err, c.want)
		}
		if len(asked) != c.asked || asked[0] != c.first {
			t.Errorf("%s: it read %q", name, asked)
		}
		if c.parts[asked[len(asked)-1]].err != nil && !errors.Is(err, away) {
			t.Errorf("%s: %v is not what the page said", name, err)
		}
	}
}

func TestAListThatDoesNotEndIsGivenUp(t *testing.T) {
	for length, want := range map[int]bool{100: true, 101: false} {
		parts := map[string]part{"": {"first", "n=1", nil}}
		for n := 1; n < length; n++ {
			parts[fmt.Sprintf("n=%d", n)] = part{fmt.Sprint(n), fmt.Sprintf("n=%d", n+1), nil}
		}
		last := fmt.Sprintf("n=%d", length-1)
		parts[last] = part{ids: "last"}
		ids, asked, err := pages("", parts)
		if (err == nil) != want || (len(ids) == length) != want || len(asked) != 100 {
			t.Errorf("%d pages: %d keys, %d were read, %v", length, len(ids), len(asked), err)
		}
	}
}

func TestOnlyTheQueryOfALinkIsTaken(t *testing.T) {
	at, err := url.Parse("https://api.example.com/below/keys?page=1")
	if err != nil {
		t.Fatal(err)
	}
	for link, want := range map[string]string{
		"": "", "?page=2": "page=2", "keys?page=2": "page=2", "/below/keys?page=2": "page=2", "/keys?page=2": "page=2",
		"https://API.example.com:443/below/keys?c=x%2F%3D": "c=x%2F%3D", "//api.example.com/keys?page=2#here": "page=2",
		"http://api.example.com/below/keys?page=2": "no", "https://api.example.com:444/keys?page=2": "no", "//evil.example/below/keys?page=2": "no",
		"https://api.example.com.evil.example/keys?page=2": "no", "https://u:p@api.example.com/keys?page=2": "no",
		"/other?page=2": "no", "/below/keys/?page=2": "no", "/below/%6beys?page=2": "no", "mailto:keys?page=2": "no",
		"/keys": "no", "?": "no", "?page=%zz": "no", "?a;b": "no", "\x00": "no", "?c=" + strings.Repeat("x", 2<<10): "no",
	} {
		query, err := client.NextPage(at, link, "/keys")
		if (err != nil) != (want == "no") || err == nil && query.Encode() != want || (link == "" || err != nil) && query != nil {
			t.Errorf("NextPage(%.80q) = %v, %v, want %s", link, query, err, want)
		}
	}
	if _, err := client.NextPage(at, "/keys?page=2"); err == nil {
		t.Error("NextPage accepted another path, want an error")
	}
}
