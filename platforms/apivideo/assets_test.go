package apivideo_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"playtoken/platforms"
	"playtoken/platforms/apivideo"
	"playtoken/secret"
	"playtoken/signer"
)

// told is an API that answers as it is told, and counts who is asked.
type told struct {
	show, session string // bodies
	hosts         map[string]int
}

func (a *told) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	a.hosts[r.URL.Host]++
	switch {
	case strings.HasPrefix(r.URL.Path, "/videos/"):
		answer.WriteString(strings.ReplaceAll(a.show, "TOKEN", "token-"+string(rune('a'+a.hosts[r.URL.Host]%26))+"-12345678"))
	case strings.HasSuffix(r.URL.Path, "/session"):
		if r.Header.Get("Authorization") != "" {
			panic("a credential goes to " + r.URL.Host)
		}
		answer.WriteString(a.session)
	default:
		panic(r.URL.Path)
	}
	return answer.Result(), nil
}

func (a *told) mint(t *testing.T) (signer.Token, error) {
	t.Helper()
	a.hosts = map[string]int{}
	p, err := apivideo.Open(platforms.Account{
		Settings:   map[string]string{"authentication": "basic"},
		Credential: map[string]secret.Value{"api_key": secret.New("given-key-of-the-account")},
		Transport:  &serial{next: a, turn: make(chan struct{}, 1)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p.Minter(policy).Mint(t.Context(), signer.Request{VideoID: "viABC"})
}

// serial lets one request through at a time.
type serial struct {
	next http.RoundTripper
	turn chan struct{}
}

func (s *serial) RoundTrip(r *http.Request) (*http.Response, error) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	return s.next.RoundTrip(r)
}

const (
	good = `{"videoId":"viABC","public":false,"assets":{"player":"https://embed.api.video/vod/viABC?token=TOKEN",` +
		`"hls":"https://vod.api.video/vod/viABC/token/TOKEN/hls/manifest.m3u8","mp4":"https://vod.api.video/vod/viABC/token/TOKEN/mp4/source.mp4",` +
		`"thumbnail":"https://vod.api.video/vod/viABC/token/TOKEN/thumbnail.jpg"}}`
	goodSession = `{"session_token":"111-222-333"}`
)

func TestAnswersAboutVideos(t *testing.T) {
	change := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatal(old)
		}
		return strings.Replace(good, old, new, 1)
	}
	for name, c := range map[string]struct {
		show string
		want bool
	}{
		"as documented":        {good, true},
		"more members":         {change(`{"videoId"`, `{"discarded":false,"videoId"`), true},
		"own domains":          {strings.NewReplacer("vod.api.video", "vod.example.com", "embed.api.video", "watch.example.com").Replace(good), true},
		"no mp4":               {change(`"https://vod.api.video/vod/viABC/token/TOKEN/mp4/source.mp4"`, `""`), true},
		"null for mp4":         {change(`"https://vod.api.video/vod/viABC/token/TOKEN/mp4/source.mp4"`, `null`), true},
		"no word on public":    {change(`"public":false,`, ``), true},
		"another video":        {change(`"videoId":"viABC"`, `"videoId":"viABD"`), false},
		"public":               {change(`"public":false`, `"public":true`), false},
		"no token":             {strings.ReplaceAll(strings.ReplaceAll(good, "/token/TOKEN", ""), "?token=TOKEN", ""), false},
		"no hls":               {change(`"hls":"https://vod.api.video/vod/viABC/token/TOKEN/hls/manifest.m3u8",`, ``), false},
		"no player":            {change(`"player":"https://embed.api.video/vod/viABC?token=TOKEN",`, ``), false},
		"two tokens":           {change(`?token=TOKEN`, `?token=other-123456`), false},
		"two tokens in mp4":    {change(`/TOKEN/mp4`, `/other-123456/mp4`), false},
		"another video in hls": {change(`vod/viABC/token/TOKEN/hls`, `vod/viABD/token/TOKEN/hls`), false},
		"a path as token":      {change(`/TOKEN/hls`, `/a/../TOKEN/hls`), false},
		"an escaped token":     {change(`/TOKEN/hls`, `/%54OKEN-1234567/hls`), false},
		"a short token":        {strings.ReplaceAll(good, "TOKEN", "x"), false},
		"http":                 {change(`https://vod.api.video/vod/viABC/token/TOKEN/hls`, `http://vod.api.video/vod/viABC/token/TOKEN/hls`), false},
		"http on loopback":     {strings.ReplaceAll(good, "https://vod.api.video", "http://127.0.0.1"), false},
		"a password":           {change(`https://vod.api.video/vod/viABC/token/TOKEN/hls`, `https://u:p@vod.api.video/vod/viABC/token/TOKEN/hls`), false},
		"no host":              {change(`https://vod.api.video/vod/viABC/token/TOKEN/hls`, `https:///vod/viABC/token/TOKEN/hls`), false},
		"a query":              {change(`manifest.m3u8"`, `manifest.m3u8?x=1"`), false},
		"a fragment":           {change(`?token=TOKEN"`, `?token=TOKEN#x"`), false},
		"a list":               {"[" + good + "]", false},
		"twice":                {change(`"public":false`, `"public":false,"public":false`), false},
		"a number":             {change(`"videoId":"viABC"`, `"videoId":7`), false},
	} {
		a := &told{show: c.show, session: goodSession}
		token, err := a.mint(t)
		if (err == nil) != c.want || (err != nil) != (token.Value == "") {
			t.Errorf("%s: Mint = %+v, %v, want a token: %v", name, token, err, c.want)
		}
		if err != nil && !errors.Is(err, signer.ErrUnavailable) && !errors.Is(err, signer.ErrVideo) {
			t.Errorf("%s: Mint = %v, want ErrUnavailable or ErrVideo", name, err)
		}
		if a.hosts["127.0.0.1"] > 0 {
			t.Errorf("%s: it calls this machine", name)
		}
	}
	for session, want := range map[string]bool{
		goodSession: true, `{"session_token":"` + strings.Repeat("x", 500) + `"}`: true, `{"session_token":""}`: false, `{}`: false,
		`{"session_token":"a&b=c"}`: false, `{"session_token":7}`: false, `[]`: false, `{"session_token":"` + strings.Repeat("x", 9000) + `"}`: false,
	} {
		if _, err := (&told{show: good, session: session}).mint(t); (err == nil) != want {
			t.Errorf("Mint with session %.60s = %v, want success: %v", session, err, want)
		}
	}
}

