package jwplayer_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"playtoken/platforms"
	"playtoken/platforms/lint"
	"playtoken/signer"
)

// forged makes a token as an attacker might.
func forged(header, claims, key string) string {
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func codes(v platforms.Verdict) string {
	var all []string
	for _, reason := range v.Reasons {
		all = append(all, reason.Code)
	}
	return strings.Join(all, " ")
}

func TestInspect(t *testing.T) {
	const (
		good  = `{"alg":"HS256","typ":"JWT"}`
		clip  = `{"resource":"/v2/media/nPripu9l","exp":1893456000}`
		video = "nPripu9l"
	)
	claims := func(members string) string { return forged(good, "{"+members+"}", publishedSecret) }
	signed := forged(good, clip, publishedSecret)
	p := opened(t, full)
	at := time.Unix(publishedEnd, 0).Add(-10 * time.Minute)
	for name, c := range map[string]struct{ token, video, want string }{
		"as it should be":      {signed, video, ""},
		"no question":          {signed, "", ""},
		"with a parameter":     {claims(`"resource":"/v2/playlists/Xw0oaD4q","exp":1893456000,"related_media_id":"RltV8MtT"`), "playlists/Xw0oaD4q", ""},
		"poster":               {claims(`"resource":"/v2/media/nPripu9l/poster.jpg","exp":1893456000`), video, ""},
		"protected, older":     {claims(`"resource":"/v2/media/nPripu9l/drm/b2Afe1zG","exp":1893456000`), video, ""},
		"protected":            {claims(`"resource":"/v2/sites/aBcD1234/media/nPripu9l/playback.json","exp":1893456000,"drm_policy_id":"b2Afe1zG"`), video, ""},
		"none":                 {"", video, "token_missing"},
		"two parts":            {strings.Join(strings.Split(signed, ".")[:2], "."), video, "token_malformed"},
		"four parts":           {signed + ".", video, "token_malformed"},
		"padding":              {signed + "=", video, "token_malformed"},
		"loose bits":           {strings.TrimSuffix(signed, signed[len(signed)-1:]) + "R", video, "token_malformed"},
		"no object":            {forged(good, `[]`, publishedSecret), video, "token_malformed"},
		"null":                 {forged("null", clip, publishedSecret), video, "token_malformed"},
		"twice":                {claims(`"resource":"/v2/media/nPripu9l","exp":1,"exp":1893456000`), video, "token_malformed"},
		"too long":             {claims(`"resource":"/v2/media/nPripu9l","exp":1893456000,"x":"` + strings.Repeat("x", 9000) + `"`), video, "token_malformed"},
		"another algorithm":    {forged(`{"alg":"HS512","typ":"JWT"}`, clip, publishedSecret), video, "algorithm_not_allowed"},
		"none at all":          {forged(`{"alg":"none","typ":"JWT"}`, clip, publishedSecret), video, "algorithm_not_allowed"},
		"no type":              {forged(`{"alg":"HS256"}`, clip, publishedSecret), video, "type_not_allowed"},
		"another secret":       {forged(good, clip, "another"), video, "signature_invalid"},
		"ended":                {claims(`"resource":"/v2/media/nPripu9l","exp":1893455400`), video, "token_expired"},
		"another video":        {signed, "RltV8MtT", "video_not_allowed"},
		"no video":             {signed, "nonsense", "video_not_allowed"},
		"a playlist of it":     {signed, "playlists/nPripu9l", "video_not_allowed"},
		"another property":     {claims(`"resource":"/v2/sites/zZzZ9999/media/nPripu9l/playback.json","exp":1893456000`), "", "site_not_allowed"},
		"no resource":          {claims(`"exp":1893456000`), video, "resource_missing"},
		"odd resource":         {claims(`"resource":["/v2/media/nPripu9l"],"exp":1893456000`), video, "resource_missing"},
		"no end":               {claims(`"resource":"/v2/media/nPripu9l"`), video, "exp_missing"},
		"end as a text":        {claims(`"resource":"/v2/media/nPripu9l","exp":"1893456000"`), video, "exp_missing"},
		"end with a fraction":  {claims(`"resource":"/v2/media/nPripu9l","exp":1893456000.5`), video, "exp_missing"},
		"milliseconds":         {claims(`"resource":"/v2/media/nPripu9l","exp":1893456000000`), video, "exp_in_milliseconds"},
		"microseconds":         {claims(`"resource":"/v2/media/nPripu9l","exp":1893456000000000`), video, "exp_in_milliseconds"},
		"a hundred years":      {claims(`"resource":"/v2/media/nPripu9l","exp":5049129600`), video, "exp_too_far"},
		"odd parameter":        {claims(`"resource":"/v2/media/nPripu9l","exp":1893456000,"x":{"y":1}`), video, "parameter_invalid"},
		"everything":           {forged(`{}`, `{}`, "another"), video, "algorithm_not_allowed type_not_allowed signature_invalid exp_missing resource_missing"},
		"older route":          {"exp=1893456000&sig=8936c0eb271fb33f5cf089c0bd641648", video, ""},
		"older route, page":    {"exp=1893456000&sig=01f932219e67b1e20d0f7239add3bc68", video, ""},
		"older route, script":  {"exp=1893456000&sig=ef25f449a1d064f6e302c643ad2e3657", video, ""},
		"older route, ended":   {"exp=1&sig=8936c0eb271fb33f5cf089c0bd641648", video, "token_expired signature_invalid"},
		"older route, other":   {"exp=1893456000&sig=8936c0eb271fb33f5cf089c0bd641648", "RltV8MtT", "signature_invalid"},
		"older route of what":  {"exp=1893456000&sig=8936c0eb271fb33f5cf089c0bd641648", "", "resource_missing"},
		"older route, no such": {"exp=1893456000&sig=short", video, "token_malformed"},
	} {
		v, err := p.Inspect(t.Context(), c.token, c.video, at)
		if got := codes(v); got != c.want || err != nil {
			t.Errorf("%s: %q, want %q, %v", name, got, c.want, err)
		}
		if text := fmt.Sprint(v); strings.Contains(text, publishedSecret) {
			t.Errorf("%s: the secret is in %s", name, text)
		}
	}
}

func TestWhatIsMintedPasses(t *testing.T) {
	p := opened(t, full)
	at := time.Unix(publishedEnd, 0).Add(-10 * time.Minute)
	for _, req := range []signer.Request{
		{VideoID: "nPripu9l"}, {VideoID: "nPripu9l", DRMPolicy: "b2Afe1zG"}, {VideoID: "playlists/Xw0oaD4q"},
		{VideoID: "playlists/Xw0oaD4q", DRMPolicy: "b2Afe1zG", Claims: map[string]any{"search": "<&>"}}, {VideoID: "tracks/Xw0oaD4q.vtt"},
	} {
		token, err := mintedAt(t, at, p, policy, req)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := p.Inspect(t.Context(), token.Value, req.VideoID, at); err != nil || len(v.Reasons) > 0 || v.Claims["exp"] != 1893456000.0 {
			t.Errorf("Inspect of the token for %+v = %+v, %v, want no reason and its expiry", req, v, err)
		}
		if v, err := p.Inspect(t.Context(), token.Value, req.VideoID, token.ExpiresAt); err != nil || codes(v) != "token_expired" {
			t.Errorf("%+v: at its end %s", req, codes(v))
		}
	}
}

// TestMakersOfTokensForJWPlayerGetAdvice, on JWTs; the older form has other mistakes.
func TestMakersOfTokensForJWPlayerGetAdvice(t *testing.T) {
	p := opened(t, full)
	at := time.Unix(publishedEnd, 0).Add(-10 * time.Minute)
	for name, c := range map[string]struct{ token, want string }{
		"a good one":          {forged(`{"alg":"HS256","typ":"JWT"}`, `{"resource":"/v2/media/nPripu9l","exp":1893456000}`, publishedSecret), ""},
		"the older form":      {"exp=1893456000&sig=8936c0eb271fb33f5cf089c0bd641648", ""},
		"with a private key":  {forged(`{"alg":"RS256","typ":"JWT"}`, `{"exp":1893456000}`, publishedSecret), "alg_unexpected"},
		"in milliseconds":     {forged(`{"alg":"HS256","typ":"JWT"}`, `{"exp":1893456000000}`, publishedSecret), "time_in_other_unit"},
		"without an end":      {forged(`{"alg":"HS256","typ":"JWT"}`, `{"resource":"/v2/media/nPripu9l"}`, publishedSecret), "exp_missing"},
		"the secret in place": {"a text", "not_a_token"},
	} {
		var got []string
		for _, advice := range lint.Lint(c.token, *p.Expects, at) {
			got = append(got, advice.Code)
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: got advice %q, want %q", name, text, c.want)
		}
	}
}

func FuzzInspect(f *testing.F) {
	for _, token := range []string{"", "a.b.c", "exp=1&sig=8936c0eb271fb33f5cf089c0bd641648", forged(`{"alg":"HS256","typ":"JWT"}`, `{"exp":1e300}`, publishedSecret)} {
		f.Add(token, "nPripu9l")
	}
	f.Fuzz(func(t *testing.T, token, video string) {
		p := opened(t, full)
		v, err := p.Inspect(t.Context(), token, video, time.Unix(publishedEnd-600, 0))
		if err != nil || len(v.Reasons) == 0 && !strings.Contains(token, "=") && strings.Count(token, ".") != 2 {
			t.Errorf("Inspect(%q) = %+v, %v, want a reason", token, v, err)
		}
	})
}

func FuzzVideoID(f *testing.F) {
	for _, video := range []string{"", "nPripu9l", "playlists/Xw0oaD4q", "tracks/Xw0oaD4q.vtt", "../nPripu"} {
		f.Add(video)
	}
	p := opened(f, full)
	f.Fuzz(func(t *testing.T, video string) {
		token, err := p.Minter(policy).Mint(t.Context(), signer.Request{VideoID: video})
		if (err == nil) != (token.Value != "") {
			t.Errorf("Mint(%q) = %v, %+v, want either an error or a token", video, err, token)
		}
		for _, u := range []string{token.URLs.Media, token.URLs.HLS, token.URLs.Playlist, token.URLs.Tracks} {
			if u != "" && (!strings.HasPrefix(u, "https://cdn.jwplayer.com/") || strings.Contains(u, "..") || !strings.Contains(u, video)) {
				t.Errorf("Mint(%q) returned the URL %s, want one of the video on the CDN", video, u)
			}
		}
	})
}
