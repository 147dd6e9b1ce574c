package gate_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const viewerA, viewerB = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA"

// tokenOf is a playback token for a viewer.
func (w *world) tokenOf(viewer any) string {
	return sign(w.keyID, ours(), jwt.MapClaims{"sub": video, "exp": w.now().Add(time.Minute).Unix(), "viewer": viewer})
}

// session opens the video with a token and returns the session's ticket.
func (w *world) session(token string) string {
	w.Helper()
	a := w.want(w.get("/film/hls.m3u8?jwt="+token), 200, "")
	_, rest, _ := strings.Cut(a.body, "360/index.m3u8?ticket=")
	ticket, _, _ := strings.Cut(rest, "\n")
	return ticket
}

// forms of the ticket: of a viewer, and of a token that names none.
var ticketForm = regexp.MustCompile(`^2\.[A-Za-z0-9_-]{1,16}\.film\.[a-z0-9]{21}\.[0-9]{16}\.[0-9]{10}\.([A-Za-z0-9_-]{43}|)\.[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]{43}$`)

func TestATicketSaysForWhomItWasMade(t *testing.T) {
	w := open(t, films(), nil)
	for _, viewer := range []string{"", viewerA, viewerB} {
		token := w.token(video, time.Minute)
		if viewer != "" {
			token = w.tokenOf(viewer)
		}
		ticket, another := w.session(token), w.session(token)
		form := ticketForm.FindStringSubmatch(ticket)
		if form == nil || form[1] != viewer || url.QueryEscape(ticket) != ticket || ticket == another {
			t.Errorf("viewer %q: got the ticket %q, then %q; want one of its own each, for the viewer", viewer, ticket, another)
		}
		w.want(w.get("/film/360/0.m4s?ticket="+ticket), 200, "")
		w.want(w.get("/film/~"+ticket+"/360/0.m4s"), 200, "")
		w.want(w.get("/film/360/0.m4s", "Cookie", "playtoken_film="+ticket), 200, "")
	}
}

func TestTheClaimViewerIsAHashOrAbsent(t *testing.T) {
	w := open(t, films(), nil)
	for _, c := range []struct {
		viewer any
		ok     bool
	}{
		{viewerA, true}, {"", false}, {nil, false}, {7, false}, {"bob", false}, {viewerA + "=", false}, {viewerA + "A", false},
		{viewerA[1:], false}, {viewerA[:42] + "B", false}, {viewerA[:42] + "+", false}, {viewerA[:42] + "\n", false}, {[]string{viewerA}, false},
	} {
		status, code := 401, "token_malformed"
		if c.ok {
			status, code = 200, ""
		}
		w.want(w.get("/film/hls.m3u8?jwt="+w.tokenOf(c.viewer)), status, code)
	}
}

// ticketKeyID is how the gate calls the key of its tickets.
func (w *world) ticketKeyID() string {
	w.Helper()
	return strings.Split(w.ticket(video), ".")[1]
}

// TestOnlyTheCanonicalFormIsATicket, even for an owner of the secret.
func TestOnlyTheCanonicalFormIsATicket(t *testing.T) {
	w := open(t, films(), nil)
	keyID, secret, now := w.ticketKeyID(), w.sealing(), w.now()
	body := func(issued, expires any) string {
		return fmt.Sprintf("2.%s.film.%s.%v.%v..AAAAAAAAAAAAAAAA", keyID, w.keyID, issued, expires)
	}
	end := now.Add(time.Hour).Unix()
	for _, c := range []struct {
		name, ticket string
		status       int
		code         string
	}{
		{"as made", sealed(secret, "2", body(now.UnixMicro(), end)), 200, ""},
		{"clocks differ", sealed(secret, "2", body(now.Add(time.Minute).UnixMicro(), end)), 200, ""},
		{"from the future", sealed(secret, "2", body(now.Add(2*time.Minute).UnixMicro(), end)), 401, "token_not_yet_valid"},
		{"without end", sealed(secret, "2", body(now.UnixMicro(), int64(1)<<62)), 401, "token_life_too_long"},
		{"a sign", sealed(secret, "2", body(now.UnixMicro(), fmt.Sprintf("+%d", end))), 401, "token_malformed"},
		{"a zero", sealed(secret, "2", body(now.UnixMicro(), fmt.Sprintf("0%d", end))), 401, "token_malformed"},
		{"a zero in the first", sealed(secret, "2", body(fmt.Sprintf("0%d", now.UnixMicro()), end)), 401, "token_malformed"},
		{"no time", sealed(secret, "2", body("", end)), 401, "token_malformed"},
		{"too large", sealed(secret, "2", body(now.UnixMicro(), "99999999999999999999")), 401, "token_malformed"},
		{"under the earlier name", sealed(secret, "1", body(now.UnixMicro(), end)), 401, "signature_invalid"},
		{"the earlier form under this name", sealed(secret, "2", fmt.Sprintf("film.%s.%d", w.keyID, end)), 401, "signature_invalid"},
		{"a part more", sealed(secret, "2", body(now.UnixMicro(), end)+".x"), 401, "token_malformed"},
	} {
		if a := w.get("/film/360/0.m4s?ticket=" + url.QueryEscape(c.ticket)); a.status != c.status || a.code() != c.code {
			t.Errorf("%s: got %v, want %d %s", c.name, a, c.status, c.code)
		}
	}
}
