package gate

import (
	"strings"
	"testing"

	"playtoken/gate/register"
)

// FuzzTicket: no text is a ticket without the key's seal, and what is sealed is
// a ticket only as the gate would have written it.
func FuzzTicket(f *testing.F) {
	key := register.TicketKey{ID: "tickets1", Secret: []byte("0123456789abcdef0123456789abcdef")}
	keys := func(id string) []register.TicketKey {
		if id != key.ID && id != "" {
			return nil
		}
		return []register.TicketKey{key}
	}
	s := session{video: "film", keyID: strings.Repeat("k", 21), issued: 1767323045678000, expires: 1767326645,
		viewer: strings.Repeat("v", 43), id: newSessionID()}
	good := s.ticket(key)
	if again, err := openTicket(good, keys); err != nil || again != s {
		f.Fatalf("openTicket(%q) = %+v, %v, want %+v", good, again, err, s)
	}
	longest := session{video: strings.Repeat("v", 64), keyID: strings.Repeat("k", 64), issued: 9e15, expires: 1e11 - 1,
		viewer: strings.Repeat("v", 43), id: newSessionID()}
	if n := len(longest.ticket(register.TicketKey{ID: strings.Repeat("t", 8)})); n > maxTicket {
		f.Errorf("the longest ticket has %d bytes, want %d at most", n, maxTicket)
	}
	if n := len(longest.steeringTicket(register.TicketKey{ID: strings.Repeat("t", 8)})); n > maxTicket {
		f.Errorf("the longest steering ticket has %d bytes, want %d at most", n, maxTicket)
	}
	steering := s.steeringTicket(key)
	if again, err := openSteeringTicket(steering, keys); err != nil || again != s {
		f.Fatalf("openSteeringTicket(%q) = %+v, %v, want %+v", steering, again, err, s)
	}
	f.Add(steering)
	f.Add(steering[:strings.LastIndexByte(steering, '.')])
	body := good[:strings.LastIndexByte(good, '.')]
	f.Add(good)
	f.Add(body)
	f.Add("film." + s.keyID + ".1767326645")
	for _, part := range strings.Split(body, ".") {
		f.Add(strings.Replace(body, part, part+".", 1))
		f.Add(strings.Replace(body, part, "0"+part, 1))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := openTicket(text, keys); err == nil && got.ticket(key) != text {
			t.Errorf("openTicket(%q) = %+v, want an error", text, got)
		}
		sealed := text + "." + markOf(key, ticketDomain, text)
		if got, err := openTicket(sealed, keys); err == nil && got.ticket(key) != sealed {
			t.Errorf("openTicket(%q) = %+v, want an error: it is written otherwise", sealed, got)
		}
		if _, err := openSteeringTicket(sealed, keys); err == nil {
			t.Errorf("openSteeringTicket(%q): got no error, want one: it is sealed as a session ticket", sealed)
		}
		if got, err := openSteeringTicket(text, keys); err == nil && got.steeringTicket(key) != text {
			t.Errorf("openSteeringTicket(%q) = %+v, want an error", text, got)
		}
		sealed = text + "." + markOf(key, steeringDomain, text)
		if got, err := openSteeringTicket(sealed, keys); err == nil && got.steeringTicket(key) != sealed {
			t.Errorf("openSteeringTicket(%q) = %+v, want an error: it is written otherwise", sealed, got)
		}
		if _, err := openTicket(sealed, keys); err == nil {
			t.Errorf("openTicket(%q): got no error, want one: it is sealed as a steering ticket", sealed)
		}
		sealed = text + "." + markOf(key, earlierDomain, text)
		if got, err := openTicket(sealed, keys); err == nil && (got.issued != 0 || got.viewer != "" || got.id != "") {
			t.Errorf("openTicket(%q) = %+v, want a session of the earlier form", sealed, got)
		}
	})
}
