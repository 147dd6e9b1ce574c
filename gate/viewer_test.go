package gate_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"playtoken/gate"
)

func resolve(t *testing.T, base, ref string) string {
	t.Helper()
	b, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	u, err := b.Parse(ref)
	if err != nil {
		t.Fatal(err)
	}
	return u.RequestURI()
}

// ticket opens the manifest with a good token and returns the session ticket
// that the answer carries.
func (w *world) ticket(video string) string {
	w.Helper()
	a := w.want(w.get("/"+video+"/hls.m3u8?jwt="+w.token(video, time.Minute)), 200, "")
	_, rest, found := strings.Cut(a.body, "ticket=")
	if !found {
		w.Fatalf("no ticket in %s", a.body)
	}
	ticket, _, _ := strings.Cut(strings.ReplaceAll(rest, `"`, "\n"), "\n")
	return ticket
}

// TestAPlayerOutlivesItsToken plays as a native player does: it follows the
// URIs that it was given, long after the token that opened the manifest.
func TestAPlayerOutlivesItsToken(t *testing.T) {
	w := open(t, films(), nil)
	opened := "/film/hls.m3u8?jwt=" + w.token(video, 10*time.Second)
	master := w.want(w.get(opened), 200, "")
	seen := map[string]bool{}
	for range 12 { // two minutes
		w.advance(10 * time.Second)
		for _, child := range links(t, master.body, "/film/hls.m3u8") {
			list := w.want(w.get(child), 200, "")
			for _, segment := range links(t, list.body, child) {
				seen[segment[:strings.Index(segment, "?")]] = true
				w.want(w.get(segment), 200, "")
			}
		}
	}
	for _, file := range []string{"/film/360/init.mp4", "/film/360/0.m4s", "/film/common/1.m4s", "/film/en/a.vtt"} {
		if !seen[file] {
			t.Errorf("%s was never asked for: %v", file, seen)
		}
	}
	w.want(w.get(opened), 401, "token_expired")
	w.advance(4 * time.Hour)
	w.want(w.get(links(t, master.body, "/film/hls.m3u8")[0]), 401, "token_expired")
	w.want(w.get("/film/hls.m3u8?jwt="+w.token(video, time.Minute)), 200, "") // a new token, a new session
}

func TestPlaylistsComeWithTicketsAndAreNotStored(t *testing.T) {
	w := open(t, films(), nil)
	ticket := w.ticket(video)
	a := w.want(w.get("/film/360/index.m3u8?ticket="+ticket), 200, "")
	want := "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXT-X-MAP:URI=\"init.mp4?ticket=" + ticket + "\",BYTERANGE=\"5@0\"\n" +
		"#EXTINF:5,URI=\"x\"\n0.m4s?ticket=" + ticket + "\n#EXTINF:5,\n../common/1.m4s?v=2&ticket=" + ticket + "\n#EXT-X-ENDLIST\n"
	if a.body != want {
		t.Errorf("got\n%s\nwant\n%s", a.body, want)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/vnd.apple.mpegurl" ||
		a.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("got the headers %v, want a playlist that is not stored and sends no referrer", a.header)
	}
	if head := w.want(w.do("HEAD", "/film/360/index.m3u8?ticket="+ticket, ""), 200, ""); head.body != "" {
		t.Errorf("HEAD: got the body %q, want none", head.body)
	}
}

func TestSegmentsAreServedInParts(t *testing.T) {
	w := open(t, films(), nil)
	for _, credential := range []string{"ticket=" + w.ticket(video), "jwt=" + w.token(video, time.Minute)} {
		a := w.want(w.get("/film/360/0.m4s?"+credential, "Range", "bytes=2-4"), 206, "")
		if a.body != "234" || a.header.Get("Content-Range") != "bytes 2-4/10" || a.header.Get("Content-Type") != "video/mp4" {
			t.Errorf("got %v %v, want bytes 2 to 4 of 10 of video/mp4", a, a.header)
		}
		if got := a.header.Get("Cache-Control"); !strings.Contains(got, "private") {
			t.Errorf("Cache-Control = %q, want private", got)
		}
		w.want(w.get("/film/360/0.m4s?"+credential, "Range", "bytes=20-"), 416, "")
	}
}

