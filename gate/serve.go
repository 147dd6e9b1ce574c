package gate

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"playtoken/limits"
	"playtoken/logs"
)

// endpoint answers a request, or says why not before it has written anything.
type endpoint func(http.ResponseWriter, *http.Request) error

// refuser writes a refusal in the form that its callers expect.
type refuser func(http.ResponseWriter, *http.Request, *refusal)

// Handler serves the gate. It may stand behind http.StripPrefix.
func (g *Gate) Handler() http.Handler {
	read := []string{http.MethodGet, http.MethodHead}
	refuse := g.refuse
	// The router sees paths as they were sent and redirects nothing: a path
	// that would have to be cleaned is refused.
	m := mux.NewRouter().SkipClean(true).UseEncodedPath()
	m.NotFoundHandler = g.serve(unknown, refuse)
	m.MethodNotAllowedHandler = g.serve(wrongMethod, refuse)

	m.Handle("/healthz", g.serve(healthy, refuse)).Methods(read...)
	m.Handle("/readyz", g.serve(g.ready, refuse)).Methods(read...)
	if g.config.Metrics != nil {
		m.Handle("/metrics", g.serve(g.metrics, refuse)).Methods(read...)
	}
	m.Handle("/auth", g.serve(g.auth, refuse))
	if g.forward.inPath {
		m.PathPrefix("/auth/").Handler(g.serve(g.auth, refuse))
	}

	g.routeKeys(m)

	m.Handle("/embed/{name:[a-z-]+\\.(?:js|css|txt)}", g.serve(asset, refuse)).Methods(read...)
	m.Handle("/embed/{video}", g.serve(g.embed, refuse)).Methods(read...)
	m.Handle("/embed/{video}", g.serve(g.preflight, refuse)).Methods(http.MethodOptions)
	m.Handle("/"+sdkFolder+"/{version}/{file}", g.serve(g.library, refuse)).Methods(read...)
	m.Handle("/{video}", g.serve(g.landing, refuse)).Methods(read...)
	m.Handle("/{video}", g.serve(g.preflight, refuse)).Methods(http.MethodOptions)
	if g.config.Steering > 0 {
		m.Handle("/{video}/"+steeringFile, g.serve(g.steer, refuse)).Methods(read...)
	}
	media := g.serve(g.media, refuse)
	m.Handle("/{video}/{file:.+}", media).Methods(read...)
	m.Handle("/{video}/{file:.+}", g.serve(g.preflight, refuse)).Methods(http.MethodOptions)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if namesMedia(r) { // as the router would find out after all other routes
			media.ServeHTTP(w, r)
			return
		}
		m.ServeHTTP(w, r)
	})
}

// namesMedia reports whether a request is to read what stands below a video. Below
// sdkFolder a video may stand, or the package for pages.
func namesMedia(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	video, file, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	return file != "" && file != steeringFile && video != sdkFolder && isVideo(video)
}

// routeKeys adds what the services that make tokens call.
func (g *Gate) routeKeys(m *mux.Router) {
	m.Handle("/v2/jwt_keys", g.keyAPI(g.listKeys)).Methods(http.MethodGet)
	m.Handle("/v2/jwt_keys", g.keyAPI(g.createKey)).Methods(http.MethodPost)
	m.Handle("/v2/jwt_keys/{id}", g.keyAPI(g.showKey)).Methods(http.MethodGet)
	m.Handle("/v2/jwt_keys/{id}", g.keyAPI(g.deleteKey)).Methods(http.MethodDelete)
	m.Handle("/v2/sessions/end", g.keyAPI(g.endSessions)).Methods(http.MethodPost)
	m.PathPrefix("/v2/").Handler(g.keyAPI(unknown))
}

// keyAPI is a route of the key API. Every answer of it says that this is a gate,
// a refusal too, so that a service which takes it for another platform finds
// out before it has the right credential.
func (g *Gate) keyAPI(e endpoint) http.Handler {
	served := g.serve(managing(g.owner(e)), refuseKey)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Playtoken-Gate", "1")
		served.ServeHTTP(w, r)
	})
}

// managing marks a request as one of the key API, for the log.
func managing(next endpoint) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		if out, ok := w.(*response); ok {
			out.management = true
		}
		return next(w, r)
	}
}

// serve is what every request passes: it gets an id, its path is unambiguous
// or it is refused, and its outcome is logged without query and ticket.
func (g *Gate) serve(e endpoint, refuse refuser) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := g.config.Now()
		out := &response{ResponseWriter: w, status: http.StatusOK, id: requestID()}
		h := out.Header()
		h.Set("X-Request-Id", cmp.Or(g.proxyRequestID(r), out.id))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		err := unambiguous(r.URL.EscapedPath(), escapable)
		if err == nil {
			err = e(out, r)
		}
		if err != nil {
			refuse(out, r, asRefusal(err))
		}
		g.tell(out, r, err, g.config.Now().Sub(began))
	})
}

