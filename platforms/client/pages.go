package client

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"playtoken/keyrotation"
)

const (
	maxPages = 100
	maxLink  = 2 << 10 // bytes
)

// Pages reads a list of keys to its end, at most a hundred pages of it. page
// reads the page of a query, beginning with first, and returns the query of
// the next; nil if it is the last. Half a list would say that keys are gone, so
// a page that cannot be read, that was read before or that repeats a key is an
// error, and there is no list.
func Pages(first url.Values, page func(url.Values) (keys []keyrotation.PlatformKey, next url.Values, err error)) ([]keyrotation.PlatformKey, error) {
	all, query := []keyrotation.PlatformKey{}, first
	ids, queries := map[string]bool{}, map[string]bool{first.Encode(): true}
	for range maxPages {
		keys, next, err := page(query)
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			if ids[key.ID] {
				return nil, errors.New("a key id is listed twice")
			}
			ids[key.ID] = true
		}
		all = append(all, keys...)
		if next == nil {
			return all, nil
		}
		if queries[next.Encode()] {
			return nil, errors.New("the next page is one that was read before")
		}
		queries[next.Encode()] = true
		query = next
	}
	return nil, fmt.Errorf("more than %d pages", maxPages)
}

// NextPage returns the query of the link to the next page that a page holds;
// nil if the link is empty. Only the query is ever taken from a link, since the
// credential goes nowhere but to the URL that was configured, and only if the
// link leads to the same list: to the page's own path, or to another of the
// same server that is known to be the list's.
func NextPage(page *url.URL, link string, known ...string) (url.Values, error) {
	if link == "" {
		return nil, nil
	}
	ref, err := url.Parse(link)
	if err != nil || len(link) > maxLink {
		return nil, errors.New("the link to the next page cannot be read")
	}
	to := page.ResolveReference(ref)
	same := slices.Contains(append(known, page.EscapedPath()), to.EscapedPath())
	if origin(to) != origin(page) || to.User != nil || !same {
		return nil, errors.New("the link to the next page leads to another host or resource")
	}
	query, err := url.ParseQuery(to.RawQuery)
	if err != nil || len(query) == 0 {
		return nil, errors.New("the link to the next page has no usable query")
	}
	return query, nil
}

func origin(u *url.URL) string {
	port := u.Port()
	if port == "" && u.Scheme == "https" {
		port = "443"
	} else if port == "" {
		port = "80"
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
