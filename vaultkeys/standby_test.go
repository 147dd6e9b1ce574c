package vaultkeys_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/store"
	"playtoken/store/storetest"
	"playtoken/vaultkeys"
	"playtoken/vaultkeys/vaulttest"
)

// onStandby returns the configuration of a store on a standby that is behind.
func onStandby(t *testing.T, behind int) (vaultkeys.Config, *vaulttest.Standby) {
	t.Helper()
	server := vaulttest.Shared(t)
	config := on(t, server)
	standby := server.StartStandby(t, behind)
	config.Address = standby.Addr
	return config, standby
}

func TestAProcessReadsWhatItWroteAlsoFromAStandby(t *testing.T) {
	config, standby := onStandby(t, 2)
	s, name := open(t, config), "rings/"+storetest.ID()
	var version int64
	for i := range 3 {
		text := fmt.Sprint("text ", i)
		written, err := s.Write(t.Context(), name, []byte(text), version)
		if err != nil {
			t.Fatal(err)
		}
		version = written
		if doc, err := s.Read(t.Context(), name); err != nil || string(doc.Data) != text || doc.Version != version {
			t.Errorf("read after write %d: got %q, version %d, %v", i, doc.Data, doc.Version, err)
		}
	}
	if err := s.Delete(t.Context(), name); err != nil {
		t.Errorf("Delete: got %v, want no error", err)
	}
	key := storetest.ID()
	if made, err := s.Create(t.Context(), key, store.KeySpec{Kind: store.RSA2048}); err != nil || made.PublicKey == "" {
		t.Errorf("Create: got %+v, %v, want the key", made, err)
	}
	if err := s.Destroy(t.Context(), key); err != nil {
		t.Errorf("Destroy: got %v, want no error", err)
	}
	if standby.Refused() == 0 {
		t.Error("the standby refused no request, want it to be behind")
	}
}

// What others wrote may be missing in what a standby responds. That costs conflicts,
// and no update.
func TestWritersBehindAStandbyLoseNoUpdate(t *testing.T) {
	config, _ := onStandby(t, 3)
	name := "rings/" + storetest.ID()
	writers := []*vaultkeys.Store{open(t, config), open(t, config)}
	conflicts := 0
	for round := range 20 {
		s := writers[round%2]
		for {
			doc, err := s.Read(t.Context(), name)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Fatal(err)
			}
			_, err = s.Write(t.Context(), name, append(doc.Data, 'x'), doc.Version)
			if err == nil {
				break
			}
			if !errors.Is(err, store.ErrConflict) {
				t.Fatal(err)
			}
			conflicts++
		}
	}
	config.Address = vaulttest.Shared(t).Addr
	doc, err := open(t, config).Read(t.Context(), name)
	if err != nil || len(doc.Data) != 20 || conflicts == 0 {
		t.Errorf("after 20 writes: got %d of them, %v, and %d conflicts, want all, and some", len(doc.Data), err, conflicts)
	}
}

// A Vault that was restored from a snapshot never has the state that was seen.
func TestAStandbyThatNeverCatchesUpIsReadAsItIs(t *testing.T) {
	config, standby := onStandby(t, -1)
	s, name := open(t, config), "rings/"+storetest.ID()
	if _, err := s.Write(t.Context(), name, []byte("text"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(t.Context(), name); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Read: got %v, want what the standby has, which is nothing", err)
	}
	refused := standby.Refused()
	if _, err := s.Read(t.Context(), name); !errors.Is(err, store.ErrNotFound) || standby.Refused() != refused {
		t.Errorf("Read again: got %v and %d refusals, want no wait for a state that does not come", err, standby.Refused()-refused)
	}
}

// A standby also refuses a token of which it does not know yet, at any request.
func TestAnyRequestWaitsForAStandby(t *testing.T) {
	for _, op := range operations {
		synctest.Test(t, func(t *testing.T) {
			var sent atomic.Int32
			s := openFake(t, func(r *http.Request) (*http.Response, error) {
				sent.Add(1)
				return answer(r, http.StatusPreconditionFailed, `{"errors":["required index state not present"]}`), nil
			})
			began := time.Now()
			err := op.do(t.Context(), s)
			if conflict := op.name == "Write" && errors.Is(err, store.ErrConflict); !unavailable(err) && !conflict {
				t.Errorf("%s: got %v, want unavailable", op.name, err)
			}
			if took := time.Since(began); sent.Load()%5 != 0 || sent.Load() == 0 || took > time.Second*time.Duration(sent.Load()/5) {
				t.Errorf("%s: got %d requests in %s, want five within a second", op.name, sent.Load(), took)
			}
			s.Close()
		})
	}
}
