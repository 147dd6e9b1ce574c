package handlers

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"playtoken/audit"
	"playtoken/projects"
	"playtoken/projects/operators"
	"playtoken/secret"
)

// signInCookie binds a sign-in to the browser that began it.
const signInCookie = "playtoken_sign_in"

// SignIn is what an *operators.SignIn does; see there.
type SignIn interface {
	Begin(ctx context.Context, start operators.Start) (location, cookie string, err error)
	Finish(ctx context.Context, answer url.Values, cookie string) (location string, err error)
	Redeem(ctx context.Context, code, verifier string) (operators.Session, error)
	Identify(ctx context.Context, token secret.Value) (projects.Caller, error)
	End(ctx context.Context, token secret.Value) error
	EndAll(ctx context.Context, operatorID string) error
}

// OperatorSession is the response to a code of a sign-in.
type OperatorSession struct {
	Type      string `json:"token_type"`
	ExpiresIn int64  `json:"expires_in"` // seconds
	Access    string `json:"access_token"`
	Name      string `json:"name"`
	Role      string `json:"role"`
}

type codeBody struct {
	Code     string `json:"code"`
	Verifier string `json:"code_verifier"`
}

var _ withCheck = codeBody{}

func (b codeBody) check() error {
	return invalidFields(append(missing("code", b.Code), missing("code_verifier", b.Verifier)...)...)
}

// sessionBody holds the session token that is to end.
type sessionBody struct {
	Token string `json:"access_token"`
}

var (
	_ withCheck      = sessionBody{}
	_ withCredential = sessionBody{}
)

func (b sessionBody) check() error { return checkPresent("access_token", b.Token) }

func (b sessionBody) credential(s *server) (member string, value secret.Value, owner credentialOwner) {
	return "access_token", secret.New(b.Token), s.SignIn.Identify
}

// signOut ends the session that the body holds.
func (s *server) signOut(ctx context.Context, _ call, body sessionBody) (noContent, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	return noContent{}, s.SignIn.End(ctx, secret.New(body.Token))
}

// endOperatorSessions ends all sessions of one person.
func (s *server) endOperatorSessions(ctx context.Context, c call, _ reasonBody) (noContent, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	return noContent{}, s.SignIn.EndAll(ctx, c.vars["operator_id"])
}

// beginSignIn sends a person's browser to the identity provider.
func (s *server) beginSignIn(w http.ResponseWriter, r *http.Request) {
	outcomeOf(w).Management = true
	query := r.URL.Query()
	start := operators.Start{Redirect: query.Get("redirect_uri"), State: query.Get("state"), Challenge: query.Get("code_challenge")}
	var location, cookie string
	err := s.chargeSource(w, r, signInLimit, "steps of a sign-in")
	if err == nil {
		location, cookie, err = s.SignIn.Begin(r.Context(), start)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: signInCookie, Value: cookie, Path: operators.CallbackPath, MaxAge: int((10 * time.Minute).Seconds()),
		HttpOnly: true, Secure: s.Secure || r.TLS != nil, SameSite: http.SameSiteLaxMode,
	})
	s.sendBrowser(w, r, location)
}

// finishSignIn sends the browser back to the person's program.
func (s *server) finishSignIn(w http.ResponseWriter, r *http.Request) {
	outcomeOf(w).Management = true
	cookie := ""
	if held, err := r.Cookie(signInCookie); err == nil {
		cookie = held.Value
	}
	var location string
	err := s.chargeSource(w, r, signInLimit, "steps of a sign-in")
	if err == nil {
		location, err = s.SignIn.Finish(r.Context(), r.URL.Query(), cookie)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: signInCookie, Path: operators.CallbackPath, MaxAge: -1, HttpOnly: true, Secure: s.Secure || r.TLS != nil})
	s.sendBrowser(w, r, location)
}

func (s *server) sendBrowser(w http.ResponseWriter, r *http.Request, location string) {
	s.showFailureLimit(w, r)
	w.Header().Set("Location", location)
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusFound)
}

// beginSession gives a program the session token of the person who signed in.
func (s *server) beginSession(ctx context.Context, c call, body codeBody) (OperatorSession, error) {
	began, err := s.SignIn.Redeem(ctx, body.Code, body.Verifier)
	if err != nil {
		return OperatorSession{}, err
	}
	caller, err := s.Callers.Identify(ctx, began.Token)
	if err != nil {
		return OperatorSession{}, err
	}
	entry := audit.Entry{Actor: caller.ID, ActorName: caller.Name, Action: "operator.sign_in", RequestID: c.outcome.id, ProxyRequestID: c.outcome.proxied(), Result: "ok"}
	if err := s.record(ctx, entry); err != nil {
		return OperatorSession{}, err
	}
	return OperatorSession{
		Type: "Bearer", ExpiresIn: int64(began.ExpiresIn / time.Second), Access: began.Token.Reveal(), Name: began.Name, Role: string(began.Role),
	}, nil
}
