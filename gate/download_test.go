package gate_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
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
// than the whole takes. Once half of it is read, middle is called, if there is one.
func download(t *testing.T, size int, pause time.Duration, middle func(http.Handler)) (read int, err error) {
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
			if read += n; read >= size/2 && middle != nil {
				middle(g.Handler())
				middle = nil
			}
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
	if read, err := download(t, size, 4*time.Second, nil); read != size {
		t.Errorf("read %d bytes, %v, want %d", read, err, size)
	}
}

func TestAStalledDownloadEnds(t *testing.T) {
	const size = 4 << 20
	if read, err := download(t, size, 5*time.Minute, nil); read == size || errors.Is(err, io.EOF) {
		t.Errorf("read %d bytes, %v, want the connection to end before %d", read, err, size)
	}
}

// TestADownloadEndsWithItsSession, within seconds, and what has arrived is not
// taken for the whole.
func TestADownloadEndsWithItsSession(t *testing.T) {
	const size = 4 << 20 // at 64 kB/s: a minute
	for _, body := range []string{`{"video_id":"film"}`, `{"all":true}`} {
		read, err := download(t, size, 500*time.Millisecond, func(h http.Handler) {
			r := httptest.NewRequest("POST", "/v2/sessions/end", strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+apiKey)
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != http.StatusOK {
				t.Errorf("%s: got %d %s, want 200", body, w.Code, w.Body)
			}
		})
		if most := size/2 + 4*(64<<10) + 8*(32<<10); read < size/2 || read > most || errors.Is(err, io.EOF) {
			t.Errorf("%s: read %d bytes, %v, want an error after %d at most", body, read, err, most)
		}
	}
	if read, _ := download(t, size, 500*time.Millisecond, func(http.Handler) {}); read != size {
		t.Errorf("read %d bytes of a session that goes on, want %d", read, size)
	}
}
