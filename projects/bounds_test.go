package projects_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"playtoken/projects"
)

func TestBoundsOfAnAPIKeyAreChecked(t *testing.T) {
	s := newStore(newDocuments())
	p := create(t, s, "a")
	for name, c := range map[string]struct {
		bounds projects.Bounds
		want   string // the wrong member; empty: the bounds are right
	}{
		"none":                       {projects.Bounds{}, ""},
		"all":                        {projects.Bounds{ExpiresAt: new(time.Now().Add(time.Hour)), Videos: []string{"a", "b*", "*c"[1:]}, Networks: []string{"192.0.2.0/24", "2001:db8::1/128"}}, ""},
		"past":                       {projects.Bounds{ExpiresAt: new(time.Now().Add(-time.Hour))}, "expires_at"},
		"every video":                {projects.Bounds{Videos: []string{"*"}}, "videos"},
		"no video":                   {projects.Bounds{Videos: []string{""}}, "videos"},
		"star inside":                {projects.Bounds{Videos: []string{"a*b"}}, "videos"},
		"long video":                 {projects.Bounds{Videos: []string{strings.Repeat("a", 201)}}, "videos"},
		"many videos":                {projects.Bounds{Videos: slices.Repeat([]string{"a"}, 51)}, "videos"},
		"an address":                 {projects.Bounds{Networks: []string{"192.0.2.1"}}, "networks"},
		"an address inside":          {projects.Bounds{Networks: []string{"192.0.2.1/24"}}, "networks"},
		"an IPv4 network in IPv6":    {projects.Bounds{Networks: []string{"::ffff:192.0.2.0/120"}}, "networks"},
		"not a network":              {projects.Bounds{Networks: []string{"example.com"}}, "networks"},
		"more networks than allowed": {projects.Bounds{Networks: slices.Repeat([]string{"192.0.2.0/24"}, 51)}, "networks"},
	} {
		made, err := s.CreateAPIKey(t.Context(), projects.APIKey{ProjectID: p.ID, Name: "k", Scopes: []projects.Scope{"mint"}, Bounds: c.bounds})
		if got := strings.Join(fieldsOf(err), " "); got != c.want {
			t.Errorf("%s: got errors about %q, want %q", name, got, c.want)
			continue
		}
		if err != nil {
			continue
		}
		v := newView(t, s, 0)
		caller, err := v.Identify(t.Context(), made.Value)
		if err != nil || !reflect.DeepEqual(caller.Bounds.Videos, c.bounds.Videos) || !reflect.DeepEqual(caller.Bounds.Networks, c.bounds.Networks) || (caller.Bounds.ExpiresAt == nil) != (c.bounds.ExpiresAt == nil) {
			t.Errorf("%s: got the bounds %+v, %v, want %+v", name, caller.Bounds, err, c.bounds)
		}
	}
}

// TestAnExpiredAPIKeyCanBeChanged: what has passed is refused only where it is new.
func TestAnExpiredAPIKeyCanBeChanged(t *testing.T) {
	docs := newDocuments()
	s := newStore(docs)
	p := create(t, s, "a")
	end := time.Now().Add(time.Hour)
	k, err := s.CreateAPIKey(t.Context(), projects.APIKey{ProjectID: p.ID, Name: "k", Description: "d", Scopes: []projects.Scope{"mint"}, Bounds: projects.Bounds{ExpiresAt: &end}})
	if err != nil {
		t.Fatal(err)
	}
	s.Now = func() time.Time { return end.Add(time.Hour) }
	update := func(change func(*projects.APIKey)) (projects.APIKey, error) {
		return s.UpdateAPIKey(t.Context(), p.ID, k.ID, func(k *projects.APIKey) error { change(k); return nil })
	}
	if got, err := update(func(k *projects.APIKey) { k.Name = "old" }); err != nil || got.Description != "d" || !got.Bounds.ExpiresAt.Equal(end) {
		t.Errorf("rename: got %+v, %v, want the rest unchanged", got, err)
	}
	if err := s.EndTokens(t.Context(), p.ID, k.ID); err != nil {
		t.Errorf("end its tokens: got %v, want no error", err)
	}
	if _, err := update(func(k *projects.APIKey) { k.Bounds.ExpiresAt = new(end.Add(time.Minute)) }); !slices.Equal(fieldsOf(err), []string{"expires_at"}) {
		t.Errorf("another end in the past: got %v, want an error about expires_at", err)
	}
	if got, err := update(func(k *projects.APIKey) { k.Bounds = projects.Bounds{} }); err != nil || got.Bounds.ExpiresAt != nil || got.TokensEnded != 1 {
		t.Errorf("without an end: got %+v, %v, want none, and the tokens ended once", got, err)
	}
}

// TestAnAPIKeyStoredBeforeThereWereBoundsHasNone: its document opens, and says
// nothing new until it has to, so that an older version can read it.
func TestAnAPIKeyStoredBeforeThereWereBoundsHasNone(t *testing.T) {
	docs := newDocuments()
	s := newStore(docs)
	p := create(t, s, "a")
	k := createKey(t, s, p.ID, "mint")
	stored := string(docs.docs["apikey/"+k.ID].Data)
	for _, member := range []string{"description", "expires_at", "videos", "networks", "tokens_ended"} {
		if strings.Contains(stored, member) {
			t.Errorf("got the document %s, want it without %q", stored, member)
		}
	}
	got, err := s.APIKey(t.Context(), p.ID, k.ID)
	if err != nil || !reflect.DeepEqual(got.Bounds, projects.Bounds{}) {
		t.Errorf("got %+v, %v, want no bounds", got, err)
	}
}
