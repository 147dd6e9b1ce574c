// Package gate is a self-hosted video platform: it stands in front of HLS and
// DASH files, lets in viewers who hold a valid playback token, and takes the
// public keys of the services that make tokens over an API of Vidbeo's shape.
//
// A token has to be alive only when playback starts. It is then swapped for a
// session ticket of the gate's own, which outlives the token and the key that
// signed it, because a film must not stop when a ten-minute token ends and a
// player cannot be told to ask again. To end running sessions as well, the
// owner of the key says so when deleting it.
package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"playtoken/gate/datafile"
	"playtoken/gate/register"
	"playtoken/gate/verify"
	"playtoken/limits"
	"playtoken/logs"
	"playtoken/secret"
	"playtoken/store"
	"playtoken/web"
)

// maxTokens is how many verified tokens are remembered, in some megabytes at most.
const maxTokens = 1 << 14

// Config is what a gate needs. Media, Data and APIKey have no default.
type Config struct {
	// Media holds one folder per video, named by the video's id. Its files must
	// be io.Seekers, and opening one must not wait: as in a Folder and embed.FS.
	Media fs.FS
	// Index is the name of the first playlist in a video's folder. Empty:
	// hls.m3u8.
	Index string
	// Data is the path of the gate's one file of its own. It is created if it
	// does not exist, and belongs to one process at a time. With Documents, it
	// need not exist; if it does, its content is taken over once.
	Data string
	// Documents is the store that the gate shares with other gates. Nil: the
	// data file.
	Documents store.Documents
	// Clock is that of Documents. Nil: it has the clock of this machine.
	Clock func(context.Context) (time.Time, error)
	// MaxStaleness is how long viewers are admitted on what was last read while
	// Documents cannot be read. Zero: an hour.
	MaxStaleness time.Duration
	// APIKey opens the key API.
	APIKey secret.Value
	// PublicURL is how viewers reach the gate or, with forward-auth, the files
	// behind the proxy. Its scheme and host decide whether cookies are Secure
	// and which absolute URIs in playlists are the video's own, and its path is
	// cut off from forwarded URIs. Empty: the request's Host decides, and there
	// is no prefix.
	PublicURL string
	// Forward names the proxy that asks /auth: nginx, ingress-nginx, haproxy,
	// caddy, traefik or envoy; or mediamtx. Empty: /auth refuses everything.
	Forward string
	// Origins may read media from their pages. Empty, or "*" alone: every
	// origin, without credentials.
	Origins []string
	// SessionTTL is how long a session ticket lives. Zero: four hours.
	SessionTTL time.Duration
	// Steering is how often players that know HLS content steering fetch a new
	// ticket, a third of SessionTTL at most. Zero: players are not steered.
	Steering time.Duration
	// SteeringMax is how long after its beginning a session may be renewed so.
	// Zero: twelve hours, or SessionTTL if that is longer.
	SteeringMax time.Duration
	// MaxTokenLife is how far away the end of a playback token may be. Zero:
	// 24 hours.
	MaxTokenLife time.Duration
	// ClockSkew is how far apart the clocks of the gate and of the services
	// that make tokens may be. Zero: a minute.
	ClockSkew time.Duration
	// Failures counts calls of the key API with a wrong credential. Nil: this
	// process counts alone.
	Failures limits.Limiter
	// ClientIP is where a request comes from. Nil: its peer.
	ClientIP func(*http.Request) netip.Addr
	// Record gets an entry before every change that the key API makes, one about
	// its outcome, and one about each call with a wrong credential. Nil: nothing
	// is recorded.
	Record Record
	// OwnerCall is called with every such change or refusal: gate_key.register,
	// gate_key.delete, sessions.end or authenticate, and "ok" or the code of the
	// refusal. It may be nil.
	OwnerCall func(action, result string)
	// Streams bounds how many sessions of one viewer play at once. Nil: nothing
	// does.
	Streams limits.Streams
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: nothing is logged
	// Logged says of a response's status, and of whether the request is one of the
	// key API, whether it is logged. Nil: every request. Failures and videos that
	// cannot be served are logged in any case, because the operator has to mend them.
	Logged func(status int, management bool) bool
	// Proxied reports whether a request comes from a proxy that is trusted, whose
	// X-Request-Id is then the request's id, except in the audit log. Nil: none does.
	Proxied func(*http.Request) bool
	// Admission is called with every decision whether a viewer may watch:
	// "token" or "session", for what opened the video, or the code of the
	// refusal. It may be nil.
	Admission func(result string)
	// Watched is called with the session of each viewer who may watch. It may be
	// nil.
	Watched func(session string)
	// Served is called after each response, with the request's context. It may be
	// nil.
	Served func(context.Context, Outcome)
	// TraceID is the trace that a request belongs to, for the log; empty if there is
	// none. Nil: what its header traceparent says.
	TraceID func(*http.Request) string
	// Metrics answers GET /metrics. Nil: 404.
	Metrics http.Handler
}

// Outcome is what may be told of a request and its response.
type Outcome struct {
	Kind      string // of what was asked for: playlist, media, page, auth, key_api or process (health and metrics)
	Status    int
	Code      string // of the refusal; empty: there was none
	RequestID string // in the response
	Bytes     int64  // of the body that were taken
	Took      time.Duration
}

// Gate is an open gate. Its methods may be called concurrently.
type Gate struct {
	config  Config
	apiKey  atomic.Pointer[secret.Value]
	keys    *register.Register
	tokens  *verify.Memory
	file    *datafile.File // nil: the gate shares a store
	public  *url.URL       // nil: not configured
	forward proxy          // that asks /auth
	named   namedFiles
	sdk     *web.SDK
	gzips   sync.Pool // of *gzip.Writer

	compressing atomic.Int64  // playlists
	reading     chan struct{} // has an entry for each large playlist that is being read
	stopping    atomic.Bool
	probes      logs.Probes
}

