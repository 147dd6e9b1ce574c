// Package remote makes a verb's requests to a running service, and signs its user in
// there.
//
// The decision a newcomer would get wrong: a running service is an http.Handler
// here, like the handlers of a verb that opens the store itself. A verb cannot tell
// the two apart, so it has the same permissions, results and exit codes with both.
package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/secret"
)

const (
	// timeout is for one request: a rotation can wait for propagation.
	timeout     = 5 * time.Minute
	maxResponse = 64 << 20 // bytes
)

// Server is a running service. It is an http.Handler.
type Server struct {
	URL        string       // without a slash at the end
	Credential secret.Value // zero: requests are sent without one
}

// ServeHTTP makes the request to the server. The response to a request that could
// not be made is the problem "signer_unavailable".
func (s Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	response, err := s.send(r.Context(), r)
	if err != nil {
		problem(w, fmt.Sprintf("%s, which PLAYTOKEN_SERVER names, cannot be reached: %v", s.URL, err))
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxResponse))
	if err != nil {
		problem(w, "the server's response broke off, so what became of the request is unknown; ask again what is there now")
		return
	}
	w.WriteHeader(response.StatusCode)
	_, _ = w.Write(body) // into memory
}

func (s Server) send(ctx context.Context, r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	out, err := http.NewRequestWithContext(ctx, r.Method, s.URL+r.URL.RequestURI(), r.Body)
	if err != nil {
		cancel()
		return nil, err
	}
	out.Header = r.Header.Clone()
	out.Header.Del("Authorization")
	if !s.Credential.IsZero() {
		out.Header.Set("Authorization", "Bearer "+s.Credential.Reveal())
	}
	response, err := (&http.Client{CheckRedirect: stay}).Do(out)
	if err == nil && response.StatusCode >= 300 && response.StatusCode < 400 {
		response.Body.Close()
		err = errors.New("it redirects, and a credential is not sent to another address; set PLAYTOKEN_SERVER to that address")
	}
	if err != nil {
		cancel()
		return nil, plainly(err)
	}
	response.Body = cancelling{ReadCloser: response.Body, cancel: cancel}
	return response, nil
}

// stay makes a redirect a response like any other.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// cancelling ends a request when its response was read.
type cancelling struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close implements io.Closer.
func (c cancelling) Close() error {
	defer c.cancel()
	return c.ReadCloser.Close()
}

// plainly leaves out the URL, which may be long, and the method.
func plainly(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}

func problem(w http.ResponseWriter, detail string) {
	body, err := json.Marshal(map[string]any{"status": http.StatusServiceUnavailable, "code": "signer_unavailable", "detail": detail})
	if err != nil {
		body = []byte(`{"status":503,"code":"signer_unavailable"}`)
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write(body)
}
