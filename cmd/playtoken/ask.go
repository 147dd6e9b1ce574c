package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"playtoken/handlers"
	"playtoken/projects"
	"playtoken/secret"
)

// asking is a request to our own handlers.
type asking struct {
	method, path string
	query        url.Values
	body         map[string]any // nil: none
}

// ask makes the request as whoever runs this process, who holds the store's
// credential and needs no other, and prints the answer.
func (a *app) ask(ctx context.Context, q asking) error {
	return a.withParts(ctx, q.method != http.MethodGet, func(p *parts) error {
		request, err := q.request(ctx)
		if err != nil {
			return err
		}
		answer := &heard{header: http.Header{}, status: http.StatusOK}
		c := p.handlers()
		c.Callers, c.Limits = operator{}, nil
		handlers.New(c).ServeHTTP(answer, request)
		if answer.status >= http.StatusBadRequest {
			return answer.problem()
		}
		if answer.body.Len() == 0 {
			return nil
		}
		return a.print(jsonView{jsontext.Value(bytes.TrimSpace(answer.body.Bytes()))})
	})
}

func (q asking) request(ctx context.Context) (*http.Request, error) {
	var body io.Reader
	if q.body != nil {
		data, err := json.Marshal(q.body)
		if err != nil {
			return nil, usageError{"a flag or an argument is not UTF-8"} // the only text that has no JSON
		}
		body = bytes.NewReader(data)
	}
	target := q.path
	if len(q.query) > 0 {
		target += "?" + q.query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, q.method, target, body)
	if err != nil {
		return nil, usageError{fmt.Sprintf("not an id: %q", q.path)}
	}
	request.Header.Set("Authorization", "Bearer cli")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, nil
}

// operator is the caller of a command line.
type operator struct{}

func (operator) Identify(context.Context, secret.Value) (projects.Caller, error) {
	return projects.Caller{ID: "cli", Admin: true}, nil
}

// heard is an answer, kept.
type heard struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heard) Header() http.Header         { return h.header }
func (h *heard) WriteHeader(status int)      { h.status = status }
func (h *heard) Write(p []byte) (int, error) { return h.body.Write(p) }

// refusal is a problem that the handlers answered with.
type refusal struct {
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

func (h *heard) problem() error {
	var r refusal
	if err := json.Unmarshal(h.body.Bytes(), &r); err != nil {
		return fmt.Errorf("refused with status %d", h.status)
	}
	return r
}

func (r refusal) Error() string { return r.Detail }

// jsonView prints an answer as it is; for people, a list as one row for each of
// its items, and anything else as one line for each of its members.
type jsonView struct{ jsontext.Value }

func (v jsonView) MarshalJSON() ([]byte, error) { return v.Value, nil }

func (v jsonView) table(w io.Writer) {
	var list struct {
		Items []map[string]any `json:"items"`
		Links []struct{ Rel, Href string }
	}
	if json.Unmarshal(v.Value, &list) != nil || list.Items == nil {
		v.members(w)
		return
	}
	for _, item := range list.Items {
		for _, column := range []string{"project_id", "api_key_id", "name", "platform", "scopes", "created_at", "last_used_at"} {
			if value, ok := item[column]; ok {
				fmt.Fprintf(w, "%v\t", shownOr(value))
			}
		}
		fmt.Fprintln(w)
	}
	for _, link := range list.Links {
		if _, query, ok := strings.Cut(link.Href, "?"); ok && link.Rel == "next" {
			values, _ := url.ParseQuery(query)
			fmt.Fprintf(w, "\nmore: --cursor %s\n", values.Get("cursor"))
		}
	}
}

func shownOr(value any) any {
	if value == nil {
		return "-"
	}
	return value
}

func (v jsonView) members(w io.Writer) {
	decoder := jsontext.NewDecoder(bytes.NewReader(v.Value))
	for {
		token, err := decoder.ReadToken()
		if err != nil {
			return
		}
		if kind := token.Kind(); kind != '{' && kind != '}' && kind != '[' && kind != ']' && !isName(decoder) {
			fmt.Fprintf(w, "%s\t%s\n", member(decoder.StackPointer()), token)
		}
	}
}

// isName reports whether the token that was just read is a member's name.
func isName(decoder *jsontext.Decoder) bool {
	kind, length := decoder.StackIndex(decoder.StackDepth())
	return kind == '{' && length%2 == 1
}

// member spells where a value is: "platform_settings.url", "scopes.0".
func member(pointer jsontext.Pointer) string {
	var names []string
	for name := range pointer.Tokens() {
		names = append(names, name)
	}
	return strings.Join(names, ".")
}
