package service

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"playtoken/httpserver"
)

// loadVariable makes a process of these tests one that sends requests; its value is
// a load in JSON.
const loadVariable = "PLAYTOKEN_TEST_LOAD"

// loadCallers is how many requests are under way at a time.
const loadCallers = 16

// load has another process send requests for tokens.
type load struct {
	Address, Key string

	orders io.Writer
	done   *bufio.Reader
}

// order is what a load is to do next.
type order struct {
	N        int
	Distinct bool
}

// newLoad serves until the benchmark ends, as a service does, and starts the process
// that sends requests.
func newLoad(b *testing.B, handler http.Handler, key string) *load {
	ln, err := httpserver.Listen(b.Context(), "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		httpserver.Server{Handler: handler, Log: slog.New(slog.DiscardHandler)}.Serve(b.Context(), ln)
	}()
	b.Cleanup(func() { <-served }) // b.Context has ended
	l := &load{Address: ln.Addr().String(), Key: key}
	text, err := json.Marshal(l)
	if err != nil {
		b.Fatal(err)
	}
	process := exec.Command(os.Args[0])
	process.Env, process.Stderr = append(os.Environ(), loadVariable+"="+string(text)), os.Stderr
	orders, err := process.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	done, err := process.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := process.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		orders.Close()
		if err := process.Wait(); err != nil {
			b.Errorf("the process that sends requests: got %v, want it to end well", err)
		}
	})
	l.orders, l.done = orders, bufio.NewReader(done)
	return l
}

// send has requests sent, and returns when all are answered.
func (l *load) send(b *testing.B, o order) {
	if err := json.NewEncoder(l.orders).Encode(o); err != nil {
		b.Fatal(err)
	}
	if _, err := l.done.ReadString('\n'); err != nil {
		b.Fatalf("the process that sends requests: %v", err)
	}
}

// serveOrders is the process of a load. It ends with its input.
func serveOrders(text string, in io.Reader, out io.Writer) error {
	var l load
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return err
	}
	callers := make([]caller, loadCallers)
	for i := range callers {
		conn, err := net.Dial("tcp", l.Address)
		if err != nil {
			return err
		}
		defer conn.Close()
		callers[i] = caller{conn: conn, in: bufio.NewReader(conn), key: l.Key}
	}
	var sent atomic.Int64 // over all orders, so that each request is another one
	for orders := json.NewDecoder(in); ; {
		var o order
		if err := orders.Decode(&o); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		var all errgroup.Group
		for i := range callers {
			all.Go(func() error { return callers[i].carryOut(o, &sent) })
		}
		if err := all.Wait(); err != nil {
			return err
		}
		fmt.Fprintln(out, "done")
	}
}

// caller sends one request after another.
type caller struct {
	conn net.Conn
	in   *bufio.Reader
	key  string
}

func (c caller) carryOut(o order, sent *atomic.Int64) error {
	for range o.N / loadCallers {
		n := int64(0)
		if o.Distinct {
			n = sent.Add(1)
		}
		body := mintBody(n)
		_, err := fmt.Fprintf(c.conn, "POST /v1/playback-tokens HTTP/1.1\r\nHost: load\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", c.key, len(body), body)
		if err != nil {
			return err
		}
		response, err := http.ReadResponse(c.in, nil)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusCreated {
			return fmt.Errorf("got status %d, %v, want 201: %s", response.StatusCode, err, bytes.TrimSpace(text))
		}
	}
	return nil
}

// mintBody is the body of the n-th request.
func mintBody(n int64) string { return fmt.Sprintf(`{"video_id":"video%016d","expires_in":600}`, n) }
