// Package jws is any verifier of JSON Web Tokens that can be told where our public
// keys are: HAProxy, Envoy, MediaMTX, a CDN's worker, code of one's own. What its
// tokens say, and where they go, is configuration.
//
// The decision a newcomer would get wrong: a template of claims is data and not a
// program. It is checked when a project is saved, it always says which video a token
// is for, and a restriction that it cannot express is an error, never left out.
package jws

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"playtoken/platforms"
	"playtoken/platforms/jwtkeys"
	"playtoken/signer"
	"playtoken/store"
)

// Kind describes verifiers of JSON Web Tokens.
func Kind() platforms.Kind {
	return platforms.Kind{
		Name: "jws",
		Settings: []platforms.Member{
			{Name: "preset", Meaning: "of the other settings, for one verifier: " + strings.Join(presetNames(), ", ")},
			{Name: "publication", Meaning: "fetched (verifiers fetch the keys from this service) or manual (an operator takes each key to them, and confirms it); fetched if it is not set"},
			{Name: "verifier_cache", Meaning: "for how long a verifier keeps the keys that it has fetched; 10m if it is not set"},
			{Name: "kid", Meaning: "key_id (the key's id, in the header), or none, for a verifier that tries every key; key_id if it is not set"},
			{Name: "typ", Meaning: "of the header, such as at+jwt, or none; JWT if it is not set"},
			{Name: "issuer", Meaning: "of the tokens; without it, they have no iss"},
			{Name: "audience", Meaning: "of the tokens, or several with blanks between; without it, they have no aud"},
			{Name: "claims", Meaning: `JSON of the other claims, with {video_id}, {viewer_id}, {viewer_ip} and {project_id} in texts; {"sub":"{video_id}"} if it is not set`},
			{Name: "time_claims", Meaning: "iat, nbf or both, which say when a token was made; none if it is not set"},
			{Name: "max_ttl", Meaning: "the longest lifetime of a token that the verifier accepts; without it, the project's own"},
			{Name: "video_ids", Meaning: "word (letters, digits, _ and -) or path (several words with . and / between); word if it is not set"},
			{Name: "token_place", Meaning: "where a player puts the token: query, header, cookie or path; query if it is not set"},
			{Name: "token_name", Meaning: "of the query parameter, header or cookie; token, Authorization or playtoken if it is not set"},
			{Name: "landing_url", Meaning: "of a page with the video, with {video_id} and {token}"},
			{Name: "embed_url", Meaning: "of the player for an iframe, with {video_id} and {token}"},
			{Name: "hls_url", Meaning: "of the manifest, with {video_id} and, in a query or path, {token}"},
		},
		Offers: platforms.Offer{
			Ways: []platforms.Way{platforms.Fetched, platforms.Carried}, KeyKinds: store.Kinds(), MaxTTL: jwtkeys.LongestLife,
			URLs: []string{"landing", "embed", "hls"},
		},
		Open: open,
	}
}

// defaultCache is longer than most verifiers keep keys.
const defaultCache = 10 * time.Minute

func open(account platforms.Account) (platforms.Platform, error) {
	settings, err := withPreset(account.Settings)
	if err != nil {
		return platforms.Platform{}, fmt.Errorf("jws: %w", err)
	}
	s, err := newShape(account.Project, settings)
	if err != nil {
		return platforms.Platform{}, fmt.Errorf("jws: %w", err)
	}
	opened := platforms.Platform{
		Shape: s, Header: s.header, URLs: s.urls.names(), Expects: s.expected(), Judge: s.judge, KeyKinds: keyKinds[settings["preset"]],
	}
	if opened.Fetches, err = fetching(settings, account.Settings); err != nil {
		return platforms.Platform{}, fmt.Errorf("jws: %w", err)
	}
	opened.Carries = opened.Fetches == nil
	return opened, nil
}

// fetching is how verifiers fetch keys; nil: an operator carries them.
func fetching(settings, own map[string]string) (*platforms.Fetching, error) {
	publication, err := oneOf(settings, "publication", "fetched", "manual")
	if err != nil {
		return nil, err
	}
	if publication == "fetched" {
		cache, err := jwtkeys.Duration(settings, "verifier_cache", defaultCache)
		return &platforms.Fetching{Cache: cache}, err
	}
	if own["verifier_cache"] != "" { // that of a preset is of no meaning then
		return nil, errors.New("verifier_cache: leave it out with publication manual, where verifiers fetch no keys")
	}
	return nil, nil
}

// oneOf reads a setting that has few values, of which the first is the default.
func oneOf(settings map[string]string, name string, values ...string) (string, error) {
	value := cmp.Or(settings[name], values[0])
	if !slices.Contains(values, value) {
		return "", fmt.Errorf("%s: want one of %s", name, strings.Join(values, ", "))
	}
	return value, nil
}

// urls are the templates of an account; empty ones are left out of responses.
type urls struct {
	landing, embed, hls string
	token               bool // they contain the token
}

func newURLs(settings map[string]string, place signer.Place) (urls, error) {
	u := urls{landing: settings["landing_url"], embed: settings["embed_url"], hls: settings["hls_url"]}
	u.token = place == signer.InQuery || place == signer.InPath
	for _, t := range []struct{ name, template string }{{"landing_url", u.landing}, {"embed_url", u.embed}, {"hls_url", u.hls}} {
		placeholders := []string{"{video_id}", "{token}"}
		if t.name == "hls_url" && !u.token {
			placeholders = placeholders[:1]
		}
		if t.template == "" {
			continue
		}
		if err := jwtkeys.CheckTemplate(t.template, placeholders...); err != nil {
			return urls{}, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return u, nil
}

// names are those of the URLs that responses have.
func (u urls) names() (names []string) {
	for _, t := range []struct{ name, template string }{{"landing", u.landing}, {"embed", u.embed}, {"hls", u.hls}} {
		if t.template != "" {
			names = append(names, t.name)
		}
	}
	return names
}
