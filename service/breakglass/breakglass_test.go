package breakglass_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/secret"
	"playtoken/service/breakglass"
	"playtoken/settings"
	"playtoken/store"
)

// account is a platform's account with two keys.
type account struct {
	keyrotation.Registrar
	keyrotation.SessionEnder
	there   map[string]bool
	ended   map[string]bool
	listErr error
	happens bool  // a deletion has its effect
	err     error // of a deletion
}

func newAccount() *account {
	return &account{there: map[string]bool{"one": true, "two": true}, ended: map[string]bool{}, happens: true}
}

func (a *account) List(context.Context) (keys []keyrotation.PlatformKey, err error) {
	for _, id := range []string{"one", "two"} {
		if a.there[id] {
			keys = append(keys, keyrotation.PlatformKey{ID: id, Name: "key " + id, Fingerprint: "f-" + id})
		}
	}
	return keys, a.listErr
}

func (a *account) Get(_ context.Context, id string) (keyrotation.PlatformKey, error) {
	if !a.there[id] {
		return keyrotation.PlatformKey{}, store.ErrNotFound
	}
	return keyrotation.PlatformKey{ID: id}, nil
}

func (a *account) Delete(_ context.Context, id string) error {
	if a.happens {
		delete(a.there, id)
	}
	return a.err
}

func (a *account) DeleteAndEnd(ctx context.Context, id string) error {
	a.ended[id] = a.happens
	return a.Delete(ctx, id)
}

// kinds has a platform that ends sessions, one that does not, and one without keys.
func (a *account) kinds() map[string]platforms.Kind {
	kind := func(p platforms.Platform) platforms.Kind {
		return platforms.Kind{Open: func(of platforms.Account) (platforms.Platform, error) {
			if of.Credential["api_key"].IsZero() {
				return platforms.Platform{}, errors.New("api_key: missing")
			}
			return p, nil
		}}
	}
	return map[string]platforms.Kind{
		"gate": kind(platforms.Platform{Registrar: a, Sessions: a}), "plain": kind(platforms.Platform{Registrar: a}), "shared": kind(platforms.Platform{}),
	}
}

func (a *account) find(t *testing.T, platform, id string) (*breakglass.Key, error) {
	t.Helper()
	return breakglass.Find(t.Context(), a.kinds(), breakglass.Account{
		Project: "default", Platform: platform, Credential: map[string]secret.Value{"api_key": secret.New("x")},
	}, id)
}

func TestAKeyIsDeletedWithItsSessionsAndNoOther(t *testing.T) {
	for platform, ends := range map[string]bool{"gate": true, "plain": false} {
		a := newAccount()
		key, err := a.find(t, platform, "one")
		if err != nil {
			t.Fatal(err)
		}
		if key.Name != "key one" || key.Others != 1 || key.EndsSessions != ends {
			t.Errorf("at %s: got %+v, want key one beside 1 other, sessions end: %t", platform, key, ends)
		}
		if err := key.Revoke(t.Context()); err != nil {
			t.Errorf("at %s: got %v, want success", platform, err)
		}
		if a.there["one"] || !a.there["two"] || a.ended["one"] != ends {
			t.Errorf("at %s: got keys %v and ended %v, want key two alone and sessions ended: %t", platform, a.there, a.ended, ends)
		}
	}
}

func TestWhatCannotBeFound(t *testing.T) {
	a := newAccount()
	_, err := a.find(t, "gate", "three")
	if !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), `one "key one"`) {
		t.Errorf("an unknown key: got %v, want %v and the keys that there are", err, store.ErrNotFound)
	}
	for _, platform := range []string{"shared", "none"} {
		if _, err := a.find(t, platform, "one"); !is[settings.Error](err) {
			t.Errorf("platform %s: got %v, want a mistake in the settings", platform, err)
		}
	}
	if _, err := breakglass.Find(t.Context(), a.kinds(), breakglass.Account{Platform: "gate"}, "one"); !is[settings.Error](err) {
		t.Errorf("without a credential: got %v, want a mistake in the settings", err)
	}
	a.listErr = errors.New("away")
	if _, err := a.find(t, "gate", "one"); !is[*keyrotation.PlatformError](err) {
		t.Errorf("a platform that does not answer: got %v, want its error", err)
	}
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// TestALostResponseIsNoSuccess, whether or not the platform did what it was asked; and
// neither is a response without its effect.
func TestALostResponseIsNoSuccess(t *testing.T) {
	for name, c := range map[string]struct {
		happens bool
		err     error
	}{
		"it did not happen":           {err: errors.New("lost")},
		"it happened":                 {happens: true, err: errors.New("lost")},
		"it was said, and not happen": {},
	} {
		a := newAccount()
		a.happens, a.err = c.happens, c.err
		key, err := a.find(t, "gate", "one")
		if err != nil {
			t.Fatal(err)
		}
		if err := key.Revoke(t.Context()); !is[*keyrotation.PlatformError](err) || !strings.Contains(err.Error(), "try again") {
			t.Errorf("%s: got %v, want the platform's error and what to do", name, err)
		}
		a.happens, a.err = true, nil
		key, err = a.find(t, "gate", "one")
		if c.happens {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s, once more: got %v, want %v", name, err, store.ErrNotFound)
			}
			continue
		}
		if err := key.Revoke(t.Context()); err != nil || a.there["one"] {
			t.Errorf("%s, once more: got %v, want the key gone", name, err)
		}
	}
}

func TestTheRecordNeedsNoStore(t *testing.T) {
	a := newAccount()
	key, err := a.find(t, "gate", "one")
	if err != nil {
		t.Fatal(err)
	}
	entry := key.Entry("ann", "stolen", "intent")
	var stderr bytes.Buffer
	if err := breakglass.Record(settings.Settings{}, &stderr, entry); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"action":"platform_key.revoke"`, `"actor_name":"ann"`, `"subject":"key one"`, `"reason":"stolen"`, `"time":"`} {
		if !strings.Contains(stderr.String(), part) {
			t.Errorf("got the line %s, want %s in it", stderr.String(), part)
		}
	}
	path := filepath.Join(t.TempDir(), "no", "audit.jsonl")
	if err := breakglass.Record(settings.Settings{AuditFile: path}, &stderr, entry); err == nil {
		t.Error("a record in a folder that is not there: got success, want an error")
	}
}
