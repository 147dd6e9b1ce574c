package gate_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// serves checks all that viewers, their players and their pages expect of a
// proxy that asks the gate.
func (f *front) serves() {
	f.playsWithoutCookies()
	f.playsWithCookies()
	f.refuses()
	f.answersPreflights()
	f.showsPages()
	f.endsSessions()
}

// playsWithoutCookies crawls the sample as a player of another site's page does:
// all that it has is the first address.
func (f *front) playsWithoutCookies() {
	client, first := f.browser(nil), "/counter/hls.m3u8?jwt="+f.token("counter", time.Minute)
	seen, media := map[string]bool{first: true}, 0
	for todo := []string{first}; len(todo) > 0; todo = todo[1:] {
		a := f.ask(client, "GET", todo[0], "Origin", "https://shop.example")
		path, _, _ := strings.Cut(todo[0], "?")
		if a.status != 200 {
			f.Fatalf("%s: got %v with the headers %v, want 200", path, a, a.header)
		}
		f.isPrivate(path, a)
		f.isReadable(path, a)
		if !strings.HasSuffix(path, ".m3u8") {
			media++
			f.isTheProxys(path, a)
			continue
		}
		for _, uri := range urisOf(a.body) {
			if next := resolve(f.T, todo[0], uri); !seen[next] {
				seen[next], todo = true, append(todo, next)
			}
		}
	}
	if media < 3 {
		f.Errorf("got %d files of media, want a whole video", media)
	}
	segment := "/film/~" + f.ticket(video) + "/360/0.m4s" // as in DASH
	if a := f.ask(client, "GET", segment); a.status != 200 || a.body != "0123456789" {
		f.Errorf("a ticket in the path: got %v, want the segment", a)
	}
	inHeader := f.ask(client, "GET", "/film/360/0.m4s", "Authorization", "Bearer "+f.token(video, time.Minute))
	f.isTheProxys("a token in the header", inHeader)
	part := f.ask(client, "GET", "/film/360/0.m4s?ticket="+f.ticket(video), "Range", "bytes=2-4")
	if part.status != 206 || part.body != "234" {
		f.Errorf("a part of a segment: got %v, want 206 and 234", part)
	}
	if a := f.ask(client, "HEAD", "/film/360/0.m4s?ticket="+f.ticket(video)); a.status != 200 {
		f.Errorf("HEAD of a segment: got %v, want 200", a)
	}
}

// isPrivate: what only one viewer may have stands in no shared cache.
func (f *front) isPrivate(path string, a answer) {
	f.Helper()
	caching := strings.Join(a.header.Values("Cache-Control"), ", ")
	if !strings.HasPrefix(caching, "private") && caching != "no-store" || strings.Contains(caching, "public") {
		f.Errorf("%s: got Cache-Control %q, want private or no-store", path, caching)
	}
}

// isReadable: for pages of every site, to which two values are as bad as no one.
func (f *front) isReadable(what string, a answer) {
	f.Helper()
	if origins := a.header.Values("Access-Control-Allow-Origin"); len(origins) != 1 || origins[0] != "*" {
		f.Errorf("%s: got Access-Control-Allow-Origin %q, want * once", what, origins)
	}
}

// isTheProxys: the gate serves media too, so what the proxy does not permit
// would come from there.
func (f *front) isTheProxys(what string, a answer) {
	f.Helper()
	if a.status != 200 || a.header.Get("X-Request-Id") != "" {
		f.Errorf("%s: got %d with the headers %v, want the file from the proxy, not from the gate", what, a.status, a.header)
	}
}

