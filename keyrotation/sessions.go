package keyrotation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"playtoken/store"
)

// Sessions says which sessions of viewers are meant, in the platform's words:
// exactly one field is set.
type Sessions struct {
	KeyID   string `json:"key_id,omitempty"`   // those that tokens of this key opened
	Viewer  string `json:"viewer,omitempty"`   // those of one viewer, by SessionEnder.ViewerName
	VideoID string `json:"video_id,omitempty"` // those of one video
	All     bool   `json:"all,omitzero"`
}

// SessionEnder is a platform with sessions: what a viewer opened with a token
// goes on when the token has expired, and when its key is gone. No method
// retries a write; errors are those of a [Registrar].
type SessionEnder interface {
	// ViewerName returns what tokens and sessions hold in place of a viewer's
	// id. It is pure.
	ViewerName(id string) string

	// DeleteAndEnd deletes a key and ends every session that its tokens opened,
	// those of a key that is already gone as well. It succeeds only if the
	// platform says that they have ended.
	DeleteAndEnd(ctx context.Context, keyID string) error

	// EndSessions ends the sessions that were opened so far. It succeeds only if
	// the platform says that they have ended. To ask again is safe, and ends
	// those that were opened meanwhile.
	EndSessions(ctx context.Context, which Sessions, reason string) error
}

// SessionEnd is an order to end sessions. It is in the ring until the platform
// has confirmed it, so that no lost response and no crash makes an operator
// believe in an end that never came.
type SessionEnd struct {
	Of      Sessions  `json:"of"`
	Reason  string    `json:"reason,omitempty"`
	AskedAt time.Time `json:"asked_at"`
}

// SessionsOf says which sessions an operator wants to end: exactly one field is
// set.
type SessionsOf struct {
	Generation int    // those that tokens of this key opened
	Viewer     string // those of the viewer with this id
	VideoID    string
	All        bool // those of every viewer at the account
}

// maxEnds bounds how many orders of operators wait for the platform. Those of
// quarantines are as few as the keys.
const maxEnds = 100

// ErrNoSessions means that the platform has no sessions that could be ended.
var ErrNoSessions = errors.New("this platform cannot end what viewers have opened")

// EndSessions ends sessions that were opened so far. Once recorded is true the
// order is in the ring: after an error every rotation repeats it until the
// platform confirms it. Errors: ErrNoSessions, store.ErrNotFound for an unknown
// generation, ErrRefused if the platform will never do that (the order is
// forgotten then), *Guard while too many orders wait, and those of Reconcile.
func (r *Rotator) EndSessions(ctx context.Context, which SessionsOf, order Order) (recorded bool, err error) {
	if r.Sessions == nil {
		return false, ErrNoSessions
	}
	p, err := r.begin(ctx, order)
	if err != nil {
		return false, err
	}
	defer r.changed()
	var of Sessions
	err = p.decide(ctx, true, func(ring *Ring) error {
		if of, err = r.sessions(*ring, which); err != nil {
			return err
		}
		return ring.endSessions(of, order.Reason, p.now())
	})
	if err != nil || of == (Sessions{}) {
		return err == nil, err
	}
	trouble := p.run(ctx)
	ring, err := r.load(ctx)
	if err != nil {
		return true, fmt.Errorf("whether the sessions have ended is unknown: %w", err)
	}
	if refused := p.refused(of); refused != nil {
		return false, refused
	}
	return true, ring.unconfirmed(of, trouble)
}

// sessions are those that an operator means, in the platform's words. A key
// that the platform never had opened none.
func (r *Rotator) sessions(ring Ring, which SessionsOf) (Sessions, error) {
	switch {
	case which.Generation != 0:
		k, ok := ring.Key(which.Generation)
		if !ok {
			return Sessions{}, fmt.Errorf("generation %d: %w", which.Generation, store.ErrNotFound)
		}
		return Sessions{KeyID: k.KeyID}, nil
	case which.Viewer != "":
		return Sessions{Viewer: r.Sessions.ViewerName(which.Viewer)}, nil
	}
	return Sessions{VideoID: which.VideoID, All: which.All}, nil
}

// endSessions records an operator's order, unless too many wait.
func (r *Ring) endSessions(of Sessions, reason string, now time.Time) error {
	if of == (Sessions{}) {
		return nil
	}
	waiting := slices.ContainsFunc(r.Ends, func(end SessionEnd) bool { return of.All || end.Of == of })
	if len(r.Ends) >= maxEnds && !waiting {
		return &Guard{Why: fmt.Sprintf("%d ends of sessions wait for the platform already: find out why it does not confirm them, or end all sessions", maxEnds)}
	}
	r.orderEnd(of, reason, now)
	return nil
}

// orderEnd records an order, however many wait. One that waits already gets a
// new time, so that a replica which is just carrying it out does it once more:
// what was opened before this order has to end.
func (r *Ring) orderEnd(of Sessions, reason string, now time.Time) {
	r.dropEnds(func(end SessionEnd) bool { return of.All || end.Of == of })
	r.Ends = append(r.Ends, SessionEnd{Of: of, Reason: reason, AskedAt: now})
}

// dropEnds forgets orders.
func (r *Ring) dropEnds(which func(SessionEnd) bool) { r.Ends = slices.DeleteFunc(r.Ends, which) }

// waits reports whether an order waits for the platform.
func (r *Ring) waits(of Sessions) bool {
	return slices.ContainsFunc(r.Ends, func(end SessionEnd) bool { return end.Of == of })
}

// unconfirmed says why sessions may go on. It returns nil if they have ended.
func (r *Ring) unconfirmed(of Sessions, trouble error) error {
	switch {
	case !r.waits(of):
		return nil
	case trouble != nil:
		return trouble
	}
	return errors.New("the platform has not confirmed it")
}

// endSessions carries out an order, and forgets it if the platform confirms it
// or never will.
func (p *pass) endSessions(ctx context.Context, ring Ring, m Move) error {
	next := ring.clone()
	reason := ""
	next.dropEnds(func(end SessionEnd) bool {
		if end.Of == m.Sessions {
			reason = end.Reason
		}
		return end.Of == m.Sessions
	})
	sent, cancel := call(ctx, ring)
	err := fromPlatform(p.rotator.Sessions.EndSessions(sent, m.Sessions, reason))
	cancel()
	if err != nil && !errors.Is(err, ErrRefused) {
		return err
	}
	return errors.Join(err, p.save(ctx, ring, &next))
}

// refused returns the platform's refusal to end sessions.
func (p *pass) refused(of Sessions) error {
	for _, f := range p.failures {
		if f.move.Sessions == of && errors.Is(f.err, ErrRefused) {
			return f.err
		}
	}
	return nil
}