func TestRefusalsOfTokens(t *testing.T) {
	w := open(t, films(), nil)
	exp := w.now().Add(time.Minute).Unix()
	claims := func(more jwt.MapClaims) jwt.MapClaims {
		more["exp"] = exp
		return more
	}
	good := w.token(video, time.Minute)
	for _, c := range []struct {
		name, query string
		status      int
		code        string
	}{
		{"its own video", "jwt=" + good, 200, ""},
		{"all videos", "jwt=" + sign(w.keyID, ours(), claims(jwt.MapClaims{})), 200, ""},
		{"nothing", "", 401, "token_missing"},
		{"empty", "jwt=", 401, "token_missing"},
		{"under another name", "token=" + good, 401, "token_missing"},
		{"junk", "jwt=junk", 401, "token_malformed"},
		{"twice", "jwt=" + good + "&jwt=" + good, 401, "token_malformed"},
		{"broken query", "jwt=" + good + "&x=%zz", 401, "token_malformed"},
		{"over", "jwt=" + w.token(video, 0), 401, "token_expired"},
		{"early", "jwt=" + sign(w.keyID, ours(), claims(jwt.MapClaims{"nbf": exp})), 401, "token_not_yet_valid"},
		{"unknown key", "jwt=" + sign("abcde12345abcde12345a", ours(), claims(jwt.MapClaims{})), 401, "key_unknown"},
		{"forged", "jwt=" + sign(w.keyID, stranger(), claims(jwt.MapClaims{})), 401, "signature_invalid"},
		{"other video", "jwt=" + w.token("other", time.Minute), 403, "video_not_allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{T: t, server: w.server}
			for _, file := range []string{"/film/hls.m3u8", "/film/360/index.m3u8", "/film/360/0.m4s", "/film", "/embed/film"} {
				a := w.want(w.get(file+"?"+c.query), c.status, c.code)
				if c.status != 200 && (a.header.Get("Content-Type") != "application/problem+json" || a.header.Get("Cache-Control") != "no-store") {
					t.Errorf("%s: got the headers %v, want a problem that is not stored", file, a.header)
				}
				if strings.Contains(a.body, good) && c.status != 200 {
					t.Errorf("%s: the refusal shows the token", file)
				}
			}
		})
	}
}

func TestATicketOpensOnlyItsOwnVideoAndOnlyAsItWasMade(t *testing.T) {
	w := open(t, films(), nil)
	another := open(t, films(), nil)
	good := w.ticket(video)
	part := strings.Split(good, ".")
	for _, c := range []struct {
		name, file, ticket string
		status             int
		code               string
	}{
		{"as made", "/film/360/0.m4s", good, 200, ""},
		{"other video", "/other/0.m4s", good, 403, "video_not_allowed"},
		{"renamed", "/other/0.m4s", without(good, 2, "other"), 401, "signature_invalid"},
		{"other ticket key", "/film/360/0.m4s", without(good, 1, "aaaaaaaa"), 401, "signature_invalid"},
		{"no ticket key", "/film/360/0.m4s", without(good, 1, ""), 401, "token_malformed"},
		{"other version", "/film/360/0.m4s", without(good, 0, "3"), 401, "token_malformed"},
		{"made later", "/film/360/0.m4s", without(good, 4, "9"+part[4]), 401, "signature_invalid"},
		{"prolonged", "/film/360/0.m4s", without(good, 5, "9"+part[5]), 401, "signature_invalid"},
		{"zero before", "/film/360/0.m4s", without(good, 5, "0"+part[5]), 401, "signature_invalid"},
		{"other key", "/film/360/0.m4s", without(good, 3, otherID(part[3])), 401, "signature_invalid"},
		{"other viewer", "/film/360/0.m4s", without(good, 6, strings.Repeat("A", 43)), 401, "signature_invalid"},
		{"other session", "/film/360/0.m4s", without(good, 7, strings.Repeat("A", 16)), 401, "signature_invalid"},
		{"as in the form before", "/film/360/0.m4s", strings.Join([]string{part[2], part[3], part[5], part[8]}, "."), 401, "signature_invalid"},
		{"one bit", "/film/360/0.m4s", flip(good), 401, "signature_invalid"},
		{"cut", "/film/360/0.m4s", good[:len(good)-1], 401, "signature_invalid"},
		{"extended", "/film/360/0.m4s", good + "A", 401, "signature_invalid"},
		{"no MAC", "/film/360/0.m4s", without(good, 8, ""), 401, "signature_invalid"},
		{"other gate", "/film/360/0.m4s", another.ticket(video), 401, "signature_invalid"},
		{"a token", "/film/360/0.m4s", w.token(video, time.Minute), 401, "token_malformed"},
		{"long", "/film/360/0.m4s", strings.Repeat("a.", 5000), 401, "token_malformed"},
		{"empty", "/film/360/0.m4s", "", 401, "token_missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{T: t, server: w.server}
			w.want(w.get(c.file+"?ticket="+c.ticket), c.status, c.code)
		})
	}
	w.want(w.get("/film/hls.m3u8?jwt="+good), 401, "token_malformed")
}

