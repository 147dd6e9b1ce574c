package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// rolling is three replicas that are restarted one after the other, while callers
// mint through each front.
type rolling struct {
	*deployment
	addresses []string
	replicas  []*server
	drain     time.Duration
	fronts    map[string]*frontend
}

// frontend is what stands between callers and replicas.
type frontend struct {
	url          string
	minted, lost atomic.Int64
	first        atomic.Pointer[string] // how the first request was lost
}

func TestARollingRestartLosesNoRequest(t *testing.T) {
	t.Parallel()
	slow(t, "it restarts processes")
	r := &rolling{deployment: newDeployment(t), drain: 1200 * time.Millisecond, fronts: map[string]*frontend{}}
	spacing := 300 * time.Millisecond
	if chaos() {
		r.drain, spacing = 5*time.Second, 4*time.Second
	}
	r.environ = append(r.environ, "PLAYTOKEN_DRAIN="+r.drain.String())
	r.must(&struct{}{}, "rotate")
	for i := range 3 {
		r.addresses = append(r.addresses, freeAddress(t))
		r.replicas = append(r.replicas, r.start(i))
	}
	r.front("nginx", r.startNginx)
	r.front("haproxy", r.startHAProxy)
	r.front("connections", r.startConnections)
	callers, stop := r.load()
	for i, replica := range r.replicas {
		time.Sleep(spacing)
		replica.stop()
		r.replicas[i] = r.start(i)
	}
	time.Sleep(spacing)
	stop()
	callers.Wait()
	for _, replica := range r.replicas {
		replica.stop()
	}
	for name, f := range r.fronts {
		if f.lost.Load() > 0 || f.minted.Load() < 50 {
			t.Errorf("%s: got %d tokens and %d lost requests, the first by %s; want 50 at the least, and no lost request", name, f.minted.Load(), f.lost.Load(), *f.first.Load())
		}
		t.Logf("%s: %d tokens, %d lost", name, f.minted.Load(), f.lost.Load())
	}
}

// start starts a replica, and returns once it is ready.
func (r *rolling) start(i int) *server {
	r.t.Helper()
	before := r.environ
	defer func() { r.environ = before }()
	r.environ = append(slices.Clone(before), "PLAYTOKEN_LISTEN="+r.addresses[i])
	s := r.startServer("serve")
	s.awaitReady(newClient(r.t))
	return s
}

// front starts one, unless its program is not on this machine.
func (r *rolling) front(name string, start func(address string)) {
	r.t.Helper()
	if _, err := exec.LookPath(name); err != nil && name != "connections" {
		r.t.Logf("NOT TESTED: %s of docs/proxies.md, because there is no %[1]s on this machine", name)
		return
	}
	address, none := freeAddress(r.t), "nothing"
	start(address)
	f := &frontend{url: "http://" + address}
	f.first.Store(&none)
	client := newClient(r.t)
	eventually(r.t, patience, func() error {
		_, status, _, err := mintOver(r.t.Context(), client, f.url)
		if err == nil && status != http.StatusCreated {
			err = fmt.Errorf("%s: status %d", name, status)
		}
		return err
	})
	r.fronts[name] = f
}

// load has four callers mint at each front, two of them over a new connection for
// each token, until stop is called.
func (r *rolling) load() (callers *sync.WaitGroup, stop context.CancelFunc) {
	ctx, stop := context.WithCancel(r.t.Context())
	callers = &sync.WaitGroup{}
	for _, f := range r.fronts {
		for i := range 4 {
			transport := &http.Transport{DisableKeepAlives: i%2 == 0}
			r.t.Cleanup(transport.CloseIdleConnections)
			client := &http.Client{Transport: transport, Timeout: 20 * time.Second}
			callers.Go(func() { f.call(ctx, client) })
		}
	}
	return callers, stop
}

