package jwplayer

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"playtoken/platforms"
	"playtoken/platforms/client"
)

const (
	longestToken = 8 << 10      // bytes; nothing longer is read
	lastSecond   = 253402300799 // of the year 9999, after 1970
	farAhead     = 10 * 365 * 24 * time.Hour
	algorithm    = "HS256"
)

// oldForm is what opens the older routes.
var oldForm = regexp.MustCompile(`^exp=([0-9]{1,19})&sig=([0-9a-f]{32})$`)

// verdict collects reasons.
type verdict struct{ platforms.Verdict }

func (v *verdict) add(code, format string, values ...any) {
	v.Reasons = append(v.Reasons, platforms.Reason{Code: code, Detail: fmt.Sprintf(format, values...)})
}

// inspect says what is wrong with a token, all of it, as far as it can be
// read. It makes no call, and shares no code with what makes tokens. An empty
// videoID is no question about what the token opens.
//
// A mint never makes an end that is counted in milliseconds, or years away;
// copies of a sample that does are about, and what such a token opens stays
// open.
func (s *site) inspect(_ context.Context, token, videoID string, at time.Time) (platforms.Verdict, error) {
	var v verdict
	switch old := oldForm.FindStringSubmatch(token); {
	case token == "":
		v.add("token_missing", "there is no token")
	case old != nil:
		s.inspectOld(&v, old[1], old[2], videoID, at)
	default:
		s.inspectJWT(&v, token, videoID, at)
	}
	return v.Verdict, nil
}

func (s *site) inspectJWT(v *verdict, token, videoID string, at time.Time) {
	input, signature, err := v.read(token)
	if err != nil {
		v.Header, v.Claims = nil, nil
		v.add("token_malformed", "%s", err)
		return
	}
	if v.Header["alg"] != algorithm {
		v.add("algorithm_not_allowed", `the header's "alg" is not %s`, algorithm)
	}
	if v.Header["typ"] != "JWT" {
		v.add("type_not_allowed", `the header's "typ" is not JWT`)
	}
	mac := hmac.New(sha256.New, []byte(s.secret.Reveal()))
	mac.Write([]byte(input))
	if !hmac.Equal(mac.Sum(nil), signature) {
		v.add("signature_invalid", "the signature is not that of the property's secret key")
	}
	if exp, ok := v.Claims["exp"].(float64); ok && exp == math.Trunc(exp) && exp > 0 {
		v.end(exp, at)
	} else {
		v.add("exp_missing", `there is no "exp" in whole seconds since 1970`)
	}
	s.inspectResource(v, videoID)
}

// read takes a compact JWT apart, strictly.
func (v *verdict) read(token string) (input string, signature []byte, err error) {
	if len(token) > longestToken {
		return "", nil, fmt.Errorf("the token is longer than %d bytes", longestToken)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", nil, errors.New("the token has not three parts")
	}
	if err := object(parts[0], &v.Header); err != nil {
		return "", nil, fmt.Errorf("header: %w", err)
	}
	if err := object(parts[1], &v.Claims); err != nil {
		return "", nil, fmt.Errorf("claims: %w", err)
	}
	if signature, err = canonical(parts[2]); err != nil {
		return "", nil, fmt.Errorf("signature: %w", err)
	}
	return parts[0] + "." + parts[1], signature, nil
}

// canonical decodes base64url of which there is only one spelling.
func canonical(part string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || base64.RawURLEncoding.EncodeToString(b) != part || len(b) == 0 {
		return nil, errors.New("not base64url without padding")
	}
	return b, nil
}

func object(part string, into *map[string]any) error {
	b, err := canonical(part)
	if err != nil {
		return err
	}
	if client.Decode(b, into) != nil || *into == nil {
		return errors.New("not one strict JSON object")
	}
	return nil
}

// end judges when a token ends, in seconds since 1970.
func (v *verdict) end(exp float64, at time.Time) {
	switch now := float64(at.Unix()); {
	case exp <= now:
		v.add("token_expired", "it expired at %s", time.Unix(int64(exp), 0).UTC().Format(time.RFC3339))
	case exp > lastSecond || exp > now+farAhead.Seconds() && exp/1000 > now-farAhead.Seconds() && exp/1000 < now+farAhead.Seconds():
		v.add("exp_in_milliseconds", `"exp" is not in seconds, so the token lives for tens of thousands of years`)
	case exp > now+farAhead.Seconds():
		v.add("exp_too_far", `"exp" is years away: %s`, time.Unix(int64(exp), 0).UTC().Format(time.RFC3339))
	}
}

func (s *site) inspectResource(v *verdict, videoID string) {
	resource, ok := v.Claims["resource"].(string)
	if !ok || !strings.HasPrefix(resource, "/") {
		v.add("resource_missing", `there is no "resource", the path of what the token opens`)
		return
	}
	for name, value := range v.Claims {
		switch value.(type) {
		case string, bool, float64:
		default:
			v.add("parameter_invalid", "%q is no parameter of a request", name)
		}
	}
	if strings.HasSuffix(resource, "/playback.json") && s.id != "" && !strings.HasPrefix(resource, "/v2/sites/"+s.id+"/") {
		v.add("site_not_allowed", "the token is for another property than %s", s.id)
	}
	if c, err := parseContent(videoID); videoID != "" && (err != nil || !s.about(c, resource)) {
		v.add("video_not_allowed", "the token is for %.100q", resource)
	}
}

// inspectOld looks at the signature of an older route, which does not say what
// it opens: it has to be told.
func (s *site) inspectOld(v *verdict, exp, sig, videoID string, at time.Time) {
	if seconds, err := strconv.ParseFloat(exp, 64); err == nil {
		v.Claims = map[string]any{"exp": seconds}
		v.end(seconds, at)
	}
	c, err := parseContent(videoID)
	if err != nil {
		v.add("resource_missing", "without a video id, it is unknown what the signature opens")
		return
	}
	for _, path := range s.oldPaths(c) {
		sum := md5.Sum([]byte(path + ":" + exp + ":" + s.secret.Reveal()))
		if hmac.Equal([]byte(hex.EncodeToString(sum[:])), []byte(sig)) {
			return
		}
	}
	v.add("signature_invalid", "the signature is not that of the property's secret key, or for something else")
}

// oldPaths are the older routes to a content.
func (s *site) oldPaths(c content) []string {
	if c.kind == tracks {
		return []string{"tracks/" + c.id}
	}
	paths := []string{"manifests/" + c.id + ".m3u8", "thumbs/" + c.id + "-720.jpg", "libraries/" + s.player + ".js"}
	for _, route := range []string{"players/%s-%s.html", "players/%s-%s.js", "previews/%s-%s"} {
		paths = append(paths, fmt.Sprintf(route, c.id, s.player))
	}
	return paths
}
