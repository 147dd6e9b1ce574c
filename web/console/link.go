package console

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"playtoken/secret"
)

// linkPath is below the path of the form for signing in.
const linkPath = Path + "login/link"

// Link is an address that signs one person in, once. The demo prints it on the
// terminal of the person who started it.
type Link struct {
	credential secret.Value
	code       string
	ends       time.Time

	mu   sync.Mutex
	used bool
}

// NewLink makes a link that signs in with an operator's credential and works until
// the time ends.
func NewLink(credential secret.Value, ends time.Time) *Link {
	return &Link{credential: credential, code: rand.Text(), ends: ends}
}

// Path is the link below the service's address. It is as secret as the credential
// until it has been used.
func (l *Link) Path() string { return linkPath + "?" + url.Values{"code": {l.code}}.Encode() }

// use returns the credential to the first caller with the code.
func (l *Link) use(code string, now time.Time) (credential secret.Value, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.used || now.After(l.ends) || subtle.ConstantTimeCompare([]byte(code), []byte(l.code)) != 1 {
		return secret.Value{}, false
	}
	l.used = true
	return l.credential, true
}

// fromLink begins a session for the person who opens the link. A browser that only
// loads it ahead of time, and a program that asks for its headers, do not use it up.
func (c *Console) fromLink(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	credential, ok := c.config.Link.use(r.FormValue("code"), c.config.Clock())
	if !ok {
		c.showSignIn(w, r, http.StatusUnauthorized, "This link has been used, or its time is over. Sign in with an admin key.")
		return
	}
	c.begin(w, r, credential, "")
}
