package register

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"
)

// turnEvery is how long a ticket key makes tickets. A stolen one is worthless
// after that and the life of a session.
const turnEvery = 24 * time.Hour

// publishMargin covers reading the document and writing it.
const publishMargin = time.Minute

// TicketKey makes and checks session tickets. Every key stands in the document
// before the first gate uses it, longer than any gate goes on without reading
// it, and until the last ticket that it made is over.
type TicketKey struct {
	ID     string       `json:"id"` // stands in the tickets; empty: a key of tickets that name none
	Secret TicketSecret `json:"secret"`
	From   time.Time    `json:"from"` // it makes tickets from here on, until the next key does
	// Until, if it is set, marks a key taken over from a data file: it makes no
	// tickets, and is destroyed then.
	Until time.Time `json:"until,omitzero"`
}

// TicketSecret never prints itself.
type TicketSecret []byte

func (TicketSecret) String() string   { return "[redacted]" }
func (TicketSecret) GoString() string { return "[redacted]" }

func newTicketKey(from time.Time) TicketKey {
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	return TicketKey{ID: ticketKeyID(secret), Secret: secret, From: from.UTC()}
}

// ticketKeyID names a key by what it is: 8 characters of base64url.
func ticketKeyID(secret []byte) string {
	sum := sha256.Sum256(append([]byte("playtoken gate ticket key\x00"), secret...))
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

// turnTicketKeys destroys keys whose tickets are all over, and publishes the
// next one in time.
func (s *state) turnTicketKeys(now time.Time) {
	before := slices.Clone(s.Tickets)
	s.Tickets = slices.DeleteFunc(s.Tickets, func(k TicketKey) bool { return over(before, k, now, s.lastTicket) })
	newest, ok := s.newest()
	published := ok && newest.From.After(now) // and not yet in use
	if lead := s.lead(); !published && !now.Before(newest.From.Add(turnEvery-lead)) {
		s.Tickets = append(s.Tickets, newTicketKey(now.Add(lead)))
	}
}

// lead is how long a key is published before it is used. By then every gate has
// read it, or has stopped to admit viewers.
func (s *state) lead() time.Duration {
	return time.Duration(s.Longest.Staleness+2*s.Longest.Skew)*time.Second + publishMargin
}

func (s *state) newest() (TicketKey, bool) {
	for _, k := range slices.Backward(s.Tickets) {
		if k.Until.IsZero() {
			return k, true
		}
	}
	return TicketKey{}, false
}

// over reports whether every ticket of one of the keys has ended.
func over(keys []TicketKey, k TicketKey, now time.Time, lastTicket func(time.Time) time.Time) bool {
	if !k.Until.IsZero() {
		return k.Until.Before(now)
	}
	for _, next := range keys {
		if next.Until.IsZero() && next.From.After(k.From) {
			return lastTicket(next.From).Before(now)
		}
	}
	return false
}

// sealing returns the key that makes tickets now: the last one whose time has
// come or, by a clock that is behind, the first.
func (s *state) sealing(now time.Time) (found TicketKey) {
	for _, k := range s.Tickets {
		if k.Until.IsZero() && (found.ID == "" || !k.From.After(now)) {
			found = k
		}
	}
	return found
}
