package gate_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"playtoken/gate"
	"playtoken/web"
)

const browserAccepts = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// filmWith is the video film with more files in its folder.
func filmWith(files map[string]string) fstest.MapFS {
	all := films()
	for name, text := range files {
		all["film/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return all
}

var (
	heading = regexp.MustCompile(`<h1>(.*)</h1>`)
	poster  = regexp.MustCompile(` poster="([^"?]*)\?ticket=`)
	element = regexp.MustCompile(`(?s)<video .*?></video>`)
)

func TestAPageHasTheTitleAndThePosterOfItsFolder(t *testing.T) {
	for _, c := range []struct {
		name, title, poster string
		files               map[string]string
	}{
		{name: "nothing", title: "film"},
		{name: "a title", title: "The Great Escape", files: map[string]string{"title.txt": "The Great Escape\n"}},
		{name: "letters of any alphabet", title: "Größe – 映画 🎬", files: map[string]string{"title.txt": "\ufeffGröße – 映画 🎬\r\nmore"}},
		{name: "markup", title: "&lt;script&gt;&#34;a&#34;&lt;/script&gt; &amp; b", files: map[string]string{"title.txt": `<script>"a"</script> & b`}},
		{name: "control characters", title: "a b c", files: map[string]string{"title.txt": "a\x00b\t\u202e c\x1b"}},
		{name: "no title in the file", title: "film", files: map[string]string{"title.txt": " \nsecond line"}},
		{name: "not UTF-8", title: "ab", files: map[string]string{"title.txt": "a\xff\xfeb"}},
		{name: "far too long", title: strings.Repeat("x", 512), files: map[string]string{"title.txt": strings.Repeat("x", 1<<20)}},
		{name: "a poster", title: "film", poster: "film/poster.jpg", files: map[string]string{"poster.jpg": "x"}},
		{name: "several", title: "film", poster: "film/poster.webp", files: map[string]string{"poster.png": "x", "poster.webp": "x", "poster.jpg": "x"}},
		{name: "a folder", title: "film", files: map[string]string{"poster.jpg/x.jpg": "x", "title.txt/x": "x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := open(t, filmWith(c.files), nil)
			for page, up := range map[string]string{"/film": "", "/embed/film": "../"} {
				a := w.want(w.get(page+"?jwt="+w.token(video, time.Minute)), 200, "")
				if got := first(heading, a.body); got != c.title {
					t.Errorf("%s: title = %q, want %q", page, got, c.title)
				}
				want := c.poster
				if want != "" {
					want = up + want
				}
				if got := first(poster, a.body); got != want {
					t.Errorf("%s: poster = %q, want %q", page, got, want)
				}
			}
			w.want(w.get("/film/title.txt?jwt="+w.token(video, time.Minute)), 404, "not_found")
		})
	}
}

func first(pattern *regexp.Regexp, text string) string {
	if match := pattern.FindStringSubmatch(text); match != nil {
		return match[1]
	}
	return ""
}

func TestAPageObeysItsParameters(t *testing.T) {
	w := open(t, films(), nil)
	known := []string{"autoplay", "muted", "loop", "controls", `data-start="90"`, `data-start="1.5"`}
	for query, want := range map[string][]string{
		"":                                            {"controls"},
		"autoplay=1&muted=1&loop=1&start=90":          {"autoplay", "muted", "loop", "controls", `data-start="90"`},
		"autoplay&muted=true&start=1.5":               {"autoplay", "muted", "controls", `data-start="1.5"`},
		"autoplay=0&muted=false&controls=0":           nil,
		"autoplay=yes&loop=2&controls=maybe":          {"controls"},
		"autoplay=1&autoplay=1&controls=0&controls=0": {"controls"},
		"start=-1":                                    {"controls"},
		"start=1e3":                                   {"controls"},
		"start=90&start=90":                           {"controls"},
		"start=90%22%20onload=%22":                    {"controls"},
		"start=99999999999999":                        {"controls"},
		"AUTOPLAY=1&poster=x":                         {"controls"},
	} {
		for _, page := range []string{"/film", "/embed/film"} {
			a := w.want(w.get(page+"?jwt="+w.token(video, time.Minute)+"&"+query), 200, "")
			words := strings.Fields(strings.TrimSuffix(element.FindString(a.body), "></video>"))
			var got []string
			for _, word := range known {
				if slices.Contains(words, word) {
					got = append(got, word)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s with %q: got %q, want %q", page, query, got, want)
			}
		}
	}
}

// refusals are requests of viewers, by the code that they get.
func (w *world) refusals() map[string]string {
	return map[string]string{
		"token_missing":       "/film",
		"token_malformed":     "/film?jwt=x",
		"token_expired":       "/film?jwt=" + w.token(video, -time.Hour),
		"token_life_too_long": "/film?jwt=" + w.token(video, 48*time.Hour),
		"signature_invalid":   "/film?jwt=" + sign(w.keyID, stranger(), jwt.MapClaims{"sub": video, "exp": w.now().Add(time.Minute).Unix()}),
		"video_not_allowed":   "/film?jwt=" + w.token("other", time.Minute),
		"not_found":           "/nothing?jwt=" + w.token("nothing", time.Minute),
		"video_unavailable":   "/dash?jwt=" + w.token("dash", time.Minute),
	}
}

// jargon is what no viewer should have to read.
var jargon = regexp.MustCompile(`(?i)token|jwt|key id|kid|playlist|manifest|ticket|header|Unauthorized|Forbidden`)

func TestRefusalsAreSentencesForViewersAndCodesForPrograms(t *testing.T) {
	media := films()
	media["dash/manifest.mpd"] = &fstest.MapFile{Data: []byte("<MPD/>")}
	w := open(t, media, nil)
	seen := map[string]string{}
	for code, target := range w.refusals() {
		for _, prefix := range []string{"", "/embed"} {
			a := w.get(prefix+target, "Accept", browserAccepts)
			what := first(heading, a.body)
			if a.status < 400 || what == "" || !strings.Contains(a.body, "<code>"+code+"</code>") || strings.Count(a.body, "<h1>") != 1 {
				t.Errorf("%s%s: got %v, want a page about it", prefix, code, a)
			}
			text := regexp.MustCompile(`(?s)<h1>.*?<p class="support">`).FindString(a.body)
			if word := jargon.FindString(text); word != "" {
				t.Errorf("%s%s: the viewer reads %q in %q", prefix, code, word, text)
			}
			if other := seen[what]; other != "" && other != code {
				t.Errorf("%s and %s both say %q", code, other, what)
			}
			seen[what] = code
			if policy := a.header.Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") != (prefix == "/embed" && (a.status == 401 || a.status == 403)) {
				t.Errorf("%s%s: policy %q", prefix, code, policy)
			}
			w.want(w.get(prefix+target, "Accept", "*/*"), a.status, code)
		}
	}
	if log := w.log.String(); !strings.Contains(log, "the gate's pages play HLS") {
		t.Error("the log does not say why a video with only a DASH manifest has no page")
	}
}

// The player says while a video plays what the page says before it does.
func TestPlayerAndPagesUseTheSameSentences(t *testing.T) {
	script, err := web.PlayerModule("messages.js")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("refusalpage.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range regexp.MustCompile(`"([a-z_]+)": *\{What: "([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
		line := regexp.MustCompile(`(?m)^  ` + row[1] + `: ["` + "`" + `](.*)$`).FindSubmatch(script)
		if line == nil || !strings.HasPrefix(string(line[1]), row[2]) {
			t.Errorf("messages.js about %s: got %q, want it to begin with %q", row[1], line, row[2])
		}
	}
}

func TestAPageMaySwapATokenForATicket(t *testing.T) {
	w := open(t, films(), func(c *gate.Config) { c.Origins = []string{"https://example.com"} })
	asking := []string{"Accept", "application/json, application/problem+json", "Authorization", "Bearer " + w.token(video, time.Minute)}
	a := w.want(w.get("/embed/film", asking...), 200, "")
	var got struct {
		Video   string    `json:"video_id"`
		Ticket  string    `json:"ticket"`
		Expires time.Time `json:"expires_at"`
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.Video != video || !got.Expires.Equal(w.now().Add(4*time.Hour).Truncate(time.Second)) {
		t.Fatalf("got %s, want a session of four hours", a.body)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Set-Cookie") != "" {
		t.Errorf("got %v, want nothing kept", a.header)
	}
	w.want(w.get("/film/360/0.m4s?ticket="+got.Ticket), 200, "")
	w.want(w.get("/embed/other", asking...), 403, "video_not_allowed")
	w.want(w.get("/embed/film", "Accept", "application/json"), 401, "token_missing")
	for origin, allowed := range map[string]string{"https://example.com": "https://example.com", "https://evil.example": ""} {
		a := w.get("/embed/film", append(asking, "Origin", origin)...)
		if got := a.header.Get("Access-Control-Allow-Origin"); got != allowed {
			t.Errorf("to %s: allowed %q, want %q", origin, got, allowed)
		}
		a = w.do(http.MethodOptions, "/embed/film", "", "Origin", origin, "Access-Control-Request-Headers", "authorization")
		if got := a.header.Get("Access-Control-Allow-Origin"); a.status != 204 || got != allowed {
			t.Errorf("preflight of %s: %d, allowed %q, want 204, %q", origin, a.status, got, allowed)
		}
	}
}

// hasLibrary reports whether the build under test has hls.js.
func hasLibrary(t *testing.T) bool {
	t.Helper()
	_, _, err := web.HLSjs()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

func needLibrary(t *testing.T) {
	t.Helper()
	if !hasLibrary(t) {
		t.Skip(`NOT TESTED: the pages with hls.js, because it was not fetched; "make web" does that`)
	}
}

func TestHLSjsIsServedWithItsLicence(t *testing.T) {
	needLibrary(t)
	w := open(t, films(), nil)
	plain := w.want(w.get("/embed/hls.js", "Accept-Encoding", "identity"), 200, "")
	if !strings.Contains(plain.body, ".Hls=") || plain.header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("hls.js: got %d bytes of %s, want a script that defines Hls", len(plain.body), plain.header.Get("Content-Type"))
	}
	short := w.want(w.get("/embed/hls.js", "Accept-Encoding", "gzip"), 200, "")
	z, err := gzip.NewReader(strings.NewReader(short.body))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(z); err != nil || string(text) != plain.body {
		t.Errorf("compressed: got %d other bytes, %v", len(text), err)
	}
	if short.header.Get("ETag") == plain.header.Get("ETag") {
		t.Error("both encodings have the same ETag")
	}
	w.want(w.get("/embed/hls.js", "Accept-Encoding", "gzip", "If-None-Match", short.header.Get("ETag")), 304, "")
	if a := w.want(w.get("/embed/hls-license.txt"), 200, ""); !strings.Contains(a.body, "Apache License") {
		t.Errorf("the licence: %q", a.body)
	}
	if a := w.get("/film?jwt=" + w.token(video, time.Minute)); !strings.Contains(a.body, `<script src="embed/hls.js" defer>`) {
		t.Errorf("the page does not load hls.js: %s", a.body)
	}
}