// For every description of a video, the URLs of its token name that
// video, is under one session, and goes nowhere in the clear.
func FuzzVideo(f *testing.F) {
	f.Add(good, goodSession)
	f.Add(strings.ReplaceAll(good, "vod.api.video", "[::1]:1"), goodSession)
	f.Add(strings.ReplaceAll(good, "/token/", "/token/../"), `{"session_token":"%26"}`)
	f.Fuzz(func(t *testing.T, show, session string) {
		token, err := (&told{show: show, session: session}).mint(t)
		if err != nil {
			if token.Value != "" || token.URLs != (signer.URLs{}) {
				t.Errorf("%+v with %v", token, err)
			}
			return
		}
		if token.Value == "" || token.VideoID != "viABC" || token.ExpiresAt.Sub(token.IssuedAt) != 24*time.Hour {
			t.Errorf("Mint = %+v, want a token of viABC for a day", token)
		}
		sessions := map[string]bool{}
		for _, text := range []string{token.URLs.Embed, token.URLs.HLS, token.URLs.MP4, token.URLs.Thumbnail} {
			if text == "" {
				continue
			}
			u, err := url.Parse(text)
			if err != nil || u.Scheme != "https" && u.Hostname() != "localhost" && !strings.HasPrefix(u.Host, "127.") && !strings.HasPrefix(u.Host, "[::1]") || !strings.HasPrefix(u.Path, "/vod/viABC") || strings.Contains(u.Path, "..") {
				t.Errorf("Mint returned the URL %q (%v), want one of viABC over HTTPS, or on loopback", text, err)
				continue
			}
			sessions[u.Query().Get("avh")] = true
		}
		if len(sessions) != 1 || sessions[""] {
			t.Errorf("Mint returned the URLs %+v, want the same session in all", token.URLs)
		}
	})
}
