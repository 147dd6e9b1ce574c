package projects_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/keyrotation"
	"playtoken/projects"
	"playtoken/secret"
	"playtoken/store"
)

func createAdmin(t testing.TB, s *projects.Store, name string, role projects.Role) projects.NewAdminKey {
	t.Helper()
	k, err := s.CreateAdminKey(t.Context(), name, role, nil)
	if err != nil {
		t.Fatalf("create admin key %q: %v", name, err)
	}
	return k
}

func TestAnAdminKeyIsItsOperator(t *testing.T) {
	docs := newDocuments()
	s := newStore(docs)
	k, other := createAdmin(t, s, "Ann", projects.RoleAuditor), createAdmin(t, s, "Otto", projects.RoleAdmin)
	value := k.Value.Reveal()
	v := newView(t, newStore(docs), 0)
	for name, c := range map[string]struct{ value, want string }{
		"its own":                {value, k.ID},
		"another's":              {other.Value.Reveal(), other.ID},
		"upper case":             {strings.ToUpper(value), ""},
		"as an API key":          {"pt_" + value[len("pta_"):], ""},
		"another's id":           {other.Value.Reveal()[:31] + value[31:], ""},
		"last character changed": {value[:len(value)-1] + flip(value[len(value)-1]), ""},
		"id alone":               {k.ID, ""},
		"made-up id":             {"pta_" + strings.Repeat("a", 26) + value[30:], ""},
	} {
		got, err := v.Identify(t.Context(), secret.New(c.value))
		if got.ID != c.want || (c.want == "") != errors.Is(err, projects.ErrUnknownCaller) {
			t.Errorf("%s: got %+v, %v, want the caller %q or ErrUnknownCaller", name, got, err, c.want)
		}
	}
	got, err := v.Identify(t.Context(), k.Value)
	if err != nil || got.Role != projects.RoleAuditor || got.Name != "Ann" || got.ProjectID != "" || len(got.Scopes) != 0 {
		t.Errorf("Ann's key: got %+v, %v, want the auditor Ann without a project", got, err)
	}
}

func TestAdminKeysAreChecked(t *testing.T) {
	s := newStore(newDocuments())
	past := time.Now().Add(-time.Second)
	_, err := s.CreateAdminKey(t.Context(), " ", "root", &past)
	if got := fieldsOf(err); !slices.Equal(got, []string{"name", "role", "expires_at"}) {
		t.Errorf("bad admin key: got errors about %v, want name, role and expires_at", got)
	}
}

// TestTheListOfAdminKeys: the environment's is first and stays, page by page.
func TestTheListOfAdminKeys(t *testing.T) {
	s := newStore(newDocuments())
	s.AdminKeySet = true
	want := []string{projects.EnvironmentAdmin}
	for _, name := range []string{"a", "b", "c"} {
		want = append(want, createAdmin(t, s, name, projects.RoleOperator).ID)
	}
	list := func(page projects.Page) (projects.List[projects.AdminKey], error) {
		return s.AdminKeys(t.Context(), page)
	}
	pages := walked(t, list, projects.Page{Size: 1}, func(k projects.AdminKey) string { return k.ID })
	if got := slices.Concat(pages...); !slices.Equal(got, want) || len(pages) != 4 {
		t.Errorf("pages of one: got %v, want %v", pages, want)
	}
	guard := new(keyrotation.Guard)
	if err := s.DeleteAdminKey(t.Context(), projects.EnvironmentAdmin); !errors.As(err, &guard) {
		t.Errorf("delete the environment's: got %v, want a guard", err)
	}
	if err := s.DeleteAdminKey(t.Context(), want[1]); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{want[1], "admin_key_no", "x/../y"} {
		if err := s.DeleteAdminKey(t.Context(), id); !errors.Is(err, projects.ErrNotFound) {
			t.Errorf("delete %s: got %v, want ErrNotFound", id, err)
		}
	}
	s.AdminKeySet = false
	if got, err := list(projects.Page{}); err != nil || len(got.Items) != 2 || got.Items[0].ID != want[2] {
		t.Errorf("without the environment's: got %+v, %v, want the other two", got.Items, err)
	}
}

// TestADeletedAdminKeyIsRefused: at once by the process that deletes it, within the
// view age by others.
func TestADeletedAdminKeyIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		docs := newDocuments()
		s := newStore(docs)
		k := createAdmin(t, s, "a", projects.RoleAdmin)
		own, other := newView(t, s, time.Hour), newView(t, newStore(docs), time.Hour)
		s.Changed = own.Forget
		ask := func(v *projects.View) error { _, err := v.Identify(t.Context(), k.Value); return err }
		if err := errors.Join(ask(own), ask(other)); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteAdminKey(t.Context(), k.ID); err != nil {
			t.Fatal(err)
		}
		if err := ask(own); !errors.Is(err, projects.ErrUnknownCaller) {
			t.Errorf("own process: got %v, want ErrUnknownCaller", err)
		}
		time.Sleep(age + time.Millisecond)
		if err := ask(other); !errors.Is(err, projects.ErrUnknownCaller) {
			t.Errorf("other process after the view age: got %v, want ErrUnknownCaller", err)
		}
		own.Close()
		other.Close()
	})
}

