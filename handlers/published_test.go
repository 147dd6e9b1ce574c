package handlers_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v2/jwk"

	"playtoken/handlers"
	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/store"
)

// published is of the project own; verifiers of the others fetch nothing.
func (d *deployment) published(_ context.Context, projectID string) (handlers.PublishedKeys, error) {
	if projectID != d.own.ID {
		return handlers.PublishedKeys{}, projects.ErrNotFound
	}
	return d.keySet, d.keySetErr
}

// withKeySet is a deployment whose own project publishes a key.
func withKeySet(t *testing.T) (*deployment, func()) {
	t.Helper()
	d, done := deploy(t)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := keyrotation.NewWebKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	key.Kid = "one"
	d.keySet = handlers.PublishedKeys{Keys: []keyrotation.WebKey{key}, Age: 7 * time.Second, Fresh: 15 * time.Second}
	return d, done
}

func TestVerifiersFetchTheKeysWithoutACredential(t *testing.T) {
	d, done := withKeySet(t)
	defer done()
	got := d.ask("GET", "/v1/projects/"+d.own.ID+"/jwks.json", "", "")
	set, err := jwk.Parse(got.Body.Bytes())
	if err != nil || set.Len() != 1 {
		t.Fatalf("got %d %s, %v, want a set of one key", got.Code, got.Body, err)
	}
	if key, ok := set.LookupKeyID("one"); !ok || key.Algorithm().String() != "ES256" {
		t.Errorf("got the set %s, want the key with the id one and the algorithm ES256", got.Body)
	}
	headers := fmt.Sprint(got.Header().Get("Cache-Control"), ", Age ", got.Header().Get("Age"), ", ", got.Header().Get("RateLimit-Policy"))
	if want := `public, max-age=15, Age 7, "key_sets";q=300;w=60`; headers != want {
		t.Errorf("got headers %s, want %s", headers, want)
	}
}

func TestAVerifierThatHasTheKeysGetsThemNoSecondTime(t *testing.T) {
	d, done := withKeySet(t)
	defer done()
	path := "/v1/projects/" + d.own.ID + "/jwks.json"
	tag := d.ask("GET", path, "", "").Header().Get("ETag")
	ask := func() int {
		r := request("GET", path, "", "")
		r.Header.Set("If-None-Match", tag)
		return d.send(r).Code
	}
	if got := ask(); got != http.StatusNotModified {
		t.Errorf("the same keys: got %d, want 304", got)
	}
	d.keySet.Keys[0].Kid = "two"
	if got := ask(); got != http.StatusOK {
		t.Errorf("other keys: got %d, want 200", got)
	}
	if got := d.ask("HEAD", path, "", ""); got.Code != 200 || got.Header().Get("ETag") == tag || got.Body.Len() != 0 {
		t.Errorf("HEAD: got %d, ETag %s, %d bytes, want 200, another ETag, none", got.Code, got.Header().Get("ETag"), got.Body.Len())
	}
}

func TestKeysOfNoProjectAndKeysThatAreUnknown(t *testing.T) {
	d, done := withKeySet(t)
	defer done()
	for _, id := range []string{d.other.ID, d.gone.ID, "default", "nothing"} {
		if got := d.ask("GET", "/v1/projects/"+id+"/jwks.json", "", ""); got.Code != 404 {
			t.Errorf("keys of %s: got %d, want 404", id, got.Code)
		}
	}
	d.keySetErr = fmt.Errorf("no view: %w", store.ErrUnavailable)
	got := d.ask("GET", "/v1/projects/"+d.own.ID+"/jwks.json", "", "")
	if got.Code != 503 || got.Header().Get("Retry-After") == "" || got.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("without store and view: got %d %v, want 503 with Retry-After, not to be stored", got.Code, got.Header())
	}
}

func TestAnAddressFetchesKeysSoOften(t *testing.T) {
	d, done := withKeySet(t)
	defer done()
	path := "/v1/projects/" + d.own.ID + "/jwks.json"
	for n := range 301 {
		got := d.ask("GET", path, "", "")
		if want := map[bool]int{true: 200, false: 429}[n < 300]; got.Code != want {
			t.Fatalf("request %d: got %d, want %d", n+1, got.Code, want)
		}
	}
	d.keySetErr = store.ErrUnavailable
	if got := d.ask("GET", path, "", ""); got.Code != 429 {
		t.Errorf("above the limit: got %d, want 429 before anything is looked up", got.Code)
	}
}

func TestARingBecomesAKeySet(t *testing.T) {
	t.Parallel()
	ring := keyrotation.Ring{Durations: keyrotation.Durations{ViewAge: 15 * time.Second}}
	got, err := handlers.NewPublishedKeys(ring, 3*time.Second)
	want := handlers.PublishedKeys{Keys: []keyrotation.WebKey{}, Age: 3 * time.Second, Fresh: 15 * time.Second}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("an empty ring: %v, -want +got\n%s", err, diff)
	}
	ring.Keys = []keyrotation.Key{{Generation: 4, State: keyrotation.Active, Published: true, AttemptAt: time.Now(), PublicKey: "no PEM"}}
	if _, err := handlers.NewPublishedKeys(ring, 0); err == nil || !strings.Contains(err.Error(), "generation 4") {
		t.Errorf("a key that cannot be read: got %v, want an error that names the generation", err)
	}
}
