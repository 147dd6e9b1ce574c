package platformtest

import (
	"cmp"
	"context"
	"crypto/rsa"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"playtoken/platforms"
	"playtoken/secret"

	"playtoken/platforms/standin"
)

const canary = "canary-7Fq2xW9-bearer-Zk41"

// options of a bench.
type options struct {
	pageSize int
	relative bool
	fault    func(standin.Call) standin.Fault
}

// bench is a stand-in and an opened account of it, joined by a network that
// takes no time. All of it is in one synctest bubble, so its clock only moves
// when all goroutines wait, and a goroutine that is left behind fails the test.
type bench struct {
	*standin.Keys // the account's keys
	suite         Suite
	wire          *standin.Wire
	platform      platforms.Platform
	account       platforms.Account
	signing       *rsa.PrivateKey // of a Shape's tokens

	strays *atomic.Int64 // connections to anywhere else
	sent   *atomic.Int64 // bytes of answers
}

// try runs a test on a new bench.
func (s Suite) try(t *testing.T, name string, o options, test func(t *testing.T, b *bench)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, s.bench(t, o)) })
	})
}

func (s Suite) bench(t *testing.T, o options) *bench {
	b := &bench{Keys: standin.New(standin.Options{Fault: o.fault}), suite: s, strays: new(atomic.Int64), sent: new(atomic.Int64)}
	credential := map[string]secret.Value{}
	n := s.benches.Add(1)
	for _, member := range s.Kind.Credentials {
		credential[member.Name] = secret.New(fmt.Sprintf("%s-%s-%d", canary, member.Name, n))
	}
	b.wire = &standin.Wire{Refuse: s.Refuse, Platform: s.Serve(standin.World{
		Credential: credential, Keys: b.Keys, PageSize: cmp.Or(o.pageSize, 25), Relative: o.relative,
	})}
	b.account = platforms.Account{
		Settings: maps.Clone(s.Settings), Credential: credential, Transport: b.network(t), Issued: b.issued(),
	}
	platform, err := s.Kind.Open(b.account)
	if err != nil {
		t.Fatal(err)
	}
	b.platform = platform
	return b
}

// issued returns the newest issued key, and has the first one made.
func (b *bench) issued() func(context.Context) (platforms.IssuedKey, error) {
	var once sync.Once
	var key standin.Record
	return func(context.Context) (platforms.IssuedKey, error) {
		once.Do(func() { key = b.AddIssued("playtoken-active") })
		return platforms.IssuedKey{ID: key.ID, Value: secret.New(key.Value)}, nil
	}
}

// network starts the stand-in and returns the way to it.
func (b *bench) network(t *testing.T) *http.Transport {
	pipes := newPipes(b.sent)
	server := &http.Server{Handler: b.wire, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(pipes)
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	return &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			if !strings.HasPrefix(address, "127.0.0.1:") {
				b.strays.Add(1)
			}
			return pipes.dial(ctx)
		},
	}
}

// pipes is a listener whose connections exist in memory only.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
	sent   *atomic.Int64
}

func newPipes(sent *atomic.Int64) *pipes {
	return &pipes{accept: make(chan net.Conn), closed: make(chan struct{}), sent: sent}
}

// counted counts what is written to it.
type counted struct {
	net.Conn
	sent *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.sent.Add(int64(n))
	return n, err
}

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.accept <- counted{there, p.sent}:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.accept:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }
