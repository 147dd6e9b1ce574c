package web

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/web/timeline"
)

// Ring is what the demo's page draws of a project.
type Ring struct {
	Keys  []timeline.Key // newest first
	Moves []timeline.Move
}

// ringAge is how old the ring of a page may be: all open pages share one.
const ringAge = 400 * time.Millisecond

// lastRing remembers the ring, so that the picture goes on while the store is
// stopped.
type lastRing struct {
	mu   sync.Mutex
	at   time.Time // zero: no ring was read yet
	ring Ring
}

// get returns the ring, and whether it is as the store has it. The error says
// that no ring was read yet.
func (l *lastRing) get(ctx context.Context, read func(context.Context) (Ring, error)) (ring Ring, fresh bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.at) < ringAge {
		return l.ring, true, nil
	}
	ring, err = read(ctx)
	if err == nil {
		l.ring, l.at = ring, time.Now()
		return ring, true, nil
	}
	if l.at.IsZero() {
		return Ring{}, false, err
	}
	return l.ring, false, nil
}

// The demo's axis stands still for some seconds, on which "now" moves, and then
// moves on.
const (
	demoBefore = 95 * time.Second
	demoSpan   = 150 * time.Second
	demoStep   = 15 * time.Second
)

// demoAxis shows some rotations of the demo, or more where they are rarer.
func demoAxis(p timeline.Picture) timeline.Picture {
	if fit := p.Fit(); fit != "minute" && fit != "five-minutes" {
		return p.Fitted()
	}
	p.From = p.Now.Truncate(demoStep).Add(-demoBefore)
	p.Until = p.From.Add(demoSpan)
	return p
}

// timeline answers with the picture. The query says which tokens the page has,
// newest first: token=KEYID:AGE:LIFE, in milliseconds.
func (d *demo) timeline(w http.ResponseWriter, r *http.Request) {
	ring, _, err := d.seen.get(r.Context(), d.Ring)
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "signer_unavailable", "the list of keys cannot be read now")
		return
	}
	now := time.Now().UTC()
	tokens, err := tokenLives(r.URL.Query()["token"], now)
	if err != nil {
		refuse(w, http.StatusBadRequest, "invalid_request", err.Error())
		return
	}
	p := demoAxis(timeline.Picture{Keys: ring.Keys, Moves: ring.Moves, Tokens: tokens, Now: now})
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write(p.SVG()) // the visitor has gone
}

const mostTokens = 8

// tokenLives reads which tokens a page has.
func tokenLives(values []string, now time.Time) ([]timeline.Token, error) {
	if len(values) > mostTokens {
		return nil, errors.New("more than " + strconv.Itoa(mostTokens) + " tokens")
	}
	var tokens []timeline.Token
	for i, value := range values {
		parts := strings.Split(value, ":")
		if len(parts) != 3 {
			return nil, errors.New("token: want KEYID:AGE:LIFE")
		}
		age, ageErr := milliseconds(parts[1])
		life, lifeErr := milliseconds(parts[2])
		if err := errors.Join(ageErr, lifeErr); err != nil {
			return nil, err
		}
		issued := now.Add(-age)
		// The newest comes last, to be drawn on top.
		tokens = append([]timeline.Token{{KeyID: parts[0], IssuedAt: issued, ExpiresAt: issued.Add(life), Playing: i == 0}}, tokens...)
	}
	return tokens, nil
}

func milliseconds(text string) (time.Duration, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, errors.New("token: want ages and lives in whole milliseconds")
	}
	return time.Duration(n) * time.Millisecond, nil
}

func timelineCSS(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(timeline.CSS()) // the visitor has gone
}

// keyRow is a signing key in the page's table, and keyMove a next move. Seconds
// are counted from the response, by the service's clock.
type keyRow struct {
	Generation int    `json:"generation"`
	State      string `json:"state"`
	KeyID      string `json:"key_id,omitempty"`
	Does       string `json:"does"`
	Stays      int    `json:"stays,omitzero"` // how long it must not be deleted
}

type keyMove struct {
	Number int    `json:"number"`
	Words  string `json:"words"`
	Why    string `json:"why"`
	In     *int   `json:"in"` // null: waiting does not make it possible
}

// keyTable is what the page shows as text.
type keyTable struct {
	Items   []keyRow  `json:"items"`
	Moves   []keyMove `json:"moves"`
	Fresh   bool      `json:"fresh"`   // as the store has it; else as it was when it could last be read
	Stopped int       `json:"stopped"` // how long the store is still stopped
}

// keys answers with the picture as text.
func (d *demo) keys(w http.ResponseWriter, r *http.Request) {
	ring, fresh, err := d.seen.get(r.Context(), d.Ring)
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "signer_unavailable", "the list of keys cannot be read now")
		return
	}
	now := time.Now()
	p := timeline.Picture{Keys: ring.Keys, Moves: ring.Moves, Now: now}
	table := keyTable{Items: []keyRow{}, Moves: []keyMove{}, Fresh: fresh, Stopped: seconds(d.Outage.Left())}
	for _, row := range p.Rows() {
		table.Items = append(table.Items, keyRow{
			Generation: row.Generation, State: row.State, KeyID: row.KeyID, Does: row.Does, Stays: stays(row.Key, now),
		})
	}
	for _, m := range p.Marks() {
		move := keyMove{Number: m.Number, Words: m.Words, Why: m.Why}
		if !m.Blocked {
			in := seconds(m.At.Sub(now))
			move.In = &in
		}
		table.Moves = append(table.Moves, move)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.MarshalWrite(w, table) // the visitor has gone
}

func stays(k timeline.Key, now time.Time) int {
	if k.State != "retiring" {
		return 0
	}
	return max(seconds(k.DeleteNotBefore.Sub(now)), 0)
}

// seconds rounds up: what has 0 s left is over.
func seconds(d time.Duration) int { return int(math.Ceil(max(d, 0).Seconds())) }
