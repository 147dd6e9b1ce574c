package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"playtoken/gate/sample"
	"playtoken/platforms/client"
	"playtoken/service"
	"playtoken/settings"
)

// listenBoth takes the service's address and, for the gate, the port after
// it, or PLAYTOKEN_GATE_LISTEN.
func (d *demoRun) listenBoth(ctx context.Context) error {
	host, port, err := net.SplitHostPort(d.listen)
	n, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || !client.SafeScheme(&url.URL{Scheme: "http", Host: d.listen}) {
		return usageError{"--listen: want an address of this machine alone, like 127.0.0.1:8080"}
	}
	next := "0"
	if n > 0 {
		next = strconv.FormatUint(n+1, 10)
	}
	d.service, err = listen(ctx, d.listen)
	if err != nil {
		return err
	}
	at := cmp.Or(settings.Variables(d.environ)["PLAYTOKEN_GATE_LISTEN"], net.JoinHostPort(host, next))
	d.media, err = listen(ctx, at)
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

// config is an ordinary configuration of the service with the gate as its
// platform: the demo has nothing that an installation could not have. The
// environment comes between the demo's wishes and its needs.
func (d *demoRun) config() (settings.Settings, error) {
	env := settings.Variables(d.environ)
	password, err := d.password()
	if err != nil {
		return settings.Settings{}, err
	}
	gateKey := cmp.Or(env["PLAYTOKEN_GATE_API_KEY"], newKey("gate"))
	site := origin(d.media)
	needs := []string{
		"PLAYTOKEN_STORE=file:" + filepath.Join(d.data, "playtoken.db"), "PLAYTOKEN_STORE_PASSWORD=" + password,
		"PLAYTOKEN_PLATFORM=vidbeo", "PLAYTOKEN_PLATFORM_URL=" + site + "/v2",
		"PLAYTOKEN_PLATFORM_API_KEY=" + gateKey, "PLAYTOKEN_GATE_API_KEY=" + gateKey,
		"PLAYTOKEN_PLATFORM_LANDING_URL=" + site + "/{video_id}?jwt={token}",
		"PLAYTOKEN_PLATFORM_EMBED_URL=" + site + "/embed/{video_id}?jwt={token}",
		"PLAYTOKEN_PLATFORM_HLS_URL=" + site + "/{video_id}/hls.m3u8?jwt={token}",
		"PLAYTOKEN_PRIVATE_TARGETS=127.0.0.0/8,::1/128", // an issuer to try is on this machine, too
	}
	environ := slices.Concat(demoTimings, without(d.environ, needs), needs)
	for _, name := range []string{"PLAYTOKEN_API_KEY", "PLAYTOKEN_ADMIN_KEY"} {
		if env[name] == "" && env[name+"_FILE"] == "" {
			environ = append(environ, name+"="+newKey("demo"))
			d.madeAdmin = d.madeAdmin || name == "PLAYTOKEN_ADMIN_KEY"
		}
	}
	if env["PLAYTOKEN_AUDIT"] == "" { // not between what is printed for people
		environ = append(environ, "PLAYTOKEN_AUDIT=file:"+filepath.Join(d.data, "audit.log"))
	}
	return settings.ForService(environ)
}

// without leaves out the names that others set, and their files.
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

// password seals the store. It lies beside it, for the next run: what the
// demo keeps is worth nothing to anybody.
func (d *demoRun) password() (string, error) {
	path := filepath.Join(d.data, "password")
	text, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return strings.TrimSpace(string(text)), err
	}
	made := newKey("store")
	return made, os.WriteFile(path, []byte(made+"\n"), 0o600)
}

// announce waits for the first key that signs, and then says where to look.
func (d *demoRun) announce(ctx context.Context, s *service.Service) error {
	d.log().Info("waiting for the first key to propagate", "delay", s.Settings.Rotation.Durations.Propagation)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for s.Ready(ctx) != nil {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
	return d.print(d.view(s.Settings))
}

type demoView struct {
	Player   string `json:"player"`
	Service  string `json:"service"`
	Gate     string `json:"gate"`
	APIKey   string `json:"api_key"`
	AdminKey string `json:"admin_key,omitempty"` // only if it was made for this run
	Curl     string `json:"curl"`
}

func (d *demoRun) view(c settings.Settings) demoView {
	service := origin(d.service)
	v := demoView{Player: service + "/demo/", Service: service, Gate: origin(d.media), APIKey: c.APIKey.Reveal()}
	if d.madeAdmin {
		v.AdminKey = c.AdminKey.Reveal()
	}
	v.Curl = "curl -sS " + service + "/v1/playback-tokens -H " + quoted("Authorization: Bearer "+v.APIKey) +
		" -H 'Content-Type: application/json' -d " + quoted(`{"video_id":"`+sample.VideoID+`"}`)
	return v
}

// quoted is a word for a POSIX shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func (v demoView) table(w io.Writer) {
	for _, row := range [][2]string{
		{"player", v.Player}, {"service", v.Service}, {"gate", v.Gate}, {"API key", v.APIKey}, {"admin key", v.AdminKey},
	} {
		if row[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
		}
	}
	fmt.Fprintf(w, "\nA token for the sample video:\n\n%s\n\nStop with Ctrl-C.\n", v.Curl)
}
