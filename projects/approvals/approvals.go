// Package approvals keeps acts that wait for a second operator.
//
// The decision a newcomer would get wrong: an approval is used up before its act is
// carried out, by the write that takes it from the list. So no approval is ever used
// twice, by however many replicas; an act that fails afterwards, or whose process
// dies, has to be asked for again.
//
// All acts that wait stand in one document, so that their number is bounded and the
// store needs no search.
package approvals

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"playtoken/projects"
	"playtoken/store"
)

const (
	// Life is how long an act waits.
	Life = time.Hour
	// Most is how many acts may wait at a time.
	Most = 100

	documentName = "approvals/waiting"
	attempts     = 32 // of a change, after conflicts with other writers
)

// Kind is a kind of acts that a deployment lets wait.
type Kind string

// The kinds.
const (
	Revoke Kind = "revoke" // a signing key
	Remove Kind = "remove" // a key at a platform that is not ours
	Delete Kind = "delete" // a project
)

// Kinds returns all kinds.
func Kinds() []Kind { return []Kind{Revoke, Remove, Delete} }

// Errors of this package, beside store.ErrUnavailable and what Permit returns. Their
// texts are for the operator.
var (
	ErrGone         = errors.New("no such act waits for an approval: it was approved, its time is over, or it never waited; ask for the act again")
	ErrSameOperator = errors.New("you asked for this act yourself: another operator has to approve it")
	ErrFull         = fmt.Errorf("%d acts wait for an approval already: approve some, or wait until their time is over", Most)
)

// Act is what waits: a change that was checked as far as it could be.
type Act struct {
	Kind    Kind              `json:"kind"`
	Name    string            `json:"name"` // in the audit record; it says which function carries the act out
	Project string            `json:"project_id"`
	Vars    map[string]string `json:"vars"` // of the path
	Body    jsontext.Value    `json:"body"`
	Subject string            `json:"subject,omitempty"` // for people
	Reason  string            `json:"reason,omitempty"`
}

// Operator is who asked.
type Operator struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// of is the operator that a caller is.
func of(caller projects.Caller) Operator { return Operator{ID: caller.ID, Name: caller.Name} }

// is reports whether two operators are the same as far as can be known. All users of
// the local command line have one id; their names are those of the operating system.
func (o Operator) is(other Operator) bool {
	return o.ID == other.ID && (o.ID != projects.LocalOperator || o.Name == other.Name)
}

// String names the operator for a record.
func (o Operator) String() string {
	if o.Name == "" {
		return o.ID
	}
	return o.Name + " (" + o.ID + ")"
}

