package gate_test

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"
)

// asks is what MediaMTX sends, of a viewer who reads the video unless changed.
func asks(t *testing.T, change map[string]string) string {
	t.Helper()
	question := map[string]any{"user": "", "password": "", "token": "", "ip": "192.0.2.1", "action": "read", "path": video,
		"protocol": "hls", "id": "6a3e", "query": "", "userAgent": "x", "of_a_later_version": []int{1}}
	for name, value := range change {
		question[name] = value
	}
	text, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestMediaMTXIsAnsweredAsAViewerWouldBe: wherever the player put the token.
func TestMediaMTXIsAnsweredAsAViewerWouldBe(t *testing.T) {
	t.Parallel()
	w := forward(t, "mediamtx", "")
	good, late := w.token(video, time.Minute), w.token(video, -time.Second)
	for name, c := range map[string]struct {
		change map[string]string
		status int
		code   string
	}{
		"a bearer":              {map[string]string{"token": good}, 204, ""},
		"playback":              {map[string]string{"token": good, "action": "playback"}, 204, ""},
		"in the query":          {map[string]string{"query": "a=b&jwt=" + url.QueryEscape(good)}, 204, ""},
		"under the other name":  {map[string]string{"query": "token=" + good}, 204, ""},
		"the password":          {map[string]string{"password": good, "user": "x"}, 204, ""},
		"none":                  {nil, 401, "token_missing"},
		"two in the query":      {map[string]string{"query": "jwt=" + good + "&token=" + good}, 401, "token_malformed"},
		"expired":               {map[string]string{"token": late}, 401, "token_expired"},
		"one beside a bad one":  {map[string]string{"token": late, "password": good}, 401, "token_expired"},
		"for another video":     {map[string]string{"token": w.token("other", time.Minute)}, 403, "video_not_allowed"},
		"for all videos":        {map[string]string{"token": w.token("*", time.Minute)}, 204, ""},
		"publishing":            {map[string]string{"token": good, "action": "publish"}, 403, "forbidden"},
		"the API":               {map[string]string{"token": good, "action": "api", "path": ""}, 403, "forbidden"},
		"a path below":          {map[string]string{"token": good, "path": video + "/x"}, 403, "forbidden"},
		"a path out of another": {map[string]string{"token": good, "path": "../" + video}, 403, "forbidden"},
	} {
		a := w.do("POST", "/auth", asks(t, c.change))
		if w.want(a, c.status, c.code); c.status == 204 && (a.header.Get("Set-Cookie") != "" || a.header.Get("Cache-Control") != "no-store") {
			t.Errorf("%s: got headers %v, want no-store and no cookie", name, a.header)
		}
	}
	for _, body := range []string{"", "[]", "{", `{"action":"read","action":"read"}`} {
		w.want(w.do("POST", "/auth", body), 403, "forbidden")
	}
	w.want(w.get("/auth", "X-Original-URI", "/"+video+"/a.m4s?jwt="+good), 403, "forbidden")
}

// TestAnotherProxyIsNotAnsweredAsMediaMTX: its body is a viewer's.
func TestAnotherProxyIsNotAnsweredAsMediaMTX(t *testing.T) {
	t.Parallel()
	w := forward(t, "nginx", "")
	w.want(w.do("POST", "/auth", asks(t, map[string]string{"token": w.token(video, time.Minute)})), 403, "forbidden")
}
