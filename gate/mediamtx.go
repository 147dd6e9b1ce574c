package gate

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"

	"playtoken/gate/verify"
	"playtoken/store"
)

// maxQuestion bounds the body of a question of MediaMTX, in bytes.
const maxQuestion = 64 << 10

// question is what MediaMTX asks with authMethod: http, as far as it decides anything.
// Later versions may send more.
type question struct {
	Action   string `json:"action"`
	Path     string `json:"path"`
	Token    string `json:"token"`
	Query    string `json:"query"`
	Password string `json:"password"`
}

var errOnlyViewers = refused(http.StatusForbidden, "forbidden", "the gate answers for the actions read and playback only: let MediaMTX decide about others (authHTTPExclude)")

// authMediaMTX answers whether a viewer may read a path: 204, 401 or 403. The path is
// the video. MediaMTX asks once, when reading begins, so there is no session.
func (g *Gate) authMediaMTX(w http.ResponseWriter, r *http.Request) error {
	err := g.answer(w, r)
	if g.config.Admission != nil {
		g.config.Admission(admission{fresh: true}.result(err))
	}
	if errors.Is(err, store.ErrUnavailable) {
		return &refusal{status: http.StatusForbidden, code: "unavailable", detail: "the gate's store does not answer", cause: err}
	}
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (g *Gate) answer(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost {
		return refused(http.StatusForbidden, "forbidden", "MediaMTX asks with POST")
	}
	q, err := readQuestion(w, r)
	if err != nil {
		return err
	}
	if q.Action != "read" && q.Action != "playback" {
		return errOnlyViewers
	}
	if !isVideo(q.Path) {
		return errNotAVideo
	}
	token, err := q.token()
	if err != nil {
		return err
	}
	if err := g.keys.Fresh(); err != nil {
		return err
	}
	_, err = g.byToken(token, q.Path)
	return err
}

func readQuestion(w http.ResponseWriter, r *http.Request) (q question, err error) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxQuestion))
	if err != nil || json.Unmarshal(text, &q) != nil {
		return question{}, refused(http.StatusForbidden, "forbidden", "the body is not what MediaMTX sends: one JSON object")
	}
	return q, nil
}

// token is the one that the viewer presents: as a bearer, in the query, or as the
// password of players that have no other place for it.
func (q question) token() (string, error) {
	query, err := url.ParseQuery(q.Query)
	if err != nil || len(query["jwt"])+len(query["token"]) > 1 {
		return "", refusedToken(verify.TokenMalformed, "the query is malformed, or has two tokens")
	}
	token := cmp.Or(q.Token, query.Get("jwt"), query.Get("token"), q.Password)
	if token == "" {
		return "", refusedToken(verify.TokenMissing, "a playback token is needed, as ?jwt=, Authorization: Bearer or the password")
	}
	return token, nil
}