// playsWithCookies plays two videos in one browser at once, each as one file,
// for longer than the tokens live.
func (f *front) playsWithCookies() {
	client := f.browser(f.jar())
	for _, video := range []string{"film", "other"} {
		first := f.ask(client, "GET", "/"+video+files2[video]+"?jwt="+f.token(video, time.Minute))
		if first.status != 200 {
			f.Fatalf("%s: got %v, want 200", video, first)
		}
		f.isPrivate(video, first)
		cookies := (&http.Response{Header: first.header}).Cookies()
		if len(cookies) != 1 {
			f.Fatalf("%s: got the cookies %v, want one", video, cookies)
		}
		c := cookies[0]
		if c.Path != "/"+video || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.MaxAge < 3600 || c.Domain != "" {
			f.Errorf("%s: got the cookie %v, want it for the video alone, HttpOnly, Secure, SameSite", video, c)
		}
	}
	f.advance(2 * time.Minute)
	for _, video := range []string{"film", "other", "film"} {
		a := f.ask(client, "GET", "/"+video+files2[video], "Gate-Cookie", "playtoken=forged")
		if a.status != 200 || a.header.Get("Set-Cookie") != "" {
			f.Errorf("%s with its cookie: got %v with the cookie %q, want 200 and none", video, a, a.header.Get("Set-Cookie"))
		}
		f.isTheProxys(video, a)
		f.isPrivate(video, a)
	}
	if a := f.ask(client, "GET", "/counter/180/0.m4s"); a.status != 401 {
		f.Errorf("a third video: got %v, want 401", a)
	}
}

// files2 are a file of each of two videos.
var files2 = map[string]string{"film": "/360/0.m4s", "other": "/0.m4s"}

func (f *front) refuses() {
	client, good := f.browser(nil), f.token("film", time.Minute)
	for _, c := range []struct {
		name, target string
		want         int
		code         string // of the gate; empty: the proxy answers
	}{
		{"no token", "/film/360/0.m4s", 401, "token_missing"},
		{"no token for a playlist", "/film/hls.m3u8", 401, "token_missing"},
		{"another video's token", "/film/360/0.m4s?jwt=" + f.token("other", time.Minute), 403, "video_not_allowed"},
		{"an old token", "/film/360/0.m4s?jwt=" + f.token("film", 0), 401, "token_expired"},
		{"rubbish", "/film/360/0.m4s?jwt=x", 401, "token_malformed"},
		{"a file of another kind", "/film/notes.txt?jwt=" + good, 404, "not_found"},
		{"a file beside the videos", "/top.m4s?jwt=" + good, 404, ""},
		{"a file that is not there", "/film/360/9.m4s?jwt=" + good, 404, ""},
	} {
		a := f.ask(client, "GET", c.target, "Origin", "https://shop.example")
		if gates := c.code != "" && !f.proxy.ownRefusals; a.status != c.want || gates && a.code() != c.code {
			f.Errorf("%s: got %v, want %d %s", c.name, a, c.want, c.code)
		} else if caching := a.header.Get("Cache-Control"); gates && caching != "no-store" {
			f.Errorf("%s: got Cache-Control %q, want no-store", c.name, caching)
		}
		if c.code != "" {
			f.isReadable(c.name, a)
		}
	}
	for _, forged := range []string{"X-Original-URI", "X-Original-URL", "X-Forwarded-Uri", "X-Rewrite-Url", "X-Forwarded-Method"} {
		value := "/film/360/0.m4s?jwt=" + good
		if forged == "X-Forwarded-Method" {
			value = "OPTIONS"
		}
		if a := f.ask(client, "GET", "/film/360/0.m4s", forged, value); a.status != 401 {
			f.Errorf("a viewer who sends %s: got %v, want 401", forged, a)
		}
	}
	for _, target := range append(append(named, "/film/.hidden.m4s", "/film/.git/config.m4s"), ambiguous...) {
		if got := raw(f.T, "unix", f.socket, target+"?jwt="+good); got == 200 {
			f.Errorf("%s: got 200 through the proxy and the gate, want a refusal", target)
		}
	}
}

