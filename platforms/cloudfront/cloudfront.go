// Package cloudfront is Amazon CloudFront, which checks signed URLs and signed cookies
// with the public keys of a key group.
//
// The decision a newcomer would get wrong: a signature is over the text of a policy,
// and that names a URL as it goes over the wire. An address that a client would write
// in another way is refused when a project is saved, and not escaped here: CloudFront
// would refuse each viewer whose client does it differently.
package cloudfront

import (
	"errors"
	"fmt"
	"strings"

	"playtoken/platforms"
	"playtoken/platforms/jwtkeys"
	"playtoken/store"
)

// maxKeys is how many public keys an AWS account has, of all its key groups together.
const maxKeys = 10

// Kind describes CloudFront.
func Kind() platforms.Kind {
	return platforms.Kind{
		Name: "cloudfront",
		Settings: []platforms.Member{
			{Name: "key_group", Required: true, Meaning: "id of the key group that the rotation keeps"},
			{Name: "distributions", Required: true, Meaning: "ids of the distributions that trust the key group, with blanks between them"},
			{Name: "hls_url", Meaning: "of the manifest, with {video_id}, as a client sends it"},
			{Name: "dash_url", Meaning: "of the manifest of DASH, with {video_id}"},
			{Name: "mp4_url", Meaning: "of the MP4 file, with {video_id}"},
			{Name: "poster_url", Meaning: "of a still picture, with {video_id}"},
			{Name: "policy", Meaning: "custom, or canned: a shorter URL that opens itself alone; custom if it is not set"},
			{Name: "resource", Meaning: "what a custom policy opens, with {video_id} and after it wildcards; the folder of the first URL if it is not set"},
			{Name: "place", Meaning: "of the token: query or cookie; query if it is not set"},
			{Name: "hash", Meaning: "of signatures: sha256 or sha1; sha256 if it is not set"},
			{Name: "starts_before", Meaning: "a policy begins so long before it is signed, such as 1m; without it, it has no start"},
			{Name: "address_bits", Meaning: "of a viewer's IPv4 address that has to be the same, 8 to 32; 32 if it is not set"},
			{Name: "max_ttl", Meaning: "the longest lifetime of a token; 24h if it is not set"},
			{Name: "url", Receives: true, Meaning: "where the API is; that of AWS if it is not set"},
		},
		Credentials: []platforms.Member{
			{Name: "access_key_id", With: "secret_access_key", Meaning: "of an IAM user; without it, the credential of this process, such as a role"},
			{Name: "secret_access_key", With: "access_key_id", Meaning: "of the same user"},
		},
		Offers: platforms.Offer{
			Ways: []platforms.Way{platforms.HandedOver}, KeyKinds: []store.Kind{store.RSA2048, store.ECDSAP256}, MaxKeys: maxKeys,
			MaxTTL: jwtkeys.LongestLife, URLs: []string{"hls", "dash", "mp4", "poster"},
		},
		Open: open,
	}
}

func open(account platforms.Account) (platforms.Platform, error) {
	opened, err := newPlatform(account)
	if err != nil {
		return platforms.Platform{}, fmt.Errorf("cloudfront: %w", err)
	}
	return opened, nil
}

func newPlatform(account platforms.Account) (platforms.Platform, error) {
	f, err := readForm(account.Settings)
	if err != nil {
		return platforms.Platform{}, err
	}
	group, distributions := account.Settings["key_group"], strings.Fields(account.Settings["distributions"])
	if !objectID.MatchString(group) {
		return platforms.Platform{}, errors.New("key_group: want the id of a key group")
	}
	for _, id := range distributions {
		if !objectID.MatchString(id) {
			return platforms.Platform{}, errors.New("distributions: want ids of distributions, with blanks between them")
		}
	}
	if len(distributions) == 0 {
		return platforms.Platform{}, errors.New("distributions: is required: they say when a change of the key group is deployed")
	}
	calls, err := newAccount(account, group, distributions)
	if err != nil {
		return platforms.Platform{}, err
	}
	return platforms.Platform{
		Form: f, Registrar: platforms.Listed{Objects: calls, Names: calls}, URLs: f.names(), Check: calls.Check, Examine: f.examiner(group),
	}, nil
}

// names are the URLs that there are, as a Platform lists them.
func (f *form) names() (all []string) {
	for _, one := range []struct{ name, template string }{{"hls", f.urls.HLS}, {"dash", f.urls.DASH}, {"mp4", f.urls.MP4}, {"poster", f.urls.Poster}} {
		if one.template != "" {
			all = append(all, one.name)
		}
	}
	return all
}
