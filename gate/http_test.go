package gate_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestABearerTokenOpensWhatTheChallengeGuards(t *testing.T) {
	w := open(t, films(), nil)
	token := w.token(video, time.Minute)
	a := w.want(w.get("/film/hls.m3u8"), 401, "token_missing")
	if got := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer ") {
		t.Errorf("the challenge is %q, want Bearer", got)
	}
	for _, uri := range []string{"/film/hls.m3u8", "/film/360/0.m4s", "/film"} {
		w.want(w.get(uri, "Authorization", "Bearer "+token), 200, "")
		w.want(w.get(uri, "Authorization", "bearer "+token+"x"), 401, "token_malformed")
		w.want(w.get(uri, "Authorization", "Basic "+token), 401, "token_missing")
		w.want(w.get(uri+"?jwt="+token, "Authorization", "Bearer junk"), 200, "")
	}
	f := forward(t, "nginx", "")
	f.want(f.get("/auth", "X-Original-URI", "/film/a.ts", "Authorization", "Bearer "+f.token(video, time.Minute)), 200, "")
}

func TestTokensThatLiveTooLongAreRefused(t *testing.T) {
	w := open(t, films(), nil)
	day := 24 * time.Hour
	for life, want := range map[time.Duration]int{day: 200, day + time.Minute: 200, day + time.Minute + time.Second: 401, 1000 * day: 401} {
		if a := w.get("/film/hls.m3u8?jwt=" + w.token(video, life)); a.status != want || want == 401 && a.code() != "token_life_too_long" {
			t.Errorf("a token of %v: got %v, want %d", life, a, want)
		}
	}
	a := w.get("/film/hls.m3u8?jwt=" + sign(w.keyID, ours(), jwt.MapClaims{"exp": 253402300799}))
	w.want(a, 401, "token_life_too_long")
}

// long is a playlist of many lines.
func long() fstest.MapFS {
	media := films()
	media["film/360/index.m3u8"] = &fstest.MapFile{Data: []byte("#EXTM3U\n" + strings.Repeat("0.m4s\n", 2000))}
	return media
}

func TestPlaylistsAreCompressedWhenThePlayerTakesIt(t *testing.T) {
	w := open(t, long(), nil)
	w.server.Client().Transport = nil
	url := "/film/360/index.m3u8?ticket=" + w.ticket(video)
	plain := w.want(w.get(url, "Accept-Encoding", "identity"), 200, "")
	for accept, want := range map[string]string{"gzip": "gzip", "br, gzip;q=0.5": "gzip", "gzip;q=0": "", "br": "", "x-gzip": ""} {
		a := w.want(w.get(url, "Accept-Encoding", accept), 200, "")
		body := io.Reader(strings.NewReader(a.body))
		if want == "gzip" {
			z, err := gzip.NewReader(body)
			if err != nil {
				t.Fatal(err)
			}
			body = z
		}
		text, err := io.ReadAll(body)
		if got := a.header.Get("Content-Encoding"); got != want || err != nil || string(text) != plain.body {
			t.Errorf("Accept-Encoding %q: got the encoding %q and %d bytes, %v, want %q and %d", accept, got, len(text), err, want, len(plain.body))
		}
		if a.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Vary = %q, want Accept-Encoding", a.header.Get("Vary"))
		}
	}
}

func TestPartsOfPlaylists(t *testing.T) {
	w := open(t, long(), nil)
	url := "/film/360/index.m3u8?ticket=" + w.ticket(video)
	whole := w.want(w.get(url), 200, "").body
	for asked, want := range map[string]string{"bytes=0-": whole, "bytes=0-0": "#", "bytes=100000-100010": whole[100000:100011], "bytes=-3": whole[len(whole)-3:],
		"bytes=0-0,5-5": whole, "lines=1-2": ""} {
		a := w.get(url, "Range", asked)
		if a.body != want && a.status != 416 {
			t.Errorf("Range %q: got %d and %d bytes, want %d", asked, a.status, len(a.body), len(want))
		}
		if want == whole && a.status != 200 {
			t.Errorf("Range %q is answered %d, want 200", asked, a.status)
		}
	}
	if a := w.do("HEAD", url, ""); a.header.Get("Content-Length") == "" || a.status != 200 {
		t.Errorf("HEAD: got %v %v, want the length", a, a.header)
	}
}

