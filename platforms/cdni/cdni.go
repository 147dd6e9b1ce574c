// Package cdni is a CDN that checks URI Signing for CDN Interconnection (RFC 9246):
// Apache Traffic Server with its plugin uri_signing, and others that read a
// URISigningPackage in the query, the path or a cookie.
//
// The decision a newcomer would get wrong: what a token opens is a pattern of URLs
// ("cdniuc"), and a pattern that is not anchored, or that lets a segment begin with a
// dot, opens other videos. The pattern is made here, from the URL of the manifest, and
// a token always ends, although some CDNs accept one that does not.
package cdni

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"playtoken/platforms"
	"playtoken/platforms/jwtkeys"
	"playtoken/platforms/lint"
	"playtoken/store"
)

const (
	// attribute is the name of the package where the CDN has no other (RFC 9246,
	// section 3).
	attribute = "URISigningPackage"
	// defaultCache is how often cron writes a CDN's file of keys, several times over.
	defaultCache = 5 * time.Minute
)

// Kind describes CDNs that follow RFC 9246.
func Kind() platforms.Kind {
	return platforms.Kind{
		Name: "cdni",
		Settings: []platforms.Member{
			{Name: "issuer", Required: true, Meaning: "iss of the tokens, by which the CDN finds the keys"},
			{Name: "hls_url", Required: true, Meaning: "of the manifest, with {video_id}, and with {token} where the package is in the query or the path; without {token}, it is in a cookie"},
			{Name: "audience", Meaning: "aud of the tokens: the CDN's id; without it, they have no aud"},
			{Name: "opens", Meaning: "folder (all files below the manifest's folder) or url (the manifest's URL alone, by its hash); folder if it is not set"},
			{Name: "renewal", Meaning: "for how long the CDN renews a token at each request, such as 1m; without it, it renews none"},
			{Name: "renewal_depth", Meaning: "how many segments of the path the CDN's cookie is for; 0, the whole host, if it is not set"},
			{Name: "attribute", Meaning: "the package's name; " + attribute + " if it is not set"},
			{Name: "max_ttl", Meaning: "the longest lifetime of a token; 24h if it is not set"},
			{Name: "verifier_cache", Meaning: "for how long the CDN keeps the keys that it has; 5m if it is not set"},
		},
		Offers: platforms.Offer{
			Ways: []platforms.Way{platforms.Fetched}, KeyKinds: append(store.RSAKinds(), store.ECDSAP256), MaxTTL: jwtkeys.LongestLife, URLs: []string{"hls"},
		},
		Open: open,
	}
}

func open(account platforms.Account) (platforms.Platform, error) {
	s, cache, err := read(account.Settings)
	if err != nil {
		return platforms.Platform{}, fmt.Errorf("cdni: %w", err)
	}
	expected := &lint.Expected{Issuer: s.issuer, Audience: s.audiences(), Audiences: true}
	return platforms.Platform{Shape: s, Fetches: &platforms.Fetching{Cache: cache}, URLs: []string{"hls"}, Expects: expected, Judge: s.judge}, nil
}

// read reads the settings of an account.
func read(settings map[string]string) (*shape, time.Duration, error) {
	s := &shape{issuer: settings["issuer"], audience: settings["audience"], attribute: attribute}
	if s.issuer == "" {
		return nil, 0, errors.New("issuer: is required: the CDN finds the keys by it")
	}
	if name := settings["attribute"]; name != "" {
		s.attribute = name
	}
	if !attributes.MatchString(s.attribute) {
		return nil, 0, errors.New("attribute: want letters, digits, _ and -")
	}
	var cache time.Duration
	var err error
	for _, d := range []struct {
		to        *time.Duration
		name      string
		otherwise time.Duration
	}{
		{to: &s.maxTTL, name: "max_ttl", otherwise: jwtkeys.LongestLife},
		{to: &cache, name: "verifier_cache", otherwise: defaultCache},
		{to: &s.renewal, name: "renewal"},
	} {
		if *d.to, err = jwtkeys.Duration(settings, d.name, d.otherwise); err != nil {
			return nil, 0, err
		}
	}
	if s.depth, err = depth(settings["renewal_depth"], s.renewal); err != nil {
		return nil, 0, fmt.Errorf("renewal_depth: %w", err)
	}
	if err := s.readURL(settings["hls_url"]); err != nil {
		return nil, 0, fmt.Errorf("hls_url: %w", err)
	}
	return s, cache, s.readOpens(settings["opens"])
}

var attributes = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func depth(text string, renewal time.Duration) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 16 || renewal == 0 {
		return 0, errors.New("want 0 to 16, and renewal beside it")
	}
	return n, nil
}

// readURL reads the template of the manifest, which says where the package is.
func (s *shape) readURL(template string) error {
	s.hls = template
	placeholders := []string{"{video_id}", "{token}"}
	if !strings.Contains(template, "{token}") {
		placeholders = placeholders[:1]
	} else if !strings.Contains(template, s.attribute+"={token}") {
		return fmt.Errorf("want %s={token} in the query or the path", s.attribute)
	}
	if err := jwtkeys.CheckTemplate(template, placeholders...); err != nil {
		return err
	}
	path, query, _ := strings.Cut(template, "?")
	if strings.ContainsAny(query, "#") || strings.Contains(query, "{video_id}") {
		return errors.New("want {video_id} in the path, and no fragment")
	}
	s.place = placeOf(path, query)
	s.bare = without(path, query, s.attribute+"={token}")
	return nil
}
