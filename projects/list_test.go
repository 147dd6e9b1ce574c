package projects_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/projects"
)

func names(list []projects.Project) (names []string) {
	for _, p := range list {
		names = append(names, p.Name)
	}
	return names
}

func TestListsAreSortedAndFiltered(t *testing.T) {
	s := newStore(newDocuments())
	for _, name := range []string{"Delta", "alpha", "Écho", "charlie", "Straße", "alpha"} {
		create(t, s, name)
	}
	for _, c := range []struct {
		page projects.Page
		want string
	}{
		{projects.Page{}, "Delta alpha Écho charlie Straße alpha"},
		{projects.Page{SortBy: "created_at", Desc: true}, "alpha Straße charlie Écho alpha Delta"},
		{projects.Page{SortBy: "name"}, "Delta Straße alpha alpha charlie Écho"},
		{projects.Page{SortBy: "name", Desc: true}, "Écho charlie alpha alpha Straße Delta"},
		{projects.Page{Name: "ALPHA"}, "alpha alpha"},
		{projects.Page{Name: "éCH"}, "Écho"},
		{projects.Page{Name: "e\u0301ch"}, "Écho"},
		{projects.Page{Name: "STRASSE"}, "Straße"},
		{projects.Page{Name: "absent"}, ""},
		{projects.Page{Size: 2, Number: 2}, "Écho charlie"},
		{projects.Page{Size: 2, Number: 3}, "Straße alpha"},
		{projects.Page{Size: 2, Number: 4}, ""},
		{projects.Page{Size: 100, Number: 1 << 62}, ""},
	} {
		got, err := s.Projects(t.Context(), c.page)
		if text := strings.Join(names(got.Items), " "); err != nil || text != c.want {
			t.Errorf("page %+v: got %s, %v, want %s", c.page, text, err, c.want)
		}
		if got.Items == nil {
			t.Errorf("page %+v: got a nil list, want an empty one", c.page)
		}
		if n, err := s.CountProjects(t.Context(), c.page.Name); err != nil || c.page.Number == 0 && n != len(got.Items) {
			t.Errorf("page %+v: got a count of %d, %v, want the length of the list", c.page, n, err)
		}
	}
}

func TestPagesOutOfRangeAreRefused(t *testing.T) {
	s := newStore(newDocuments())
	for _, c := range []struct {
		page projects.Page
		want string
	}{
		{projects.Page{Size: 100}, ""},
		{projects.Page{Size: 101}, "page_size"},
		{projects.Page{Size: -1}, "page_size"},
		{projects.Page{Number: -1}, "page"},
		{projects.Page{SortBy: "id"}, "sort_by"},
		{projects.Page{Name: "\xff"}, "name"},
		{projects.Page{Cursor: "x"}, "cursor"},
	} {
		_, err := s.Projects(t.Context(), c.page)
		if got := strings.Join(fieldsOf(err), " "); got != c.want || (err == nil) != (c.want == "") {
			t.Errorf("page %+v: got %v, want errors about %q", c.page, err, c.want)
		}
	}
}

func TestLinksLeadBackToo(t *testing.T) {
	s := newStore(newDocuments())
	for i := range 7 {
		create(t, s, fmt.Sprint("p", i))
	}
	page := projects.Page{Size: 3}
	first, _ := s.Projects(t.Context(), page)
	page.Cursor = first.Next
	second, _ := s.Projects(t.Context(), page)
	page.Cursor = second.Next
	third, err := s.Projects(t.Context(), page)
	if err != nil || first.Previous != "" || third.Next != "" || third.Number != 3 || len(third.Items) != 1 {
		t.Fatalf("last page: got %+v, %v, want page 3 with one item and no next", third, err)
	}
	page.Cursor = third.Previous
	back, err := s.Projects(t.Context(), page)
	if err != nil || !slices.Equal(names(back.Items), names(second.Items)) || back.Number != 2 {
		t.Errorf("page before the last: got %v, %v, want the second", names(back.Items), err)
	}
	page.Cursor = back.Previous
	if back, err = s.Projects(t.Context(), page); err != nil || !slices.Equal(names(back.Items), names(first.Items)) || back.Previous != "" {
		t.Errorf("page before the second: got %v, %v, want the first, without a previous", names(back.Items), err)
	}
	page.Cursor = back.Next
	if back, err = s.Projects(t.Context(), page); err != nil || !slices.Equal(names(back.Items), names(second.Items)) {
		t.Errorf("page after the first: got %v, %v, want the second", names(back.Items), err)
	}
	past, err := s.Projects(t.Context(), projects.Page{Size: 3, Number: 4})
	if err != nil || len(past.Items) != 0 || past.Next != "" {
		t.Fatalf("page beyond the end: got %+v, %v, want no items and no next", past, err)
	}
	page.Cursor = past.Previous
	if back, err = s.Projects(t.Context(), page); err != nil || !slices.Equal(names(back.Items), names(third.Items)) {
		t.Errorf("page before that: got %v, %v, want the third", names(back.Items), err)
	}
}

