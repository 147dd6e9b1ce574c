package gate

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"playtoken/gate/verify"
)

// session is what a ticket stands for: a viewer who once held a token that
// keyID verified may watch the video until it expires.
type session struct {
	video   string
	keyID   string
	issued  int64  // microseconds since 1970; 0: made by an earlier version, which did not say
	expires int64  // seconds since 1970; over at, not after, this second
	viewer  string // the token's claim viewer; empty: it had none
	id      string // tells the sessions of a viewer apart; empty: made by an earlier version
}

// ticketKey makes and checks tickets. Its id stands in each of them, so that
// tickets of several keys are good at the same time.
type ticketKey struct {
	id     string // letters, digits, - and _, at most maxTicketKeyID
	secret []byte
}

// newTicketKey names a key by what it is.
func newTicketKey(secret []byte) ticketKey {
	sum := sha256.Sum256(append([]byte("playtoken gate ticket key\x00"), secret...))
	return ticketKey{id: base64.RawURLEncoding.EncodeToString(sum[:6]), secret: secret}
}

// ticketKeys finds the key of an id. The empty id is that of the key with which
// an earlier version made its tickets, which name none.
type ticketKeys func(id string) (ticketKey, bool)

const (
	maxTicket      = 320 // bytes, with each part at its longest
	maxTicketKeyID = 16
	sessionIDBytes = 12

	ticketVersion = "2"
	ticketDomain  = "playtoken gate session ticket, version 2\x00"
	// earlierDomain is that of video.keyID.expires.mac, the form before.
	earlierDomain = "playtoken gate session ticket, version 1\x00"
)

// newSessionID returns 96 bits of chance.
func newSessionID() string {
	id := make([]byte, sessionIDBytes)
	rand.Read(id)
	return base64.RawURLEncoding.EncodeToString(id)
}

// ticket writes a session as 2.ticketKey.video.keyID.issued.expires.viewer.id.mac.
// It may stand in a path, a query and a cookie as it is.
func (s session) ticket(key ticketKey) string {
	body := strings.Join([]string{ticketVersion, key.id, s.video, s.keyID, strconv.FormatInt(s.issued, 10),
		strconv.FormatInt(s.expires, 10), s.viewer, s.id}, ".")
	return body + "." + key.mac(ticketDomain, body)
}

func (k ticketKey) mac(domain, body string) string {
	mac := hmac.New(sha256.New, k.secret)
	mac.Write([]byte(domain + body))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// made reports whether the key made the ticket, byte by byte.
func (k ticketKey) made(domain, body, mac string) bool {
	return subtle.ConstantTimeCompare([]byte(k.mac(domain, body)), []byte(mac)) == 1
}

var errNoTicket = refusedToken(verify.TokenMalformed, "this is not a session ticket")

// openTicket reads a ticket that this gate, or another with the same keys, made.
// What a ticket says is not read before its MAC is found to be right.
func openTicket(ticket string, keys ticketKeys) (session, error) {
	if len(ticket) > maxTicket {
		return session{}, errNoTicket
	}
	part := strings.Split(ticket, ".")
	keyID, domain, read := "", earlierDomain, readEarlierTicket
	switch {
	case len(part) == 9 && part[0] == ticketVersion && part[1] != "":
		keyID, domain, read = part[1], ticketDomain, readTicket
	case len(part) != 4:
		return session{}, errNoTicket
	}
	mac := part[len(part)-1]
	key, ok := keys(keyID)
	if !ok || !key.made(domain, strings.TrimSuffix(ticket, "."+mac), mac) {
		return session{}, refusedToken(verify.SignatureInvalid, "the session ticket is not from this gate")
	}
	return read(part)
}

func readTicket(part []string) (session, error) {
	issued, err := readNumber(part[4])
	if err != nil {
		return session{}, err
	}
	expires, err := readNumber(part[5])
	if err != nil {
		return session{}, err
	}
	return session{video: part[2], keyID: part[3], issued: issued, expires: expires, viewer: part[6], id: part[7]}, nil
}

func readEarlierTicket(part []string) (session, error) {
	expires, err := readNumber(part[2])
	return session{video: part[0], keyID: part[1], expires: expires}, err
}

// readNumber reads a number in the one form that ticket writes.
func readNumber(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != text {
		return 0, errNoTicket
	}
	return n, nil
}

// opens says whether the session is for the video and still running.
func (s session) opens(video string, now time.Time) error {
	switch {
	case s.video != video:
		return refusedToken(verify.VideoNotAllowed, "the session is for another video")
	case now.Unix() >= s.expires:
		return refusedToken(verify.TokenExpired, "the session is over; open the video again")
	}
	return nil
}
