package gate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"playtoken/gate"
	"playtoken/limits"
)

const segment = "/film/360/0.m4s?ticket="

// openLimited opens a gate whose viewers may watch so many streams at once. Its
// clock begins now, because that of the limit is the machine's.
func openLimited(t *testing.T, streams limits.Streams, change func(*gate.Config)) *world {
	t.Helper()
	w := open(t, films(), func(c *gate.Config) {
		c.Streams = streams
		if change != nil {
			change(c)
		}
	})
	w.advance(time.Since(begin))
	return w
}

// tokenFor is a playback token for a viewer and a video; number tells tokens
// apart.
func (w *world) tokenFor(viewer, video string, number int) string {
	claims := jwt.MapClaims{"sub": video, "exp": w.now().Unix() + 60, "viewer": viewer, "number": number}
	if viewer == "" {
		delete(claims, "viewer")
	}
	return sign(w.keyID, ours(), claims)
}

func TestAViewersStreamsAreBoundedAcrossVideos(t *testing.T) {
	w := openLimited(t, limits.NewLocalStreams(2), nil)
	first, other := w.open(viewerA, "film"), w.open(viewerA, "other")
	foreign, unnamed := w.open(viewerB, "film"), []string{w.open("", "film"), w.open("", "film"), w.open("", "film")}
	w.want(w.get(segment+first), 200, "")
	w.want(w.get("/other/0.m4s?ticket="+other), 200, "")
	w.want(w.get(segment+first), 200, "")
	third := w.open(viewerA, "film") // the same token again: another stream
	a := w.want(w.get("/other/0.m4s?ticket="+other), 403, "stream_limit")
	if a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("got the headers %v, want a refusal that is not stored", a.header)
	}
	for range 2 {
		w.want(w.get(segment+first), 200, "")
		w.want(w.get(segment+third), 200, "")
		w.want(w.get("/other/~"+other+"/0.m4s"), 403, "stream_limit")
	}
	w.want(w.get("/other/0.m4s", "Cookie", "playtoken="+other), 403, "stream_limit")
	for _, ticket := range append(unnamed, foreign) {
		w.want(w.get(segment+ticket), 200, "")
	}
}

// TestWhatHasEndedDoesNotGoOnByOtherMeans: the player still has its token, and
// the browser the cookie of another stream.
func TestWhatHasEndedDoesNotGoOnByOtherMeans(t *testing.T) {
	w := openLimited(t, limits.NewLocalStreams(1), nil)
	ended := w.open(viewerA, "film")
	playing := w.open(viewerA, "film")
	token := w.tokenFor(viewerA, "film", 1)
	w.want(w.get(segment+ended), 403, "stream_limit")
	w.want(w.get(segment+ended+"&jwt="+token), 403, "stream_limit")
	w.want(w.get(segment+ended, "Authorization", "Bearer "+token), 403, "stream_limit")
	w.want(w.get(segment+ended, "Cookie", "playtoken="+playing), 403, "stream_limit")
	w.want(w.get(segment+playing), 200, "")
	// The page is loaded again, with a new token and the cookie of what has ended.
	again := w.want(w.get("/film/hls.m3u8?jwt="+token, "Cookie", "playtoken="+ended), 200, "")
	w.want(w.get(segment+ticketIn(again.body)), 200, "")
	w.want(w.get(segment+playing), 403, "stream_limit")
}

func ticketIn(body string) string {
	_, rest, _ := strings.Cut(body, "360/index.m3u8?ticket=")
	ticket, _, _ := strings.Cut(rest, "\n")
	return ticket
}

// TestAPageThatIsLoadedAgainIsOneStream, as is a player that sends its token
// with every request.
func TestAPageThatIsLoadedAgainIsOneStream(t *testing.T) {
	w := openLimited(t, limits.NewLocalStreams(2), nil)
	other := w.open(viewerA, "other")
	page := w.want(w.get("/film/hls.m3u8?jwt="+w.tokenFor(viewerA, "film", 1)), 200, "")
	ticket := ticketIn(page.body)
	cookie := strings.Split(page.header.Get("Set-Cookie"), ";")[0]
	for i := range 5 {
		token := w.tokenFor(viewerA, "film", i)
		w.want(w.get("/film/hls.m3u8?jwt="+token, "Cookie", cookie), 200, "")
		w.want(w.get("/film/360/index.m3u8?ticket="+ticket+"&jwt="+token), 200, "")
		w.want(w.get(segment+ticket, "Authorization", "Bearer "+token), 200, "")
	}
	for range 5 { // without a ticket
		w.want(w.get("/film/hls.m3u8", "Authorization", "Bearer "+w.tokenFor(viewerA, "film", 7)), 200, "")
		w.want(w.get("/film/360/0.m4s?jwt="+w.tokenFor(viewerA, "film", 7)), 200, "")
	}
	w.want(w.get(segment+ticket), 200, "")                           // the token is the second stream…
	w.want(w.get("/other/0.m4s?ticket="+other), 403, "stream_limit") // …and this was watched before it
	if fresh := w.want(w.get("/film/hls.m3u8?jwt="+w.tokenFor(viewerB, "film", 1), "Cookie", cookie), 200, ""); strings.Contains(fresh.body, part(ticket, 7)) {
		t.Error("another viewer goes on with the session in the browser's cookie, want one of their own")
	}
}

func part(ticket string, i int) string { return strings.Split(ticket, ".")[i] }

// TestAProxyAsksForEverySegment: a browser goes on with its cookie, another
// player with its token, and each is one stream.
func TestAProxyAsksForEverySegment(t *testing.T) {
	w := openLimited(t, limits.NewLocalStreams(1), func(c *gate.Config) { c.Forward, c.PublicURL = "nginx", "https://films.example" })
	ask := func(uri string, headers ...string) answer {
		return w.get("/auth", append(headers, "X-Original-URI", uri)...)
	}
	for _, player := range []struct {
		name  string
		token string
	}{{"first", w.tokenFor(viewerA, video, 1)}, {"second", w.tokenFor(viewerA, video, 2)}} {
		opened := w.want(ask("/film/hls.m3u8?jwt="+player.token), 200, "")
		cookie := strings.Split(opened.header.Get("Set-Cookie"), ";")[0]
		for i := range 20 {
			w.want(ask(fmt.Sprintf("/film/360/%d.m4s", i), "Cookie", cookie), 200, "")
			w.want(ask(fmt.Sprintf("/film/360/%d.m4s?jwt=%s", i, player.token)), 200, "")
			w.want(ask(fmt.Sprintf("/film/360/%d.m4s", i), "Authorization", "Bearer "+player.token), 200, "")
		}
	}
	first := w.tokenFor(viewerA, video, 1)
	w.want(ask("/film/360/0.m4s?jwt="+first), 403, "stream_limit")
	w.want(ask("/film/hls.m3u8", "Authorization", "Bearer "+first), 403, "stream_limit")
}
