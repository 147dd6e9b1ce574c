package cdni_test

import (
	"maps"
	"slices"
	"testing"

	"playtoken/signer"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	p := open(t, map[string]string{"audience": "cdn"})
	good, err := p.Shape.Claims(signer.Request{VideoID: "film"}, issued, expires)
	if err != nil {
		t.Fatal(err)
	}
	hash := "hash:sha-256;" + hashOf("https://cdn.example/film/hls.m3u8")
	for name, c := range map[string]struct {
		change map[string]any
		video  string
		want   []string
	}{
		"good":                          {nil, "film", nil},
		"good for any":                  {nil, "", nil},
		"one of several audiences":      {map[string]any{"aud": []any{"x", "cdn"}}, "film", nil},
		"for another video":             {nil, "films", []string{"video_not_allowed"}},
		"another issuer":                {map[string]any{"iss": "them"}, "film", []string{"issuer_wrong"}},
		"no audience":                   {map[string]any{"aud": nil}, "film", []string{"audience_wrong"}},
		"a claim that CDNs refuse":      {map[string]any{"jti": "1"}, "film", []string{"claims_wrong"}},
		"nothing that it opens":         {map[string]any{"cdniuc": nil}, "film", []string{"claims_wrong"}},
		"a container of an old draft":   {map[string]any{"cdniuc": "uri-regex:.*"}, "film", []string{"claims_wrong"}},
		"an unclosed pattern":           {map[string]any{"cdniuc": "regex:("}, "film", []string{"claims_wrong"}},
		"another pattern that fits":     {map[string]any{"cdniuc": "regex:https://cdn.example/.*"}, "film", nil},
		"a pattern that fits in midway": {map[string]any{"cdniuc": "regex:cdn.example/.*"}, "film", []string{"video_not_allowed"}},
		"a hash":                        {map[string]any{"cdniuc": hash}, "film", nil},
		"a hash of another URL":         {map[string]any{"cdniuc": hash}, "other", []string{"video_not_allowed"}},
	} {
		claims := maps.Clone(good)
		maps.Copy(claims, c.change)
		maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
		var got []string
		for _, reason := range p.Judge(claims, c.video) {
			got = append(got, reason.Code)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
