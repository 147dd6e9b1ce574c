package projects_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"playtoken/filekeys"
	"playtoken/projects"
	"playtoken/secret"
	"playtoken/store"
)

// TestFileStore works on a real file, as two processes would: with two stores
// that share nothing else.
func TestFileStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	open := func() *projects.Store {
		f, err := filekeys.Open(path, secret.New("correct horse battery staple"), filekeys.Options{Create: true, WorkFactor: 2})
		if err != nil {
			t.Fatal(err)
		}
		return newStore(f)
	}
	stores := []*projects.Store{open(), open()}
	var made sync.WaitGroup
	for i, s := range stores {
		for j := range 3 {
			made.Go(func() {
				if _, err := s.CreateProject(t.Context(), good(fmt.Sprintf("p %d %d", i, j))); err != nil {
					t.Error(err)
				}
			})
		}
	}
	made.Wait()
	ids := slices.Concat(walked(t, lister(stores[0]), projects.Page{Size: 2, SortBy: "name"}, projectID)...)
	if len(ids) != 6 {
		t.Fatalf("got %d projects, want 6", len(ids))
	}
	k := createKey(t, stores[0], ids[0])
	if got, err := newView(t, stores[1], 0).Identify(t.Context(), k.Value); err != nil || got.ProjectID != ids[0] {
		t.Errorf("identify in another process: got %+v, %v, want the first project", got, err)
	}
	for i, id := range ids {
		if err := stores[i%2].DeleteProject(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := stores[1].CountProjects(t.Context(), ""); n != 0 || err != nil {
		t.Errorf("count after the deletion: got %d, %v, want 0", n, err)
	}
}

// TestManyAtOnce: lists are walked while others make, rename and delete.
func TestManyAtOnce(t *testing.T) {
	docs := newDocuments()
	s := newStore(docs)
	var stay []string
	for i := range 40 {
		stay = append(stay, create(t, s, fmt.Sprint("stay ", i)).ID)
	}
	stop := make(chan struct{})
	var others sync.WaitGroup
	for i := range 3 {
		own := newStore(docs) // another process
		others.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				p := create(t, own, fmt.Sprint("s", n))
				rename(t, own, stay[(n*7+i)%len(stay)], fmt.Sprint(n%10, " ", i))
				if err := own.DeleteProject(t.Context(), p.ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 5 {
		seen := map[string]int{}
		for _, id := range slices.Concat(walked(t, lister(s), projects.Page{Size: 7, SortBy: "name"}, projectID)...) {
			seen[id]++
		}
		for _, id := range stay {
			if seen[id] != 1 {
				t.Errorf("a project was shown %d times, want 1", seen[id])
			}
		}
	}
	close(stop)
	others.Wait()
	sound(t, docs, s, "many at once")
}

var _ store.Documents = (*documents)(nil)

// BenchmarkIdentify: what it costs to know a caller does not depend on how
// many projects there are.
func BenchmarkIdentify(b *testing.B) {
	for _, n := range []int{1, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			docs := newDocuments()
			s := newStore(docs)
			keys := make([]projects.NewAPIKey, n)
			for i := range keys {
				keys[i] = createKey(b, s, create(b, s, fmt.Sprint("p", i)).ID)
			}
			v := projects.NewView(s, 1<<40, 0)
			defer v.Close()
			for _, k := range keys {
				if _, err := v.Identify(b.Context(), k.Value); err != nil {
					b.Fatal(err)
				}
			}
			i := 0
			for b.Loop() {
				i++
				if _, err := v.Identify(b.Context(), keys[i%n].Value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkProjects lists a page of many projects.
func BenchmarkProjects(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := newStore(newDocuments())
			for i := range n {
				create(b, s, fmt.Sprint("project number ", i))
			}
			for b.Loop() {
				if _, err := s.Projects(b.Context(), projects.Page{SortBy: "name", Name: "NUMBER"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
