package keyrotation_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"playtoken/keyrotation"
	"playtoken/store"
)

// A platform with sessions: each token opens one when it is made, which goes on
// when the token has expired and when its key is gone.

// session is what one viewer watches, thanks to one key.
type session struct{ kid, viewer, video string }

// withSessions gives the world's platform sessions, and lets its replicas end
// them.
func (w *world) withSessions() {
	w.platform.sessions = map[session]time.Time{}
	for _, r := range w.started {
		r.rotator.Sessions = platformView{r}
	}
}

// watch opens a session. A platform opens none with a key that it does not have.
func (p *simPlatform) watch(kid string, n int) {
	if _, there := p.keys[kid]; there && p.sessions != nil {
		p.sessions[session{kid, viewerName(fmt.Sprint("viewer ", n%3)), fmt.Sprint("video ", n%2)}] = p.w.now
	}
}

func viewerName(id string) string { return "hash of " + id }

// end ends sessions.
func (p *simPlatform) end(which keyrotation.Sessions) {
	for s := range p.sessions {
		if s.among(which) {
			delete(p.sessions, s)
		}
	}
}

func (s session) among(which keyrotation.Sessions) bool {
	return which.All || s.kid == which.KeyID || s.viewer == which.Viewer || s.video == which.VideoID
}

// since returns how many of these sessions were opened before a time.
func (p *simPlatform) since(which keyrotation.Sessions, before time.Time) (n int) {
	for s, opened := range p.sessions {
		if s.among(which) && opened.Before(before) {
			n++
		}
	}
	return n
}

var _ keyrotation.SessionEnder = platformView{}

func (v platformView) ViewerName(id string) string { return viewerName(id) }

func (v platformView) DeleteAndEnd(_ context.Context, id string) error {
	_, err := call(v.r, "delete", func() (struct{}, error) {
		v.deletes(id)
		v.r.w.platform.end(keyrotation.Sessions{KeyID: id})
		return struct{}{}, nil
	})
	return err
}

func (v platformView) EndSessions(_ context.Context, which keyrotation.Sessions, _ string) error {
	_, err := call(v.r, "end", func() (struct{}, error) {
		v.r.w.platform.calls++
		v.r.w.platform.end(which)
		return struct{}{}, nil
	})
	return err
}

// sessions: what a revoked key opened is over once the ring says that the key
// is done with.
func (o *oracle) sessions(ring keyrotation.Ring) {
	for _, k := range ring.Keys {
		if k.State == keyrotation.Revoking && k.KeyID != "" {
			o.ending[k.KeyID] = true
		}
		over := !k.SessionsEndedAt.IsZero() || k.State == keyrotation.Deleted && o.ending[k.KeyID]
		if n := o.w.platform.since(keyrotation.Sessions{KeyID: k.KeyID}, o.w.now.Add(1)); over && n > 0 {
			o.w.failf("generation %d was revoked and is %s, but %d sessions go on that its tokens opened", k.Generation, k.State, n)
		}
		o.quarantine(ring, k)
	}
}

// quarantine: what a key opened that may be compromised is over, or the ring
// says that it is to end.
func (o *oracle) quarantine(ring keyrotation.Ring, k keyrotation.Key) {
	of := keyrotation.Sessions{KeyID: k.KeyID}
	if k.State != keyrotation.Quarantined {
		o.trusted[k.KeyID] = o.w.now
		return
	}
	waits := slices.ContainsFunc(ring.Ends, func(end keyrotation.SessionEnd) bool { return end.Of == of || end.Of.All })
	if n := o.w.platform.since(of, o.trusted[k.KeyID]); n > 0 && !waits && compromised.MatchString(k.Note) {
		o.w.failf("generation %d is quarantined because %s, but %d sessions go on that its tokens opened", k.Generation, k.Note, n)
	}
}

// compromised are the reasons of a quarantine that end a key's sessions.
var compromised = regexp.MustCompile("another key under its id|replaced or rotated|exportable=")

// endSessions is an operator's order. Once it is confirmed, what was opened
// before it is over.
func endSessions(w *world, r *keyrotation.Rotator, generation int) func(context.Context) error {
	which, of := w.someSessions(generation)
	return func(ctx context.Context) error {
		asked := w.now
		recorded, err := r.EndSessions(ctx, which, byOperator)
		if n := w.platform.since(of, asked); err == nil && n > 0 {
			w.failf("the end of %+v is confirmed (recorded %t), but %d sessions go on", of, recorded, n)
		}
		if err == nil || errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	}
}

func (w *world) someSessions(generation int) (keyrotation.SessionsOf, keyrotation.Sessions) {
	ring := w.store.ring()
	k, _ := ring.Key(generation)
	switch w.rng.IntN(4) {
	case 0:
		return keyrotation.SessionsOf{All: true}, keyrotation.Sessions{All: true}
	case 1:
		return keyrotation.SessionsOf{Viewer: "viewer 1"}, keyrotation.Sessions{Viewer: viewerName("viewer 1")}
	case 2:
		return keyrotation.SessionsOf{VideoID: "video 1"}, keyrotation.Sessions{VideoID: "video 1"}
	}
	return keyrotation.SessionsOf{Generation: generation}, keyrotation.Sessions{KeyID: k.KeyID}
}