func TestCursorIsGoodForItsListOnly(t *testing.T) {
	docs := newDocuments()
	now := start
	s := newStore(docs)
	s.Now = func() time.Time { now = now.Add(time.Millisecond); return now }
	for i := range 5 {
		create(t, s, fmt.Sprint("p", i))
	}
	a, b := create(t, s, "p5"), create(t, s, "p6")
	for range 5 {
		createKey(t, s, a.ID)
		createKey(t, s, b.ID)
	}
	page := projects.Page{Size: 2, Name: "p", SortBy: "name"}
	first, err := s.Projects(t.Context(), page)
	if err != nil {
		t.Fatal(err)
	}
	keysOfA, err := s.APIKeys(t.Context(), a.ID, projects.Page{Size: 2})
	if err != nil {
		t.Fatal(err)
	}
	broken := []byte(first.Next)
	broken[len(broken)/2] ^= 1
	for name, ask := range map[string]func() error{
		"good": func() error { p := page; p.Cursor = first.Next; _, err := s.Projects(t.Context(), p); return err },
		"key good": func() error {
			_, err := s.APIKeys(t.Context(), a.ID, projects.Page{Size: 3, Cursor: keysOfA.Next})
			return err
		},
		"order": func() error {
			p := page
			p.Cursor, p.Desc = first.Next, true
			_, err := s.Projects(t.Context(), p)
			return err
		},
		"sort": func() error {
			p := page
			p.Cursor, p.SortBy = first.Next, ""
			_, err := s.Projects(t.Context(), p)
			return err
		},
		"filter": func() error {
			p := page
			p.Cursor, p.Name = first.Next, "P"
			_, err := s.Projects(t.Context(), p)
			return err
		},
		"altered": func() error { p := page; p.Cursor = string(broken); _, err := s.Projects(t.Context(), p); return err },
		"padded":  func() error { p := page; p.Cursor = first.Next + "="; _, err := s.Projects(t.Context(), p); return err },
		"project": func() error {
			_, err := s.APIKeys(t.Context(), b.ID, projects.Page{Size: 2, Cursor: keysOfA.Next})
			return err
		},
		"list": func() error {
			_, err := s.Projects(t.Context(), projects.Page{Size: 2, Cursor: keysOfA.Next})
			return err
		},
		"deployment": func() error {
			other := newStore(newDocuments())
			create(t, other, "p")
			p := page
			p.Cursor = first.Next
			_, err := other.Projects(t.Context(), p)
			return err
		},
		"stale": func() error {
			later := newStore(docs)
			later.Now = func() time.Time { return now.Add(61 * time.Minute) }
			p := page
			p.Cursor = first.Next
			_, err := later.Projects(t.Context(), p)
			return err
		},
	} {
		err := ask()
		if good := strings.HasSuffix(name, "good"); (err == nil) != good || !good && !slices.Equal(fieldsOf(err), []string{"cursor"}) {
			t.Errorf("%s: got %v, want an error about the cursor unless the case is good", name, err)
		}
	}
}

// TestWalkShowsEverythingOnce holds walks, in every order, against what was
// there when they began, while rows are made, deleted and renamed.
func TestWalkShowsEverythingOnce(t *testing.T) {
	for seed := range uint64(30) {
		oneWalk(t, rand.New(rand.NewPCG(seed, 1)))
	}
}