// Open checks the configuration, naming all that is wrong with it, and opens
// or creates the data file.
func Open(config Config) (*Gate, error) {
	g := &Gate{config: config.withDefaults(), tokens: verify.NewMemory(maxTokens), reading: make(chan struct{}, maxReading)}
	g.named.find = g.findNamed
	g.ReplaceAPIKey(config.APIKey)
	if err := g.configure(); err != nil {
		return nil, fmt.Errorf("configure gate: %w", err)
	}
	var err error
	if g.sdk, err = web.NewSDK(); err != nil {
		return nil, fmt.Errorf("read the package for pages: %w", err)
	}
	if err := g.openRegister(); err != nil {
		return nil, fmt.Errorf("open gate data: %w", err)
	}
	g.tellOfLibrary()
	g.tellOfSDK()
	return g, nil
}

// Close stops reading the store and closes the data file. Viewers with a request
// under way are still served; changes of keys are not.
func (g *Gate) Close() error {
	g.keys.Close()
	if g.file == nil {
		return nil
	}
	return g.file.Close()
}

// ReplaceAPIKey has another key open the key API from now on, and no longer the
// one before.
func (g *Gate) ReplaceAPIKey(key secret.Value) { g.apiKey.Store(&key) }

// RegisteredKeys is how many public keys are registered, by the view that the
// gate has.
func (g *Gate) RegisteredKeys() int { return g.keys.Len() }

// ViewAge is how long ago the gate last read what it knows.
func (g *Gate) ViewAge() time.Duration { return g.keys.Age() }

func (c Config) withDefaults() Config {
	c.Index = cmp.Or(c.Index, usualIndex)
	c.SessionTTL = cmp.Or(c.SessionTTL, 4*time.Hour)
	c.SteeringMax = cmp.Or(c.SteeringMax, max(12*time.Hour, c.SessionTTL))
	c.MaxTokenLife = cmp.Or(c.MaxTokenLife, 24*time.Hour)
	c.ClockSkew = cmp.Or(c.ClockSkew, time.Minute)
	c.MaxStaleness = cmp.Or(c.MaxStaleness, time.Hour)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Logged == nil {
		c.Logged = func(int, bool) bool { return true }
	}
	if c.TraceID == nil {
		c.TraceID = func(r *http.Request) string { return logs.TraceID(r.Header) }
	}
	if c.Proxied == nil {
		c.Proxied = func(*http.Request) bool { return false }
	}
	if c.Failures == nil {
		c.Failures = limits.NewLocal()
	}
	if c.ClientIP == nil {
		c.ClientIP = peer
	}
	if len(c.Origins) == 0 {
		c.Origins = []string{"*"}
	}
	return c
}

func (g *Gate) configure() error {
	forward, known := proxies[g.config.Forward]
	g.forward = forward
	var err error
	if g.config.PublicURL != "" {
		if g.public, err = absolute(g.config.PublicURL); err != nil {
			err = fmt.Errorf("public URL: %w", err)
		}
	}
	return errors.Join(err,
		unless(known, "forward is not nginx, ingress-nginx, haproxy, caddy, traefik or envoy"),
		unless(g.config.Media != nil, "there is no media folder"),
		unless(isIndex(g.config.Index), "the first playlist is not the name of a file that ends in .m3u8"),
		unless(g.config.Data != "" || g.config.Documents != nil, "there is no data file"),
		unless(!mayBeMedia(g.config.Data), "the data file's name ends like that of a media file, and it could be served as one"),
		unless(!g.config.APIKey.IsZero(), "there is no API key"),
		unless(g.config.SessionTTL >= time.Second, "sessions live less than a second"),
		unless(g.config.MaxTokenLife >= time.Second, "tokens may live less than a second"),
		g.config.checkSteering(),
		checkOrigins(g.config.Origins))
}

func unless(ok bool, complaint string) error {
	if ok {
		return nil
	}
	return errors.New(complaint)
}

func isIndex(name string) bool {
	return ending(name) == ".m3u8" && plain(url.PathEscape(name), "") && !hidden(name)
}

func mayBeMedia(name string) bool {
	mediaType, _ := served(name)
	return mediaType != ""
}

func absolute(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil ||
		u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("not an http or https URL without user, query and fragment")
	}
	if err := unambiguous(u.EscapedPath(), ""); u.Path != "" && err != nil {
		return nil, errors.New("its path is not plain")
	}
	return u, nil
}

// appOrigins are those of pages that an app brings along and shows in a web view.
var appOrigins = []string{"capacitor://localhost", "ionic://localhost", "tauri://localhost", "app://localhost"}

func checkOrigins(origins []string) error {
	if slices.Equal(origins, []string{"*"}) {
		return nil
	}
	for _, origin := range origins {
		u, err := absolute(origin)
		if (err != nil || u.Scheme+"://"+u.Host != origin) && !slices.Contains(appOrigins, origin) {
			return fmt.Errorf("origin %q is not scheme://host, and * must stand alone", origin)
		}
	}
	return nil
}

// prefix is what stands before the video in the URIs that viewers use, encoded.
func (g *Gate) prefix() string {
	if g.public == nil {
		return ""
	}
	return strings.TrimSuffix(g.public.EscapedPath(), "/")
}

// secure reports whether cookies are for encrypted connections only: always,
// except for a viewer on this machine.
func (g *Gate) secure(r *http.Request) bool {
	host := r.Host
	if g.public != nil {
		host = g.public.Host
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host != "localhost" && !strings.HasSuffix(host, ".localhost") && (ip == nil || !ip.IsLoopback())
}
