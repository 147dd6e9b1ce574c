package platformtest

import (
	"net/http"
	"strings"
	"time"
)

// SinkHost is where bad links and redirects lead.
const SinkHost = "127.0.0.2:9"

// Reply is what an honest platform answers to one request.
type Reply struct {
	Status int
	Body   string

	// Refuse is a refusal in the platform's own form, with a text for people.
	Refuse func(status int, text string) string
}

// Send answers a request with the reply, or with what the fault makes of it.
// A stand-in's handler ends with it.
func (f Fault) Send(w http.ResponseWriter, r *http.Request, reply Reply) {
	switch f.Answer {
	case Says:
		reply.Status, reply.Body = f.Status, reply.Refuse(f.Status, http.StatusText(f.Status))
		if f.RetryAfter != "" {
			w.Header().Set("Retry-After", f.RetryAfter)
		}
	case Unsuccessful:
		reply.Status, reply.Body = http.StatusOK, reply.Refuse(http.StatusOK, "not this time")
	}
	if f.Echo {
		reply.Body = echo(w.Header(), r, reply)
	}
	w.Header().Set("Content-Type", "application/json")
	f.send(w, r, reply)
}

// echo repeats the caller's credential wherever there is room.
func echo(header http.Header, r *http.Request, reply Reply) string {
	told := r.Header.Get("Authorization")
	_, credential, _ := strings.Cut(told, " ")
	header.Set("Location", "/?token="+credential)
	header.Set("X-Echo", told)
	return reply.Refuse(reply.Status, credential+": you sent "+told)
}

func (f Fault) send(w http.ResponseWriter, r *http.Request, reply Reply) {
	switch f.Answer {
	case Lost:
		panic(http.ErrAbortHandler) // how a handler closes its connection
	case Silent:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case Redirected:
		w.Header().Set("Location", "http://"+SinkHost+r.URL.Path)
		w.WriteHeader(http.StatusTemporaryRedirect)
	case Cut:
		w.WriteHeader(http.StatusOK)
		write(w, reply.Body[:len(reply.Body)/2])
		panic(http.ErrAbortHandler)
	case Endless:
		forever(w, r, 0, strings.Repeat(" ", 32<<10))
	case Slow:
		forever(w, r, time.Second, " ")
	default:
		if bent, ok := bend[f.Answer]; ok {
			reply.Status, reply.Body = http.StatusOK, bent(reply.Body)
		}
		w.WriteHeader(reply.Status)
		write(w, reply.Body)
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
	Duplicated: func(body string) string { return insert(body, `"twice":1,"twice":1`) },
	Garbled:    func(body string) string { return insert(body, "\"note\":\"\xff\"") },
}

// insert puts members in front of an object's others.
func insert(object, members string) string {
	rest := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(object), "{"))
	if rest == "}" || rest == "" {
		return "{" + members + "}"
	}
	return "{" + members + "," + rest
}

// forever writes until the caller gives up.
func forever(w http.ResponseWriter, r *http.Request, pause time.Duration, chunk string) {
	w.WriteHeader(http.StatusOK)
	for write(w, chunk) {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(pause):
		}
	}
}

func write(w http.ResponseWriter, text string) bool {
	_, err := w.Write([]byte(text))
	if flusher, ok := w.(http.Flusher); ok {
		flusher.Flush()
	}
	return err == nil
}
