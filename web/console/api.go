package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/secret"
)

// api makes requests to the service's handler, in the process, for a browser.
type api struct {
	handler    http.Handler
	from       *http.Request       // of the browser: where it comes from
	to         http.ResponseWriter // to the browser; nil: its deadline is left alone
	credential secret.Value        // zero: none
}

// request is one to the API.
type request struct {
	method string
	path   string         // with its query
	body   map[string]any // nil: none
}

// answer is a response that is no problem.
type answer struct {
	status    int
	requestID string
	body      []byte
}

// into decodes the answer.
func (a answer) into(value any) error {
	if err := json.Unmarshal(a.body, value); err != nil {
		return fmt.Errorf("read a response of the API: %w", err)
	}
	return nil
}

// forwarded are the headers that say where a browser's request comes from.
var forwarded = []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "User-Agent", "Traceparent"}

// do makes a request. The error is a *Problem if it was refused.
func (a api) do(q request) (answer, error) {
	var body io.Reader = http.NoBody
	if q.body != nil {
		data, err := json.Marshal(q.body)
		if err != nil {
			return answer{}, &Problem{Status: http.StatusBadRequest, Title: "Not sent", Detail: "What was typed in is not UTF-8."}
		}
		body = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(a.from.Context(), q.method, q.path, body)
	if err != nil {
		return answer{}, &Problem{Status: http.StatusNotFound, Title: "Not found", Detail: "There is no such page."}
	}
	r.RemoteAddr, r.TLS, r.RequestURI = a.from.RemoteAddr, a.from.TLS, q.path
	for _, name := range forwarded {
		r.Header[name] = a.from.Header.Values(name)
	}
	if !a.credential.IsZero() {
		r.Header.Set("Authorization", bearer(a.credential))
	}
	if q.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return exchange(a.handler, r, a.to)
}

func exchange(handler http.Handler, r *http.Request, to http.ResponseWriter) (answer, error) {
	response := &kept{header: http.Header{}, status: http.StatusOK, to: to}
	handler.ServeHTTP(response, r)
	if response.status >= http.StatusBadRequest {
		p := &Problem{Status: response.status, Title: http.StatusText(response.status)}
		if err := json.Unmarshal(response.body.Bytes(), p); err != nil {
			return answer{}, fmt.Errorf("read a problem of the API: %w", err)
		}
		return answer{}, p
	}
	return answer{status: response.status, requestID: response.header.Get("X-Request-Id"), body: response.body.Bytes()}, nil
}

// kept is an http.ResponseWriter that keeps the response.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
	to     http.ResponseWriter // whose deadline is that of this response; nil: none
}

func (k *kept) Header() http.Header    { return k.header }
func (k *kept) WriteHeader(status int) { k.status = status }

// SetWriteDeadline gives the page of a request that may take long, such as a rotation
// or an examination, as much time as the API gives its response.
func (k *kept) SetWriteDeadline(deadline time.Time) error {
	if k.to == nil {
		return http.ErrNotSupported
	}
	return http.NewResponseController(k.to).SetWriteDeadline(deadline)
}

func (k *kept) Write(p []byte) (int, error) { return k.body.Write(p) }

// Problem is why a request was refused: a problem document of the API, or of the
// console itself.
type Problem struct {
	Status        int          `json:"status"`
	Code          string       `json:"code"`
	Title         string       `json:"title"`
	Detail        string       `json:"detail"`
	RequestID     string       `json:"request_id"`
	EarliestAt    *time.Time   `json:"earliest_at"`
	NeedsOperator bool         `json:"needs_operator"`
	Fields        []fieldFault `json:"errors"`
}

// fieldFault is what is wrong with a member of a request.
type fieldFault struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

func (p *Problem) Error() string { return p.Detail }

// problemOf is the problem that an error is shown as.
func problemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if errors.Is(err, context.Canceled) {
		return &Problem{Status: http.StatusRequestTimeout, Title: "Cancelled", Detail: "The browser did not wait."}
	}
	return &Problem{Status: http.StatusInternalServerError, Title: "Internal error", Detail: "This page could not be made; the service's log says why."}
}

// visit is one request of a person who is signed in.
type visit struct {
	console  *Console
	response http.ResponseWriter
	request  *http.Request
	person   Person
	cookie   secret.Value

	told string // what a platform said about an account that is saved
	open bool   // a platform was asked, and it is not known whether the account is right
}

// api is the API for the person, with the permissions of their role.
func (v *visit) api() api {
	return api{handler: v.console.config.API, from: v.request, to: v.response, credential: v.cookie}
}

// get reads from the API. The error is a *Problem if it was refused.
func (v *visit) get(path string, into any) error {
	found, err := v.api().do(request{method: http.MethodGet, path: path})
	if err != nil {
		return err
	}
	return found.into(into)
}

// project is the path of the project that the page is about, in the API.
func (v *visit) project() string { return "/v1/projects/" + v.escaped("project") }

// key is the path of the signing key that the page is about, in the API.
func (v *visit) key() string { return v.project() + "/signing-keys/" + v.escaped("generation") }

// escaped is a variable of the page's path, as a segment of another path.
func (v *visit) escaped(name string) string { return segment(v.request.PathValue(name)) }

// segment is a text as a segment of a path. A text that the path would not keep as
// one becomes one that exists nowhere.
func segment(text string) string {
	if text == "" || text == "." || text == ".." || strings.ContainsAny(text, `/\`) {
		return "-"
	}
	return url.PathEscape(text)
}

// list is a list of the API, or a page of one.
type list[Row any] struct {
	Items []Row `json:"items"`
	Links []struct {
		Rel  string `json:"rel"` // "previous", "self" or "next"
		Href string `json:"href"`
	} `json:"links"`
}
