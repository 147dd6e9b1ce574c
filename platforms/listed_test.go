package platforms_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/store"
)

// account has keys and a list of them in memory, and counts requests. What the test
// puts into meddle happens before each replacement of the list.
type account struct {
	keys     []keyrotation.PlatformKey
	ids      []string
	version  int
	deployed bool
	meddle   func()
	refuses  error // of a replacement
	calls    []string
}

func (a *account) Create(_ context.Context, name, public string) (string, error) {
	a.calls = append(a.calls, "create")
	id := fmt.Sprint("K", len(a.keys)+1)
	a.keys = append(a.keys, keyrotation.PlatformKey{ID: id, Name: name, PublicKey: public, Fingerprint: keyrotation.Fingerprint(public)})
	return id, nil
}

func (a *account) All(context.Context) ([]keyrotation.PlatformKey, error) { return a.keys, nil }

func (a *account) One(_ context.Context, id string) (keyrotation.PlatformKey, error) {
	at := slices.IndexFunc(a.keys, func(k keyrotation.PlatformKey) bool { return k.ID == id })
	if at < 0 {
		return keyrotation.PlatformKey{}, store.ErrNotFound
	}
	return a.keys[at], nil
}

func (a *account) Remove(_ context.Context, id string) error {
	a.calls = append(a.calls, "remove")
	a.keys = slices.DeleteFunc(a.keys, func(k keyrotation.PlatformKey) bool { return k.ID == id })
	return nil
}

func (a *account) Read(context.Context) (platforms.List, error) {
	return platforms.List{KeyIDs: a.ids, Version: fmt.Sprint(a.version), Deployed: a.deployed}, nil
}

func (a *account) Replace(_ context.Context, ids []string, version string) error {
	if a.meddle != nil {
		a.meddle()
	}
	a.calls = append(a.calls, "replace")
	if a.refuses != nil {
		return a.refuses
	}
	if version != fmt.Sprint(a.version) {
		return platforms.ErrListChanged
	}
	a.ids, a.deployed, a.version = ids, false, a.version+1
	return nil
}

func publicKey(t *testing.T) string {
	t.Helper()
	pair, err := store.ECDSAP256.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	text, err := keyrotation.EncodePublicKey(pair.Public())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestAKeyIsNamedOnceAndLeavesTheListFirst is a life in which nothing goes wrong.
func TestAKeyIsNamedOnceAndLeavesTheListFirst(t *testing.T) {
	t.Parallel()
	a := &account{ids: []string{"theirs"}}
	platform, public := platforms.Listed{Objects: a, Names: a}, publicKey(t)
	id, err := platform.Register(t.Context(), "n", public)
	again, err2 := platform.Register(t.Context(), "n", public)
	if err != nil || err2 != nil || id != again || !slices.Equal(a.ids, []string{"theirs", id}) {
		t.Fatalf("registered twice: got %s, %s (%v, %v) and the list %v, want one key in it", id, again, err, err2, a.ids)
	}
	shown, err := platform.Get(t.Context(), id)
	if err != nil || shown.Unlisted || !shown.Deploying {
		t.Errorf("got %+v, %v, want a key that is being deployed", shown, err)
	}
	for range 2 { // the second time, the list is not deployed yet
		if err := platform.Delete(t.Context(), id); err != nil || len(a.keys) != 1 || !slices.Equal(a.ids, []string{"theirs"}) {
			t.Fatalf("delete: got %v, %d keys and the list %v, want the key out of the list and still there", err, len(a.keys), a.ids)
		}
	}
	a.deployed = true
	if list, err := platform.List(t.Context()); err != nil || len(list) != 1 || !list[0].Unlisted {
		t.Errorf("got keys %+v, %v, want one that no list names", list, err)
	}
	if err := platform.Delete(t.Context(), id); err != nil || len(a.keys) != 0 {
		t.Errorf("delete: got %v and %d keys, want none", err, len(a.keys))
	}
	if diff := cmp.Diff([]string{"create", "replace", "replace", "remove"}, a.calls); diff != "" {
		t.Errorf("requests that change something, -want +got\n%s", diff)
	}
}

// TestChangesOfOthersToTheListAreKept: the list that was read is replaced, or none.
func TestChangesOfOthersToTheListAreKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		changes int // of others, while ours is tried
		want    error
	}{"one": {1, nil}, "more than we try": {100, platforms.ErrListChanged}} {
		a := &account{}
		a.meddle = func() {
			if c.changes--; c.changes >= 0 {
				a.ids, a.version = append(a.ids, fmt.Sprint("theirs", c.changes)), a.version+1
			}
		}
		id, err := platforms.Listed{Objects: a, Names: a}.Register(t.Context(), "n", publicKey(t))
		named := slices.Contains(a.ids, id) && slices.Contains(a.ids, "theirs0")
		if (err == nil) != (c.want == nil) || named != (c.want == nil) {
			t.Errorf("%s: got id %q, list %v, %v; want %v", name, id, a.ids, err, c.want)
		}
	}
}

// TestAKeyThatWasMadeIsNeverTakenForOneThatWasNot: the ring would forget it.
func TestAKeyThatWasMadeIsNeverTakenForOneThatWasNot(t *testing.T) {
	t.Parallel()
	for _, refused := range []error{keyrotation.ErrRefused, keyrotation.ErrThrottled, keyrotation.ErrUnauthorized} {
		a := &account{refuses: refused}
		_, err := platforms.Listed{Objects: a, Names: a}.Register(t.Context(), "n", publicKey(t))
		if err == nil || errors.Is(err, refused) {
			t.Errorf("the list refuses with %v: got %v, want an error after which the key may be there", refused, err)
		}
	}
}

// TestTheOldestOfTwoObjectsOfAKeyIsNamed: the other came with a request that was late.
func TestTheOldestOfTwoObjectsOfAKeyIsNamed(t *testing.T) {
	t.Parallel()
	public, at := publicKey(t), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	object := func(id string, age time.Duration) keyrotation.PlatformKey {
		return keyrotation.PlatformKey{ID: id, PublicKey: public, Fingerprint: keyrotation.Fingerprint(public), CreatedAt: at.Add(-age)}
	}
	a := &account{keys: []keyrotation.PlatformKey{object("b", 0), object("c", time.Second), object("a", 0)}}
	if id, err := (platforms.Listed{Objects: a, Names: a}).Register(t.Context(), "n", public); err != nil || id != "c" {
		t.Errorf("got key %q, %v, want the oldest, c", id, err)
	}
}
