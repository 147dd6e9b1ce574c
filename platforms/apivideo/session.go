package apivideo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/platforms/client"
	"playtoken/secret"
)

const (
	loginHold    = time.Second      // after a login that failed
	renewHold    = 5 * time.Second  // the same, while the session is still good
	refusedHold  = 5 * time.Second  // after a new session that was refused at once
	longestHold  = 30 * time.Second // even if the platform requests more
	renewTimeout = 2 * time.Second  // short, because the old session still works
	longestLease = 24 * time.Hour
	maxBearer    = 8 << 10 // bytes
)

var bearers = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]+$`)

// isBearer reports whether a text may stand in a header or a query.
func isBearer(text string) bool { return len(text) <= maxBearer && bearers.MatchString(text) }

// session is what an API key was exchanged for.
type session struct {
	key             string // the API key's id
	access, refresh secret.Value
	renew, end      time.Time
	doubted         atomic.Bool // it replaced a refused one, and nothing was read with it yet
}

// of reports whether the session was made with this key and need not be
// renewed yet.
func (s *session) of(key platforms.IssuedKey, now time.Time) bool {
	return s != nil && s.key == key.ID && now.Before(s.renew)
}

// sessions keeps one disposable bearer token of the active API key. The first
// request that finds no token, or one that is due for renewal, obtains the next
// one. Other requests wait for it, or use the old one while it is valid. A
// failure does not end a session before it expires.
type sessions struct {
	login *client.Client
	key   func(context.Context) (platforms.IssuedKey, error)
	basic bool

	now  atomic.Pointer[session]
	turn chan struct{} // a semaphore: its owner logs in; guards hold
	hold hold
}

// hold keeps a key that cannot log in from trying again for each mint.
type hold struct {
	key   string // that is held; another key may log in
	until time.Time
	why   error // of the last login
}

func (h hold) holds(key string) bool { return h.key == key && time.Now().Before(h.until) }

func newSessions(a account) (*sessions, error) {
	login, err := client.New(client.Config{
		Base:       a.url,
		Credential: a.credential(),
		Explain:    explainLogin,
		Timeout:    a.timeout(),
		Transport:  a.Transport,
	})
	if err != nil {
		return nil, err
	}
	return &sessions{login: login, key: a.Issued, basic: a.basic, turn: make(chan struct{}, 1)}, nil
}

// get returns a session that the platform should accept. A session that it did
// not accept is handed back as refused, and another one is got. Errors:
// *signer.NoActiveKey, keyrotation.ErrUnauthorized, ErrThrottled, or any
// other.
func (s *sessions) get(ctx context.Context, refused *session) (*session, error) {
	key, err := s.active(ctx)
	if err != nil {
		return nil, err
	}
	if s.basic {
		return &session{key: key.ID, access: key.Value}, nil
	}
	have, now := s.now.Load(), time.Now()
	if have != refused && have.of(key, now) {
		return have, nil
	}
	// It is missing, refused, due, or of a key that is active no more. As long
	// as it is only one of the last two, it will do for a little longer.
	var spare *session
	if have != nil && have != refused && now.Before(have.end) {
		spare = have
	}
	if spare == nil {
		return s.next(ctx, key, have, refused)
	}
	if made, err := s.tryNext(ctx, key, have); err == nil {
		return made, nil
	}
	return spare, nil
}

func (s *sessions) active(ctx context.Context) (platforms.IssuedKey, error) {
	if s.key == nil {
		return platforms.IssuedKey{}, errors.New("the account has no source of its active API key")
	}
	key, err := s.key(ctx)
	if err == nil && key.Value.IsZero() {
		err = errors.New("the active API key has no value")
	}
	return key, err
}

// next makes the session that follows have, unless another request did so while
// this one waited for its turn.
func (s *sessions) next(ctx context.Context, key platforms.IssuedKey, have, refused *session) (*session, error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a login: %w", ctx.Err())
	}
	defer func() { <-s.turn }()
	made, err := s.make(ctx, key, have, refused)
	if err != nil && ctx.Err() == nil { // otherwise the caller gave up
		s.wait(key.ID, err, loginHold)
	}
	return made, err
}

// tryNext does the same for a request that can use the old session: it does not
// wait for its turn, and has a short timeout.
func (s *sessions) tryNext(ctx context.Context, key platforms.IssuedKey, have *session) (*session, error) {
	select {
	case s.turn <- struct{}{}:
	default:
		return nil, errors.New("another request renews the session")
	}
	defer func() { <-s.turn }()
	short, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	made, err := s.make(short, key, have, nil)
	if err != nil && ctx.Err() == nil {
		s.wait(key.ID, err, renewHold)
	}
	return made, err
}

// wait lets a key log in no more for a while: as long as least, or longer if
// the platform said so. The caller has the turn.
func (s *sessions) wait(key string, err error, least time.Duration) {
	if s.hold.holds(key) {
		return // err is of that hold
	}
	var says interface{ RetryAfter() time.Duration }
	if errors.As(err, &says) {
		least = max(least, says.RetryAfter())
	}
	s.hold = hold{key: key, until: time.Now().Add(min(least, longestHold)), why: err}
}

// distrust records that the platform refused a new session: a key may log in and
// have no other right.
func (s *sessions) distrust(ctx context.Context, refused *session, err error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-s.turn }()
	if s.now.CompareAndSwap(refused, nil) {
		s.wait(refused.key, err, refusedHold)
	}
}

// make returns the session that another request has made since have was read, or
// makes one. The caller must own the turn.
func (s *sessions) make(ctx context.Context, key platforms.IssuedKey, have, refused *session) (*session, error) {
	if newer := s.now.Load(); newer != have && newer != refused && newer.of(key, time.Now()) {
		return newer, nil
	}
	if s.hold.holds(key.ID) {
		return nil, s.hold.why
	}
	made, err := s.refresh(ctx, key, have, refused)
	if err == nil && made == nil {
		made, err = s.logIn(ctx, key)
	}
	if err != nil {
		return nil, err
	}
	made.doubted.Store(refused != nil)
	s.now.Store(made)
	return made, nil
}

// refresh returns nothing if there is nothing to refresh, or if that does not
// work: a login needs nothing that an earlier lost answer may have used up.
// Its error is one that a login would end in as well.
func (s *sessions) refresh(ctx context.Context, key platforms.IssuedKey, have, refused *session) (*session, error) {
	if have == nil || have == refused || have.key != key.ID || have.refresh.IsZero() {
		return nil, nil
	}
	made, err := s.ask(ctx, key.ID, client.Call{
		Method: http.MethodPost, Path: "/auth/refresh", Credential: have.refresh,
		Body: map[string]string{"refreshToken": have.refresh.Reveal()},
	})
	if err != nil && !errors.Is(err, keyrotation.ErrThrottled) && ctx.Err() == nil {
		return nil, nil
	}
	return made, err
}

func (s *sessions) logIn(ctx context.Context, key platforms.IssuedKey) (*session, error) {
	return s.ask(ctx, key.ID, client.Call{
		Method: http.MethodPost, Path: "/auth/api-key", Credential: key.Value,
		Body: map[string]string{"apiKey": key.Value.Reveal()},
	})
}

// anew is a session that nothing but the API key itself has led to.
func (s *sessions) anew(ctx context.Context) (*session, error) {
	key, err := s.active(ctx)
	if err != nil {
		return nil, err
	}
	if s.basic {
		return &session{key: key.ID, access: key.Value}, nil
	}
	return s.logIn(ctx, key)
}

// grant is an answer of both authentication endpoints.
type grant struct {
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
}

func (s *sessions) ask(ctx context.Context, key string, call client.Call) (*session, error) {
	var answer grant
	call.Into = &answer
	start := time.Now()
	if err := s.login.Do(ctx, call); err != nil {
		return nil, fmt.Errorf("log in: %w", notAccepted(err))
	}
	made, err := answer.session(key, start)
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	return made, nil
}

// session starts when it was asked for, so that it never seems to live longer
// than the platform thinks. It is renewed a tenth or more before its end; how
// much more is chance, so that replicas that started together part ways.
func (g grant) session(key string, start time.Time) (*session, error) {
	if !strings.EqualFold(g.TokenType, "bearer") || !isBearer(g.AccessToken) || g.ExpiresIn < 1 {
		return nil, errors.New("the answer holds no usable bearer token")
	}
	life := time.Duration(min(g.ExpiresIn, int64(longestLease/time.Second))) * time.Second
	made := &session{
		key:    key,
		access: secret.New(g.AccessToken),
		renew:  start.Add(life*17/20 + rand.N(life/20)),
		end:    start.Add(life),
	}
	if isBearer(g.RefreshToken) {
		made.refresh = secret.New(g.RefreshToken)
	}
	return made, nil
}

// unauthorized is a refusal of the credential. It hides the meaning that its
// status would have for another call.
type unauthorized struct{ error }

// Is makes errors.Is speak a Registrar's language.
func (u unauthorized) Is(target error) bool { return target == keyrotation.ErrUnauthorized }

// rejected is our code for a 400 that is about the credential, and not about
// the form of the request. The platform's own has words in it that a
// credential may have too, and would then not be shown.
const rejected = "rejected"

func explainLogin(body []byte) (code, text string) {
	code, text = explain(body)
	if code == "authentication-invalid-user-credentials" {
		code = rejected
	}
	return code, text
}

func notAccepted(err error) error {
	var said *client.StatusError
	if errors.As(err, &said) && said.Status == http.StatusBadRequest && said.Code == rejected {
		return unauthorized{err}
	}
	return err
}
