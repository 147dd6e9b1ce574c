// Package jwplayertest is a stand-in for JW Player, made from its documents:
// the management API v2 as far as it is used, and the delivery API's word on
// who may have what.
//
// The decision a newcomer would get wrong: it shares no code with the package
// that it is there to test. What a signature has to be is written down here a
// second time.
package jwplayertest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"playtoken/platforms/standin"
)

// What the account has.
const (
	Site   = "aBcD1234"
	Player = "ALJ3XQCI"
	Policy = "b2Afe1zG" // for DRM

	Calls  = 60 // of the management API, to each secret
	Window = time.Minute
)

// Contents are the media and playlists of the account.
var Contents = []string{"nPripu9l", "RltV8MtT", "Xw0oaD4q"}

// server is one property.
type server struct {
	world standin.World

	mu    sync.Mutex
	calls map[string][]time.Time // of the last window, by secret
}

// Serve is the management API below /v2, and the delivery API below /cdn.
func Serve(world standin.World) http.Handler {
	s := &server{world: world, calls: map[string][]time.Time{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/sites/{site}/media/{$}", s.media)
	mux.HandleFunc("/v2/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "no such route") })
	mux.Handle("/cdn/", http.StripPrefix("/cdn", http.HandlerFunc(s.deliver)))
	return mux
}

// codes are the platform's own.
var codes = map[int]string{
	401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
	409: "conflict", 422: "unprocessable", 429: "rate_limit_exceeded",
}

// Refuse is a refusal as JW Player words it.
func Refuse(status int, text string) string {
	code, ok := codes[status]
	if !ok {
		code = "error_" + strconv.Itoa(status)
	}
	body, err := json.Marshal(map[string]any{"errors": []map[string]string{{"code": code, "description": text}}})
	if err != nil {
		panic(err) // only texts are in it
	}
	return string(body)
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write([]byte(Refuse(status, text)))
}

// Left is how an answer says how many calls are left.
func Left(calls int) http.Header {
	h := http.Header{}
	h.Set("jw-request-limit", strconv.Itoa(Calls))
	h.Set("jw-request-remaining", strconv.Itoa(calls))
	return h
}

// media lists the property's media.
func (s *server) media(w http.ResponseWriter, r *http.Request) {
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !s.world.Credential["api_secret"].Equal(bearer) {
		refuse(w, http.StatusUnauthorized, "the secret is not known")
		return
	}
	left, ok := s.charge(bearer)
	for name, values := range Left(left) {
		w.Header()[name] = values
	}
	length, err := strconv.Atoi(r.URL.Query().Get("page_length"))
	switch {
	case !ok:
		refuse(w, http.StatusTooManyRequests, "too many requests")
	case r.PathValue("site") != Site:
		refuse(w, http.StatusForbidden, "no permission for this property")
	case err != nil || length < 1:
		refuse(w, http.StatusBadRequest, "page_length")
	default:
		rows := []map[string]any{}
		for _, id := range Contents[:min(length, len(Contents))] {
			rows = append(rows, map[string]any{"id": id, "type": "media", "metadata": map[string]any{"title": id}})
		}
		json.NewEncoder(w).Encode(map[string]any{"media": rows, "page": 1, "page_length": length, "total": len(Contents)})
	}
}

// charge counts a call, unless it is one too many.
func (s *server) charge(secret string) (left int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	calls := slices.DeleteFunc(s.calls[secret], func(at time.Time) bool { return now.Sub(at) >= Window })
	if ok = len(calls) < Calls; ok {
		calls = append(calls, now)
	}
	s.calls[secret] = calls
	return Calls - len(calls), ok
}
