package operators

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"playtoken/projects"
	"playtoken/secret"
	"playtoken/store"
)

const (
	// BrowserIdle is after how long without a page a session in a browser ends.
	BrowserIdle = 30 * time.Minute
	// BrowserLife is how long such a session lasts at most.
	BrowserLife = 12 * time.Hour

	// browserAge is for how long another replica's end of a session may be unknown
	// here. It is shorter than that of API calls: people sign out and walk away.
	browserAge = time.Second
	// renewEvery is how often a session in use is sealed anew, with the time.
	renewEvery = time.Minute

	// endedBrowsers is the document of the sessions in browsers that were ended.
	endedBrowsers = "families/ended_console_sessions"

	browserPrefix = "ptc_"
	aboutBrowser  = "session in a browser"
)

// AdminKeys finds the operator of an admin key.
type AdminKeys interface {
	// Operator returns the operator of a key, and a mark that any other value of
	// the key would not have. Errors: projects.ErrNotFound; store.ErrUnavailable.
	Operator(ctx context.Context, id string) (projects.Caller, []byte, error)
	// Used notes that the person with the key has used it.
	Used(id string)
}

// BrowserConfig is what sessions in browsers need.
type BrowserConfig struct {
	Secrets   Secrets
	Documents store.Documents
	AdminKeys AdminKeys
	SignIn    *SignIn          // nil: people sign in with admin keys only
	Staleness time.Duration    // that the ends of sessions may have while the store is unavailable
	Clock     func() time.Time // nil: time.Now
}

// Browsers keeps operators signed in in their browsers. A session is a sealed text
// that every replica reads, names what the person signed in with, and ends with
// it; no part of an admin key is in it. It is safe for concurrent use. Close must
// be called.
type Browsers struct {
	config BrowserConfig
	sealer sealer
	ended  *endings
}

// NewBrowsers makes no calls.
func NewBrowsers(config BrowserConfig) *Browsers {
	if config.Clock == nil {
		config.Clock = time.Now
	}
	return &Browsers{
		config: config, sealer: sealer{secrets: config.Secrets, purpose: "sessions in browsers"},
		ended: newEndings(endings{name: endedBrowsers, life: BrowserLife, documents: config.Documents, clock: config.Clock},
			browserAge, config.Staleness),
	}
}

// Close cancels reads that are under way and waits for them.
func (b *Browsers) Close() { b.ended.held.Close() }

// browserSession is what the sealed text says.
type browserSession struct {
	ID   string `json:"id"`             // the same in each text of the session
	Key  string `json:"key,omitzero"`   // id of the admin key
	Mark []byte `json:"mark,omitzero"`  // of its value
	Held string `json:"token,omitzero"` // the token of a sign-in with the provider, in place of a key

	Began    time.Time `json:"began"`
	Seen     time.Time `json:"seen"`
	Sequence int64     `json:"sequence"` // of the ends, when it began
}

// BrowserSession is a session in a browser, looked at.
type BrowserSession struct {
	ID      string // of the session, and no secret
	Caller  projects.Caller
	Ends    time.Time    // at the latest
	Renewed secret.Value // to keep in place of the presented text; zero: nothing
}

// BeginWithKey begins a session for the admin key with this id, whose value the
// person has presented. Errors: projects.ErrUnknownCaller; store.ErrUnavailable.
func (b *Browsers) BeginWithKey(ctx context.Context, id string) (secret.Value, error) {
	_, mark, err := b.config.AdminKeys.Operator(ctx, id)
	if err != nil {
		return secret.Value{}, notFoundAsUnknown(err)
	}
	return b.begin(ctx, browserSession{Key: id, Mark: mark})
}

// BeginWithToken begins a session for the session token of a sign-in with the
// identity provider. Errors: as of BeginWithKey.
func (b *Browsers) BeginWithToken(ctx context.Context, token secret.Value) (secret.Value, error) {
	return b.begin(ctx, browserSession{Held: token.Reveal()})
}

func (b *Browsers) begin(ctx context.Context, s browserSession) (secret.Value, error) {
	over, err := b.ended.newest(ctx)
	if err != nil {
		return secret.Value{}, err
	}
	now := b.config.Clock()
	s.ID, s.Began, s.Seen, s.Sequence = rand.Text(), now, now, over.Sequence
	if _, err := b.caller(ctx, s); err != nil {
		return secret.Value{}, err
	}
	return b.seal(ctx, s)
}

