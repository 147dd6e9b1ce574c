package gate_test

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"playtoken/gate"
	"playtoken/limits"
)

const (
	shortSession = 15 * time.Minute
	steerEvery   = 5 * time.Minute
	steerFor     = time.Hour
)

func steering(c *gate.Config) {
	c.SessionTTL, c.Steering, c.SteeringMax = shortSession, steerEvery, steerFor
}

var serverURI = regexp.MustCompile(`(?m)^#EXT-X-CONTENT-STEERING:SERVER-URI="([^"]*)",PATHWAY-ID="\."$`)

// steeringIn is where a playlist says that its player is steered.
func (w *world) steeringIn(list answer, from string) string {
	w.Helper()
	found := serverURI.FindStringSubmatch(list.body)
	if found == nil {
		w.Fatalf("got %v, want a line that names the steering server", list)
	}
	return resolve(w.T, from, found[1])
}

// openSteered opens the film and returns its ticket and where to ask on.
func (w *world) openSteered(token string) (ticket, server string) {
	w.Helper()
	list := w.want(w.get("/film/hls.m3u8?jwt="+token), 200, "")
	_, rest, _ := strings.Cut(list.body, "360/index.m3u8?ticket=")
	ticket, _, _ = strings.Cut(rest, "\n")
	return ticket, w.steeringIn(list, "/film/hls.m3u8")
}

// steered is what a player makes of a steering manifest.
func (w *world) steered(server string) (ticket, pathway, next string) {
	w.Helper()
	a := w.want(w.get(server), 200, "")
	var said struct {
		Version  int      `json:"VERSION"`
		TTL      int      `json:"TTL"`
		Reload   string   `json:"RELOAD-URI"`
		Priority []string `json:"PATHWAY-PRIORITY"`
		Clones   []struct {
			Base        string `json:"BASE-ID"`
			ID          string `json:"ID"`
			Replacement struct {
				Params map[string]string `json:"PARAMS"`
			} `json:"URI-REPLACEMENT"`
		} `json:"PATHWAY-CLONES"`
	}
	if err := json.Unmarshal([]byte(a.body), &said); err != nil || said.Version != 1 || said.TTL != int(steerEvery.Seconds()) ||
		len(said.Priority) != 1 || len(said.Clones) != 1 || said.Clones[0].ID != said.Priority[0] || said.Clones[0].Base != "." {
		w.Fatalf("got %v, %v, want one clone of the pathway ., preferred, for %s", a, err, steerEvery)
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Content-Type") != "application/json" || a.header.Get("Access-Control-Allow-Origin") != "*" {
		w.Errorf("got the headers %v, want JSON that pages may read and nothing keeps", a.header)
	}
	return said.Clones[0].Replacement.Params["ticket"], said.Priority[0], resolve(w.T, server, said.Reload)
}

// TestASteeredPlayerOutlivesItsSession: with a new ticket every five minutes,
// and not beyond the hour for which its session may be renewed.
func TestASteeredPlayerOutlivesItsSession(t *testing.T) {
	w := open(t, films(), steering)
	ticket, server := w.openSteered(w.token(video, time.Minute))
	first, began, known := ticket, w.now(), map[string]bool{".": true}
	for w.now().Add(steerEvery).Before(began.Add(steerFor)) {
		w.advance(steerEvery)
		var pathway string
		ticket, pathway, server = w.steered(server + "&_HLS_pathway=.&_HLS_throughput=5000000")
		if known[pathway] {
			t.Fatalf("after %s: got the pathway %q again, which players would ignore", w.now().Sub(began), pathway)
		}
		known[pathway] = true
		list := w.want(w.get("/film/360/index.m3u8?ticket="+ticket), 200, "")
		for _, uri := range links(t, list.body, "/film/360/index.m3u8") {
			w.want(w.get(uri), 200, "")
		}
	}
	w.want(w.get(segment+first), 401, "token_expired")
	w.advance(began.Add(steerFor).Sub(w.now()) - time.Second)
	w.want(w.get(segment+ticket), 200, "")
	w.want(w.get(server), 200, "")
	w.advance(time.Second)
	w.want(w.get(server), 401, "token_expired")
	w.want(w.get(segment+ticket), 401, "token_expired")
}

