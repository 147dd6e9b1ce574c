package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"playtoken/audit"
	"playtoken/handlers"
	"playtoken/httpserver"
	"playtoken/projects"
	"playtoken/projects/operators"
	"playtoken/secret"
	"playtoken/web/console"
)

// openBrowsers makes what keeps operators signed in in their browsers.
func (s *Service) openBrowsers(context.Context, Options) error {
	s.browsers = operators.NewBrowsers(operators.BrowserConfig{
		Secrets: s.Projects, Documents: s.Storage.Store, AdminKeys: adminKeys{environment: s.environmentKeys, view: s.view},
		SignIn: s.signIn, Staleness: s.Settings.Rotation.Durations.Staleness,
	})
	s.onClose(s.browsers.Close)
	return nil
}

// consoleCallback is where a sign-in with the identity provider ends that began in
// the console; "" without a console.
func (s *Service) consoleCallback() string {
	if !s.Settings.HasConsole() {
		return ""
	}
	return strings.TrimSuffix(s.Settings.PublicURL, "/") + console.CallbackPath
}

// newConsole returns the console, whose pages are made of the API. Door is the API
// as callers on the network have it.
func (s *Service) newConsole(door http.Handler) (*console.Console, error) {
	c := s.handlerConfig()
	c.Callers, c.ClientIP = s.browsers, s.clientIP
	c.Ready, c.ProjectReady = s.Ready, s.ProjectReady
	return console.New(console.Config{
		API: handlers.New(c), Door: door, Sessions: consoleSessions{browsers: s.browsers, record: s.audit, identify: s.identify},
		URL: s.Settings.PublicURL, Provider: s.signIn != nil, Link: s.link, Replica: s.replica, Log: s.log,
	})
}

// replica is how this process is, for the console.
func (s *Service) replica() console.Replica {
	r := console.Replica{Store: StoreName(s.Settings.StoreFile, s.Settings.Vault.Address), Totals: map[string]console.Totals{}}
	for id, t := range s.Metrics.Totals() {
		r.Totals[id] = console.Totals(t)
	}
	if s.Storage.Vault == nil {
		return r
	}
	login := s.Storage.Vault.Login()
	r.Trouble = login.Failures > 0 || login.LockedOut
	switch {
	case login.LockedOut:
		r.Login = login.Method + ": Vault has locked it out"
	case login.Failures > 0:
		r.Login = fmt.Sprintf("%s: failed %d times since the last success", login.Method, login.Failures)
	case login.ExpiresAt.IsZero():
		r.Login = login.Method
	default:
		r.Login = login.Method + ", renewed before " + login.ExpiresAt.UTC().Format("15:04 UTC")
	}
	return r
}

// sample notes what is counted for the charts of the console, until ctx ends.
func (s *Service) sample(ctx context.Context) error {
	if s.console == nil {
		return nil
	}
	tick := time.NewTicker(console.SampleEvery)
	defer tick.Stop()
	for {
		s.console.Sample()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// withConsole puts the console in front of the API.
func withConsole(pages, api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/console" || strings.HasPrefix(r.URL.Path, console.Path) {
			pages.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

// adminKeys are the environment's and those in the store.
type adminKeys struct {
	environment func() projects.EnvironmentKeys
	view        *projects.View
}

// Operator implements [operators.AdminKeys].
func (a adminKeys) Operator(ctx context.Context, id string) (projects.Caller, []byte, error) {
	if id != projects.EnvironmentAdmin {
		return a.view.Operator(ctx, id)
	}
	return a.environment().Operator()
}

// Used implements [operators.AdminKeys].
func (a adminKeys) Used(id string) { a.view.Used(id) }

// identify finds the operator of a credential of the network's API.
func (s *Service) identify(ctx context.Context, credential secret.Value) (projects.Caller, error) {
	return callers{environment: s.environmentKeys, keys: s.view, tokens: s.access, sessions: s.signIn}.Identify(ctx, credential)
}

// consoleSessions are the sessions of the console, with their entries in the record.
type consoleSessions struct {
	browsers *operators.Browsers
	record   *audit.Log
	identify func(context.Context, secret.Value) (projects.Caller, error)
}

// Begin implements [console.Sessions].
func (c consoleSessions) Begin(ctx context.Context, credential secret.Value, requestID string) (secret.Value, error) {
	caller, err := c.identify(ctx, credential)
	if err != nil {
		return secret.Value{}, signedOut(err)
	}
	if !caller.Operates() {
		return secret.Value{}, console.ErrSignedOut
	}
	begin := func() (secret.Value, error) { return c.browsers.BeginWithKey(ctx, caller.ID) }
	if operators.IsSession(credential) {
		begin = func() (secret.Value, error) { return c.browsers.BeginWithToken(ctx, credential) }
	}
	cookie, err := begin()
	if err != nil {
		return secret.Value{}, signedOut(err)
	}
	return cookie, c.record.Record(ctx, audit.Entry{Actor: caller.ID, ActorName: caller.Name, Action: "console.sign_in", RequestID: requestID, Result: "ok"})
}

// Resume implements [console.Sessions].
func (c consoleSessions) Resume(ctx context.Context, cookie secret.Value) (console.Person, secret.Value, error) {
	session, err := c.browsers.Resume(ctx, cookie)
	return personOf(session), session.Renewed, signedOut(err)
}

// Look implements [console.Sessions].
func (c consoleSessions) Look(ctx context.Context, cookie secret.Value) (console.Person, error) {
	session, err := c.browsers.Look(ctx, cookie)
	return personOf(session), signedOut(err)
}

func personOf(session operators.BrowserSession) console.Person {
	caller := session.Caller
	return console.Person{ID: caller.ID, Name: caller.Name, Role: string(caller.Role), Session: session.ID, Ends: session.Ends}
}

// End implements [console.Sessions]. A session ends even if that cannot be recorded.
func (c consoleSessions) End(ctx context.Context, cookie secret.Value) error {
	caller, err := c.browsers.Identify(ctx, cookie)
	if err != nil {
		return signedOut(err)
	}
	if err := c.browsers.End(ctx, cookie); err != nil {
		return signedOut(err)
	}
	return c.record.RecordLazily(audit.Entry{Actor: caller.ID, ActorName: caller.Name, Action: "console.sign_out", Result: "ok"})
}

// signedOut is the console's error for a credential that is not an operator's.
func signedOut(err error) error {
	if errors.Is(err, projects.ErrUnknownCaller) {
		return console.ErrSignedOut
	}
	return err
}

// consoleListener is a listener for the console alone. The zero value listens
// nowhere.
type consoleListener struct{ listener net.Listener }

// listenConsole takes an address for the console, unless the address is empty.
func listenConsole(ctx context.Context, address string) (consoleListener, error) {
	if address == "" {
		return consoleListener{}, nil
	}
	ln, err := httpserver.Listen(ctx, address)
	return consoleListener{listener: ln}, err
}

// Close closes the listener.
func (l consoleListener) Close() error {
	if l.listener == nil {
		return nil
	}
	return l.listener.Close()
}

// serve serves the console of a service until ctx ends, with the TLS of its API.
func (l consoleListener) serve(ctx context.Context, s *Service, api httpserver.Server) error {
	if l.listener == nil {
		return nil
	}
	s.log.Info("the console is listening", "address", l.listener.Addr().String())
	handler := withConsole(s.console, http.RedirectHandler(console.Path, http.StatusFound))
	return httpserver.Server{Handler: handler, Log: s.log, TLS: api.TLS, Drain: api.Drain}.Serve(ctx, l.listener)
}
