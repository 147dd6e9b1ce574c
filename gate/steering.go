package gate

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/gate/playlist"
	"playtoken/gate/verify"
)

// steeringFile stands below each video for what steers its players. No ticket
// is called that, so no path that had a meaning loses it.
const steeringFile = "~steering"

// firstPathway is where variants are that name no pathway.
const firstPathway = "."

// steeringManifest is what a player is told (RFC 8216bis, section 7.2): to go on
// with a clone of the variants that it knows, whose URIs have a new ticket.
type steeringManifest struct {
	Version   int            `json:"VERSION"`
	TTL       int64          `json:"TTL"` // seconds until the player asks again
	ReloadURI string         `json:"RELOAD-URI"`
	Priority  []string       `json:"PATHWAY-PRIORITY"`
	Clones    []pathwayClone `json:"PATHWAY-CLONES"`
}

type pathwayClone struct {
	Base        string         `json:"BASE-ID"`
	ID          string         `json:"ID"`
	Replacement uriReplacement `json:"URI-REPLACEMENT"`
}

type uriReplacement struct {
	Params map[string]string `json:"PARAMS"`
}

// steer answers a player that asks where to go on: with a new ticket, while its
// session may be renewed.
func (g *Gate) steer(w http.ResponseWriter, r *http.Request) error {
	g.allowOrigin(w, r)
	p, err := readPlace(strings.TrimSuffix(r.URL.EscapedPath(), "/"+steeringFile)+"/", "")
	if err != nil {
		return err
	}
	a, err := g.admitSteering(r.Context(), p, r.URL.RawQuery, r.Header)
	if g.config.Admission != nil {
		g.config.Admission(a.result(err))
	}
	if err != nil {
		return err
	}
	pathway := newSessionID() // players ignore what they are told about one that they know
	body, err := json.Marshal(steeringManifest{
		Version: 1, TTL: int64(g.config.Steering / time.Second), ReloadURI: g.steeringURI(a.session), Priority: []string{pathway},
		Clones: []pathwayClone{{Base: firstPathway, ID: pathway, Replacement: uriReplacement{Params: map[string]string{"ticket": a.ticket}}}},
	})
	if err != nil {
		return fmt.Errorf("write steering manifest: %w", err)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // the player has gone
	return nil
}

// admitSteering lets in who presents a playback token, which begins a session as
// it does anywhere, or the steering ticket of a session. Session tickets do not
// count: they stand in every address of the video, which viewers pass on.
func (g *Gate) admitSteering(ctx context.Context, p place, rawQuery string, header http.Header) (admission, error) {
	if err := g.keys.Fresh(); err != nil {
		return admission{}, err
	}
	presented, err := g.present(p, rawQuery, header)
	if err != nil {
		return admission{}, err
	}
	var held []admission
	refusal := refusedToken(verify.TokenMissing, "a steering ticket is needed: open the video again")
	for _, text := range presented.tickets[:presented.inURL] {
		var a admission
		if a, refusal = g.bySteeringTicket(text, p.video); refusal == nil {
			held = append(held, a)
		}
	}
	for i, token := range presented.tokens {
		a, err := g.byToken(token.text, p.video)
		if err == nil {
			return g.begin(ctx, a, held, g.streamOf(token, p))
		}
		if i == 0 && len(held) == 0 {
			refusal = err
		}
	}
	if len(held) == 0 {
		return admission{}, refusal
	}
	return g.prolong(held[0].session), nil
}

// prolong gives another ticket to a session, whose last end stays what it was.
func (g *Gate) prolong(s session) admission {
	s.expires = min(g.config.Now().Add(g.config.SessionTTL).Unix(), g.lastOf(s))
	return admission{session: s, ticket: s.ticket(g.keys.SealingKey())}
}

// bySteeringTicket is byTicket for a steering ticket.
func (g *Gate) bySteeringTicket(text, video string) (admission, error) {
	s, err := openSteeringTicket(text, g.keys.TicketKeys)
	if err != nil {
		return admission{}, err
	}
	s.expires = min(s.expires, g.lastOf(s)) // the setting may be another one now
	if err := s.opens(video, g.config.Now()); err != nil {
		return admission{}, err
	}
	return admission{session: s, inURL: true}, g.plausible(s)
}

// lastOf is the second from which on a session is over, however it is renewed.
// It is counted from its beginning, which no renewal changes.
func (g *Gate) lastOf(s session) int64 {
	if g.config.Steering == 0 {
		return s.expires
	}
	return time.UnixMicro(s.issued).Add(g.config.SteeringMax).Unix()
}

// steeringURI leads from the video's folder to what steers the session's player.
func (g *Gate) steeringURI(s session) string {
	s.expires = g.lastOf(s)
	return steeringFile + "?ticket=" + s.steeringTicket(g.keys.SealingKey())
}

// steered tells the player of a multivariant playlist where to ask, if a token
// opened it. A viewer who opens it with a ticket watches for as long as that lives.
func (g *Gate) steered(list *playlist.Playlist, p place, a admission) *playlist.Playlist {
	if g.config.Steering == 0 || !a.fresh || p.ticket != "" || !list.Steerable() {
		return list
	}
	up := strings.Repeat("../", strings.Count(p.file, "/"))
	return list.With(`#EXT-X-CONTENT-STEERING:SERVER-URI="` + up + g.steeringURI(a.session) + `",PATHWAY-ID="` + firstPathway + `"`)
}

// longest is how long after it began a session may still be alive.
func (c Config) longest() time.Duration {
	if c.Steering == 0 {
		return c.SessionTTL
	}
	return max(c.SessionTTL, c.SteeringMax)
}

func (c Config) checkSteering() error {
	return unless(c.Steering == 0 || c.Steering >= time.Second && c.SessionTTL >= 3*c.Steering && c.SteeringMax >= c.SessionTTL,
		"players are steered more than once a second, less than three times in a session's life, or for less than that life")
}
