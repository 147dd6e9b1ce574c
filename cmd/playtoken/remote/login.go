package remote

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/projects/operators"
)

// signInTimeout is how long a person may take at the identity provider.
const signInTimeout = 10 * time.Minute

// SignedIn is who signed in.
type SignedIn struct {
	Server  string    `json:"server"`
	Name    string    `json:"name"`
	Role    string    `json:"role"`
	Expires time.Time `json:"expires_at"`
}

// SignIn signs the user in at the server and keeps the session. Open gets the
// address that the user's browser has to visit.
func (s Server) SignIn(ctx context.Context, sessions Sessions, open func(address string)) (SignedIn, error) {
	ctx, cancel := context.WithTimeout(ctx, signInTimeout)
	defer cancel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return SignedIn{}, fmt.Errorf("wait for the browser: %w", err)
	}
	redirect := "http://" + listener.Addr().String() + "/callback"
	state := rand.Text()
	verifier, challenge := operators.NewVerifier()
	answers := make(chan url.Values, 1)
	server := &http.Server{Handler: callback(state, answers), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		_ = server.Close() // the browser has its page, or has gone
		<-served
	}()
	query := url.Values{"redirect_uri": {redirect}, "state": {state}, "code_challenge": {challenge}}
	open(s.URL + "/v1/auth/operator/login?" + query.Encode())
	select {
	case answer := <-answers:
		return s.finish(ctx, sessions, answer, verifier)
	case <-ctx.Done():
		return SignedIn{}, fmt.Errorf("no browser came back: %w", ctx.Err())
	}
}

// callback takes the first answer that has the right state.
func callback(state string, answers chan<- url.Values) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := r.URL.Query()
		if r.URL.Path != "/callback" || answer.Get("state") != state {
			http.Error(w, "This is not the sign-in that the program waits for.", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Referrer-Policy", "no-referrer")
		text := "You are signed in. You can close this page.\n"
		if why := answer.Get("error"); why != "" {
			text = "The sign-in failed; the program says why. You can close this page.\n"
		}
		_, _ = io.WriteString(w, text)
		if f, ok := w.(http.Flusher); ok {
			f.Flush() // before the program ends
		}
		select {
		case answers <- answer:
		default: // there was an answer already
		}
	})
}

func (s Server) finish(ctx context.Context, sessions Sessions, answer url.Values, verifier string) (SignedIn, error) {
	if why := answer.Get("error"); why != "" {
		return SignedIn{}, errors.New(why)
	}
	body, err := json.Marshal(map[string]string{"code": answer.Get("code"), "code_verifier": verifier})
	if err != nil {
		return SignedIn{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "/v1/auth/operator/token", bytes.NewReader(body))
	if err != nil {
		return SignedIn{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.send(ctx, request)
	if err != nil {
		return SignedIn{}, fmt.Errorf("%s cannot be reached: %w", s.URL, err)
	}
	defer response.Body.Close()
	return s.begin(sessions, response)
}

// begin reads the session that the server gives, and keeps it.
func (s Server) begin(sessions Sessions, response *http.Response) (SignedIn, error) {
	var began struct {
		Token     string `json:"access_token"`
		ExpiresIn int64  `json:"expires_in"`
		Name      string `json:"name"`
		Role      string `json:"role"`
		Detail    string `json:"detail"`
	}
	if err := json.UnmarshalRead(io.LimitReader(response.Body, 64<<10), &began); err != nil {
		return SignedIn{}, fmt.Errorf("read the server's response: status %d", response.StatusCode)
	}
	if response.StatusCode != http.StatusOK {
		return SignedIn{}, errors.New(began.Detail)
	}
	expires := time.Now().Add(time.Duration(began.ExpiresIn) * time.Second).UTC().Truncate(time.Second)
	err := sessions.keep(s.URL, session{Token: began.Token, Name: began.Name, Role: began.Role, Expires: expires})
	return SignedIn{Server: s.URL, Name: began.Name, Role: began.Role, Expires: expires}, err
}