func (f *frontend) call(ctx context.Context, client *http.Client) {
	for ; ctx.Err() == nil; time.Sleep(15 * time.Millisecond) {
		_, status, _, err := mintOver(context.WithoutCancel(ctx), client, f.url)
		if err == nil && status == http.StatusCreated {
			f.minted.Add(1)
			continue
		}
		if said := fmt.Sprintf("status %d, %v", status, err); f.lost.Add(1) == 1 {
			f.first.Store(&said)
		}
	}
}

// block is the block of a language on docs/proxies.md, with the addresses of the
// replicas, and with other parts replaced: old, new…
func (r *rolling) block(language string, replace ...string) string {
	r.t.Helper()
	page, err := os.ReadFile("../../docs/proxies.md")
	if err != nil {
		r.t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 1 {
		r.t.Fatalf("docs/proxies.md has %d blocks of %s, want one", len(blocks), language)
	}
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(blocks[0][1], replace[i]) {
			r.t.Fatalf("docs/proxies.md: the block of %s has no %q, want it", language, replace[i])
		}
	}
	for i, address := range r.addresses {
		replace = append(replace, fmt.Sprintf("192.0.2.%d:8080", 11+i), address)
	}
	return strings.NewReplacer(replace...).Replace(blocks[0][1])
}

func (r *rolling) startNginx(address string) {
	dir := r.t.TempDir()
	config := fmt.Sprintf("daemon off;\nmaster_process off;\npid %[1]s/pid;\nerror_log stderr alert;\nevents {}\nhttp {\naccess_log off;\n", dir)
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		config += fmt.Sprintf("%s_temp_path %s/%[1]s;\n", kind, dir)
	}
	config += r.block("nginx", "listen 443 ssl http2;", "listen "+address+";",
		"  ssl_certificate /etc/ssl/tokens.pem;\n  ssl_certificate_key /etc/ssl/tokens.key;\n", "") + "}\n"
	r.startProxy(config, func(path string) *exec.Cmd { return exec.Command("nginx", "-p", dir, "-e", "stderr", "-c", path) })
}

// startHAProxy checks replicas more often than the page says where they drain for
// less than the default.
func (r *rolling) startHAProxy(address string) {
	config := r.block("haproxy", "bind :443 ssl crt /etc/haproxy/tokens.pem alpn h2,http/1.1", "bind "+address,
		"inter 1s", fmt.Sprintf("inter %dms", (r.drain/5).Milliseconds()))
	r.startProxy(config, func(path string) *exec.Cmd { return exec.Command("haproxy", "-db", "-f", path) })
}

func (r *rolling) startProxy(config string, command func(path string) *exec.Cmd) {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		r.t.Fatal(err)
	}
	cmd := command(path)
	cmd.Stderr = r.t.Output()
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
}

// startConnections spreads connections over the replicas that are ready, as a
// Service of Kubernetes does. It retries nothing.
func (r *rolling) startConnections(address string) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { ln.Close() })
	var ready atomic.Pointer[[]string]
	ready.Store(&r.addresses)
	ctx, stop := context.WithCancel(r.t.Context())
	r.t.Cleanup(stop)
	go r.probe(ctx, &ready)
	go func() {
		for next := 0; ; next++ {
			caller, err := ln.Accept()
			if err != nil {
				return
			}
			all := *ready.Load()
			go connect(caller, all[next%len(all)])
		}
	}()
}

// probe keeps the list of the replicas that are ready.
func (r *rolling) probe(ctx context.Context, ready *atomic.Pointer[[]string]) {
	client := newClient(r.t)
	for ; ctx.Err() == nil; time.Sleep(r.drain / 10) {
		var now []string
		for _, address := range r.addresses {
			if status, err := plays(ctx, client, "http://"+address+"/readyz"); err == nil && status == http.StatusOK {
				now = append(now, address)
			}
		}
		if len(now) > 0 {
			ready.Store(&now)
		}
	}
}

// connect passes bytes on in both directions. A replica that is away is a
// connection that ends.
func connect(caller net.Conn, address string) {
	defer caller.Close()
	replica, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer replica.Close()
	go func() {
		io.Copy(replica, caller)
		replica.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(caller, replica)
}
