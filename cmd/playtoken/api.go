package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"playtoken/projects"
	"playtoken/service"
	"playtoken/settings"
)

// localAPI is the HTTP API without a network: requests go to the handlers that
// serve has, so that a verb and its route have the same permissions, rules,
// records and results.
type localAPI struct {
	handler    http.Handler
	settings   settings.Settings
	hasDefault bool // the environment describes the project default
}

// withService runs a verb on the deployment that the environment describes. Only
// a verb that creates something may create a file store: the path may be
// mistyped.
func (a *app) withService(ctx context.Context, create bool, do func(*service.Service) error) error {
	if err := a.local(); err != nil {
		return err
	}
	set, err := settings.ForService(a.environ)
	if err != nil {
		return err
	}
	defer a.working()()
	s, err := a.open(ctx, set, create)
	if err != nil {
		return err
	}
	defer s.Close()
	return do(s)
}

// local refuses a verb that is no request to the API, where verbs speak to a running
// service.
func (a *app) local() error {
	if set, err := settings.ForClient(a.environ); err == nil && set.Server != "" {
		return usageError{"this verb works on the store itself: unset PLAYTOKEN_SERVER"}
	}
	return nil
}

func (a *app) open(ctx context.Context, set settings.Settings, create bool) (*service.Service, error) {
	return service.Open(ctx, set, a.serviceOptions(create))
}

// serviceOptions are those of a verb that a person runs.
func (a *app) serviceOptions(create bool) service.Options {
	return service.Options{CreateStore: create, Stderr: a.stderr, Terminal: a.terminal, Log: a.log(), Build: buildVersion().build()}
}

// withAPI runs a verb on the API of that deployment, as the local operator, or on
// that of the running service that PLAYTOKEN_SERVER names.
func (a *app) withAPI(ctx context.Context, create bool, do func(*localAPI) error) error {
	if set, err := settings.ForClient(a.environ); err == nil && set.Server != "" {
		door, err := a.remoteAPI(set)
		if err != nil {
			return err
		}
		defer a.working()()
		return a.showWaiting(do(door))
	}
	return a.withService(ctx, create, func(s *service.Service) error {
		return a.showWaiting(do(&localAPI{handler: s.LocalHandler(), settings: s.Settings, hasDefault: s.Projects.DefaultProject != nil}))
	})
}

// ask makes one request and prints its response.
func (a *app) ask(ctx context.Context, q apiRequest) error {
	return a.withAPI(ctx, q.method != http.MethodGet, func(door *localAPI) error {
		var response jsontext.Value
		if err := door.call(ctx, q, &response); err != nil || response == nil {
			return err
		}
		return a.print(jsonView{response})
	})
}

// project returns the id of the project that a flag names: that of the project
// default if the flag is empty.
func (d *localAPI) project(flag string) (string, error) {
	if flag == "" && !d.hasDefault {
		return "", settings.Error{errors.New("there is no project default: set PLAYTOKEN_PLATFORM_API_KEY to create it, or name a project with --project")}
	}
	return cmp.Or(flag, projects.Default), nil
}

// apiRequest is a request to the API.
type apiRequest struct {
	method, path string
	query        url.Values
	body         map[string]any // nil: the request has no body
	missing      string         // what to do about a response not_found, where that differs from the usual
}

// call makes a request and decodes the response into a value. It returns a
// *apiProblem if the request was refused.
func (d *localAPI) call(ctx context.Context, q apiRequest, into any) error {
	request, err := q.request(ctx)
	if err != nil {
		return err
	}
	response := &responseBuffer{header: http.Header{}, status: http.StatusOK}
	d.handler.ServeHTTP(response, request)
	body := bytes.TrimSpace(response.body.Bytes())
	switch {
	case response.status >= http.StatusBadRequest:
		return newProblem(response.status, body, q.missing)
	case len(body) == 0:
		return nil
	case response.status == http.StatusAccepted:
		into = new(waits)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read the response to %s %s: %w", q.method, q.path, err)
	}
	if waiting, ok := into.(*waits); ok {
		return *waiting
	}
	return nil
}

func (q apiRequest) request(ctx context.Context) (*http.Request, error) {
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

// responseBuffer is an http.ResponseWriter that keeps the response.
type responseBuffer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *responseBuffer) Header() http.Header         { return b.header }
func (b *responseBuffer) WriteHeader(status int)      { b.status = status }
func (b *responseBuffer) Write(p []byte) (int, error) { return b.body.Write(p) }

// apiProblem is a problem document: the API's, or one like it about an error of
// this process.
type apiProblem struct {
	Type          string         `json:"type"`
	Title         string         `json:"title"`
	Status        int            `json:"status"`
	Detail        string         `json:"detail"`
	Code          string         `json:"code"`
	RequestID     string         `json:"request_id,omitzero"` // of a request to the API
	Errors        []fieldProblem `json:"errors,omitempty"`
	EarliestAt    *time.Time     `json:"earliest_at,omitzero"`
	NeedsOperator bool           `json:"needs_operator,omitzero"`

	Remedy   string `json:"remedy,omitzero"` // what a person can do; empty: the usual for its code
	ExitCode int    `json:"exit_code,omitzero"`

	More jsontext.Value `json:",embed"` // of the API's document
}

// fieldProblem is what is wrong with a member of a request, or with a setting.
type fieldProblem struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

func newProblem(status int, body []byte, missing string) error {
	p := &apiProblem{}
	if err := json.Unmarshal(body, p); err != nil {
		return fmt.Errorf("refused with status %d", status)
	}
	if p.Code == "not_found" {
		p.Remedy = missing
	}
	return p
}

func (p *apiProblem) Error() string { return p.Detail }
