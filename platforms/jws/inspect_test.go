package jws_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"playtoken/platforms"
	"playtoken/platforms/jws"
	"playtoken/signer"
)

// asRead are claims as a verifier reads them from JSON.
func asRead(claims map[string]any) map[string]any {
	read := maps.Clone(claims)
	for name, value := range read {
		switch value := value.(type) {
		case int64:
			read[name] = float64(value)
		case []string:
			read[name] = []any{value[0], value[1]}
		}
	}
	return read
}

// TestTheVerifierAcceptsWhatIsMinted: with each setting, and every kind of claim.
func TestTheVerifierAcceptsWhatIsMinted(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]map[string]string{
		"as it comes": nil, "MediaMTX": {"preset": "mediamtx"},
		"all":      {"issuer": "https://i.example", "audience": "a b", "time_claims": "iat nbf", "max_ttl": "10m", "claims": `{"sub":"{video_id}","n":7,"ok":true,"no":null,"p":[{"d":"/{project_id}/{video_id}/"}]}`},
		"a viewer": {"audience": "a", "claims": `{"v":"{video_id}","u":"{viewer_id}","ip":"{viewer_ip}"}`},
	} {
		p := open(t, settings)
		req := signer.Request{VideoID: "cam-1"}
		if name == "a viewer" {
			req.Viewer = signer.Viewer{ID: "Ann (.*) O'Nym", IP: "2001:db8::1"}
		}
		claims, err := p.Shape.Claims(req, issued, expires)
		if err != nil {
			t.Fatalf("%s: Claims: %v", name, err)
		}
		for video, want := range map[string]int{"": 0, "cam-1": 0, "cam-2": 1, "cam.1": 1, "cam-": 1} {
			if got := p.Judge(asRead(claims), video); len(got) != want {
				t.Errorf("%s, video %q: got %v, want %d reasons", name, video, got, want)
			}
		}
	}
}

func TestTokensThatTheVerifierRefuses(t *testing.T) {
	t.Parallel()
	settings := map[string]string{"issuer": "https://i.example", "audience": "edge", "time_claims": "iat", "max_ttl": "10m", "claims": `{"sub":"{video_id}","n":7}`}
	exp := float64(expires.Unix())
	for name, c := range map[string]struct {
		change map[string]any
		want   string
	}{
		"another issuer":        {map[string]any{"iss": "https://j.example"}, "issuer_wrong"},
		"no issuer":             {map[string]any{"iss": nil}, "issuer_wrong"},
		"another audience":      {map[string]any{"aud": "api"}, "audience_wrong"},
		"no audience":           {map[string]any{"aud": nil}, "audience_wrong"},
		"several, none of it":   {map[string]any{"aud": []any{"a", "b"}}, "audience_wrong"},
		"several, one of them":  {map[string]any{"aud": []any{"a", "edge"}}, ""},
		"an hour":               {map[string]any{"exp": exp + 3600}, "token_life_too_long"},
		"milliseconds":          {map[string]any{"exp": exp * 1000, "iat": nil}, "token_life_too_long"},
		"another claim":         {map[string]any{"n": 8.0}, "claims_wrong"},
		"a claim of the caller": {map[string]any{"plan": "gold"}, ""},
	} {
		p := open(t, settings)
		claims, err := p.Shape.Claims(signer.Request{VideoID: "a"}, issued, expires)
		if err != nil {
			t.Fatal(err)
		}
		claims = asRead(claims)
		maps.Copy(claims, c.change)
		got := p.Judge(claims, "")
		if has := slices.ContainsFunc(got, func(r platforms.Reason) bool { return r.Code == c.want }); has != (c.want != "") || c.want == "" && len(got) > 0 {
			t.Errorf("%s: got %v, want %q", name, got, c.want)
		}
	}
	if got := open(t, nil).Judge(map[string]any{"sub": "a", "aud": "edge", "exp": exp}, "a"); len(got) != 1 || got[0].Code != "audience_wrong" {
		t.Errorf("an audience where none is expected: got %v, want audience_wrong", got)
	}
}

// FuzzJudge: any claims can be judged, and those of a token for a video are accepted for
// it alone.
func FuzzJudge(f *testing.F) {
	f.Add(`{"sub":"{video_id}"}`, "a")
	f.Add(`{"p":[{"path":"/{video_id}(/{viewer_id}"}]}`, "a-b")
	f.Fuzz(func(t *testing.T, template, video string) {
		p, err := jws.Kind().Open(platforms.Account{Settings: map[string]string{"claims": template}})
		if err != nil {
			return
		}
		claims, err := p.Shape.Claims(signer.Request{VideoID: video}, issued, issued.Add(time.Minute))
		if err != nil {
			return
		}
		if got := p.Judge(asRead(claims), video); len(got) > 0 {
			t.Errorf("claims %s for %q: got %v, want no reason", template, video, got)
		}
	})
}
