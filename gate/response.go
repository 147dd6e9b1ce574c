package gate

import (
	"io"
	"math"
	"net/http"
	"os"
	"time"
)

const (
	// stall is how long a viewer may take no bytes before the connection ends.
	stall = 30 * time.Second
	// chunk is how many bytes a viewer has to take within that time.
	chunk = 64 << 10
	// again is how often, while bytes flow, a viewer is looked at who was
	// admitted when the download began.
	again = 2 * time.Second
)

// response remembers the status for the log, and lets an answer take as long
// as its bytes flow: the server's own write timeout would end a long download.
// It is cut off when the viewer may no longer watch.
type response struct {
	http.ResponseWriter
	status int
	bytes  int64        // of the body that were taken
	id     string       // of the request in the audit log; never chosen by a client
	may    func() error // says why the viewer may no longer watch; nil: anyone may
	asked  time.Time    // when may was last asked, or the download began
	cut    error        // what may said

	management bool // the request is one of the key API
}

// whileAdmitted has an answer go on only while the viewer may watch.
func whileAdmitted(w http.ResponseWriter, may func() error) {
	if a, ok := w.(*response); ok {
		a.may, a.asked = may, time.Now()
	}
}

// next allows one more chunk.
func (a *response) next() error {
	now := time.Now()
	if a.may != nil && a.cut == nil && now.Sub(a.asked) >= again {
		a.cut, a.asked = a.may(), now
	}
	_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(now.Add(stall)) // a test's recorder has no deadline
	return a.cut
}

func (a *response) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *response) Write(b []byte) (n int, err error) {
	for n < len(b) {
		if err := a.next(); err != nil {
			return n, err
		}
		m, err := a.ResponseWriter.Write(b[n:min(n+chunk, len(b))])
		n += m
		a.bytes += int64(m)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// ReadFrom keeps the way open on which the kernel copies files to the network:
// a file, or a part of one, is handed on as that. What is no file is written, with
// the header before it if it is short, and not one after the other.
func (a *response) ReadFrom(r io.Reader) (n int64, err error) {
	whole, ok := r.(*io.LimitedReader)
	if !ok {
		whole = &io.LimitedReader{R: r, N: math.MaxInt64}
	}
	if _, onDisk := whole.R.(*os.File); !onDisk {
		return io.Copy(writing{to: a}, whole)
	}
	for whole.N > 0 {
		if err := a.next(); err != nil {
			return n, err
		}
		part := min(chunk, whole.N)
		m, err := io.Copy(a.ResponseWriter, &io.LimitedReader{R: whole.R, N: part})
		n += m
		a.bytes += m
		whole.N -= m
		if err != nil || m < part {
			return n, err
		}
	}
	return n, nil
}

// writing is a response without ReadFrom.
type writing struct{ to *response }

func (w writing) Write(b []byte) (int, error) { return w.to.Write(b) }

// Unwrap is for http.ResponseController.
func (a *response) Unwrap() http.ResponseWriter { return a.ResponseWriter }
