package console

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"playtoken/secret"
)

const (
	loginPath  = Path + "login"
	signInPath = Path + "login/provider"
	keptPath   = Path + "login/kept"
	logoutPath = Path + "logout"

	// signInCookie binds a sign-in with the provider to the browser that began it.
	signInCookie = "playtoken_console_sign_in"
)

// addEntrance adds what needs no session.
func (c *Console) addEntrance(mux *http.ServeMux) error {
	mux.HandleFunc("GET /console/assets/{version}/{file}", c.asset)
	mux.HandleFunc("GET "+loginPath, func(w http.ResponseWriter, r *http.Request) {
		c.showSignIn(w, r, http.StatusOK, "")
	})
	mux.HandleFunc("POST "+loginPath, c.signIn)
	mux.HandleFunc("GET "+keptPath, c.kept)
	mux.HandleFunc("GET "+logoutPath, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, Path, http.StatusSeeOther) })
	mux.HandleFunc("POST "+logoutPath, c.signOut)
	mux.HandleFunc("GET "+livePath, c.signedIn(c.live))
	mux.HandleFunc("GET /console", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, Path, http.StatusMovedPermanently) })
	mux.HandleFunc("GET "+Path, c.signedIn(func(v *visit) {
		c.showProblem(v, &Problem{Status: http.StatusNotFound, Title: "Not found", Detail: "The console has no page here."})
	}))
	if c.config.Link != nil {
		mux.HandleFunc("GET "+linkPath, c.fromLink)
	}
	if c.config.Provider && c.config.URL != "" {
		mux.HandleFunc("GET "+signInPath, c.toProvider)
		mux.HandleFunc("GET "+CallbackPath, c.fromProvider)
	}
	return nil
}

// signInPage is the content of the form for signing in.
type signInPage struct {
	Assets   string
	Next     string // where to go then
	Problem  string
	Provider string // the address to sign in at with the identity provider; "": no provider
}

func (c *Console) showSignIn(w http.ResponseWriter, r *http.Request, status int, problem string) {
	page := signInPage{Assets: c.assets(), Next: ownPage(r.FormValue("next")), Problem: problem}
	if c.config.Provider && c.config.URL != "" {
		page.Provider = signInPath
	}
	c.write(w, status, "login.html", page)
}

// signIn takes an admin key and begins a session.
func (c *Console) signIn(w http.ResponseWriter, r *http.Request) {
	key := secret.New(r.PostFormValue("key"))
	if key.IsZero() {
		c.showSignIn(w, r, http.StatusBadRequest, "Type in an admin key.")
		return
	}
	// Any list that every operator may read: it says whether this is an operator's key.
	tried, err := api{handler: c.config.Door, from: r, credential: key}.do(request{method: http.MethodGet, path: "/v1/admin-keys?page_size=1"})
	var p *Problem
	switch {
	case errors.As(err, &p) && p.Status == http.StatusForbidden:
		c.showSignIn(w, r, http.StatusForbidden, "That is not an operator's key: the console takes admin keys.")
		return
	case errors.As(err, &p) && (p.Status == http.StatusUnauthorized || p.Status == http.StatusBadRequest):
		c.showSignIn(w, r, http.StatusUnauthorized, "There is no such key. Check that it was copied completely.")
		return
	case err != nil:
		c.showSignIn(w, r, problemOf(err).Status, "That did not work: "+problemOf(err).Detail)
		return
	}
	c.begin(w, r, key, tried.requestID)
}

// begin begins a session and leads to the page that was asked for.
func (c *Console) begin(w http.ResponseWriter, r *http.Request, credential secret.Value, requestID string) {
	session, err := c.config.Sessions.Begin(r.Context(), credential, requestID)
	switch {
	case errors.Is(err, ErrSignedOut):
		c.showSignIn(w, r, http.StatusUnauthorized, "That credential is not an operator's.")
		return
	case err != nil:
		c.config.Log.Warn("a session of the console could not begin", "error", err)
		c.showSignIn(w, r, http.StatusServiceUnavailable, "The session could not begin, because the store or the audit record did not answer. Try again.")
		return
	}
	c.keep(w, r, session)
	http.Redirect(w, r, keptPath+"?"+url.Values{"next": {ownPage(r.FormValue("next"))}}.Encode(), http.StatusSeeOther)
}

