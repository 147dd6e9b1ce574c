package demo

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"playtoken/httpserver"
	"playtoken/platforms/client"
	"playtoken/settings"
)

// folder makes the folder of the demo's data, and returns what removes it if it
// was only for this run.
func (d *demo) folder() (remove func(), err error) {
	if d.data != "" {
		if err := os.MkdirAll(d.data, 0o700); err != nil {
			return nil, &InvalidOption{Name: "data", Problem: "want a folder: " + reason(err)}
		}
		return func() {}, nil
	}
	d.data, err = os.MkdirTemp("", "playtoken-demo-")
	return func() { os.RemoveAll(d.data) }, err
}

// reason is an error without the path of the file.
func reason(err error) string {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

// listenBoth takes the service's address and, for the gate, the port after
// it, or PLAYTOKEN_GATE_LISTEN.
func (d *demo) listenBoth(ctx context.Context) error {
	host, port, err := net.SplitHostPort(d.options.Listen)
	n, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || !client.SafeScheme(&url.URL{Scheme: "http", Host: d.options.Listen}) {
		return &InvalidOption{Name: "listen", Problem: "want an address of this machine alone, like 127.0.0.1:8080"}
	}
	next := "0"
	if n > 0 {
		next = strconv.FormatUint(n+1, 10)
	}
	d.service, err = httpserver.Listen(ctx, d.options.Listen)
	if err != nil {
		return err
	}
	at := cmp.Or(settings.Variables(d.options.Environ)["PLAYTOKEN_GATE_LISTEN"], net.JoinHostPort(host, next))
	d.media, err = httpserver.Listen(ctx, at)
	if err != nil {
		return errors.Join(err, d.service.Close())
	}
	return nil
}

// origin is how a browser on this machine reaches a listener.
func origin(ln net.Listener) string {
	addr, err := netip.ParseAddrPort(ln.Addr().String())
	if err == nil && addr.Addr().IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d", addr.Port())
	}
	return "http://" + ln.Addr().String()
}

// timings make a rotation something to watch, and the demo end when it is told
// to. The environment may change each of them.
var timings = []string{
	"PLAYTOKEN_ROTATE_EVERY=30s", "PLAYTOKEN_PROPAGATION_DELAY=5s", "PLAYTOKEN_VIEW_AGE=1s", "PLAYTOKEN_CLOCK_SKEW=1s",
	"PLAYTOKEN_SETTLE=2s", "PLAYTOKEN_TOKEN_TTL=20s", "PLAYTOKEN_TOKEN_MAX_TTL=30s", "PLAYTOKEN_OBSERVE_EVERY=10s",
	"PLAYTOKEN_DRAIN=0s",
}

// settings are those of the service, with the gate as its platform. What the
// demo needs comes before the environment, and the environment before timings.
func (d *demo) settings() (settings.Settings, error) {
	env := settings.Variables(d.options.Environ)
	password, err := d.password()
	if err != nil {
		return settings.Settings{}, err
	}
	gateKey := cmp.Or(env["PLAYTOKEN_GATE_API_KEY"], newKey("gate"))
	site := origin(d.media)
	needs := []string{
		"PLAYTOKEN_STORE=file:" + filepath.Join(d.data, "playtoken.db"), "PLAYTOKEN_STORE_PASSWORD=" + password,
		"PLAYTOKEN_PLATFORM=gate", "PLAYTOKEN_PLATFORM_URL=" + site,
		"PLAYTOKEN_PLATFORM_API_KEY=" + gateKey, "PLAYTOKEN_GATE_API_KEY=" + gateKey,
		"PLAYTOKEN_PLATFORM_LANDING_URL=", "PLAYTOKEN_PLATFORM_EMBED_URL=", "PLAYTOKEN_PLATFORM_HLS_URL=", "PLAYTOKEN_PLATFORM_SETTINGS=dash_url=" + site + "/{video_id}/manifest.mpd?jwt={token}",
		"PLAYTOKEN_TLS_CERT=", "PLAYTOKEN_TLS_KEY=", "PLAYTOKEN_TLS_CLIENT_CA=",
		"PLAYTOKEN_PRIVATE_TARGETS=127.0.0.0/8,::1/128", // an issuer to try is on this machine, too
	}
	environ := slices.Concat(timings, without(d.options.Environ, needs), needs)
	for _, name := range []string{"PLAYTOKEN_API_KEY", "PLAYTOKEN_ADMIN_KEY"} {
		if env[name] == "" && env[name+"_FILE"] == "" {
			environ = append(environ, name+"="+newKey("demo"))
			d.madeAdmin = d.madeAdmin || name == "PLAYTOKEN_ADMIN_KEY"
		}
	}
	if env["PLAYTOKEN_AUDIT"] == "" { // stderr is for people
		environ = append(environ, "PLAYTOKEN_AUDIT=file:"+filepath.Join(d.data, "audit.log"))
	}
	return settings.ForService(environ)
}

// without leaves out the settings that others set, and their files.
func without(environ, others []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.ContainsFunc(others, func(other string) bool {
			taken, _, _ := strings.Cut(other, "=")
			return name == taken || name == taken+"_FILE"
		})
	})
}

func newKey(prefix string) string { return prefix + "-" + rand.Text() + rand.Text() }

// password encrypts the store. It is kept beside the store for the next run,
// because what the demo keeps protects nothing.
func (d *demo) password() (string, error) {
	path := filepath.Join(d.data, "password")
	text, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return strings.TrimSpace(string(text)), err
	}
	made := newKey("store")
	return made, os.WriteFile(path, []byte(made+"\n"), 0o600)
}
