package handlers

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gorilla/mux"

	"playtoken/keyrotation"
	"playtoken/limits"
)

// PublishedKeys are the public keys that verifiers of a project fetch.
type PublishedKeys struct {
	Keys []keyrotation.WebKey
	Age  time.Duration // of the view of the ring that they come from
	// Fresh is for how long a cache on the way may go on with them, counted from
	// the view: how old views may be anyway, so that no cache adds to that.
	Fresh time.Duration
}

// NewPublishedKeys returns what a view of a ring publishes.
func NewPublishedKeys(ring keyrotation.Ring, age time.Duration) (PublishedKeys, error) {
	shown := PublishedKeys{Keys: []keyrotation.WebKey{}, Age: age, Fresh: ring.Durations.ViewAge}
	for _, k := range ring.Published() {
		key, err := keyrotation.ReadWebKey(k.PublicKey)
		if err != nil {
			return PublishedKeys{}, fmt.Errorf("publish generation %d: %w", k.Generation, err)
		}
		shown.Keys = append(shown.Keys, key)
	}
	return shown, nil
}

// publishedKeys responds with the keys that the verifiers of a project fetch. They
// have no credential, so requests are counted by where they come from.
func (s *server) publishedKeys(w http.ResponseWriter, r *http.Request) {
	if err := s.chargeSource(w, r, keySetLimit, "for the keys of projects"); err != nil {
		s.refuse(w, r, err)
		return
	}
	published, err := s.Published(r.Context(), mux.Vars(r)["project_id"])
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	set, err := json.Marshal(struct {
		Keys []keyrotation.WebKey `json:"keys"`
	}{published.Keys})
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	sum := sha256.Sum256(set)
	w.Header().Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
	w.Header().Set("Age", strconv.Itoa(int(published.Age/time.Second)))
	w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", published.Fresh/time.Second))
	w.Header().Set("Content-Type", "application/json")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(append(set, '\n')))
}

// keySetLimit is for one source's requests for published keys. Many verifiers may be
// behind one address, and each asks every few minutes.
var keySetLimit = limits.Limit{Name: "key_sets", Count: 300, Per: time.Minute}
