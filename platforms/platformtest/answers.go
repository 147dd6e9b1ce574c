package platformtest

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// SinkHost is where bad links and redirects lead.
const SinkHost = "127.0.0.2:9"

// refuse is an honest no, unless the fault wants something else.
func (x *exchange) refuse(status int, code, message string) {
	x.answer(status, envelope{Errors: []fault{{code, message}}})
}

// answer sends the envelope, or what the fault makes of it.
func (x *exchange) answer(status int, e envelope) {
	if x.fault.Answer == Says {
		status, e = x.fault.Status, envelope{Errors: []fault{{"as_told", http.StatusText(x.fault.Status)}}}
		if x.fault.RetryAfter != "" {
			x.w.Header().Set("Retry-After", x.fault.RetryAfter)
		}
	}
	if x.fault.Answer == Unsuccessful {
		e = envelope{Errors: []fault{{"sorry", "not this time"}}}
	}
	if e.Errors == nil {
		e.Errors = []fault{}
	}
	if x.fault.Echo {
		x.echo(&e)
	}
	body, err := json.Marshal(e)
	if err != nil {
		panic(err) // only texts and numbers are in it
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.send(status, string(body))
}

// echo repeats the credential wherever there is room.
func (x *exchange) echo(e *envelope) {
	told := x.r.Header.Get("Authorization")
	_, credential, _ := strings.Cut(told, " ")
	x.w.Header().Set("Location", "/?token="+credential)
	x.w.Header().Set("X-Echo", told)
	e.Errors = []fault{{credential, "you sent " + told}}
}

func (x *exchange) send(status int, body string) {
	switch x.fault.Answer {
	case Lost:
		panic(http.ErrAbortHandler) // how a handler closes its connection
	case Silent:
		<-x.r.Context().Done()
		panic(http.ErrAbortHandler)
	case Redirected:
		x.w.Header().Set("Location", "http://"+SinkHost+x.r.URL.Path)
		x.w.WriteHeader(http.StatusTemporaryRedirect)
	case Cut:
		x.w.WriteHeader(http.StatusOK)
		x.write(body[:len(body)/2])
		panic(http.ErrAbortHandler)
	case Endless:
		x.forever(0, strings.Repeat(" ", 32<<10))
	case Slow:
		x.forever(time.Second, " ")
	default:
		if bent, ok := bend[x.fault.Answer]; ok {
			status, body = http.StatusOK, bent(body)
		}
		x.w.WriteHeader(status)
		x.write(body)
	}
}

// bend are the bodies that are wrong from the first byte to the last.
var bend = map[Answer]func(body string) string{
	HTML:      func(string) string { return "<!doctype html><title>Sign in</title>" },
	Empty:     func(string) string { return "" },
	Truncated: func(body string) string { return body[:len(body)/2] },
	Deep: func(body string) string {
		return insert(body, `"deep":`+strings.Repeat("[", 1000)+strings.Repeat("]", 1000))
	},
	Duplicated: func(body string) string { return insert(body, `"success":true`) },
	Garbled:    func(body string) string { return insert(body, "\"note\":\"\xff\"") },
}

// insert puts a member in front of an object's others.
func insert(object, member string) string { return "{" + member + "," + object[1:] }

// forever writes until the caller gives up.
func (x *exchange) forever(pause time.Duration, chunk string) {
	x.w.WriteHeader(http.StatusOK)
	for x.write(chunk) {
		select {
		case <-x.r.Context().Done():
			return
		case <-time.After(pause):
		}
	}
}

func (x *exchange) write(text string) bool {
	n, err := x.w.Write([]byte(text))
	x.mu.Lock()
	x.sent += n
	x.mu.Unlock()
	if flusher, ok := x.w.(http.Flusher); ok {
		flusher.Flush()
	}
	return err == nil
}

// Sent returns how many bytes of bodies were written so far.
func (s *Standin) Sent() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}
