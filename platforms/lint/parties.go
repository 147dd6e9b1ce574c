package lint

import "slices"

// judgeParties looks at who made the token, and whom it is for.
func (f *finder) judgeParties() {
	if issuer, there := f.claims["iss"]; f.want.Issuer != "" && issuer != f.want.Issuer {
		if !there {
			f.add("iss_missing", `the token has no "iss": set it to %q, which the platform asks for`, f.want.Issuer)
		} else {
			f.add("iss_unexpected", `"iss" is not %q, which the platform asks for`, f.want.Issuer)
		}
	}
	if !f.want.Audiences {
		return
	}
	named, there := audienceOf(f.claims["aud"])
	_, present := f.claims["aud"]
	switch {
	case len(f.want.Audience) == 0 && present:
		f.add("aud_unexpected", `the token has an "aud": leave it out, because a verifier that is not named there has to refuse it (RFC 7519, section 4.1.3)`)
	case len(f.want.Audience) == 0:
	case !there:
		f.add("aud_missing", `the token has no "aud": set it to %q, which the platform asks for`, f.want.Audience[0])
	case !slices.ContainsFunc(named, func(name string) bool { return slices.Contains(f.want.Audience, name) }):
		f.add("aud_unexpected", `"aud" does not name %q, which the platform asks for`, f.want.Audience[0])
	}
}

// audienceOf reads a text, or a list of texts.
func audienceOf(value any) (names []string, ok bool) {
	switch value := value.(type) {
	case string:
		return []string{value}, true
	case []any:
		for _, item := range value {
			if name, text := item.(string); text {
				names = append(names, name)
			}
		}
	}
	return names, len(names) > 0
}

// usualNames are what people call the claim with the video's id.
var usualNames = []string{"video_id", "videoId", "videoID", "video", "vid", "asset_id", "resource"}

// judgeVideo looks at what the token opens.
func (f *finder) judgeVideo() {
	name := f.want.Video
	if name == "" {
		return
	}
	video, there := f.claims[name]
	text, isText := video.(string)
	switch {
	case !there:
		if i := slices.IndexFunc(usualNames, func(other string) bool { _, has := f.claims[other]; return has }); i >= 0 {
			f.add("video_misnamed", "the video stands in %q, which the platform does not read: put its id into %q, because without that the token opens every video", usualNames[i], name)
			return
		}
		f.add("opens_everything", "the token has no %q, so it opens every video: put the video's id there", name)
	case !isText || text == "":
		f.add("video_not_text", "%q is not the id of a video: write it as a text", name)
	case text == "*":
		f.add("opens_everything", `%q is "*", so the token opens every video: name one, unless that is meant`, name)
	}
}
