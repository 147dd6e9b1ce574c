package access_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"

	"playtoken/keyrotation"
	"playtoken/projects/access"
	"playtoken/store"
)

func TestPublishedKeysComeAndGo(t *testing.T) {
	docs := newMemory()
	p := access.NewPublished(docs)
	if keys, err := p.List(t.Context()); err != nil || keys == nil || len(keys) != 0 {
		t.Errorf("List of an empty set: got %v, %v, want an empty list", keys, err)
	}
	one, two := publicKey(t, ours()), publicKey(t, stranger())
	first, err := p.Register(t.Context(), "one", one)
	if err != nil || len(first) != 43 {
		t.Fatalf("Register: got %q, %v, want a thumbprint", first, err)
	}
	if again, err := p.Register(t.Context(), "one again", one); err != nil || again != first {
		t.Errorf("the same key again: %q, %v; want %q", again, err, first)
	}
	second, err := p.Register(t.Context(), "two", two)
	if err != nil || second == first {
		t.Errorf("Register of another key: got %q, %v, want another id", second, err)
	}
	keys, err := p.List(t.Context())
	if err != nil || len(keys) != 2 || keys[0].ID != first || keys[0].Name != "one" || keys[1].Fingerprint != keyrotation.Fingerprint(two) {
		t.Errorf("List: got %+v, %v, want both keys", keys, err)
	}
	if got, err := p.Get(t.Context(), second); err != nil || got != keys[1] || got.CreatedAt.IsZero() {
		t.Errorf("Get: got %+v, %v, want the second key", got, err)
	}
	for range 2 {
		if err := p.Delete(t.Context(), first); err != nil {
			t.Errorf("Delete: got %v, want no error", err)
		}
	}
	if _, err := p.Get(t.Context(), first); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get of a deleted key: got %v, want ErrNotFound", err)
	}
	if keys, err := p.List(t.Context()); err != nil || len(keys) != 1 || keys[0].ID != second {
		t.Errorf("List after Delete: got %+v, %v, want the second key", keys, err)
	}
}

func TestWhatIsNoKeyIsNotPublished(t *testing.T) {
	docs := newMemory()
	p := access.NewPublished(docs)
	for what, input := range map[string][2]string{
		"no key": {"name", "PEM"}, "no name": {"", publicKey(t, ours())}, "a long name": {strings.Repeat("x", 51), publicKey(t, ours())},
	} {
		if id, err := p.Register(t.Context(), input[0], input[1]); !errors.Is(err, keyrotation.ErrRefused) || id != "" {
			t.Errorf("Register of %s: got %q, %v, want ErrRefused", what, id, err)
		}
	}
	if docs.calls != 0 {
		t.Errorf("refused keys: got %d calls of the store, want 0", docs.calls)
	}
}

// Replicas that publish at the same time lose no key, even if writes fail. A
// replica that does not know the outcome reads the set, as a rotator does.
func TestChangesAtOnceLoseNothing(t *testing.T) {
	docs := newMemory()
	var keys []string
	for range 8 {
		k, err := rsa.GenerateKey(rand.Reader, 1024)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, publicKey(t, k))
	}
	docs.faulty(5, 5, 0)
	until := func(do func() error) {
		for err := do(); err != nil; err = do() {
			if !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, keyrotation.ErrThrottled) {
				t.Error(err)
				return
			}
		}
	}
	var wg sync.WaitGroup
	for n, key := range keys {
		wg.Go(func() {
			p, id := access.NewPublished(docs), ""
			until(func() (err error) { id, err = p.Register(t.Context(), fmt.Sprint(n), key); return err })
			if n%2 == 0 {
				until(func() error { return p.Delete(t.Context(), id) })
			}
		})
	}
	wg.Wait()
	docs.faulty(0, 0, 0)
	left, err := access.NewPublished(docs).List(t.Context())
	if err != nil || len(left) != 4 {
		t.Errorf("%d keys are left, %v; want 4", len(left), err)
	}
}

