package register_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/gate/register"
	"playtoken/store"
	"playtoken/store/storetest"
)

func TestViewersAreAdmittedOnTheLastViewForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := storetest.NewMemory()
		var log bytes.Buffer
		c := configOf(docs)
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
		r := open(t, c)
		defer r.Close()
		id := add(t, r)
		docs.Break(storetest.Away)
		time.Sleep(staleness - 10*time.Second)
		if _, known := r.Key(id); !known || r.Fresh() != nil {
			t.Errorf("shortly before the limit: got key %t, %v, want viewers admitted", known, r.Fresh())
		}
		if _, err := r.Add(t.Context(), "x", publicKey()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a change: got %v, want store.ErrUnavailable", err)
		}
		if _, _, err := r.Page(t.Context(), 0, 10); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a list: got %v, want store.ErrUnavailable: it could be wrong", err)
		}
		time.Sleep(15 * time.Second)
		if err := r.Fresh(); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("after the limit: got %v, want store.ErrUnavailable", err)
		}
		docs.Break(nil)
		time.Sleep(3 * time.Second)
		if err := r.Fresh(); err != nil {
			t.Errorf("when the store is back: got %v, want no error", err)
		}
		synctest.Wait()
		if away, back := strings.Count(log.String(), "does not answer"), strings.Count(log.String(), "answers again"); away != 1 || back != 1 {
			t.Errorf("got %d and %d lines, want one each:\n%s", away, back, log.String())
		}
	})
}

// TestAGateStartsWhileTheStoreIsAway, and admits no viewer until it is back.
func TestAGateStartsWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := storetest.NewMemory()
		docs.Break(storetest.Away)
		r := open(t, configOf(docs))
		defer r.Close()
		if err := r.Fresh(); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("before the first look: got %v, want store.ErrUnavailable", err)
		}
		docs.Break(nil)
		time.Sleep(3 * time.Second)
		if err := r.Fresh(); err != nil || r.SealingKey().ID == "" {
			t.Errorf("when the store is back: got %v and the ticket key %q, want one", err, r.SealingKey().ID)
		}
	})
}

// TestALostDocumentIsNotReplaced: an empty one would refuse every viewer for
// good, and the operator may have a backup.
func TestALostDocumentIsNotReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := storetest.NewMemory()
		r := open(t, configOf(docs))
		defer r.Close()
		id := add(t, r)
		if err := docs.Delete(t.Context(), register.Document); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30 * time.Hour) // also past the turn of the ticket key
		if _, err := docs.Read(t.Context(), register.Document); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a day later: got %v, want no document", err)
		}
		if _, err := r.Add(t.Context(), "x", publicKey()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a change: got %v, want store.ErrUnavailable", err)
		}
		if _, known := r.Key(id); !known {
			t.Error("got the last view emptied, want it as it was")
		}
	})
}

// TestEveryCallThatFailsLeavesTheOldOrTheNew: each call of each change is tried
// as one that did not happen, and as one whose answer was lost.
func TestEveryCallThatFailsLeavesTheOldOrTheNew(t *testing.T) {
	changes := map[string]func(context.Context, *register.Register, string) error{
		"add": func(ctx context.Context, r *register.Register, _ string) error {
			_, err := r.Add(ctx, "new", publicKey())
			return err
		},
		"remove": func(ctx context.Context, r *register.Register, id string) error {
			_, err := r.Remove(ctx, id, true)
			return err
		},
		"end": func(ctx context.Context, r *register.Register, _ string) error {
			_, err := r.End(ctx, register.All, "")
			return err
		},
	}
	for what, change := range changes {
		for nth := 1; nth <= 4; nth++ {
			for _, fault := range []storetest.Fault{storetest.NotDone, storetest.Unheard} {
				t.Run(fmt.Sprintf("%s, call %d, fault %d", what, nth, fault), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { oneFails(t, change, nth, fault) })
				})
			}
		}
	}
}

func oneFails(t *testing.T, change func(context.Context, *register.Register, string) error, nth int, fault storetest.Fault) {
	docs := storetest.NewMemory()
	r := open(t, configOf(docs))
	defer r.Close()
	id := add(t, r)
	before := fingerprint(t, r)
	calls := 0
	docs.Break(func(string) storetest.Fault {
		if calls++; calls == nth {
			return fault
		}
		return storetest.Fine
	})
	err := change(t.Context(), r, id)
	if docs.Break(nil); err != nil && !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want store.ErrUnavailable or no error", err)
	}
	after := fingerprint(t, r)
	if err == nil && after == before {
		t.Error("got no error and no change, want the change: it was confirmed")
	}
	other := open(t, configOf(docs))
	defer other.Close()
	if got := fingerprint(t, other); got != after {
		t.Errorf("got %s at this gate and %s at another, want them to agree", after, got)
	}
	if again := change(t.Context(), r, id); again != nil && !errors.Is(again, store.ErrNotFound) {
		t.Errorf("the same again: got %v, want it done", again)
	}
}

// fingerprint is what a caller of the key API, and a viewer, can tell.
func fingerprint(t *testing.T, r *register.Register) string {
	t.Helper()
	ids := all(t, r)
	ended := r.Ended(register.Session{KeyID: "x", Viewer: "v", Video: "film"})
	var keys []bool
	for _, id := range ids {
		keys = append(keys, r.Ended(register.Session{KeyID: id, Began: 1}))
	}
	return fmt.Sprint(ids, keys, ended)
}

// TestAWrongClockTurnsNoTicketKey: it could destroy one that is in use.
func TestAWrongClockTurnsNoTicketKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := storetest.NewMemory()
		c := configOf(docs)
		c.Clock = func(context.Context) (time.Time, error) { return time.Now(), nil }
		right := open(t, c)
		defer right.Close()
		key := right.SealingKey().ID
		time.Sleep(time.Hour)
		c.Now = func() time.Time { return time.Now().Add(100 * 24 * time.Hour) }
		var log bytes.Buffer
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
		writes := docs.Calls("write")
		wrong := open(t, c)
		defer wrong.Close()
		time.Sleep(time.Hour)
		if len(right.TicketKeys(key)) != 1 || right.SealingKey().ID != key {
			t.Error("got the ticket key replaced by a gate whose clock is wrong, want it left")
		}
		synctest.Wait()
		if n := docs.Calls("write") - writes; n > 0 || strings.Count(log.String(), "clocks") != 1 {
			t.Errorf("got %d writes and the log %q, want none, and one line about clocks", n, log.String())
		}
	})
}
