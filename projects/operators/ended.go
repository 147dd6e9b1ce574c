package operators

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/projects"
	"playtoken/projects/internal/cache"
	"playtoken/secret"
	"playtoken/store"
)

const (
	// endedName is the document of the sessions that were ended before their time.
	// Its kind is one that every process of the service may read and write.
	endedName = "families/ended_operator_sessions"

	maxEnded    = 1_000
	endAttempts = 32
	firstPause  = 50 * time.Millisecond
)

// ended are the sessions that were ended before their time. Sequence counts the
// ends; a session knows how many there were when it began, so that no clocks are
// compared.
type ended struct {
	Sequence int64 `json:"sequence"`
	Ends     []end `json:"ends"`
	// All ended that began before this many. It is set when there is no room for
	// more ends, so that none is forgotten.
	All int64 `json:"all,omitzero"`
}

// end is the end of one session, or of all that a person had.
type end struct {
	Of       string    `json:"of"` // the session's hash, or the operator's id
	Sequence int64     `json:"sequence"`
	Until    time.Time `json:"until"` // when every session that it is about is over anyway
}

// covers reports whether a session of an operator was ended that began at a
// sequence.
func (e ended) covers(session, operator string, sequence int64) bool {
	return sequence < e.All || slices.ContainsFunc(e.Ends, func(one end) bool {
		return one.Of == session || one.Of == operator && sequence < one.Sequence
	})
}

func sessionHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

// endings are the ends of sessions of one kind, as the store has them.
type endings struct {
	name      string // of the document
	life      time.Duration
	documents store.Documents
	clock     func() time.Time
	held      *cache.Cache[ended]
}

// newEndings reads the ends of sessions that last for life. They are read again at
// an age, and while the store is unavailable at a staleness.
func newEndings(e endings, age, staleness time.Duration) *endings {
	e.held = cache.New(cache.Config[ended]{
		Size: 1, Age: age, Staleness: staleness, Pause: firstPause,
		Read: func(ctx context.Context, _ string) (ended, error) {
			held, _, err := e.read(ctx)
			return held, err
		},
	})
	return &e
}

func (e *endings) get(ctx context.Context) (ended, error)    { return e.held.Get(ctx, e.name) }
func (e *endings) newest(ctx context.Context) (ended, error) { return e.held.Newest(ctx, e.name, 0) }

func (e *endings) read(ctx context.Context) (held ended, version int64, err error) {
	doc, err := e.documents.Read(ctx, e.name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ended{}, 0, nil
	case err != nil:
		return ended{}, 0, fmt.Errorf("read which sessions were ended: %w", err)
	}
	if err := json.Unmarshal(doc.Data, &held, json.RejectUnknownMembers(true)); err != nil {
		return ended{}, 0, fmt.Errorf("%w: %s was not written by playtoken, or by a newer version", store.ErrUnavailable, e.name)
	}
	return held, doc.Version, nil
}

// End ends the session of a token: at once in this process, within the view age
// in others. Errors: projects.ErrUnknownCaller for a token that is not of a session,
// or of one that is over; store.ErrUnavailable, after which it may have ended.
func (s *SignIn) End(ctx context.Context, token secret.Value) error {
	if _, err := s.Identify(ctx, token); err != nil {
		return err
	}
	return s.ended.add(ctx, sessionHash(token.Reveal()))
}

var operatorForm = regexp.MustCompile(`^operator_[a-z2-7]{26}$`)

// EndAll ends all sessions that a person has, in the same way. A person who may
// still sign in can begin another one. Errors: projects.ErrNotFound for what is not
// an operator's id; store.ErrUnavailable.
func (s *SignIn) EndAll(ctx context.Context, operatorID string) error {
	if !operatorForm.MatchString(operatorID) {
		return projects.ErrNotFound
	}
	return s.ended.add(ctx, operatorID)
}

// add ends one session, or all of an operator's.
func (e *endings) add(ctx context.Context, of string) error {
	defer e.held.Drop(e.name)
	for range endAttempts {
		held, version, err := e.read(ctx)
		if err != nil {
			return err
		}
		now := e.clock()
		// A minute, since the clock of the replica where a session began may be ahead.
		data, err := json.Marshal(held.with(of, now, now.Add(e.life+time.Minute)))
		if err != nil {
			return fmt.Errorf("encode %s: %w", e.name, err)
		}
		if _, err = e.documents.Write(ctx, e.name, data, version); err == nil {
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("end a session: %w", err)
		}
	}
	return fmt.Errorf("end a session: %w, %d times in a row", store.ErrConflict, endAttempts)
}

// with adds an end, and drops those whose sessions are over anyway.
func (e ended) with(of string, now, until time.Time) ended {
	e.Sequence++
	e.Ends = slices.DeleteFunc(e.Ends, func(one end) bool { return now.After(one.Until) || one.Of == of })
	if len(e.Ends) >= maxEnded {
		return ended{Sequence: e.Sequence, All: e.Sequence}
	}
	e.Ends = append(e.Ends, end{Of: of, Sequence: e.Sequence, Until: until.UTC().Truncate(time.Second)})
	return e
}