func (f *front) answersPreflights() {
	for _, target := range []string{"/film/360/0.m4s", "/film/360/0.m4s?ticket=" + f.ticket(video), "/film/hls.m3u8?jwt=x"} {
		a := f.ask(f.browser(nil), "OPTIONS", target, "Origin", "https://shop.example",
			"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "range,cmcd-session,authorization")
		allowed := strings.ToLower(a.header.Get("Access-Control-Allow-Headers"))
		f.isReadable("OPTIONS "+target, a)
		if a.status/100 != 2 || a.body != "" || !strings.Contains(allowed, "range") ||
			!strings.Contains(allowed, "cmcd-session") || !strings.Contains(allowed, "authorization") {
			f.Errorf("OPTIONS %s: got %v with the headers %v, want that a page may send Range, CMCD and Authorization", target, a, a.header)
		}
	}
}

// showsPages of the gate, but not the gate's own addresses.
func (f *front) showsPages() {
	client := f.browser(nil)
	for _, page := range []string{"/film", "/embed/film"} {
		a := f.ask(client, "GET", page+"?jwt="+f.token(video, time.Minute))
		if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			f.Errorf("%s: got %v, want a page", page, a)
		}
	}
	if f.proxy.ownRefusals {
		return
	}
	for _, target := range []string{"/v2/jwt_keys", "/auth", "/auth/film/360/0.m4s?jwt=" + f.token(video, time.Minute), "/metrics", "/readyz"} {
		a := f.ask(client, "GET", target, "Authorization", "Bearer "+apiKey, "X-Original-URI", "/film/360/0.m4s?jwt="+f.token(video, time.Minute))
		if a.status != 404 {
			f.Errorf("%s: got %v, want 404", target, a)
		}
	}
	for _, target := range []string{"/v2", "//v2/jwt_keys", "/./v2/jwt_keys", "/film/../v2/jwt_keys", "/%76%32/jwt_keys", "/v2%2fjwt_keys", "/v2/", "/metrics/"} {
		if got := raw(f.T, "unix", f.socket, target); got == 200 || got == 401 {
			f.Errorf("%s: got %d, want that the gate's own is not reached", target, got)
		}
	}
}

func (f *front) endsSessions() {
	client, target := f.browser(nil), "/film/360/0.m4s?ticket="+f.ticket(video)
	if a := f.ask(client, "GET", target); a.status != 200 {
		f.Fatalf("a session: got %v, want 200", a)
	}
	f.want(f.api("DELETE", "/v2/jwt_keys/"+f.keyID+"?end_sessions=true", ""), 200, "")
	if a := f.ask(client, "GET", target); a.status != 403 || !f.proxy.ownRefusals && a.code() != "session_ended" {
		f.Errorf("a session that was ended: got %v, want 403 session_ended", a)
	}
}

// keepsSecrets stops the gate, so that the proxy has failures to log, and holds
// all that it logged against the tokens and tickets that there were.
func (f *front) keepsSecrets(logs ...string) {
	f.Helper()
	client, token, ticket := f.browser(nil), f.token(video, time.Minute), f.ticket(video)
	targets := []string{"/film/360/0.m4s?jwt=" + token, "/film/360/9.m4s?ticket=" + ticket, "/film/~" + ticket + "/360/0.m4s", "/film/hls.m3u8?jwt=" + token}
	for _, target := range targets {
		f.ask(client, "GET", target, "Cookie", "playtoken="+ticket, "Authorization", "Bearer "+token)
	}
	f.server.CloseClientConnections()
	f.server.Close()
	for _, target := range []string{targets[0], targets[3]} {
		if a := f.ask(client, "GET", target); a.status < 500 {
			f.Errorf("without a gate: got %v, want a failure", a)
		}
	}
	text := f.printed.String()
	for _, name := range logs {
		part, err := os.ReadFile(filepath.Join(f.dir, name))
		if err != nil {
			f.Fatal(err)
		}
		text += string(part)
	}
	if !f.proxy.ownRefusals && !strings.Contains(text, "/film/360/0.m4s") {
		f.Errorf("got a log without requests, want them in it:\n%s", text)
	}
	for _, secret := range []string{"jwt=", "ticket=", token[len(token)-40:], ticket[len(ticket)-16:], apiKey} {
		if at := strings.Index(text, secret); at >= 0 {
			f.Errorf("got %q in the log, want no secret:\n%s", secret, text[max(0, at-300):min(len(text), at+100)])
		}
	}
}
