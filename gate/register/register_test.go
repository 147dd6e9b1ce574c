package register_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"playtoken/gate/register"
	"playtoken/store"
	"playtoken/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var publicKey = sync.OnceValue(func() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
})

const session, staleness = 4 * time.Hour, time.Hour

func configOf(docs store.Documents) register.Config {
	return register.Config{Documents: docs, Session: session, Staleness: staleness, Skew: time.Minute,
		Now: time.Now, Log: slog.New(slog.DiscardHandler)}
}

// open opens a register in the bubble of the test, which closes it.
func open(t *testing.T, c register.Config) *register.Register {
	t.Helper()
	r, err := register.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func add(t *testing.T, r *register.Register) string {
	t.Helper()
	added, err := r.Add(t.Context(), "name", publicKey())
	if err != nil {
		t.Fatal(err)
	}
	return added.ID
}

// all lists the ids of the keys, in pages of two.
func all(t *testing.T, r *register.Register) (ids []string) {
	t.Helper()
	for after := uint64(0); ; {
		page, next, err := r.Page(t.Context(), after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range page {
			ids = append(ids, k.ID)
		}
		if next == 0 {
			return ids
		}
		after = next
	}
}

// TestWhatOneGateAdmitsTheOthersAdmitAtOnce: what a gate does not know yet, it
// reads before it refuses.
func TestWhatOneGateAdmitsTheOthersAdmitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := storetest.NewMemory()
		one, two := open(t, configOf(docs)), open(t, configOf(docs))
		defer one.Close()
		defer two.Close()
		for range 20 {
			id := add(t, one)
			if _, ok := two.Key(id); !ok {
				t.Errorf("the key %s, registered at another gate: got it unknown", id)
			}
			id = add(t, two)
			if !one.EverKnew(id, time.Now().Add(time.Hour).Unix()) {
				t.Errorf("a ticket of %s, registered at another gate: got its key unknown", id)
			}
		}
		if keys := two.TicketKeys(one.SealingKey().ID); len(keys) != 1 {
			t.Errorf("the ticket key of another gate: got %d keys, want 1", len(keys))
		}
	})
}

// TestASessionEndsAtEveryGateWithinSeconds.
func TestASessionEndsAtEveryGateWithinSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := storetest.NewMemory()
		one, two := open(t, configOf(docs)), open(t, configOf(docs))
		defer one.Close()
		defer two.Close()
		for _, subject := range []register.Subject{register.ByKey, register.ByViewer, register.ByVideo, register.All} {
			value := map[register.Subject]string{register.ByKey: "k", register.ByViewer: "v", register.ByVideo: "film"}[subject]
			watched := register.Session{KeyID: "k", Viewer: "v", Video: "film", Began: two.Stamp()}
			if one.Ended(register.Session{KeyID: "x", Viewer: "v", Video: "film", Began: one.Stamp()}) {
				t.Errorf("%s: a new session: got it ended", subject)
			}
			if _, err := one.End(t.Context(), subject, value); err != nil {
				t.Fatal(err)
			}
			if !one.Ended(watched) {
				t.Errorf("%s: the gate that was told: got the session going on, want it ended", subject)
			}
			time.Sleep(3 * time.Second)
			if !two.Ended(watched) {
				t.Errorf("%s: another gate, three seconds later: got the session going on, want it ended", subject)
			}
			if two.Ended(register.Session{KeyID: "x", Viewer: "v", Video: "film", Began: two.Stamp()}) {
				t.Errorf("%s: a session that began later: got it ended", subject)
			}
		}
		time.Sleep(session + 2*time.Hour)
		if one.Ended(register.Session{KeyID: "x", Viewer: "v", Video: "film"}) {
			t.Error("after every ticket has ended: got the end of sessions kept, want it dropped")
		}
	})
}

// TestMadeUpKeyIDsCostTheStoreLittle, however many there are.
func TestMadeUpKeyIDsCostTheStoreLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := storetest.NewMemory()
		r := open(t, configOf(docs))
		defer r.Close()
		before := docs.Calls("read")
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				for j := range 20 {
					r.Key(fmt.Sprint("made up ", i, j))
					r.TicketKeys(fmt.Sprint("made up ", i, j))
				}
			})
		}
		began := time.Now()
		wg.Wait()
		took := time.Since(began)
		if reads, most := docs.Calls("read")-before, int(took/(250*time.Millisecond))+2; reads > most {
			t.Errorf("8,000 unknown ids in %s: got %d reads, want at most %d", took, reads, most)
		}
		if worst := 40 * 300 * time.Millisecond; took > worst {
			t.Errorf("40 unknown ids one after the other: got them answered in %s, want at most %s", took, worst)
		}
	})
}

// TestGatesThatChangeAtOnceLoseNothing, while the store fails now and then.
func TestGatesThatChangeAtOnceLoseNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := storetest.NewMemory()
		gates := []*register.Register{open(t, configOf(docs)), open(t, configOf(docs)), open(t, configOf(docs))}
		var mu sync.Mutex
		confirmed := map[string]bool{}
		calls := 0
		docs.Break(func(string) storetest.Fault {
			if calls++; calls%7 == 0 {
				return storetest.Fault(1 + calls%2)
			}
			return storetest.Fine
		})
		var wg sync.WaitGroup
		for i := range 12 {
			wg.Go(func() {
				g := gates[i%3]
				for range 5 {
					if added, err := g.Add(t.Context(), fmt.Sprint(i), publicKey()); err == nil {
						mu.Lock()
						confirmed[added.ID] = true
						mu.Unlock()
					}
					time.Sleep(time.Duration(i) * time.Millisecond)
				}
			})
		}
		wg.Wait()
		docs.Break(nil)
		there := map[string]bool{}
		for _, id := range all(t, gates[0]) {
			if there[id] {
				t.Errorf("got the key %s twice", id)
			}
			there[id] = true
		}
		for id := range confirmed {
			if !there[id] {
				t.Errorf("the key %s was confirmed: got it lost", id)
			}
		}
		if len(confirmed) < 30 {
			t.Errorf("got %d of 60 registrations confirmed, want most", len(confirmed))
		}
		for _, g := range gates {
			g.Close()
		}
	})
}

