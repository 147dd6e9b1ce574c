package standin

import (
	"net/http"
	"strings"
	"time"
)

// SinkHost is the host of bad links and redirects. Nothing listens there.
const SinkHost = "127.0.0.2:9"

// Refusal returns the body of an error response in a platform's own form, with
// a text for people.
type Refusal func(status int, text string) string

// Reply is the response of a platform on which nothing goes wrong.
type Reply struct {
	Status int
	Body   string
	Refuse Refusal // makes the body of the error that a fault replaces Body with
}

// Send sends the reply, changed as the fault says. It is the last thing that
// the handler of a stand-in does.
func (f Fault) Send(w http.ResponseWriter, r *http.Request, reply Reply) {
	switch f.Response {
	case ErrorStatus:
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

// echo repeats the caller's credential in the header, and in the body that it
// returns.
func echo(header http.Header, r *http.Request, reply Reply) string {
	authorization := r.Header.Get("Authorization")
	_, credential, _ := strings.Cut(authorization, " ")
	header.Set("Location", "/?token="+credential)
	header.Set("X-Echo", authorization)
	return reply.Refuse(reply.Status, credential+": you sent "+authorization)
}

func (f Fault) send(w http.ResponseWriter, r *http.Request, reply Reply) {
	switch f.Response {
	case Lost:
		panic(http.ErrAbortHandler) // closes the connection
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
		if damage, ok := damages[f.Response]; ok {
			reply.Status, reply.Body = http.StatusOK, damage(reply.Body)
		}
		w.WriteHeader(reply.Status)
		write(w, reply.Body)
	}
}

// BodyOnly reports whether a response differs from a success in its body
// alone, so that it says nothing wrong where a success has no body.
func BodyOnly(r Response) bool { return damages[r] != nil || r == Unsuccessful }

// damages make the bodies of complete responses that no client may believe.
var damages = map[Response]func(body string) string{
	HTML:      func(string) string { return "<!doctype html><title>Sign in</title>" },
	Empty:     func(string) string { return "" },
	Truncated: func(body string) string { return body[:len(body)/2] },
	Deep: func(body string) string {
		return insert(body, `"deep":`+strings.Repeat("[", 1000)+strings.Repeat("]", 1000), strings.Repeat("<deep>", 1000)+strings.Repeat("</deep>", 1000))
	},
	Duplicated: func(body string) string {
		return insert(body, `"twice":1,"twice":1`, "<twice>1</twice><twice>1</twice>")
	},
	InvalidUTF8: func(body string) string { return insert(body, "\"note\":\"\xff\"", "<note>\xff</note>") },
}

// insert puts members before those of a JSON object, or elements before those of XML.
func insert(body, members, elements string) string {
	if begin, root, isXML := strings.Cut(body, "?>"); isXML && strings.HasPrefix(body, "<?xml") {
		name, rest, _ := strings.Cut(root, ">")
		return begin + "?>" + name + ">" + elements + rest
	}
	return insertMembers(body, members)
}

func insertMembers(object, members string) string {
	rest := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(object), "{"))
	if rest == "}" || rest == "" {
		return "{" + members + "}"
	}
	return "{" + members + "," + rest
}

// forever writes until the client closes the connection.
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