// kept says so if the browser did not keep the session: it drops a cookie for
// encrypted connections that came over another one.
func (c *Console) kept(w http.ResponseWriter, r *http.Request) {
	if _, err := r.Cookie(Cookie); err != nil {
		c.showSignIn(w, r, http.StatusOK, "The browser did not keep the session. Use https, or a browser on the machine of the service; and allow cookies for this page.")
		return
	}
	http.Redirect(w, r, ownPage(r.FormValue("next")), http.StatusSeeOther)
}

// signOut ends the session on all replicas.
func (c *Console) signOut(w http.ResponseWriter, r *http.Request) {
	if held, err := r.Cookie(Cookie); err == nil {
		if err := c.config.Sessions.End(r.Context(), secret.New(held.Value)); err != nil && !errors.Is(err, ErrSignedOut) {
			c.config.Log.Warn("a session of the console could not be ended", "error", err)
			c.write(w, http.StatusServiceUnavailable, "login.html", signInPage{Assets: c.assets(), Next: Path,
				Problem: "You may still be signed in: the store did not answer. Go back and sign out again."})
			return
		}
	}
	c.forget(w, r)
	http.Redirect(w, r, loginPath, http.StatusSeeOther)
}

// toProvider begins a sign-in with the identity provider, as a program would. The
// verifier stays in the browser.
func (c *Console) toProvider(w http.ResponseWriter, r *http.Request) {
	verifier := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	c.keepVerifier(w, r, verifier, 600)
	query := url.Values{
		"redirect_uri": {c.below(CallbackPath)}, "state": {stateOf(verifier)},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
	}
	http.Redirect(w, r, c.below("/v1/auth/operator/login")+"?"+query.Encode(), http.StatusSeeOther)
}

// below is an address below the service's public one.
func (c *Console) below(path string) string {
	return strings.TrimSuffix(c.config.URL, "/") + path
}

func stateOf(verifier string) string {
	sum := sha256.Sum256([]byte("state " + verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func (c *Console) keepVerifier(w http.ResponseWriter, r *http.Request, verifier string, seconds int) {
	http.SetCookie(w, &http.Cookie{
		Name: signInCookie, Value: verifier, Path: loginPath, MaxAge: seconds, HttpOnly: true, Secure: c.secure(r), SameSite: http.SameSiteLaxMode,
	})
}

// fromProvider takes what the browser brings back, and begins a session.
func (c *Console) fromProvider(w http.ResponseWriter, r *http.Request) {
	verifier := ""
	if held, err := r.Cookie(signInCookie); err == nil {
		verifier = held.Value
	}
	c.keepVerifier(w, r, "", -1)
	query := r.URL.Query()
	if verifier == "" || subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(stateOf(verifier))) != 1 {
		c.showSignIn(w, r, http.StatusBadRequest, "This is not a sign-in that began in this browser, or it took too long. Begin again.")
		return
	}
	if refused := query.Get("error"); refused != "" {
		c.showSignIn(w, r, http.StatusForbidden, "The sign-in was refused: "+refused+".")
		return
	}
	redeemed, err := api{handler: c.config.Door, from: r}.do(request{
		method: http.MethodPost, path: "/v1/auth/operator/token", body: map[string]any{"code": query.Get("code"), "code_verifier": verifier},
	})
	var session struct {
		Token string `json:"access_token"`
	}
	if err == nil {
		err = redeemed.into(&session)
	}
	if err != nil {
		c.showSignIn(w, r, problemOf(err).Status, "That did not work: "+problemOf(err).Detail)
		return
	}
	c.begin(w, r, secret.New(session.Token), redeemed.requestID)
}