func oneWalk(t *testing.T, random *rand.Rand) {
	s := newStore(newDocuments())
	ids := map[string]bool{} // those that are there
	word := func() string { return fmt.Sprintf("%c %d", 'a'+random.IntN(26), random.IntN(3)) }
	for range random.IntN(60) {
		ids[create(t, s, word()).ID] = true
	}
	page := projects.Page{Size: 1 + random.IntN(9), Desc: random.IntN(2) == 0, SortBy: []string{"name", "created_at"}[random.IntN(2)]}
	if random.IntN(3) == 0 {
		page.Name = fmt.Sprint(random.IntN(3))
	}
	expected := map[string]bool{}
	for id := range ids {
		if p, _ := s.Project(t.Context(), id); strings.Contains(p.Name, page.Name) {
			expected[id] = true
		}
	}
	seen := map[string]int{}
	gone := map[string]bool{}
	for {
		list, err := s.Projects(t.Context(), page)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list.Items {
			seen[p.ID]++
		}
		if page.Cursor = list.Next; page.Cursor == "" {
			break
		}
		for id := range ids {
			switch random.IntN(6) {
			case 0:
				if err := s.DeleteProject(t.Context(), id); err != nil {
					t.Fatal(err)
				}
				delete(ids, id)
				gone[id] = true
			case 1, 2:
				rename(t, s, id, word())
			case 3:
				ids[create(t, s, word()).ID] = true
			}
			if random.IntN(3) == 0 {
				break
			}
		}
	}
	for id := range expected {
		if seen[id] != 1 && !(gone[id] && seen[id] == 0) {
			t.Errorf("page %+v: a project was shown %d times, want 1", page, seen[id])
		}
	}
	for id, n := range seen {
		if n != 1 || !expected[id] {
			t.Errorf("page %+v: a project that was not there at the start was shown %d times, want 0", page, n)
		}
	}
}

func rename(t testing.TB, s *projects.Store, id, name string) {
	t.Helper()
	if _, err := s.UpdateProject(context.Background(), id, func(p *projects.Project) error { p.Name = name; return nil }); err != nil {
		t.Fatal(err)
	}
}

func TestRowWithoutDocumentIsNotShownAndGoesAway(t *testing.T) {
	docs := newDocuments()
	now := start
	s := newStore(docs)
	s.Now = func() time.Time { return now }
	create(t, s, "a")
	docs.failing(func(verb, name string) string {
		if verb == "write" && strings.HasPrefix(name, "project/") {
			return "not"
		}
		return ""
	})
	if _, err := s.CreateProject(t.Context(), good("b")); err == nil {
		t.Fatal("create in a full list: got no error, want one")
	}
	docs.failing(nil)
	for _, c := range []struct {
		after time.Duration
		count int
	}{{0, 2}, {time.Hour, 2}, {time.Minute, 1}} {
		now = now.Add(c.after)
		list, err := s.Projects(t.Context(), projects.Page{})
		n, _ := s.CountProjects(t.Context(), "")
		if err != nil || len(list.Items) != 1 || n != c.count {
			t.Errorf("after %s: got %d shown, %d counted, %v, want 1 and %d", c.after, len(list.Items), n, err, c.count)
		}
	}
}

// TestReadsOfAPageAreBounded: neither more projects nor a later page read more.
func TestReadsOfAPageAreBounded(t *testing.T) {
	docs := newDocuments()
	s := newStore(docs)
	cost := func(page projects.Page) int {
		before := docs.count()
		if _, err := s.Projects(t.Context(), page); err != nil {
			t.Fatal(err)
		}
		return docs.count() - before
	}
	for i := range 1000 {
		create(t, s, fmt.Sprint("p", i))
	}
	for _, page := range []projects.Page{{}, {Number: 30}, {Name: "99"}, {SortBy: "name", Desc: true, Size: 20}} {
		if n := cost(page); n > 32+20 {
			t.Errorf("page %+v: got %d reads, want at most 52", page, n)
		}
	}
}
