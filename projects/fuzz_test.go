package projects_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"playtoken/projects"
	"playtoken/secret"
)

// FuzzName: a name is refused, or comes back byte for byte and is found.
func FuzzName(f *testing.F) {
	for _, name := range []string{"a", "Ünïcode 名前", "e\u0301", "\u202eabc", "İstanbul", "ǅ", "ﬀ", " ", "\xff", "%_*?[", "a\x00"} {
		f.Add(name)
	}
	s := newStore(newDocuments())
	f.Fuzz(func(t *testing.T, name string) {
		p, err := s.CreateProject(t.Context(), good(name))
		if err != nil {
			if !slices.Equal(fieldsOf(err), []string{"name"}) {
				t.Errorf("name %q: got %v, want an error about name", name, err)
			}
			return
		}
		defer s.DeleteProject(context.Background(), p.ID)
		got, err := s.Project(t.Context(), p.ID)
		if err != nil || got.Name != name || utf8.RuneCountInString(name) > 50 {
			t.Errorf("name %q: stored as %q, %v, want it unchanged and at most 50 characters", name, got.Name, err)
		}
		for _, part := range []string{name, strings.ToUpper(name), strings.ToLower(name)} {
			// Upper and lower case of some letters are not each other's.
			if !strings.EqualFold(part, name) {
				continue
			}
			list, err := s.Projects(t.Context(), projects.Page{Name: part})
			if err != nil || len(list.Items) == 0 {
				t.Errorf("name %q: not found by %q: %v; want it in the list", name, part, err)
			}
		}
	})
}

// FuzzCursor: no text but one that we made is a cursor.
func FuzzCursor(f *testing.F) {
	s := newStore(newDocuments())
	for i := range 3 {
		if _, err := s.CreateProject(f.Context(), good(fmt.Sprint("p", i))); err != nil {
			f.Fatal(err)
		}
	}
	list, err := s.Projects(f.Context(), projects.Page{Size: 1})
	if err != nil {
		f.Fatal(err)
	}
	for _, cursor := range []string{"", "x", list.Next, list.Next[1:], list.Next + "AAAA", strings.Repeat("A", 5000), "\x00", "=" + list.Next} {
		f.Add(cursor)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		_, err := s.Projects(t.Context(), projects.Page{Size: 1, Cursor: cursor})
		if ours := cursor == "" || cursor == list.Next; (err == nil) != ours || !ours && !slices.Equal(fieldsOf(err), []string{"cursor"}) {
			t.Errorf("cursor %q: got %v, want an error about the cursor unless it is from the list", cursor, err)
		}
	})
}

// FuzzValue: what is parsed has exactly one spelling, and its id may be part
// of a document's name.
func FuzzValue(f *testing.F) {
	docs := newDocuments()
	s := newStore(docs)
	p, err := s.CreateProject(f.Context(), good("a"))
	if err != nil {
		f.Fatal(err)
	}
	k, err := s.CreateAPIKey(f.Context(), projects.APIKey{ProjectID: p.ID, Name: "a", Scopes: []projects.Scope{"mint"}})
	if err != nil {
		f.Fatal(err)
	}
	value := k.Value.Reveal()
	for _, text := range []string{value, value[1:], value + "_", strings.ToUpper(value), "pt__", "pt_" + strings.Repeat("a", 79), strings.Replace(value, "_", "/", 2)} {
		f.Add(text)
	}
	v := newView(f, s, 0)
	id := regexp.MustCompile(`^api_key_[a-z2-7]{26}$`)
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := projects.ParseValue(secret.New(text))
		if ok && (!id.MatchString(got) || !strings.HasPrefix(text, "pt_"+strings.TrimPrefix(got, "api_key_")+"_") || len(text) != len(value)) {
			t.Errorf("value %q: got the id %q, want the id in it", text, got)
		}
		caller, err := v.Identify(t.Context(), secret.New(text))
		if (err == nil) != (text == value) || err != nil && !errors.Is(err, projects.ErrUnknownCaller) || err == nil && caller.ID != k.ID {
			t.Errorf("value %q: got %+v, %v, want the caller for the key's value only", text, caller, err)
		}
	})
}

// FuzzOrigin: what is accepted is an origin that a URL has.
func FuzzOrigin(f *testing.F) {
	for _, origin := range []string{"https://a.example", "https://[::1]:8443", "http://localhost:1", "https://a.example/", "https://a.example\n"} {
		f.Add(origin)
	}
	shape := regexp.MustCompile(`^https?://[][a-z0-9._:-]+$`)
	s := newStore(newDocuments())
	f.Fuzz(func(t *testing.T, origin string) {
		p := good("a")
		p.ViewerPolicy.Origins = []string{origin}
		made, err := s.CreateProject(t.Context(), p)
		if err == nil {
			_ = s.DeleteProject(t.Context(), made.ID)
		}
		if err == nil && !shape.MatchString(origin) {
			t.Errorf("origin %q: got no error, want one", origin)
		}
	})
}
