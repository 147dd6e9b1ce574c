package cdni

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"playtoken/platforms"
	"playtoken/platforms/jwtkeys"
)

// judge says why the CDN would refuse a token with good claims of time. Without a
// video, the token may be for any one.
func (s *shape) judge(claims map[string]any, video string) (reasons []platforms.Reason) {
	refuse := func(bad bool, code, format string, args ...any) {
		if bad {
			reasons = append(reasons, platforms.Reason{Code: code, Detail: fmt.Sprintf(format, args...)})
		}
	}
	refuse(claims["iss"] != s.issuer, jwtkeys.IssuerWrong, "iss is not %s", s.issuer)
	refuse(!jwtkeys.IsFor(claims["aud"], s.audiences()), jwtkeys.AudienceWrong, "aud is not the project's audience, %q", s.audience)
	for _, name := range []string{"jti", "cdnicrit", "cdniip"} {
		_, there := claims[name]
		refuse(there, jwtkeys.ClaimsWrong, "it has %s, for which Traffic Server refuses it", name)
	}
	container, _ := claims["cdniuc"].(string)
	opens, err := s.opens(container, video)
	refuse(err != nil, jwtkeys.ClaimsWrong, "cdniuc, which says what it opens, is %v", err)
	refuse(err == nil && !opens, jwtkeys.VideoWrong, "the token is for another video")
	return reasons
}

// opens reports whether a container lets the manifest of a video through; without a
// video, it only has to be one. The error completes a sentence.
func (s *shape) opens(container, video string) (bool, error) {
	url := strings.Replace(s.bare, "{video_id}", video, 1)
	if strings.HasPrefix(container, "hash:") {
		return video == "" || container == hashOf(url), nil
	}
	pattern, is := strings.CutPrefix(container, "regex:")
	if !is {
		return false, errors.New("missing, or neither a regex nor a hash")
	}
	expression, err := regexp.Compile(`^(?:` + pattern + `)`)
	if err != nil {
		return false, errors.New("a pattern that cannot be read")
	}
	return video == "" || expression.MatchString(url), nil
}
