package logs

import (
	"net/http"
	"strings"
)

// maxRequestID is how long a request id of a proxy may be.
const maxRequestID = 128

// TraceID returns the id of the trace that a request belongs to, from its header
// traceparent, as W3C Trace Context has it. It is empty without such a
// header, with more than one, or if it is not well-formed.
func TraceID(h http.Header) string {
	given := h["Traceparent"]
	if len(given) != 1 {
		return ""
	}
	const short = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	text := given[0]
	if len(text) < short {
		return ""
	}
	version, trace, parent, flags := text[:2], text[3:35], text[36:52], text[53:short]
	switch {
	case text[2] != '-' || text[35] != '-' || text[52] != '-',
		!hexadecimal(version) || !hexadecimal(trace) || !hexadecimal(parent) || !hexadecimal(flags),
		version == "ff" || strings.Trim(trace, "0") == "" || strings.Trim(parent, "0") == "",
		len(text) > short && (version == "00" || text[short] != '-'): // later versions may add something
		return ""
	}
	return trace
}

func hexadecimal(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'f') })
}

// RequestID returns the id that a proxy gave a request, from its header
// X-Request-Id. It is empty without such a header, with more than one, or if it is
// long or has other characters than ids have.
func RequestID(h http.Header) string {
	given := h["X-Request-Id"]
	if len(given) != 1 || len(given[0]) > maxRequestID || strings.ContainsFunc(given[0], notOfID) {
		return ""
	}
	return given[0]
}

func notOfID(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.:+/=@", r))
}