// TestASteeringTicketOpensNothingElse, and nothing else is one.
func TestASteeringTicketOpensNothingElse(t *testing.T) {
	w := open(t, films(), steering)
	ticket, server := w.openSteered(w.tokenOf(viewerA))
	at, steer, _ := strings.Cut(server, "?ticket=")
	for _, target := range []string{segment + steer, "/film/~" + steer + "/360/0.m4s", "/film/hls.m3u8?ticket=" + steer, "/film?ticket=" + steer} {
		if a := w.get(target); a.status != 401 {
			t.Errorf("a steering ticket at %s: got %v, want 401", strings.ReplaceAll(target, steer, "…"), a)
		}
	}
	w.want(w.get("/film/360/0.m4s", "Cookie", "playtoken="+steer), 401, "token_malformed")
	other := strings.Replace(steer, ".film.", ".other.", 1)
	for query, refusal := range map[string]string{
		"": "token_missing", "?ticket=": "token_malformed", "?ticket=" + ticket: "token_malformed", "?ticket=rubbish": "token_malformed",
		"?ticket=s1" + ticket[1:]: "signature_invalid", "?ticket=" + steer + "A": "signature_invalid", "?ticket=" + other: "signature_invalid",
		"?ticket=" + strings.Replace(steer, viewerA, viewerB, 1): "signature_invalid", "?ticket=" + steer + "&ticket=" + steer: "token_malformed",
		"?ticket=" + strings.Repeat("s1.", 200): "token_malformed", "?jwt=rubbish": "token_malformed", "?ticket=%zz": "token_malformed",
	} {
		w.want(w.get(at+query), 401, refusal)
	}
	w.want(w.get(at, "Cookie", "playtoken="+steer), 401, "token_missing")
	w.want(w.get("/other/~steering?ticket="+steer), 403, "video_not_allowed")
	w.want(w.get(at+"/?ticket="+steer), 401, "token_malformed")
	w.want(w.do("POST", server, ""), 405, "method_not_allowed")
	if log := w.log.String(); strings.Contains(log, steer) || strings.Contains(log, ticket) {
		t.Errorf("got the log %s, want no ticket in it", log)
	}
}

// TestSteeringEndsWithItsSession, by each way to end one; a key that only retires
// ends none.
func TestSteeringEndsWithItsSession(t *testing.T) {
	for name, c := range map[string]struct {
		end    func(w *world)
		status int
		code   string
	}{
		"key retired":  {func(w *world) { w.want(w.api("DELETE", "/v2/jwt_keys/"+w.keyID, ""), 200, "") }, 200, ""},
		"key revoked":  {func(w *world) { w.want(w.api("DELETE", "/v2/jwt_keys/"+w.keyID+"?end_sessions=true", ""), 200, "") }, 403, "session_ended"},
		"viewer":       {func(w *world) { w.end(`{"viewer":"` + viewerA + `"}`) }, 403, "session_ended"},
		"other viewer": {func(w *world) { w.end(`{"viewer":"` + viewerB + `"}`) }, 200, ""},
		"video":        {func(w *world) { w.end(`{"video_id":"film"}`) }, 403, "session_ended"},
		"all":          {func(w *world) { w.end(`{"all":true}`) }, 403, "session_ended"},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, films(), steering)
			_, server := w.openSteered(w.tokenOf(viewerA))
			w.advance(40 * time.Minute)
			ticket, _, server := w.steered(server)
			c.end(w)
			w.stop()
			w.start()
			w.want(w.get(server), c.status, c.code)
			w.want(w.get(segment+ticket), c.status, c.code)
			w.advance(10 * time.Minute) // what was ended stays so until no ticket of it can be alive
			w.want(w.get(server), c.status, c.code)
		})
	}
}