func (b *Browsers) seal(ctx context.Context, s browserSession) (secret.Value, error) {
	sealed, err := b.sealer.seal(ctx, aboutBrowser, s)
	if err != nil {
		return secret.Value{}, err
	}
	return secret.New(browserPrefix + sealed), nil
}

// Resume looks at a session whose person asks for a page, which is a use of their
// admin key. Errors: projects.ErrUnknownCaller for one that is over;
// store.ErrUnavailable.
func (b *Browsers) Resume(ctx context.Context, text secret.Value) (BrowserSession, error) {
	s, caller, err := b.look(ctx, text)
	if err != nil {
		return BrowserSession{}, err
	}
	if s.Key != "" {
		b.config.AdminKeys.Used(s.Key)
	}
	resumed := s.seen(caller)
	if now := b.config.Clock(); now.Sub(s.Seen) >= renewEvery {
		s.Seen = now
		resumed.Renewed, err = b.seal(ctx, s)
	}
	return resumed, err
}

// Look looks at a session of which a page that is open asks again by itself: it
// neither lengthens the session nor uses a key. Errors: as of Resume.
func (b *Browsers) Look(ctx context.Context, text secret.Value) (BrowserSession, error) {
	s, caller, err := b.look(ctx, text)
	if err != nil {
		return BrowserSession{}, err
	}
	return s.seen(caller), nil
}

func (s browserSession) seen(caller projects.Caller) BrowserSession {
	return BrowserSession{ID: s.ID, Caller: caller, Ends: s.Began.Add(BrowserLife)}
}

// Identify returns the operator of a session. Errors: as of Resume.
func (b *Browsers) Identify(ctx context.Context, text secret.Value) (projects.Caller, error) {
	_, caller, err := b.look(ctx, text)
	return caller, err
}

// End ends a session: at once in this process, within a second in others. Errors:
// as of Resume; after store.ErrUnavailable it may have ended.
func (b *Browsers) End(ctx context.Context, text secret.Value) error {
	s, _, err := b.look(ctx, text)
	if err != nil {
		return err
	}
	return b.ended.add(ctx, sessionHash(s.ID))
}

// look opens a session and checks that it is not over.
func (b *Browsers) look(ctx context.Context, text secret.Value) (browserSession, projects.Caller, error) {
	sealed, ours := strings.CutPrefix(text.Reveal(), browserPrefix)
	if !ours {
		return browserSession{}, projects.Caller{}, projects.ErrUnknownCaller
	}
	var s browserSession
	if err := b.sealer.open(ctx, aboutBrowser, sealed, &s); err != nil {
		return browserSession{}, projects.Caller{}, asUnknown(err)
	}
	now := b.config.Clock()
	if now.Sub(s.Began) >= BrowserLife || now.Sub(s.Seen) >= BrowserIdle {
		return browserSession{}, projects.Caller{}, projects.ErrUnknownCaller
	}
	over, err := b.ended.get(ctx)
	if err != nil {
		return browserSession{}, projects.Caller{}, err
	}
	if over.covers(sessionHash(s.ID), "", s.Sequence) {
		return browserSession{}, projects.Caller{}, projects.ErrUnknownCaller
	}
	caller, err := b.caller(ctx, s)
	return s, caller, err
}

// caller is the operator of a session, as what they signed in with has them now.
func (b *Browsers) caller(ctx context.Context, s browserSession) (projects.Caller, error) {
	if s.Held != "" && b.config.SignIn == nil {
		return projects.Caller{}, projects.ErrUnknownCaller
	}
	if s.Held != "" {
		return b.config.SignIn.Identify(ctx, secret.New(s.Held))
	}
	caller, mark, err := b.config.AdminKeys.Operator(ctx, s.Key)
	if err != nil {
		return projects.Caller{}, notFoundAsUnknown(err)
	}
	end := caller.Bounds.ExpiresAt
	if subtle.ConstantTimeCompare(mark, s.Mark) != 1 || end != nil && !b.config.Clock().Before(*end) {
		return projects.Caller{}, projects.ErrUnknownCaller
	}
	return caller, nil
}

func notFoundAsUnknown(err error) error {
	if errors.Is(err, projects.ErrNotFound) {
		return projects.ErrUnknownCaller
	}
	return err
}
