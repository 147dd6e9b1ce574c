package gate_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are in memory, with deadlines of a
// fake clock.
type pipes struct {
	accept chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.accept:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// download asks for a film of the given size and reads it with a pause after
// every bite of 32 KiB, until it ends. The server's write timeout is shorter
// than the whole takes.
func download(t *testing.T, size int, pause time.Duration) (read int, err error) {
	media := fstest.MapFS{"film/0.ts": {Data: bytes.Repeat([]byte("a"), size)}}
	g, id := openOn(t, media)
	token := sign(id, ours(), map[string]any{"sub": video, "exp": begin.Add(time.Hour).Unix()})
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{accept: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{Handler: g.Handler(), WriteTimeout: 30 * time.Second}
		served := make(chan error)
		go func() { served <- server.Serve(p) }()
		client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			p.accept <- theirs
			return ours, nil
		}}}
		response, get := client.Get("http://gate/film/0.ts?jwt=" + token)
		if err = get; err != nil {
			return
		}
		bite := make([]byte, 32<<10)
		for err == nil {
			var n int
			n, err = io.ReadFull(response.Body, bite)
			read += n
			time.Sleep(pause)
		}
		response.Body.Close()
		client.CloseIdleConnections()
		server.Close()
		if closed := <-served; !errors.Is(closed, http.ErrServerClosed) {
			t.Errorf("the server ended with %v, want %v", closed, http.ErrServerClosed)
		}
	})
	return read, err
}

func TestADownloadMayTakeAsLongAsBytesFlow(t *testing.T) {
	const size = 4 << 20 // at 8 kB/s: some nine minutes
	if read, err := download(t, size, 4*time.Second); read != size {
		t.Errorf("read %d bytes, %v, want %d", read, err, size)
	}
}

func TestAStalledDownloadEnds(t *testing.T) {
	const size = 4 << 20
	if read, err := download(t, size, 5*time.Minute); read == size || errors.Is(err, io.EOF) {
		t.Errorf("read %d bytes, %v, want the connection to end before %d", read, err, size)
	}
}
