package platformtest

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"playtoken/keyrotation"
	"playtoken/secret"
)

const (
	host   = "127.0.0.1:80"
	canary = "canary-7Fq2xW9-bearer-Zk41"
)

// Maker makes the client under test for the platform at base, which wants
// this credential. All that the client sends must go through transport.
type Maker func(base string, credential secret.Value, transport http.RoundTripper) (keyrotation.Registrar, error)

// bench is a stand-in and a client of it, joined by a network that takes no
// time. All of it is in one synctest bubble, so its clock only moves when
// everybody waits, and a goroutine that is left behind fails the test.
type bench struct {
	*Standin
	client keyrotation.Registrar
	strays *atomic.Int64 // connections to anywhere else
}

// try runs a test on a new bench.
func try(t *testing.T, name string, maker Maker, options Options, test func(t *testing.T, b *bench)) {
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, newBench(t, maker, options)) })
	})
}

func newBench(t *testing.T, maker Maker, options Options) *bench {
	options.Credential = secret.New(canary)
	b := &bench{Standin: New(options), strays: new(atomic.Int64)}
	wire := newPipes()
	server := &http.Server{Handler: b.Handler(), ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		server.Serve(wire)
	}()
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			if address != host {
				b.strays.Add(1)
			}
			return wire.dial(ctx)
		},
	}
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	client, err := maker("http://127.0.0.1/v2", options.Credential, transport)
	if err != nil {
		t.Fatal(err)
	}
	b.client = client
	return b
}

// pipes is a listener whose connections exist in memory only.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{accept: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.accept <- there:
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
