package projects_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/projects"
	"playtoken/secret"
	"playtoken/store"
)

const age = 15 * time.Second

func newView(t testing.TB, s *projects.Store, staleness time.Duration) *projects.View {
	v := projects.NewView(s, age, staleness)
	t.Cleanup(v.Close)
	return v
}

func TestIdentifyKnowsValuesOfKeys(t *testing.T) {
	docs := newDocuments()
	s := newStore(docs)
	p := create(t, s, "a")
	k := createKey(t, s, p.ID, projects.ScopeMint, projects.ScopeRead)
	other := createKey(t, s, p.ID)
	value := k.Value.Reveal()
	v := newView(t, newStore(docs), 0)
	for name, c := range map[string]struct {
		value string
		want  string
	}{
		"its own":         {value, k.ID},
		"upper case":      {strings.ToUpper(value), ""},
		"longer":          {value + "a", ""},
		"shorter":         {value[:len(value)-1], ""},
		"last character":  {value[:len(value)-1] + flip(value[len(value)-1]), ""},
		"another's id":    {other.Value.Reveal()[:30] + value[30:], ""},
		"made-up id":      {"pt_" + strings.Repeat("a", 26) + value[29:], ""},
		"id alone":        {k.ID, ""},
		"empty":           {"", ""},
		"a key of a kind": {strings.Repeat("f", 32), ""},
	} {
		got, err := v.Identify(t.Context(), secret.New(c.value))
		if got.ID != c.want || c.want == "" && !errors.Is(err, projects.ErrUnknownCaller) || c.want != "" && err != nil {
			t.Errorf("%s: got %+v, %v, want the caller %q or ErrUnknownCaller", name, got, err, c.want)
		}
		if err == nil && (got.ProjectID != p.ID || len(got.Scopes) != 2 || got.Operates() || got.Viewer != nil) {
			t.Errorf("%s: got %+v, want the project and the scopes of the key", name, got)
		}
	}
}

func flip(c byte) string {
	if c == 'a' {
		return "b"
	}
	return "a"
}

func TestMadeUpIDsCostTheStoreNothing(t *testing.T) {
	docs := newDocuments()
	s := newStore(docs)
	p := create(t, s, "a")
	deleted := createKey(t, s, p.ID)
	if err := s.DeleteAPIKey(t.Context(), p.ID, deleted.ID); err != nil {
		t.Fatal(err)
	}
	v := newView(t, s, 0)
	for range 3 { // one that was real once is asked for once
		if _, err := v.Identify(t.Context(), deleted.Value); !errors.Is(err, projects.ErrUnknownCaller) {
			t.Error(err)
		}
	}
	before := docs.count()
	for i := range 1000 {
		made := fmt.Sprintf("%026d", i)
		made = strings.Map(func(r rune) rune { return 'a' + r - '0' }, made)
		if _, err := v.Identify(t.Context(), secret.New("pt_"+made+"_"+strings.Repeat("b", 52))); !errors.Is(err, projects.ErrUnknownCaller) {
			t.Error(err)
		}
		if _, err := v.Project(t.Context(), "project_"+made); !errors.Is(err, projects.ErrNotFound) {
			t.Error(err)
		}
	}
	if n := docs.count() - before; n != 0 {
		t.Errorf("invented ids: got %d reads, want 0", n)
	}
	if n := docs.reads["apikey/"+deleted.ID]; n != 2 { // DeleteAPIKey's, and one
		t.Errorf("deleted key: got %d reads, want 2", n)
	}
}

func TestDeletedKeyIsNobodysWithinTheAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := newDocuments()
		s := newStore(docs)
		p, q := create(t, s, "a"), create(t, s, "b")
		k, l := createKey(t, s, p.ID), createKey(t, s, q.ID)
		v := newView(t, newStore(docs), time.Hour)
		ask := func(k projects.NewAPIKey) error { _, err := v.Identify(t.Context(), k.Value); return err }
		for _, k := range []projects.NewAPIKey{k, l} {
			if err := ask(k); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.DeleteAPIKey(t.Context(), p.ID, k.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteProject(t.Context(), q.ID); err != nil {
			t.Fatal(err)
		}
		for range 15 { // asking all the time does not keep them alive
			_, _ = ask(k), ask(l)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Millisecond)
		if err := ask(k); !errors.Is(err, projects.ErrUnknownCaller) {
			t.Errorf("deleted key: got %v, want ErrUnknownCaller", err)
		}
		if _, err := v.Key(t.Context(), k.ID); !errors.Is(err, projects.ErrNotFound) {
			t.Errorf("deleted key: got %v, want ErrNotFound", err)
		}
		if err := ask(l); !errors.Is(err, projects.ErrUnknownCaller) {
			t.Errorf("key of a deleted project: got %v, want ErrUnknownCaller", err)
		}
		v.Close()
	})
}

