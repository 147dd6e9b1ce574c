package gate

import (
	"io"
	"math"
	"net/http"
	"time"
)

const (
	// stall is how long a viewer may take no bytes before the connection ends.
	stall = 30 * time.Second
	// chunk is how many bytes a viewer has to take within that time.
	chunk = 64 << 10
)

// response remembers the status for the log, and lets an answer take as long
// as its bytes flow: the server's own write timeout would end a long download.
type response struct {
	http.ResponseWriter
	status int
}

func (a *response) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *response) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		a.extend()
		m, err = a.ResponseWriter.Write(b[n:min(n+chunk, len(b))])
		n += m
	}
	return n, err
}

// ReadFrom keeps the way open on which the kernel copies files to the network:
// a file, or a part of one, is handed on as that.
func (a *response) ReadFrom(r io.Reader) (n int64, err error) {
	whole, ok := r.(*io.LimitedReader)
	if !ok {
		whole = &io.LimitedReader{R: r, N: math.MaxInt64}
	}
	for whole.N > 0 {
		part := min(chunk, whole.N)
		a.extend()
		m, err := io.Copy(a.ResponseWriter, &io.LimitedReader{R: whole.R, N: part})
		n += m
		whole.N -= m
		if err != nil || m < part {
			return n, err
		}
	}
	return n, nil
}

func (a *response) extend() {
	_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(time.Now().Add(stall)) // a test's recorder has no deadline
}

// Unwrap is for http.ResponseController.
func (a *response) Unwrap() http.ResponseWriter { return a.ResponseWriter }
