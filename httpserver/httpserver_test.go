package httpserver_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/httpserver"
)

// pipes is a listener in memory, so that a test has no real time.
type pipes struct {
	dialled chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

func newPipes() *pipes { return &pipes{dialled: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.dialled:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.dialled <- far:
		return near, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// stoppable is a server in a bubble.
type stoppable struct {
	stop   context.CancelFunc
	client *http.Client
	ended  chan error
	told   bool // to make its readiness fail
}

func serve(t *testing.T, drain time.Duration, handler http.HandlerFunc) *stoppable {
	ctx, stop := context.WithCancel(t.Context())
	ln, s := newPipes(), &stoppable{stop: stop, ended: make(chan error, 1)}
	transport := &http.Transport{DialContext: ln.dial}
	s.client = &http.Client{Transport: transport}
	server := httpserver.Server{
		Handler: handler, Log: slog.New(slog.DiscardHandler), Drain: drain, Stopping: func() { s.told = true },
	}
	go func() { s.ended <- server.Serve(ctx, ln) }()
	t.Cleanup(transport.CloseIdleConnections)
	return s
}

// get reports how a request fared, and whether the connection ends after it.
func (s *stoppable) get() (closes bool, err error) {
	resp, err := s.client.Get("http://server.example/")
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.Close, err
}

func TestAServerThatIsToldToStopServesOn(t *testing.T) {
	for _, c := range []struct{ drain, closes, ends time.Duration }{
		{drain: 0, closes: 0, ends: 500 * time.Millisecond},
		{drain: 200 * time.Millisecond, closes: 100 * time.Millisecond, ends: 600 * time.Millisecond},
		{drain: 5 * time.Second, closes: 2500 * time.Millisecond, ends: 5 * time.Second},
	} {
		t.Run(c.drain.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, c.drain, func(http.ResponseWriter, *http.Request) {})
				if closes, err := s.get(); closes || err != nil || s.told {
					t.Errorf("before the end: got a connection that closes = %t, %v, told = %t, want one that stays", closes, err, s.told)
				}
				s.stop()
				synctest.Wait()
				if !s.told {
					t.Error("at the end: got readiness that was not told, want it told first")
				}
				stopped := time.Now()
				for time.Sleep(10 * time.Millisecond); time.Since(stopped) < c.ends; time.Sleep(20 * time.Millisecond) {
					at := time.Since(stopped)
					if closes, err := s.get(); err != nil || closes != (at > c.closes) {
						t.Errorf("%s later: got a connection that closes = %t, %v, want %t", at, closes, err, at > c.closes)
					}
				}
				if err := <-s.ended; err != nil {
					t.Errorf("the end: got %v, want no error", err)
				}
				if _, err := s.get(); err == nil {
					t.Error("after the end: got a response, want none")
				}
			})
		})
	}
}

// TestARequestUnderWayIsFinished after the listener closed, but not for ever.
func TestARequestUnderWayIsFinished(t *testing.T) {
	for _, c := range []struct {
		takes time.Duration
		ok    bool
	}{{takes: 9 * time.Second, ok: true}, {takes: 20 * time.Second, ok: false}} {
		t.Run(c.takes.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, 0, func(_ http.ResponseWriter, r *http.Request) {
					select {
					case <-time.After(c.takes):
					case <-r.Context().Done():
					}
				})
				response := make(chan error, 1)
				go func() {
					_, err := s.get()
					response <- err
				}()
				synctest.Wait()
				s.stop()
				ended := <-s.ended
				if err := <-response; (err == nil) != c.ok || (ended == nil) != c.ok {
					t.Errorf("got the response %v and the end %v, want both good = %t", err, ended, c.ok)
				}
			})
		})
	}
}
