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

// covers reports whether a session was ended.
func (e ended) covers(token string, of session) bool {
	return of.Sequence < e.All || slices.ContainsFunc(e.Ends, func(one end) bool {
		return one.Of == sessionHash(token) || one.Of == of.ID && of.Sequence < one.Sequence
	})
}

func sessionHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16]))
}

func newEnded(c Config) *cache.Cache[ended] {
	return cache.New(cache.Config[ended]{
		Size: 1, Age: c.ViewAge, Staleness: c.Staleness, Pause: firstPause,
		Read: func(ctx context.Context, _ string) (ended, error) {
			held, _, err := readEnded(ctx, c.Documents)
			return held, err
		},
	})
}

func readEnded(ctx context.Context, documents store.Documents) (held ended, version int64, err error) {
	doc, err := documents.Read(ctx, endedName)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ended{}, 0, nil
	case err != nil:
		return ended{}, 0, fmt.Errorf("read which sessions were ended: %w", err)
	}
	if err := json.Unmarshal(doc.Data, &held, json.RejectUnknownMembers(true)); err != nil {
		return ended{}, 0, fmt.Errorf("%w: %s was not written by playtoken, or by a newer version", store.ErrUnavailable, endedName)
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
	return s.end(ctx, sessionHash(token.Reveal()))
}

var operatorForm = regexp.MustCompile(`^operator_[a-z2-7]{26}$`)

// EndAll ends all sessions that a person has, in the same way. A person who may
// still sign in can begin another one. Errors: projects.ErrNotFound for what is not
// an operator's id; store.ErrUnavailable.
func (s *SignIn) EndAll(ctx context.Context, operatorID string) error {
	if !operatorForm.MatchString(operatorID) {
		return projects.ErrNotFound
	}
	return s.end(ctx, operatorID)
}

func (s *SignIn) end(ctx context.Context, of string) error {
	defer s.ended.Drop(endedName)
	for range endAttempts {
		held, version, err := readEnded(ctx, s.config.Documents)
		if err != nil {
			return err
		}
		data, err := json.Marshal(held.with(of, s.config.Clock()))
		if err != nil {
			return fmt.Errorf("encode %s: %w", endedName, err)
		}
		if _, err = s.config.Documents.Write(ctx, endedName, data, version); err == nil {
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("end a session: %w", err)
		}
	}
	return fmt.Errorf("end a session: %w, %d times in a row", store.ErrConflict, endAttempts)
}

// with adds an end, and drops those whose sessions are over anyway.
func (e ended) with(of string, now time.Time) ended {
	e.Sequence++
	e.Ends = slices.DeleteFunc(e.Ends, func(one end) bool { return now.After(one.Until) || one.Of == of })
	if len(e.Ends) >= maxEnded {
		return ended{Sequence: e.Sequence, All: e.Sequence}
	}
	// A minute, since the clock of the replica where a session began may be ahead.
	e.Ends = append(e.Ends, end{Of: of, Sequence: e.Sequence, Until: now.Add(SessionLife + codeLife + time.Minute).UTC().Truncate(time.Second)})
	return e
}
