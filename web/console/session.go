package console

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"playtoken/limits"
	"playtoken/secret"
)

// Cookie is the name of the cookie that holds a session.
const Cookie = "playtoken_console"

// Person is who is signed in.
type Person struct {
	ID      string // as the audit record has it
	Name    string // may be empty
	Role    string // "admin", "operator" or "auditor"
	Session string // names the session, and is no secret
	Ends    time.Time
}

// Changes reports whether the person's role lets them change anything. It only
// decides which buttons are shown: the API decides what is done.
func (p Person) Changes() bool { return p.Role != "auditor" }

// Administers reports the same of what only an admin may change.
func (p Person) Administers() bool { return p.Role == "admin" }

// Called is what the person is called on pages.
func (p Person) Called() string {
	if p.Name != "" {
		return p.Name
	}
	return p.ID
}

// ErrSignedOut is the error of a session that is over or never began, and of a
// credential that belongs to no operator.
var ErrSignedOut = errors.New("the session is over")

// Sessions keeps people signed in, on all replicas. Errors other than ErrSignedOut
// mean that it is not known, and that the person can try again.
type Sessions interface {
	// Begin begins a session with an operator's credential, which may be an admin
	// key or the token of a sign-in with the identity provider, and puts it on
	// record, with the id of the request.
	Begin(ctx context.Context, credential secret.Value, requestID string) (cookie secret.Value, err error)
	// Resume returns the person of a session, who asks for a page, and what to keep in
	// place of the cookie, if anything. It is a use of what they signed in with.
	Resume(ctx context.Context, cookie secret.Value) (person Person, renewed secret.Value, err error)
	// Look returns the person of a session for a page that asks by itself. It is no
	// use, and lengthens nothing.
	Look(ctx context.Context, cookie secret.Value) (Person, error)
	// End ends a session on all replicas, and puts it on record.
	End(ctx context.Context, cookie secret.Value) error
}

// sessionLimit is for the requests of one session.
var sessionLimit = limits.Limit{Name: "console", Count: 100, Per: 10 * time.Second}

// signedIn makes a handler for people who are signed in. Others are sent to the
// form for signing in.
func (c *Console) signedIn(next func(*visit)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v := &visit{console: c, response: w, request: r}
		if held, err := r.Cookie(Cookie); err == nil {
			v.cookie = secret.New(held.Value)
		}
		person, err := c.resume(v)
		switch {
		case errors.Is(err, ErrSignedOut):
			c.toSignIn(w, r)
			return
		case err != nil:
			c.config.Log.Warn("a session of the console could not be looked at", "error", err)
			c.showProblem(v, &Problem{Status: http.StatusServiceUnavailable, Title: "Not available", Detail: "Sessions are in the store, which does not answer now. Try again."})
			return
		}
		v.person = person
		if state := c.limiter.Take(r.Context(), person.Session, sessionLimit, 1); !state.Allowed {
			state.SetHeaders(w.Header())
			c.showProblem(v, &Problem{Status: http.StatusTooManyRequests, Title: "Too many requests", Detail: "This session asks for more than 100 pages in ten seconds. Wait a moment."})
			return
		}
		next(v)
	}
}

// resume finds the person of a visit. A page that is open and looks again by itself,
// or follows events, is no person: a console that was left open ends, and the key of
// the person who left counts as unused.
func (c *Console) resume(v *visit) (Person, error) {
	ctx := v.request.Context()
	if v.request.Header.Get(partHeader) != "" || v.request.URL.Path == livePath {
		return c.config.Sessions.Look(ctx, v.cookie)
	}
	person, renewed, err := c.config.Sessions.Resume(ctx, v.cookie)
	if err == nil && !renewed.IsZero() {
		c.keep(v.response, v.request, renewed)
	}
	return person, err
}

// keep gives the browser a session.
func (c *Console) keep(w http.ResponseWriter, r *http.Request, session secret.Value) {
	http.SetCookie(w, &http.Cookie{
		Name: Cookie, Value: session.Reveal(), Path: Path, HttpOnly: true, Secure: c.secure(r), SameSite: http.SameSiteLaxMode,
	})
}

// forget takes a session from the browser.
func (c *Console) forget(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, &http.Cookie{Name: Cookie, Path: Path, MaxAge: -1, HttpOnly: true, Secure: c.secure(r), SameSite: http.SameSiteLaxMode})
}

// secure reports whether cookies are for encrypted connections only: always, except
// for a browser on this machine that uses the service without a proxy.
func (c *Console) secure(r *http.Request) bool {
	return strings.HasPrefix(c.config.URL, "https:") || !limits.Direct(r) || !loopback(r.Host)
}

// loopback reports whether a host, with or without a port, is this machine.
func loopback(host string) bool {
	u := url.URL{Host: host}
	address, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && address.IsLoopback()
}

// toSignIn leads to the form for signing in, and from there back.
func (c *Console) toSignIn(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get(partHeader) != "" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	query := ""
	if r.Method == http.MethodGet && r.URL.Path != Path {
		query = "?" + url.Values{"next": {r.URL.RequestURI()}}.Encode()
	}
	http.Redirect(w, r, Path+"login"+query, http.StatusSeeOther)
}

// ownPage returns a page of the console that a form names, or else the first one:
// no form leads to another site.
func ownPage(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, Path) || strings.ContainsAny(text, "\\\r\n") {
		return Path
	}
	return u.RequestURI()
}
