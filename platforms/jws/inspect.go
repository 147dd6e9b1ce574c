package jws

import (
	"fmt"
	"regexp"
	"strings"

	"playtoken/platforms"
	"playtoken/platforms/jwtkeys"
)

// lastSecond is the newest time that a token may mean in seconds; what is larger was
// counted in milliseconds.
const lastSecond = 1 << 36 // the year 4147

// judge says why the verifier would refuse a token with good claims of time. Without a
// video, the token may be for any one.
func (s *shape) judge(claims map[string]any, video string) (reasons []platforms.Reason) {
	refuse := func(bad bool, code, format string, args ...any) {
		if bad {
			reasons = append(reasons, platforms.Reason{Code: code, Detail: fmt.Sprintf(format, args...)})
		}
	}
	refuse(s.issuer != "" && claims["iss"] != s.issuer, jwtkeys.IssuerWrong, "iss is not %s", s.issuer)
	refuse(!jwtkeys.IsFor(claims["aud"], s.audiences()), jwtkeys.AudienceWrong, "aud is not the project's audience, %v", s.audience)
	expires, _ := claims["exp"].(float64)
	issued, dated := claims["iat"].(float64)
	refuse(expires > lastSecond, jwtkeys.LifeTooLong, "exp is in milliseconds: it has to be in seconds")
	refuse(dated && expires-issued > s.maxTTL.Seconds()+backDated.Seconds(), jwtkeys.LifeTooLong, "it lives for longer than %d seconds", int64(s.maxTTL.Seconds()))
	refuse(!matches(s.claims.claims, claims, s.pattern("")), jwtkeys.ClaimsWrong, "a claim is not what the project's claims say")
	refuse(video != "" && !matches(s.claims.claims, claims, s.pattern(video)), jwtkeys.VideoWrong, "the token is for another video")
	return reasons
}

// pattern returns what reports whether a text is one that a template leads to, for a
// video or, if that is empty, for any.
func (s *shape) pattern(video string) func(template, text string) bool {
	filled := map[string]string{videoID: regexp.QuoteMeta(video), projectID: regexp.QuoteMeta(s.project), viewerID: `.+`, viewerIP: `[0-9A-Fa-f.:]+`}
	if video == "" {
		filled[videoID] = `.+`
	}
	return func(template, text string) bool {
		expression := regexp.QuoteMeta(template)
		for placeholder, value := range filled {
			expression = strings.ReplaceAll(expression, regexp.QuoteMeta(placeholder), value)
		}
		match, err := regexp.MatchString(`(?s)\A`+expression+`\z`, text)
		return match && err == nil
	}
}

// matches reports whether a value is one that a template leads to. Claims that the
// template has not are the caller's.
func matches(template, value any, text func(template, text string) bool) bool {
	switch template := template.(type) {
	case string:
		said, is := value.(string)
		return is && text(template, said)
	case float64:
		said, is := value.(float64)
		return is && said == template
	case []any:
		said, is := value.([]any)
		return is && len(said) == len(template) && allMatch(template, said, text)
	case map[string]any:
		said, is := value.(map[string]any)
		for name, part := range template {
			if there, has := said[name]; !is || !has || !matches(part, there, text) {
				return false
			}
		}
		return is
	}
	return template == value
}

func allMatch(template, value []any, text func(template, text string) bool) bool {
	for i := range template {
		if !matches(template[i], value[i], text) {
			return false
		}
	}
	return true
}