// without returns the ticket with another text for one of its parts.
func without(ticket string, i int, other string) string {
	part := strings.Split(ticket, ".")
	part[i] = other
	return strings.Join(part, ".")
}

// otherID returns an id that differs from the given one.
func otherID(id string) string {
	if id[0] == 'a' {
		return "b" + id[1:]
	}
	return "a" + id[1:]
}

func flip(ticket string) string {
	i := len(ticket) - 10
	if ticket[i] == 'A' {
		return ticket[:i] + "B" + ticket[i+1:]
	}
	return ticket[:i] + "A" + ticket[i+1:]
}

func TestATicketDoesNotProlongItself(t *testing.T) {
	w := open(t, films(), func(c *gate.Config) { c.SessionTTL = time.Minute })
	first := w.ticket(video)
	w.advance(50 * time.Second)
	a := w.want(w.get("/film/hls.m3u8?ticket="+first), 200, "")
	if !strings.Contains(a.body, "360/index.m3u8?ticket="+first+"\n") {
		t.Errorf("another ticket came back: %s", a.body)
	}
	renewed := w.ticket(video)
	w.advance(10 * time.Second)
	w.want(w.get("/film/360/0.m4s?ticket="+first), 401, "token_expired")
	w.want(w.get("/film/360/0.m4s?ticket="+renewed), 200, "")
}

func TestRetiringAKeyEndsNoSessionAndRevokingDoes(t *testing.T) {
	w := open(t, films(), nil)
	ticket, token := w.ticket(video), w.token(video, time.Minute)
	w.want(w.api("DELETE", "/v2/jwt_keys/"+w.keyID, ""), 200, "")
	w.want(w.get("/film/360/0.m4s?jwt="+token), 401, "key_unknown")
	w.want(w.get("/film/360/0.m4s?ticket="+ticket), 200, "")
	// The answer to the deletion was lost, say, and now the key is to be
	// revoked: it is gone, and still its sessions end.
	w.want(w.api("DELETE", "/v2/jwt_keys/"+w.keyID+"?end_sessions=true", ""), 404, "not_found")
	w.want(w.get("/film/360/0.m4s?ticket="+ticket), 403, "session_ended")

	w.keyID = w.register("next", ours())
	ticket = w.ticket(video)
	w.want(w.api("DELETE", "/v2/jwt_keys/"+w.keyID+"?end_sessions=true", ""), 200, "")
	w.want(w.get("/film/360/0.m4s?ticket="+ticket), 403, "session_ended")
}

func TestOnlyMediaFilesLeaveTheFolder(t *testing.T) {
	w := open(t, films(), nil)
	ticket := w.ticket(video)
	w.want(w.get("/film/360/0.m4s?ticket="+ticket), 200, "")
	for _, file := range []string{"notes.txt", "gate.db", ".hidden.m4s", ".git/config.m4s", "dir.m4s", "360", "360/none.m4s", "hls.m3u8.m4s"} {
		w.want(w.get("/film/"+file+"?ticket="+ticket), 404, "not_found")
	}
	for _, path := range []string{"/", "/metrics", "/v2/hls.m3u8", "/embed", "/embed/v2", "/top.m4s", "/film/", "/embed/film/x", "/healthz/x"} {
		a := w.get(path + "?jwt=" + w.token("v2", time.Minute))
		if a.status != 404 && a.status != 401 && a.status != 403 {
			t.Errorf("%s: got %v, want 401, 403 or 404", path, a)
		}
	}
	all := sign(w.keyID, ours(), jwt.MapClaims{"exp": w.now().Add(time.Minute).Unix()})
	w.want(w.get("/nofilm/hls.m3u8?jwt="+all), 404, "not_found")
	w.want(w.get("/nofilm?jwt="+all), 404, "not_found")
}