func TestViewWhileTheStoreIsAway(t *testing.T) {
	for _, c := range []struct {
		staleness time.Duration
		after     time.Duration
		works     bool
	}{
		{0, 14 * time.Second, true},
		{0, 16 * time.Second, false},
		{time.Hour, 16 * time.Second, true},
		{time.Hour, 59 * time.Minute, true},
		{time.Hour, 61 * time.Minute, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			docs := newDocuments()
			s := newStore(docs)
			p := create(t, s, "a")
			k := createKey(t, s, p.ID)
			unseen := createKey(t, s, p.ID)
			v := newView(t, s, c.staleness)
			defer v.Close()
			if _, err := v.Identify(t.Context(), k.Value); err != nil {
				t.Fatal(err)
			}
			docs.failing(func(string, string) string { return "not" })
			time.Sleep(c.after)
			for range 3 {
				_, err := v.Identify(t.Context(), k.Value)
				if (err == nil) != c.works || err != nil && !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("%+v: got %v, want it to work or ErrUnavailable", c, err)
				}
			}
			if _, err := v.Identify(t.Context(), unseen.Value); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%+v: key that was never read: got %v, want ErrUnavailable", c, err)
			}
			docs.failing(nil)
			time.Sleep(2 * time.Second)
			if _, err := v.Identify(t.Context(), unseen.Value); err != nil {
				t.Errorf("%+v: after the store is back: got %v, want no error", c, err)
			}
		})
	}
}

// TestAHangingStoreDelaysNoCallerForLong: cached callers are served at once, and one
// read at a time waits.
func TestAHangingStoreDelaysNoCallerForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := newDocuments()
		s := newStore(docs)
		p := create(t, s, "a")
		hanging := &hanging{Documents: docs}
		v := newView(t, newStore(hanging), time.Hour)
		defer v.Close()
		if _, err := v.Project(t.Context(), p.ID); err != nil {
			t.Fatal(err)
		}
		hanging.hangs = true
		time.Sleep(time.Minute)
		var waited time.Duration
		for range 10 {
			began := time.Now()
			if _, err := v.Project(t.Context(), p.ID); err != nil {
				t.Error(err)
			}
			waited += time.Since(began)
			time.Sleep(300 * time.Millisecond)
		}
		if waited > 2*time.Second {
			t.Errorf("waited %s, want at most 2s", waited)
		}
	})
}

type hanging struct {
	store.Documents
	hangs bool
}

func (h *hanging) Read(ctx context.Context, name string) (store.Document, error) {
	if h.hangs {
		<-ctx.Done()
		return store.Document{}, ctx.Err()
	}
	return h.Documents.Read(ctx, name)
}

func TestViewIsRenewedAheadOfTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := newDocuments()
		s := newStore(docs)
		p := create(t, s, "a")
		v := newView(t, s, 0)
		defer v.Close()
		get := func() string { p, _ := v.Project(t.Context(), p.ID); return p.Name }
		get()
		rename(t, s, p.ID, "b")
		time.Sleep(8 * time.Second)
		if old := get(); old != "a" {
			t.Errorf("got the name %q, want the cached one at once", old)
		}
		synctest.Wait()
		if renewed := get(); renewed != "b" {
			t.Errorf("got the name %q, want b from the read ahead", renewed)
		}
		if n := docs.reads["project/"+p.ID]; n != 3 { // one is UpdateProject's
			t.Errorf("got %d reads, want 3", n)
		}
	})
}

func TestUsesAreWrittenOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := newDocuments()
		s := newStore(docs)
		p := create(t, s, "a")
		k := createKey(t, s, p.ID)
		if got, err := s.APIKey(t.Context(), p.ID, k.ID); err != nil || got.LastUsedAt != nil {
			t.Errorf("before the first use: got %v, %v, want no last use", got.LastUsedAt, err)
		}
		v, second := newView(t, s, 0), newView(t, s, 0)
		began := time.Now()
		for range 130 {
			for _, v := range []*projects.View{v, second} {
				if _, err := v.Identify(t.Context(), k.Value); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
		}
		v.Close()
		second.Close()
		got, err := s.APIKey(t.Context(), p.ID, k.ID)
		if err != nil || got.LastUsedAt == nil || !got.LastUsedAt.Equal(began.Add(2*time.Minute).UTC()) {
			t.Errorf("last use: got %v, %v, want two minutes after the start", got.LastUsedAt, err)
		}
		if n := docs.docs["use/"+k.ID].Version; n != 3 {
			t.Errorf("last use: written %d times, want 3", n)
		}
		if err := s.DeleteAPIKey(t.Context(), p.ID, k.ID); err != nil || len(docs.names("use")) != 0 {
			t.Errorf("deleted key: got %v and its last use left, want it deleted", err)
		}
	})
}

func TestAUseThatCannotBeWrittenDelaysNoCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := newDocuments()
		s := newStore(docs)
		k := createKey(t, s, create(t, s, "a").ID)
		docs.failing(func(verb, name string) string {
			if strings.HasPrefix(name, "use/") {
				return "not"
			}
			return ""
		})
		v := newView(t, s, 0)
		began := time.Now()
		if _, err := v.Identify(t.Context(), k.Value); err != nil || time.Since(began) > 0 {
			t.Errorf("identify while uses cannot be written: took %s, %v, want no wait", time.Since(began), err)
		}
		v.Close()
	})
}

func TestUseDoesNotOutliveItsKey(t *testing.T) {
	docs := newDocuments()
	s := newStore(docs)
	p := create(t, s, "a")
	k := createKey(t, s, p.ID)
	v := newView(t, s, 0)
	if _, err := v.Key(t.Context(), k.ID); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteAPIKey(t.Context(), p.ID, k.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Identify(t.Context(), k.Value); err != nil { // for a few seconds more
		t.Fatal(err)
	}
	v.Close()
	if left := docs.names("use"); len(left) != 0 {
		t.Errorf("documents of uses: got %v, want none", left)
	}
}

func TestOriginsAreKnown(t *testing.T) {
	docs := newDocuments()
	s := newStore(docs)
	p := create(t, s, "a")
	set := func(origins ...string) {
		t.Helper()
		if _, err := s.UpdateProject(t.Context(), p.ID, func(p *projects.Project) error { p.ViewerPolicy.Origins = origins; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	known := func(origin string) bool {
		t.Helper()
		v := newView(t, s, 0)
		known, err := v.OriginKnown(t.Context(), origin, func() error { return nil })
		if direct, _ := s.OriginKnown(t.Context(), origin); err != nil || direct != known {
			t.Errorf("origin %s: got %v, from the store %v, %v, want the same", origin, known, direct, err)
		}
		return known
	}
	const a, b = "https://a.example", "https://b.example"
	if known(a) || known("null") || known("*") {
		t.Error("origins before any project lists one: got one known, want none")
	}
	set(a)
	if !known(a) || known(b) || known("https://a.example.evil.example") {
		t.Error("origins after the first change: want only the first known")
	}
	set(b)
	if known(a) || !known(b) {
		t.Error("origins after the second change: want only the second known")
	}
	set()
	if known(b) {
		t.Error("origins after the third change: got one known, want none")
	}
}

// A client that invents origins costs the store little, and known origins nothing.
func TestMadeUpOriginsCostTheStoreLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := newDocuments()
		v := projects.NewView(newStore(docs), time.Minute, 0)
		defer v.Close()
		ask := func(origin string) error {
			_, err := v.OriginKnown(t.Context(), origin, func() error { return nil })
			return err
		}
		if err := ask("https://a.example"); err != nil {
			t.Fatal(err)
		}
		refused := 0
		for n := range 10 * 5_000 {
			if err := ask(fmt.Sprintf("https://made-up-%d.example", n)); errors.Is(err, store.ErrUnavailable) {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
			if n%5_000 == 0 {
				time.Sleep(time.Second)
				if err := ask("https://a.example"); err != nil {
					t.Errorf("cached origin: got %v, want no error", err)
				}
			}
		}
		if n := docs.count(); n > 11_100 || refused < 38_900 {
			t.Errorf("unknown origins: got %d reads, %d refused, want at most 11100 and at least 38900", n, refused)
		}
		time.Sleep(time.Second)
		if err := ask("https://b.example"); err != nil {
			t.Errorf("after the flood of unknown origins: got %v, want no error", err)
		}
	})
}