// TestGatesAgreeOnTheTicketKey through days, one of which comes and goes.
func TestGatesAgreeOnTheTicketKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := storetest.NewMemory()
		one, two := open(t, configOf(docs)), open(t, configOf(docs))
		defer one.Close()
		used := map[string]bool{}
		for hour := range 24*2 + 12 {
			time.Sleep(time.Hour)
			if hour%10 == 9 { // an upgrade
				two.Close()
				two = open(t, configOf(docs))
			}
			for _, pair := range [][2]*register.Register{{one, two}, {two, one}} {
				key := pair[0].SealingKey()
				if keys := pair[1].TicketKeys(key.ID); len(keys) != 1 || !bytes.Equal(keys[0].Secret, key.Secret) {
					t.Fatalf("hour %d: one gate makes tickets with %s, got %d such keys at the other, want the same", hour, key.ID, len(keys))
				}
				used[key.ID] = true
			}
		}
		if len(used) != 3 {
			t.Errorf("got %d ticket keys in two and a half days, want 3", len(used))
		}
		two.Close()
	})
}

func TestAFullRegisterTakesNoKeyAndStillEndsSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := storetest.NewMemory()
		r := open(t, configOf(docs))
		defer r.Close()
		var err error
		n := 0
		var last string
		for ; err == nil && n < 2000; n++ {
			var added register.Registration
			if added, err = r.Add(t.Context(), strings.Repeat("n", 50), publicKey()); err == nil {
				last = added.ID
			}
		}
		if !errors.Is(err, register.ErrFull) || n < 300 {
			t.Fatalf("after %d keys: got %v, want register.ErrFull after 300 or more", n, err)
		}
		for i := range 100 {
			if _, err := r.End(t.Context(), register.ByViewer, fmt.Sprint(strings.Repeat("v", 40), i)); err != nil {
				t.Fatalf("end of sessions %d: got %v, want room for it", i, err)
			}
		}
		if _, err := r.Remove(t.Context(), last, true); err != nil {
			t.Errorf("a deletion: got %v, want room for it", err)
		}
		if doc, err := docs.Read(t.Context(), register.Document); err != nil || len(doc.Data) > 448<<10 {
			t.Errorf("got a document of %d bytes, %v, want at most 448 KiB", len(doc.Data), err)
		}
	})
}

// TestADataFileIsTakenOverOnce, by gates that start at the same time with
// copies of it.
func TestADataFileIsTakenOverOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := storetest.NewMemory()
		known, gone := strings.Repeat("k", 21), strings.Repeat("g", 21)
		c := configOf(docs)
		c.Earlier = []register.Earlier{{
			File: "file", Keys: []register.Registration{{ID: known, Name: "old", PublicKey: publicKey()}},
			Gone:    map[string]time.Time{gone: time.Now()},
			Cutoffs: []register.Cutoff{{Subject: register.ByKey, Value: gone, At: time.Now()}, {Subject: register.ByKey, Value: known, At: time.Now().Add(-session - time.Hour)}},
			Tickets: []register.TicketKey{{Secret: []byte("secret")}},
		}}
		gates := make([]*register.Register, 3)
		var wg sync.WaitGroup
		for i := range gates {
			wg.Go(func() { gates[i] = open(t, c) })
		}
		wg.Wait()
		if ids := all(t, gates[0]); len(ids) != 1 || ids[0] != known {
			t.Errorf("got the keys %v, want the one of the file, once", ids)
		}
		if n := len(gates[1].TicketKeys("")); n != 1 {
			t.Errorf("got %d keys of earlier tickets, want 1", n)
		}
		if !gates[2].Ended(register.Session{KeyID: gone, Began: 1}) || !gates[2].EverKnew(gone, 0) {
			t.Error("got a deleted key, whose sessions were ended, forgotten")
		}
		if gates[2].Ended(register.Session{KeyID: known}) {
			t.Error("got the end of sessions kept that are over in any case, want it dropped")
		}
		if _, err := gates[0].Remove(t.Context(), known, false); err != nil {
			t.Fatal(err)
		}
		another := open(t, c)
		defer another.Close()
		if ids := all(t, another); len(ids) != 0 {
			t.Errorf("after a deletion and another start with the file: got %v, want no key: it came back", ids)
		}
		time.Sleep(session + 10*time.Minute + 24*time.Hour)
		if n := len(another.TicketKeys("")); n != 0 {
			t.Errorf("when every earlier ticket is over: got %d of their keys, want none", n)
		}
		for _, g := range gates {
			g.Close()
		}
	})
}

func TestSecretsOfTicketsAreNotPrinted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := open(t, configOf(storetest.NewMemory()))
		defer r.Close()
		key := r.SealingKey()
		for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
			if got := fmt.Sprintf(form, key); !strings.Contains(got, "[redacted]") {
				t.Errorf("%s: got %s, want the secret redacted", form, got)
			}
		}
	})
}