// TestFaultsOfAnAdminKeysDocuments: each write that fails, or succeeds without an
// answer, leaves a key that works and is listed, or none.
func TestFaultsOfAnAdminKeysDocuments(t *testing.T) {
	for _, outcome := range []string{"not", "lost"} {
		for _, kind := range []string{"adminkey/", "index/", "use/"} {
			docs := newDocuments()
			s := newStore(docs)
			k := createAdmin(t, s, "old", projects.RoleAdmin)
			docs.failing(func(verb, name string) string {
				if verb != "read" && strings.HasPrefix(name, kind) {
					return outcome
				}
				return ""
			})
			made, createErr := s.CreateAdminKey(t.Context(), "new", projects.RoleAdmin, nil)
			deleteErr := s.DeleteAdminKey(t.Context(), k.ID)
			docs.failing(nil)
			v := newView(t, newStore(docs), 0)
			if _, err := v.Identify(t.Context(), made.Value); createErr == nil && err != nil {
				t.Errorf("%s %s: created key: got %v, want it known", outcome, kind, err)
			}
			if _, err := v.Identify(t.Context(), k.Value); deleteErr == nil && !errors.Is(err, projects.ErrUnknownCaller) {
				t.Errorf("%s %s: deleted key: got %v, want ErrUnknownCaller", outcome, kind, err)
			}
			v.Close()
			if err := s.DeleteAdminKey(t.Context(), k.ID); err != nil && !errors.Is(err, projects.ErrNotFound) {
				t.Errorf("%s %s: delete again: got %v, want no error or ErrNotFound", outcome, kind, err)
			}
			list, err := s.AdminKeys(t.Context(), projects.Page{})
			if shown := len(list.Items); err != nil || createErr == nil && shown != 1 || shown > 1 {
				t.Errorf("%s %s: got %d keys, %v, want the created one", outcome, kind, shown, err)
			}
		}
	}
}

func TestBoundsOfACredential(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	here := netip.MustParseAddr("192.0.2.7")
	for name, c := range map[string]struct {
		bounds projects.Bounds
		from   netip.Addr
		within bool
	}{
		"none":                  {projects.Bounds{}, netip.Addr{}, true},
		"ends later":            {projects.Bounds{ExpiresAt: new(now.Add(1))}, here, true},
		"ends now":              {projects.Bounds{ExpiresAt: new(now)}, here, false},
		"network":               {projects.Bounds{Networks: []string{"2001:db8::/32", "192.0.2.0/24"}}, here, true},
		"network, mapped":       {projects.Bounds{Networks: []string{"192.0.2.0/24"}}, netip.MustParseAddr("::ffff:192.0.2.7"), true},
		"network with a zone":   {projects.Bounds{Networks: []string{"fe80::/10"}}, netip.MustParseAddr("fe80::1%eth0"), true},
		"other network":         {projects.Bounds{Networks: []string{"192.0.3.0/24"}}, here, false},
		"network, not known":    {projects.Bounds{Networks: []string{"0.0.0.0/0", "::/0"}}, netip.Addr{}, false},
		"network, stored badly": {projects.Bounds{Networks: []string{"x"}}, here, false},
	} {
		err := projects.Caller{Bounds: c.bounds}.Within(now, c.from)
		if (err == nil) != c.within || err != nil && !errors.Is(err, projects.ErrForbidden) {
			t.Errorf("%s: got %v, want it within: %v", name, err, c.within)
		}
	}
	for video, want := range map[string]bool{"a": true, "ab": false, "b": false, "b1": true, "b-": true, "*": false, "": false, "B1": false} {
		err := projects.Caller{Bounds: projects.Bounds{Videos: []string{"a", "b1", "b-*"}}}.MayVideo(video)
		if (err == nil) != want || err != nil && !errors.Is(err, projects.ErrForbidden) {
			t.Errorf("video %q: got %v, want it allowed: %v", video, err, want)
		}
	}
}

func TestTheLastUseOfAnAdminKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(newDocuments())
		s.AdminKeySet = true
		k := createAdmin(t, s, "a", projects.RoleAdmin)
		v := newView(t, s, 0)
		v.Used(projects.EnvironmentAdmin)
		if _, err := v.Identify(t.Context(), k.Value); err != nil {
			t.Fatal(err)
		}
		v.Close()
		list, err := s.AdminKeys(t.Context(), projects.Page{})
		if err != nil || len(list.Items) != 2 || list.Items[0].LastUsedAt == nil || list.Items[1].LastUsedAt == nil {
			t.Errorf("got %+v, %v, want both with a last use", list.Items, err)
		}
	})
}

func TestAdminKeysWhileTheStoreIsAway(t *testing.T) {
	docs := newDocuments()
	s := newStore(docs)
	k := createAdmin(t, s, "a", projects.RoleAdmin)
	docs.failing(func(string, string) string { return "not" })
	v := newView(t, s, 0)
	if _, err := v.Identify(t.Context(), k.Value); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("store away: got %v, want ErrUnavailable", err)
	}
}