// TestOnlyATokenGetsASteeringTicket: a ticket that was passed on stays as short
// as it is, and a playlist that steers by itself stays as it is.
func TestOnlyATokenGetsASteeringTicket(t *testing.T) {
	media := films()
	const variant = "#EXT-X-STREAM-INF:BANDWIDTH=1\n360/index.m3u8\n"
	for name, text := range map[string]string{
		"own": "#EXTM3U\n#EXT-X-CONTENT-STEERING:SERVER-URI=\"https://steer.example/\"\n" + variant, "none": "#EXTM3U\n" + variant,
		"named": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,PATHWAY-ID=\"a\"\n360/index.m3u8\n", "deep/er": "#EXTM3U\n" + variant,
	} {
		media["film/"+name+".m3u8"] = &fstest.MapFile{Data: []byte(text)}
	}
	w := open(t, media, steering)
	ticket, _ := w.openSteered(w.token(video, time.Minute))
	jwt := "?jwt=" + w.token(video, time.Minute)
	for _, target := range []string{"/film/hls.m3u8?ticket=" + ticket, "/film/360/index.m3u8" + jwt, "/film/named.m3u8" + jwt, "/film/~" + ticket + "/hls.m3u8" + jwt} {
		if a := w.want(w.get(target), 200, ""); strings.Contains(a.body, "STEERING") {
			t.Errorf("%s: got %v, want nothing that steers", target, a)
		}
	}
	if a := w.want(w.get("/film/own.m3u8"+jwt), 200, ""); strings.Count(a.body, "STEERING") != 1 || !strings.Contains(a.body, `"https://steer.example/"`) {
		t.Errorf("got %v, want the playlist's own steering server alone", a)
	}
	for _, file := range []string{"/film/none.m3u8", "/film/deep/er.m3u8"} {
		w.steered(w.steeringIn(w.want(w.get(file+jwt), 200, ""), file))
	}
	off := open(t, films(), nil)
	list := off.want(off.get("/film/hls.m3u8?jwt="+off.token(video, time.Minute)), 200, "")
	if strings.Contains(list.body, "STEERING") {
		t.Errorf("got %v from a gate that does not steer, want nothing that steers", list)
	}
	off.want(off.get("/film/~steering?ticket=x"), 401, "token_malformed")
}

// TestATokenBeginsASessionAtTheSteeringServer: a player whose requests carry the
// newest token is not bounded by the session that it began with.
func TestATokenBeginsASessionAtTheSteeringServer(t *testing.T) {
	w := open(t, films(), steering)
	_, server := w.openSteered(w.tokenOf(viewerA))
	w.advance(steerFor + time.Minute)
	w.want(w.get(server), 401, "token_expired")
	ticket, _, next := w.steered(server + "&jwt=" + w.tokenOf(viewerA))
	w.want(w.get(segment+ticket), 200, "")
	w.advance(shortSession)
	ticket, _, _ = w.steered(next)
	w.want(w.get(segment+ticket), 200, "")
}

// watchedStreams remembers the streams that it was asked about.
type watchedStreams struct {
	limit limits.Streams
	asked []limits.Stream
}

func (s *watchedStreams) Play(ctx context.Context, asked limits.Stream) bool {
	s.asked = append(s.asked, asked)
	return s.limit.Play(ctx, asked)
}

// TestAStreamThatEndedIsNotRenewed: with its new ticket it is the same stream,
// which the limit remembers for as long as it can be renewed.
func TestAStreamThatEndedIsNotRenewed(t *testing.T) {
	streams := &watchedStreams{limit: limits.NewLocalStreams(1)}
	w := openLimited(t, streams, steering)
	began := w.now()
	_, server := w.openSteered(w.tokenFor(viewerA, video, 1))
	w.openSteered(w.tokenFor(viewerA, video, 2))
	w.advance(shortSession)
	ticket, _, _ := w.steered(server)
	w.want(w.get(segment+ticket), 403, "stream_limit")
	w.want(w.get(server+"&jwt="+w.tokenFor(viewerA, video, 3)), 403, "stream_limit")
	first, again := streams.asked[0], streams.asked[2]
	if want := began.Add(steerFor).Unix(); first.Ends != want || again.Ends != want || first.ID != again.ID {
		t.Errorf("got the streams %+v and %+v, want one that may go on until %d", first, again, want)
	}
}

func TestSteeringThatCannotWorkIsRefused(t *testing.T) {
	for _, c := range []gate.Config{
		{SessionTTL: shortSession, Steering: shortSession/3 + time.Second},
		{SessionTTL: shortSession, Steering: time.Minute, SteeringMax: shortSession - time.Second},
		{SessionTTL: shortSession, Steering: time.Millisecond}, {SessionTTL: shortSession, Steering: -time.Minute},
	} {
		config := c
		config.Media, config.Data, config.APIKey = films(), t.TempDir()+"/gate.db", open(t, films(), nil).config.APIKey
		if g, err := gate.Open(config); err == nil || !strings.Contains(err.Error(), "steered") {
			if err == nil {
				g.Close()
			}
			t.Errorf("sessions of %s, steered every %s for %s: got %v, want a refusal", c.SessionTTL, c.Steering, c.SteeringMax, err)
		}
	}
}