func TestWhatHasNotChangedIsNotSentAgain(t *testing.T) {
	media := films()
	media["film/360/0.m4s"].ModTime = begin
	w := open(t, media, nil)
	url := "/film/360/0.m4s?ticket=" + w.ticket(video)
	a := w.want(w.get(url), 200, "")
	tag, modified := a.header.Get("ETag"), a.header.Get("Last-Modified")
	for header, value := range map[string]string{"If-None-Match": tag, "If-Modified-Since": modified} {
		if again := w.get(url, header, value); again.status != 304 {
			t.Errorf("%s %q is answered %d, want 304", header, value, again.status)
		}
	}
	w.want(w.get(url, "Range", "bytes=1-2", "If-Range", tag), 206, "")
	media["film/360/0.m4s"].ModTime = begin.Add(time.Millisecond)
	w.want(w.get(url, "If-None-Match", tag), 200, "")
	w.want(w.get(url, "Range", "bytes=1-2", "If-Range", tag), 200, "")
}

// TestTheWorstPlaylistCostsLittleWhereLittleIsAskedFor: a megabyte of
// one-letter lines becomes some sixty with tickets.
func TestTheWorstPlaylistCostsLittleWhereLittleIsAskedFor(t *testing.T) {
	media := films()
	media["film/360/index.m3u8"] = &fstest.MapFile{Data: []byte("#EXTM3U\n" + strings.Repeat("a\n", 1<<19))}
	g, id := openOn(t, media)
	handler := g.Handler()
	token := sign(id, ours(), jwt.MapClaims{"sub": video, "exp": begin.Add(time.Hour).Unix()})
	for name, ask := range map[string]func(*http.Request){
		"HEAD":           func(r *http.Request) { r.Method = http.MethodHead },
		"the first byte": func(r *http.Request) { r.Header.Set("Range", "bytes=0-0") },
	} {
		r := httptest.NewRequest("GET", "/film/360/index.m3u8?jwt="+token, nil)
		ask(r)
		w := httptest.NewRecorder()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		handler.ServeHTTP(w, r)
		runtime.ReadMemStats(&after)
		const most = 24 << 20
		if got := after.TotalAlloc - before.TotalAlloc; got > most || w.Code >= 400 || w.Body.Len() > 1 {
			t.Errorf("%s: got %d, %d bytes of answer and %d of memory, want at most 1 and %d", name, w.Code, w.Body.Len(), got, most)
		}
	}
}

// TestPlaylistsWithPartsOfTheRequestAreNotCompressed: beside text of an
// attacker's choice the length would tell what the ticket is.
func TestPlaylistsWithPartsOfTheRequestAreNotCompressed(t *testing.T) {
	media := long()
	text := string(media["film/360/index.m3u8"].Data)
	media["film/360/reflects.m3u8"] = &fstest.MapFile{Data: []byte("#EXTM3U\n#EXT-X-DEFINE:QUERYPARAM=\"p\"\n" + strings.TrimPrefix(text, "#EXTM3U\n"))}
	media["film/hls.m3u8"] = &fstest.MapFile{Data: []byte(growing)}
	w := open(t, media, nil)
	w.server.Client().Transport = nil
	for target, want := range map[string]string{"360/index.m3u8?p=": "gzip", "360/reflects.m3u8?p=": "", "hls.m3u8?p=": ""} {
		token := "&jwt=" + w.token(video, time.Minute)
		a := w.want(w.get("/film/"+target+strings.Repeat("a", 2000)+token, "Accept-Encoding", "gzip"), 200, "")
		if got := a.header.Get("Content-Encoding"); got != want {
			t.Errorf("%s: got the encoding %q, want %q", target, got, want)
		}
	}
}
