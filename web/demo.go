package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"playtoken/secret"
)

// DemoConfig is what the demo's page and its back end need. All fields are
// required, except as noted.
type DemoConfig struct {
	VideoID string // the sample video, and the only one the page gets tokens for

	// API is the service, called in the process. APIKey gives the right to
	// POST /v1/playback-tokens, AdminKey to rotate and revoke the keys of Project.
	API      http.Handler
	APIKey   secret.Value
	AdminKey secret.Value
	Project  string

	// Ring returns what the page draws. However many pages are open, it is asked
	// a few times a second at most.
	Ring func(ctx context.Context) (Ring, error)

	// Outage makes the store unavailable.
	Outage Outage

	// MediaOrigin is the scheme, host and port of the HLS URLs in tokens.
	// Empty means the page's own.
	MediaOrigin string
}

type demo struct {
	DemoConfig
	seen lastRing
	page []byte
	ask  []byte // the body of every token request
	csp  string
}

// Demo returns the handler for everything under /demo/. It sees whole paths,
// so nothing is to be stripped in front of it.
func Demo(cfg DemoConfig) (http.Handler, error) {
	files, err := fs.Sub(static, "static")
	if err != nil {
		return nil, fmt.Errorf("opening the player page: %w", err)
	}
	d := &demo{DemoConfig: cfg}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("setting up the player page: %w", err)
	}
	if d.page, err = renderPage(files, cfg.VideoID, cfg.Project); err != nil {
		return nil, fmt.Errorf("rendering the player page: %w", err)
	}
	if d.ask, err = json.Marshal(map[string]string{"video_id": cfg.VideoID}); err != nil {
		return nil, fmt.Errorf("writing the token request: %w", err)
	}
	d.csp = policy(cfg.MediaOrigin)

	mux := http.NewServeMux()
	mux.HandleFunc("GET /demo/{$}", d.index)
	mux.HandleFunc("POST /demo/token", d.token)
	mux.HandleFunc("GET /demo/keys", d.keys)
	mux.HandleFunc("GET /demo/timeline.svg", d.timeline)
	mux.HandleFunc("GET /demo/timeline.css", timelineCSS)
	mux.HandleFunc("POST /demo/rotate", d.rotate)
	mux.HandleFunc("POST /demo/revoke", d.revoke)
	mux.HandleFunc("POST /demo/outage", d.stopStore)
	mux.HandleFunc("GET /demo/player/{$}", http.NotFound) // no list of files
	mux.HandleFunc("GET /demo/sdk/src/{$}", http.NotFound)
	mux.Handle("GET /demo/sdk/src/", http.StripPrefix("/demo", http.FileServerFS(sdk)))
	mux.Handle("GET /demo/", http.StripPrefix("/demo", http.FileServerFS(files)))
	// Another site's page must not get tokens through a viewer's browser.
	return d.headers(http.NewCrossOriginProtection().Handler(mux)), nil
}

func (d *demo) check() error {
	switch {
	case d.VideoID == "":
		return errors.New("no video id")
	case d.API == nil || d.APIKey.IsZero() || d.AdminKey.IsZero() || d.Project == "":
		return errors.New("no service, no project of it, or no keys for it")
	case d.Ring == nil || d.Outage == nil:
		return errors.New("no ring, or no outage of the store")
	case d.MediaOrigin == "":
		return nil
	}
	// It becomes part of a header: nothing but an origin may be in it.
	u, err := url.Parse(d.MediaOrigin)
	if err != nil || u.Host == "" || strings.ContainsAny(d.MediaOrigin, " ;,'") || u.Scheme+"://"+u.Host != d.MediaOrigin {
		return fmt.Errorf("media origin %q is not scheme://host[:port]", d.MediaOrigin)
	}
	return nil
}

func renderPage(files fs.FS, videoID, project string) ([]byte, error) {
	page, err := template.ParseFS(files, "index.html")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = page.Execute(&b, struct{ VideoID, Project string }{VideoID: videoID, Project: project})
	return b.Bytes(), err
}

// policy is the page's Content-Security-Policy. blob: is how Media Source
// Extensions reach the video element.
func policy(origin string) string {
	return strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'",
		strings.TrimSpace("connect-src 'self' " + origin),
		strings.TrimSpace("media-src 'self' blob: " + origin),
		"require-trusted-types-for 'script'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
	}, "; ")
}

func (d *demo) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", d.csp)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func (d *demo) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(d.page) // the visitor has gone
}

const maxBody = 1 << 10 // bytes; a video id and some braces

// token is a small back end of a front end: it decides whether this visitor may
// watch (every visitor may watch the sample, and nothing else) and passes on the
// response of the service, refusals and Retry-After included.
func (d *demo) token(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		VideoID string `json:"video_id"`
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		err = json.Unmarshal(body, &ask, json.RejectUnknownMembers(true))
	}
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, "invalid_request", `the body has to be {"video_id": "…"}`)
	case ask.VideoID != d.VideoID:
		refuse(w, http.StatusForbidden, "not_entitled", "the demo gives out tokens for its sample video only")
	default:
		d.forward(w, r)
	}
}

// forward asks the service in the visitor's place. Nothing the visitor sent
// goes along: not the headers, and not even the body.
func (d *demo) forward(w http.ResponseWriter, r *http.Request) {
	d.call(w, r, d.APIKey, "/v1/playback-tokens", d.ask)
}

// call makes a request to the service and passes its response on.
func (d *demo) call(w http.ResponseWriter, r *http.Request, key secret.Value, path string, body []byte) {
	ask, err := http.NewRequestWithContext(r.Context(), http.MethodPost, path, bytes.NewReader(body))
	if err != nil {
		refuse(w, http.StatusInternalServerError, "internal", "the request to the service could not be made")
		return
	}
	ask.Host, ask.RemoteAddr, ask.RequestURI = r.Host, r.RemoteAddr, ask.URL.Path
	ask.Header.Set("Content-Type", "application/json")
	ask.Header.Set("Authorization", "Bearer "+key.Reveal())
	d.API.ServeHTTP(w, ask)
}

// refuse writes a problem document of the service's shape.
func refuse(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.MarshalWrite(w, map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail,
	}) // the visitor has gone
}