// tell tells of a response: what counts and traces them, and the log. The log is
// told of probes whether the gate is ready only if that changes, and now and then.
func (g *Gate) tell(out *response, r *http.Request, err error, took time.Duration) {
	code := ""
	if err != nil {
		code = asRefusal(err).code
	}
	if g.config.Served != nil {
		g.config.Served(r.Context(), Outcome{
			Kind: kindOf(r.URL.Path, out.management), Status: out.status, Code: code,
			RequestID: out.Header().Get("X-Request-Id"), Bytes: out.bytes, Took: took,
		})
	}
	level, probe := severity(out.status), r.URL.Path == "/readyz"
	news := probe && g.probes.News(code, g.config.Now())
	switch {
	case probe && level == slog.LevelError && !news: // the log was told
	case news, level == slog.LevelError, g.config.Logged(out.status, out.management):
		g.log(level, out, r, err, took)
	}
}

// kindOf is what a request asks for.
func kindOf(path string, management bool) string {
	path = strings.TrimPrefix(path, "/")
	first, _, more := strings.Cut(path, "/")
	switch {
	case management:
		return "key_api"
	case path == "healthz" || path == "readyz" || path == "metrics":
		return "process"
	case first == "auth":
		return "auth"
	case !more || first == "embed" || first == sdkFolder:
		return "page"
	case ending(path) == ".m3u8" || ending(path) == ".mpd" || strings.HasSuffix(path, "/"+steeringFile):
		return "playlist"
	}
	return "media"
}

// proxyRequestID is what a trusted proxy calls a request; empty if it came from none.
func (g *Gate) proxyRequestID(r *http.Request) string {
	if !g.config.Proxied(r) {
		return ""
	}
	return logs.RequestID(r.Header)
}

// log writes the one line about a request.
func (g *Gate) log(level slog.Level, out *response, r *http.Request, err error, took time.Duration) {
	shown := out.Header().Get("X-Request-Id")
	line := []slog.Attr{slog.String("request_id", shown), slog.String("method", r.Method), slog.String("path", loggable(r.URL.Path))}
	if shown != out.id {
		line = append(line, slog.String("audit_request_id", out.id))
	}
	if trace := g.config.TraceID(r); trace != "" {
		line = append(line, slog.String("trace_id", trace))
	}
	if err != nil {
		line = append(line, slog.String("code", asRefusal(err).code), slog.String("error", err.Error()))
	}
	if out.cut != nil {
		line = append(line, slog.String("code", asRefusal(out.cut).code), slog.String("error", "the download was cut off: "+out.cut.Error()))
	}
	line = append(line, slog.Int("status", out.status), slog.Duration("took", took))
	g.config.Log.LogAttrs(r.Context(), level, "request", line...)
}

// severity is high for what the operator has to mend: failures of the gate,
// and videos that cannot be served (422).
func severity(status int) slog.Level {
	if status >= http.StatusInternalServerError || status == http.StatusUnprocessableEntity {
		return slog.LevelError
	}
	return slog.LevelInfo
}

func requestID() string {
	var id [16]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

func unknown(http.ResponseWriter, *http.Request) error {
	return refused(http.StatusNotFound, "not_found", "there is nothing here")
}

func wrongMethod(http.ResponseWriter, *http.Request) error {
	return refused(http.StatusMethodNotAllowed, "method_not_allowed", "this method is not allowed here")
}

func healthy(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"status":"ok"}`) // the caller has gone
	return nil
}

// metrics are for a scraper on this machine, or the holder of the API key.
func (g *Gate) metrics(w http.ResponseWriter, r *http.Request) error {
	if !limits.Direct(r) {
		return g.owner(g.scrape)(w, r)
	}
	return g.scrape(w, r)
}

func (g *Gate) scrape(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	g.config.Metrics.ServeHTTP(w, r)
	return nil
}

// Stopping makes the gate report from now on that it is not ready. It serves on.
func (g *Gate) Stopping() { g.stopping.Store(true) }

// ready says whether viewers are admitted and videos found.
func (g *Gate) ready(w http.ResponseWriter, r *http.Request) error {
	if g.stopping.Load() {
		return refused(http.StatusServiceUnavailable, "unavailable", "the gate is stopping")
	}
	if err := g.keys.Fresh(); err != nil {
		return err
	}
	if _, err := fs.Stat(g.config.Media, "."); err != nil {
		return refused(http.StatusServiceUnavailable, "unavailable", "the media folder cannot be read")
	}
	return healthy(w, r)
}
