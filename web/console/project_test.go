package console

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"playtoken/secret"
	"playtoken/store"
)

// alwaysSignedIn is the sessions of a console whose visitors are all signed in.
type alwaysSignedIn struct{ Sessions }

func (alwaysSignedIn) Resume(context.Context, secret.Value) (Person, secret.Value, error) {
	return Person{ID: "admin", Role: "admin", Session: "one"}, secret.Value{}, nil
}

// TestAProjectWithFiftyGenerationsIsASmallPage: in each zoom, with the longest key
// ids, and everything that can be done with each key.
func TestAProjectWithFiftyGenerationsIsASmallPage(t *testing.T) {
	const generations, live, most = 60, 10, 100_000 // as many as a ring remembers, and those that live
	var keys, plan []string
	for g := generations; g > 0; g-- {
		state, ended := "retiring", ""
		if g <= generations-live {
			state, ended = "deleted", fmt.Sprintf(`"deleted_at":"2026-%02d-%02dT13:00:00Z",`, 1+g/28, 1+g%28)
		}
		keys = append(keys, fmt.Sprintf(`{"generation":%d,"state":%q,"kind":"ecdsa-p384","key_id":%q,%s"created_at":"2025-12-01T12:00:00Z","registered_at":"2025-12-01T12:00:01Z","activated_at":"2026-%02d-%02dT12:00:00Z","retired_at":"2026-%02d-%02dT12:30:00Z","delete_not_before":"2026-12-01T12:00:00Z"}`,
			g, state, strings.Repeat("k", 128), ended, 1+g/28, 1+g%28, 1+g/28, 1+g%28))
		if state != "deleted" {
			plan = append(plan, fmt.Sprintf(`{"action":"delete","generation":%d,"why":"no token of it can be alive","not_before":"2026-12-01T12:00:00Z"}`, g))
		}
	}
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/projects/p/signing-keys":
			fmt.Fprintf(w, `{"items":[%s]}`, strings.Join(keys, ","))
		case "/v1/projects/p/rotation":
			fmt.Fprintf(w, `{"plan":[%s]}`, strings.Join(plan, ","))
		default:
			fmt.Fprint(w, `{"project_id":"p","name":"Films","platform":"gate"}`)
		}
	})
	c, err := New(Config{API: api, Sessions: alwaysSignedIn{}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for zoom := range zoomWords {
		w := httptest.NewRecorder()
		c.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/console/projects/p?zoom="+zoom, http.NoBody))
		if w.Code != http.StatusOK || w.Body.Len() > most || !strings.Contains(w.Body.String(), "<td>P-384</td>") {
			t.Errorf("%s: got status %d and %d bytes, want 200, at most %d, and the kind of each key: %.500s", zoom, w.Code, w.Body.Len(), most, w.Body)
		}
		t.Logf("%s: %d bytes", zoom, w.Body.Len())
	}
}

// TestEachKindOfKeyHasWords: the kinds are those that the API has.
func TestEachKindOfKeyHasWords(t *testing.T) {
	for _, kind := range store.Kinds() {
		if kindOfKey(string(kind)) == string(kind) {
			t.Errorf("%s: got no words for this kind of key, want them", kind)
		}
	}
}