func TestPagesPlayWithTheirOwnSession(t *testing.T) {
	w := open(t, films(), func(c *gate.Config) { c.Origins = []string{"https://site.example"} })
	for page, frames := range map[string]string{"/film": "'none'", "/embed/film": "https://site.example"} {
		a := w.want(w.get(page+"?jwt="+w.token(video, time.Minute), "Accept", "text/html"), 200, "")
		policy := a.header.Get("Content-Security-Policy")
		if !strings.HasSuffix(policy, "frame-ancestors "+frames) || strings.Contains(policy, "unsafe") ||
			a.header.Get("Cache-Control") != "no-store" || a.header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: got the headers %v, want frames from %s, not stored, no referrer", page, a.header, frames)
		}
		for _, attribute := range []string{"script type=\"module\" src", "link rel=\"stylesheet\" href"} {
			_, rest, _ := strings.Cut(a.body, "<"+attribute+`="`)
			asset, _, _ := strings.Cut(rest, `"`)
			w.want(w.get(resolve(t, page, asset)), 200, "")
		}
		_, rest, _ := strings.Cut(a.body, `data-source="`)
		source, _, _ := strings.Cut(rest, `"`)
		w.want(w.get(resolve(t, page, source)), 200, "")
		if strings.Contains(a.body, "jwt=") {
			t.Errorf("%s: the page shows the token", page)
		}
		checkCookies(t, a, "/film", "/embed/film")
		w.advance(time.Hour) // the token is over, a reload works
		w.want(w.get(page, "Cookie", strings.Split(a.header.Get("Set-Cookie"), ";")[0]), 200, "")
	}
}

var imports = regexp.MustCompile(`from "\./([a-z-]+\.js)"`)

func TestThePlayersModulesNeedNoTokenAndAreNotMixed(t *testing.T) {
	w := open(t, films(), nil)
	names := []string{"page.js"}
	for i := 0; i < len(names); i++ {
		a := w.want(w.get("/embed/"+names[i]), 200, "")
		h := a.header
		if h.Get("Content-Type") != "text/javascript; charset=utf-8" || h.Get("Cache-Control") != "no-cache" ||
			h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: got the headers %v, want a script for every origin that is asked for again", names[i], h)
		}
		if again := w.get("/embed/"+names[i], "If-None-Match", h.Get("ETag")); again.status != 304 || again.body != "" {
			t.Errorf("%s: what the browser has is answered %v", names[i], again)
		}
		for _, m := range imports.FindAllStringSubmatch(a.body, -1) {
			if !slices.Contains(names, m[1]) {
				names = append(names, m[1])
			}
		}
	}
	if !slices.Contains(names, "mse-player.js") || !slices.Contains(names, "native-player.js") {
		t.Errorf("the page is made of %v, want both players in it", names)
	}
	if a := w.want(w.get("/embed/page.css"), 200, ""); a.header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("page.css: got the headers %v, want text/css", a.header)
	}
	for _, name := range []string{"page.html", "demo.js", "none.js", "Page.js", "player/player.js", "-.js"} {
		w.want(w.get("/embed/"+name), 404, "not_found")
	}
}

func checkCookies(t *testing.T, a answer, paths ...string) {
	t.Helper()
	cookies := (&http.Response{Header: a.header}).Cookies()
	if len(cookies) != len(paths) {
		t.Fatalf("got cookies %v, want for %v", cookies, paths)
	}
	for i, c := range cookies {
		if c.Name != "playtoken" || c.Path != paths[i] || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 4*3600 {
			t.Errorf("got the cookie %+v, want playtoken for %s, four hours, HttpOnly, SameSite=Lax", c, paths[i])
		}
	}
}

func TestBrowsersGetAPageAndProgramsAProblem(t *testing.T) {
	w := open(t, films(), nil)
	a := w.get("/film", "Accept", "text/html,*/*")
	if a.status != 401 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") || !strings.Contains(a.body, "token_missing") {
		t.Errorf("got %v %v, want a page with token_missing", a, a.header)
	}
	p := w.want(w.get("/film", "Accept", "*/*"), 401, "token_missing")
	for _, member := range []string{`"type":"about:blank"`, `"title":"Unauthorized"`, `"status":401`, `"detail":"`, `"request_id":"` + p.header.Get("X-Request-Id")} {
		if !strings.Contains(p.body, member) {
			t.Errorf("%s is not in %s", member, p.body)
		}
	}
}