// A set in which a key has another's id would verify strangers' tokens.
func TestASetThatWasTamperedWithIsNotBelieved(t *testing.T) {
	docs := newMemory()
	kid := publish(t, docs, ours())
	doc := docs.docs["jwks/published"]
	token := sign(stranger(), header(kid), claims(-60, 600))
	for what, data := range map[string]string{
		"another's key": strings.Replace(string(doc.Data), mustJSON(t, publicKey(t, ours())), mustJSON(t, publicKey(t, stranger())), 1),
		"twice":         strings.Replace(string(doc.Data), `"keys":[`, `"keys":[`+string(doc.Data[len(`{"keys":[`):len(doc.Data)-2])+",", 1),
		"not JSON":      `{"keys":`,
	} {
		if data == string(doc.Data) {
			t.Fatalf("%s: got the document unchanged, want it changed by the test", what)
		}
		docs.docs["jwks/published"] = store.Document{Data: []byte(data), Version: doc.Version}
		a := replica(t, docs, newCallers(), unsigned{})
		if _, err := a.Identify(t.Context(), token); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: Identify: got %v, want ErrUnavailable", what, err)
		}
		if _, err := a.JWKS(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: JWKS: got %v, want ErrUnavailable", what, err)
		}
		if _, err := access.NewPublished(docs).List(t.Context()); err == nil {
			t.Errorf("%s: List: got no error, want one", what)
		}
	}
}

// A newer version's document is read, and not written back with less in it.
func TestASetOfANewerVersionIsReadButNotWritten(t *testing.T) {
	docs := newMemory()
	kid := publish(t, docs, ours())
	doc := docs.docs["jwks/published"]
	doc.Data = bytes.Replace(doc.Data, []byte(`{"keys"`), []byte(`{"more":1,"keys"`), 1)
	docs.docs["jwks/published"] = doc
	a := replica(t, docs, newCallers(), unsigned{})
	if _, err := a.Identify(t.Context(), sign(ours(), header(kid), claims(-60, 600))); err != nil {
		t.Errorf("Identify: got %v, want no error", err)
	}
	if _, err := access.NewPublished(docs).Register(t.Context(), "x", publicKey(t, stranger())); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Register: got %v, want ErrUnavailable", err)
	}
}

func mustJSON(t *testing.T, text string) string {
	t.Helper()
	data, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestTheKeySetVerifiesAccessTokens(t *testing.T) {
	docs := newMemory()
	a := replica(t, docs, newCallers(), unsigned{})
	if set, err := a.JWKS(t.Context()); err != nil || string(set) != `{"keys":[]}` {
		t.Errorf("JWKS of no keys: got %s, %v, want an empty set", set, err)
	}
	kid := publish(t, docs, ours())
	set, err := replica(t, docs, newCallers(), unsigned{}).JWKS(t.Context())
	var got struct {
		Keys []map[string]string `json:"keys"`
	}
	if err != nil || json.Unmarshal(set, &got) != nil || len(got.Keys) != 1 || len(got.Keys[0]) != 6 {
		t.Fatalf("JWKS: got %s, %v, want one key of six members", set, err)
	}
	k := got.Keys[0]
	n, err := base64.RawURLEncoding.Strict().DecodeString(k["n"])
	if err != nil || n[0] == 0 || new(big.Int).SetBytes(n).Cmp(ours().N) != 0 {
		t.Errorf("n: got %s, %v, want the modulus without leading zeros", k["n"], err)
	}
	if k["kty"] != "RSA" || k["e"] != "AQAB" || k["alg"] != "RS256" || k["use"] != "sig" || k["kid"] != kid {
		t.Errorf("got the key %v, want RSA, RS256, sig and its id", k)
	}
}

// The example of RFC 7638, section 3.1.
func TestKeyIDsAreThumbprints(t *testing.T) {
	const n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
	raw, err := base64.RawURLEncoding.DecodeString(n)
	if err != nil {
		t.Fatal(err)
	}
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).SetBytes(raw), E: 65537}}
	if id := publish(t, newMemory(), key); id != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
		t.Errorf("key id: got %s, want the thumbprint of RFC 7638's example", id)
	}
}
