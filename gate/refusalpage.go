package gate

import (
	"html/template"
	"net/http"
	"strings"
)

var refusalPage = template.Must(template.ParseFS(static, "static/refusal.html"))

// sentences are what a viewer reads: what is the matter, and what to do.
type sentences struct{ What, Advice string }

const fromThere = "Open the video again from the page where you found it."

// forViewers says each refusal in words for viewers, by its code. The player
// has the same in messages.js, for refusals while a video plays.
var forViewers = map[string]sentences{
	"token_missing":       {What: "This video is private", Advice: "This link carries no permission to watch it. " + fromThere},
	"token_malformed":     {What: "This link is damaged", Advice: "It may have been cut off when it was copied. " + fromThere},
	"token_expired":       {What: "This link has expired", Advice: fromThere},
	"token_not_yet_valid": {What: "This link is not valid yet", Advice: "Try again in a moment."},
	"token_life_too_long": {What: "This link cannot be used", Advice: fromThere},
	"key_unknown":         {What: "This link is no longer in use", Advice: fromThere},
	"signature_invalid":   {What: "This link is not genuine", Advice: fromThere},
	"video_not_allowed":   {What: "This link is for another video", Advice: fromThere},
	"session_ended":       {What: "This viewing session was ended", Advice: fromThere},
	"stream_limit":        {What: "You are watching in too many places", Advice: "Stop the video on another device, then open it here again."},
	"video_unavailable":   {What: "This video is not available", Advice: "The owner of this site has been told why."},
	"not_found":           {What: "This video does not exist", Advice: "It may have been moved or removed. " + fromThere},
}

// anyRefusal is for what viewers rarely meet.
var anyRefusal = sentences{What: "This page cannot be shown", Advice: "Try again in a moment. If it does not help, " +
	"open the video again from the page where you found it."}

type refusalView struct {
	Text            sentences
	Code, RequestID string
	Assets          string
	Origins         string // whose pages may hand a frame a fresh token; empty: no page may
}

func (g *Gate) showRefusal(w http.ResponseWriter, r *http.Request, e *refusal) {
	h := w.Header()
	text, known := forViewers[e.code]
	if !known {
		text = anyRefusal
	}
	path := r.URL.EscapedPath()
	v := refusalView{Text: text, Code: e.code, RequestID: h.Get("X-Request-Id"),
		Assets: strings.Repeat("../", max(0, strings.Count(path, "/")-1)) + "embed/"}
	scripts := ""
	if strings.HasPrefix(path, "/embed/") && (e.status == http.StatusUnauthorized || e.status == http.StatusForbidden) {
		v.Origins = strings.Join(g.config.Origins, " ")
		scripts = "script-src 'self'; require-trusted-types-for 'script'; "
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; "+scripts+
		"base-uri 'none'; form-action 'none'; frame-ancestors *")
	w.WriteHeader(e.status)
	_ = refusalPage.Execute(w, v) // the viewer has gone
}
