package gate

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"playtoken/gate/register"
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

// ticketKeys finds the keys of an id, one at most. The empty id is that of the
// keys with which earlier versions made their tickets, which name none.
type ticketKeys func(id string) []register.TicketKey

const (
	maxTicket      = 320 // bytes, with each part at its longest
	sessionIDBytes = 12

	ticketVersion = "2"
	ticketDomain  = "playtoken gate session ticket, version 2\x00"
	// earlierDomain is that of video.keyID.expires.mac, the form before.
	earlierDomain = "playtoken gate session ticket, version 1\x00"

	steeringVersion = "s1"
	steeringDomain  = "playtoken gate steering ticket, version 1\x00"
)

// newSessionID returns 96 bits of chance.
func newSessionID() string {
	id := make([]byte, sessionIDBytes)
	rand.Read(id)
	return base64.RawURLEncoding.EncodeToString(id)
}

// ticket writes a session as 2.ticketKey.video.keyID.issued.expires.viewer.id.mac.
// It may stand in a path, a query and a cookie as it is.
func (s session) ticket(key register.TicketKey) string {
	return s.sealed(key, ticketVersion, ticketDomain)
}

// steeringTicket opens nothing of the video: it gets tickets for the session,
// until the session expires. It is written as a ticket is, beginning with s1.
func (s session) steeringTicket(key register.TicketKey) string {
	return s.sealed(key, steeringVersion, steeringDomain)
}

func (s session) sealed(key register.TicketKey, version, domain string) string {
	body := strings.Join([]string{version, key.ID, s.video, s.keyID, strconv.FormatInt(s.issued, 10),
		strconv.FormatInt(s.expires, 10), s.viewer, s.id}, ".")
	return body + "." + markOf(key, domain, body)
}

func markOf(key register.TicketKey, domain, body string) string {
	mac := hmac.New(sha256.New, key.Secret)
	mac.Write([]byte(domain + body))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
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
	if !marked(ticket, domain, keys(keyID)) {
		return session{}, refusedToken(verify.SignatureInvalid, "the session ticket is not from this gate")
	}
	return read(part)
}

// openSteeringTicket is openTicket for a steering ticket.
func openSteeringTicket(text string, keys ticketKeys) (session, error) {
	part := strings.Split(text, ".")
	if len(text) > maxTicket || len(part) != 9 || part[0] != steeringVersion || part[1] == "" {
		return session{}, refusedToken(verify.TokenMalformed, "this is not a steering ticket")
	}
	if !marked(text, steeringDomain, keys(part[1])) {
		return session{}, refusedToken(verify.SignatureInvalid, "the steering ticket is not from this gate")
	}
	return readTicket(part)
}

// marked reports whether one of the keys marked what stands before the last dot.
func marked(ticket, domain string, keys []register.TicketKey) bool {
	dot := strings.LastIndexByte(ticket, '.')
	body, mac := ticket[:dot], ticket[dot+1:]
	return slices.ContainsFunc(keys, func(key register.TicketKey) bool { // byte by byte
		return subtle.ConstantTimeCompare([]byte(markOf(key, domain, body)), []byte(mac)) == 1
	})
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
