package cloudfront

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"playtoken/platforms/client"
)

// The names of what CloudFront reads in a query; those of cookies have a prefix.
const (
	policyName    = "Policy"
	expiresName   = "Expires"
	signatureName = "Signature"
	keyName       = "Key-Pair-Id"
	hashName      = "Hash-Algorithm"

	cookiePrefix = "CloudFront-"
)

// names are those that no address of a project may have.
func names() []string { return []string{policyName, expiresName, signatureName, keyName, hashName} }

const videoID = "{video_id}"

// The characters of addresses that clients send as they are: with any other one, the
// address that was signed is not the one that CloudFront gets.
var (
	wirePath  = regexp.MustCompile(`^/(?:[A-Za-z0-9._~!$&()+,;=:@/-]|%[0-9A-Fa-f]{2})*$`)
	wireQuery = regexp.MustCompile(`^(?:[A-Za-z0-9._~!$&()+,;=:@/-]|%[0-9A-Fa-f]{2})+$`)
	wireHost  = regexp.MustCompile(`^[a-z0-9.-]+(?::[0-9]{1,5})?$`)
)

// checkAddress checks the template of a URL that is signed as it goes over the wire.
func checkAddress(template string) error {
	if !strings.Contains(template, videoID) {
		return errors.New("want {video_id} in it")
	}
	u, err := url.Parse(strings.ReplaceAll(template, videoID, "v"))
	if err != nil || !client.SafeScheme(u) || u.User != nil {
		return errors.New("want https://host/path")
	}
	host, rest, _ := strings.Cut(template[len(u.Scheme)+len("://"):], "/")
	path, query, queried := strings.Cut("/"+rest, "?")
	path, query = strings.ReplaceAll(path, videoID, "v"), strings.ReplaceAll(query, videoID, "v")
	switch {
	case !wireHost.MatchString(host) || u.Port() == "443" && u.Scheme == "https":
		return errors.New("write the host in small letters, and no port that https has anyway: that is how clients send it")
	case !wirePath.MatchString(path) || dotted(path) || queried && !wireQuery.MatchString(query):
		return errors.New("write path and query as clients send them: other characters than A-Z a-z 0-9 . _ ~ ! $ & ( ) + , ; = : @ / - as %XX, and no segments . or .. in it")
	}
	return checkNames(query)
}

// dotted reports whether clients take segments out of a path before they send it.
func dotted(path string) bool {
	return slices.ContainsFunc(strings.Split(path, "/"), func(segment string) bool {
		plain := strings.ReplaceAll(strings.ToLower(segment), "%2e", ".")
		return plain == "." || plain == ".."
	})
}

func checkNames(query string) error {
	for _, part := range strings.Split(query, "&") {
		name, _, _ := strings.Cut(part, "=")
		if slices.Contains(names(), name) {
			return fmt.Errorf("CloudFront reads the parameter %s itself: leave it out", name)
		}
	}
	return nil
}

// idCharacter begins what could go on with an id of a video.
var idCharacter = regexp.MustCompile(`^[A-Za-z0-9_*?-]`)

// checkResource refuses a resource that opens more than one video.
func checkResource(resource string, addresses []string) error {
	before, after, found := strings.Cut(resource, videoID)
	switch {
	case !found || strings.ContainsAny(before, "*?"):
		return errors.New("want {video_id} in it, and wildcards only after that: it would open other videos")
	case idCharacter.MatchString(after):
		return errors.New("want / or . after {video_id}, or nothing: it would open videos whose ids begin alike")
	}
	if err := checkAddress(strings.NewReplacer("*", "x", "?", "x").Replace(resource)); err != nil {
		return err
	}
	for _, address := range addresses {
		if !matches(of(resource, "v"), of(address, "v")) {
			return fmt.Errorf("it does not open %s: viewers would be refused", address)
		}
		if matches(of(resource, "v"), of(address, "w")) {
			return fmt.Errorf("for one video, it opens %s of another", address)
		}
	}
	return nil
}

// of is a template for one video.
func of(template, video string) string { return strings.ReplaceAll(template, videoID, video) }