// Approval is an act that waits.
type Approval struct {
	ID        string    `json:"approval_id"`
	Act       Act       `json:"act"`
	AskedBy   Operator  `json:"asked_by"`
	AskedAt   time.Time `json:"asked_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// waiting is the stored form. Stamp is another text in every write, so that a writer
// whose answer was lost can tell its own write from that of another one.
type waiting struct {
	Stamp string     `json:"stamp"`
	Acts  []Approval `json:"acts"`
}

// Store keeps the acts of a deployment. It is safe for concurrent use, and replicas
// may share one store of documents.
type Store struct {
	Documents store.Documents
	// Permit reports whether this process may carry such acts out at all; nil: it
	// may.
	Permit func(context.Context) error
	Now    func() time.Time // nil: time.Now
}

func (s *Store) now() time.Time {
	if s.Now != nil {
		return s.Now().UTC().Truncate(time.Second)
	}
	return time.Now().UTC().Truncate(time.Second)
}

// Ask lets an act wait. The same act that the same operator asked for before, and
// that still waits, is not added again. After store.ErrUnavailable the act may wait;
// asking again is right. Errors: ErrFull.
func (s *Store) Ask(ctx context.Context, act Act, by projects.Caller) (asked Approval, err error) {
	err = s.change(ctx, func(acts []Approval) ([]Approval, error) {
		now := s.now()
		same := func(a Approval) bool { return a.AskedBy.is(of(by)) && a.Act.same(act) }
		if at := slices.IndexFunc(acts, same); at >= 0 {
			asked = acts[at]
			return nil, nil
		}
		if len(acts) >= Most {
			return nil, ErrFull
		}
		asked = Approval{
			ID: "approval_" + strings.ToLower(rand.Text()), Act: act, AskedBy: of(by), AskedAt: now, ExpiresAt: now.Add(Life),
		}
		return append(acts, asked), nil
	})
	if err != nil {
		return Approval{}, fmt.Errorf("ask for an approval: %w", err)
	}
	return asked, nil
}

func (a Act) same(other Act) bool {
	return a.Name == other.Name && maps.Equal(a.Vars, other.Vars) && bytes.Equal(a.Body, other.Body)
}

// Waiting returns the acts that wait, the oldest first.
func (s *Store) Waiting(ctx context.Context) ([]Approval, error) {
	if err := s.permit(ctx); err != nil {
		return nil, err
	}
	held, _, err := s.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what waits for an approval: %w", err)
	}
	return held.Acts, nil
}

// Claim uses an approval up: the caller, who is not the one who asked and whom may
// permits the act, has to carry it out. After an error it must not be carried out.
// After store.ErrUnavailable the approval may be used up. Errors: ErrGone,
// ErrSameOperator, and those of may.
func (s *Store) Claim(ctx context.Context, id string, by projects.Caller, may func(Act) error) (claimed Approval, err error) {
	err = s.change(ctx, func(acts []Approval) ([]Approval, error) {
		at := slices.IndexFunc(acts, func(a Approval) bool { return a.ID == id })
		if at < 0 {
			return nil, ErrGone
		}
		claimed = acts[at]
		if claimed.AskedBy.is(of(by)) {
			return nil, ErrSameOperator
		}
		if err := may(claimed.Act); err != nil {
			return nil, err
		}
		return slices.Delete(acts, at, at+1), nil
	})
	if err != nil {
		return Approval{}, fmt.Errorf("approve: %w", err)
	}
	return claimed, nil
}

func (s *Store) permit(ctx context.Context) error {
	if s.Permit == nil {
		return nil
	}
	return s.Permit(ctx)
}

// change applies a change to the acts that wait now, and again after a conflict. A
// change to nil writes nothing.
func (s *Store) change(ctx context.Context, change func([]Approval) ([]Approval, error)) error {
	if err := s.permit(ctx); err != nil {
		return err
	}
	for range attempts {
		held, version, err := s.load(ctx)
		if err != nil {
			return err
		}
		next, err := change(held.Acts)
		if err != nil || next == nil {
			return err
		}
		if err := s.write(ctx, waiting{Stamp: rand.Text(), Acts: next}, version); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("%w, %d times in a row", store.ErrConflict, attempts)
}

// load returns the acts whose time is not over.
func (s *Store) load(ctx context.Context) (held waiting, version int64, err error) {
	doc, err := s.Documents.Read(ctx, documentName)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return waiting{}, 0, nil
	case err != nil:
		return waiting{}, 0, err
	}
	if err := json.Unmarshal(doc.Data, &held, json.RejectUnknownMembers(true)); err != nil {
		return waiting{}, 0, fmt.Errorf("%w: %s was not written by playtoken, or by a newer version", store.ErrUnavailable, documentName)
	}
	now := s.now()
	held.Acts = slices.DeleteFunc(held.Acts, func(a Approval) bool { return !now.Before(a.ExpiresAt) })
	return held, doc.Version, nil
}

// write replaces the document. Where the answer was lost, it reads what is there
// now: only the same stamp says that this write was made.
func (s *Store) write(ctx context.Context, next waiting, version int64) error {
	data, err := json.Marshal(next, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("encode %s: %w", documentName, err)
	}
	_, err = s.Documents.Write(ctx, documentName, data, version)
	if err == nil || errors.Is(err, store.ErrConflict) {
		return err
	}
	if doc, again := s.Documents.Read(ctx, documentName); again == nil {
		var now waiting
		if json.Unmarshal(doc.Data, &now) == nil && now.Stamp == next.Stamp {
			return nil
		}
	}
	return err
}
