package gate

import (
	"crypto/hmac"
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
	expires int64 // seconds since 1970; over at, not after, this second
}

const maxTicket = 256

// ticket writes a session as video.keyID.expires.mac. It may stand in a URI
// and in a cookie as it is.
func (s session) ticket(sealing []byte) string {
	body := s.video + "." + s.keyID + "." + strconv.FormatInt(s.expires, 10)
	mac := hmac.New(sha256.New, sealing)
	mac.Write([]byte("playtoken gate session ticket, version 1\x00" + body))
	return body + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// openTicket reads a ticket that this gate made. The only form that it accepts
// is the one that it would write itself.
func openTicket(ticket string, sealing []byte) (session, error) {
	part := strings.Split(ticket[:min(len(ticket), maxTicket)], ".")
	if len(part) != 4 || len(ticket) > maxTicket {
		return session{}, refusedToken(verify.TokenMalformed, "this is not a session ticket")
	}
	expires, err := strconv.ParseInt(part[2], 10, 64)
	if err != nil {
		return session{}, refusedToken(verify.TokenMalformed, "this is not a session ticket")
	}
	s := session{video: part[0], keyID: part[1], expires: expires}
	if subtle.ConstantTimeCompare([]byte(s.ticket(sealing)), []byte(ticket)) != 1 {
		return session{}, refusedToken(verify.SignatureInvalid, "the session ticket is not from this gate")
	}
	return s, nil
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
