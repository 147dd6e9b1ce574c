package gate

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"slices"

	"playtoken/limits"
)

var errStreamLimit = refused(403, "stream_limit", "too many streams of this viewer play at once, and this one was watched least recently; open the video again to watch here")

// play says that a session is being watched, and refuses it if it has ended
// because its viewer watches too many others. A viewer whom the token did not
// name is not bounded.
func (g *Gate) play(ctx context.Context, s session) error {
	if g.config.Streams == nil || s.viewer == "" ||
		g.config.Streams.Play(ctx, limits.Stream{Viewer: s.viewer, ID: s.id, Ends: max(s.expires, g.lastOf(s))}) {
		return nil
	}
	return errStreamLimit
}

// begin gives a session to a viewer who was admitted by a token. It is the one
// that the viewer has, if there is a ticket of it: a page that is loaded again,
// or a player that sends its token with every request, is one stream.
func (g *Gate) begin(ctx context.Context, a admission, held []admission, stream string) (admission, error) {
	a.inURL = slices.ContainsFunc(held, func(h admission) bool { return h.inURL })
	i := slices.IndexFunc(held, func(h admission) bool { return h.viewer == a.viewer && h.id != "" })
	if i >= 0 {
		a.id = held[i].id
		err := g.play(ctx, a.session)
		if err == nil {
			a.ticket = a.session.ticket(g.keys.SealingKey())
			return a, nil
		}
		if held[i].inURL {
			return admission{}, err
		}
	}
	a.id = stream
	if err := g.play(ctx, a.session); err != nil {
		return admission{}, err
	}
	a.ticket = a.session.ticket(g.keys.SealingKey())
	return a, nil
}

// streamOf is the id of the session that a token begins. Where the answer hands
// on a ticket that its player will use, each answer begins one. Where the player
// goes on with the token, because it sends it with every request or because a
// proxy serves plain files, the session is the token's.
func (g *Gate) streamOf(token presentedToken, p place) string {
	if opening := p.file == "" || p.file == g.config.Index || ending(p.file) == ".mpd"; opening && !token.header && !p.forwarded {
		return newSessionID()
	}
	sum := sha256.Sum256([]byte("playtoken gate stream of a token\x00" + token.text))
	return base64.RawURLEncoding.EncodeToString(sum[:sessionIDBytes])
}
