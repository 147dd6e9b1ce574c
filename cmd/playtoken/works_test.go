package main

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/projects"
	"playtoken/secret"
	"playtoken/settings"
	"playtoken/store"
)

// newParts are parts that hold keys in memory, with a project beside default.
func newParts(t *testing.T) (*parts, projects.Project) {
	t.Helper()
	w := newWorld(t, "PLAYTOKEN_SIGNING=memory")
	c, err := settings.ForService(w.environ)
	if err != nil {
		t.Fatal(err)
	}
	c.HoldsKeys = true
	p, err := build(t.Context(), c, true, slog.New(slog.DiscardHandler), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	made, err := p.projects.CreateProject(t.Context(), projects.Project{
		Name: "second", Platform: "vidbeo", Settings: map[string]string{"url": w.gate.URL + "/v2"},
		Credential: map[string]secret.Value{"api_key": secret.New(gateKey)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, made
}

// A project that this version cannot open is asked for again and again.
func TestAProjectThatCannotBeOpenedLeavesNothingBehind(t *testing.T) {
	p, project := newParts(t)
	if _, err := p.view.Project(t.Context(), project.ID); err != nil {
		t.Fatal(err)
	}
	opens := p.kinds["vidbeo"]
	p.kinds["vidbeo"] = platforms.Kind{Name: "vidbeo", Open: func(platforms.Account) (platforms.Platform, error) {
		return platforms.Platform{}, errors.New("not any more")
	}}
	before := goleak.IgnoreCurrent()
	for range 10 {
		if _, err := p.workshop.of(t.Context(), project.ID); err == nil {
			t.Fatal("it was opened")
		}
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
	p.kinds["vidbeo"] = opens
	if _, err := p.workshop.of(t.Context(), project.ID); err != nil {
		t.Errorf("when it can: %v", err)
	}
}

func TestADeletedProjectIsLetGoOf(t *testing.T) {
	t.Parallel()
	p, project := newParts(t)
	opened, err := p.workshop.of(t.Context(), project.ID)
	if err != nil {
		t.Fatal(err)
	}
	s := &scheduler{workshop: p.workshop, tending: map[string]func(){project.ID: func() {}, projects.Default: func() {}, ownKeys: func() {}}}
	s.follow(t.Context())
	if again, err := p.workshop.of(t.Context(), project.ID); err != nil || again != opened {
		t.Errorf("while it is there: other works, %v", err)
	}
	if err := p.projects.DeleteProject(t.Context(), project.ID); err != nil {
		t.Fatal(err)
	}
	s.follow(t.Context())
	if len(p.workshop.open) != 1 || len(s.tending) != 2 {
		t.Errorf("%d works are open, %d projects tended; want those of default, and its and our own", len(p.workshop.open), len(s.tending))
	}
}

func TestADeletedProjectTakesItsTokensAlong(t *testing.T) {
	t.Parallel()
	p, project := newParts(t)
	key, err := p.projects.CreateAPIKey(t.Context(), project.ID, "frontend", []projects.Scope{"mint"})
	if err != nil {
		t.Fatal(err)
	}
	tokens := "families/" + key.ID
	if _, err := p.store.Write(t.Context(), tokens, []byte(`{"families":[]}`), 0); err != nil {
		t.Fatal(err)
	}
	if err := p.projects.DeleteProject(t.Context(), project.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := p.store.Read(t.Context(), tokens); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what is kept of its tokens: %v", err)
	}
}

// An issued key outlives its retirement by a day, so more of them are there at
// a time than of ours.
func TestARotationThatIssuedKeysHaveNoRoomForIsRefused(t *testing.T) {
	t.Parallel()
	p, _ := newParts(t)
	project := projects.Project{
		Name: "issued", Platform: "apivideo", Settings: map[string]string{"project_id": "project_theirs"},
		Credential: map[string]secret.Value{"admin_key": secret.New(gateKey)}, RotationPolicy: projects.RotationPolicy{RotateEvery: 3600, KeyBudget: 10},
	}
	_, err := p.projects.CreateProject(t.Context(), project)
	if wrong, ok := errors.AsType[*projects.Invalid](err); !ok || len(wrong.Fields) != 1 || wrong.Fields[0].Field != "rotation_policy" {
		t.Errorf("every hour, with room for 10 keys: %v", err)
	}
	project.RotationPolicy.RotateEvery = 24 * 3600
	if _, err := p.projects.CreateProject(t.Context(), project); err != nil {
		t.Errorf("every day: %v", err)
	}
}

// Nobody can exchange an API key any more once the rotation of our own keys
// has stopped for long enough.
func TestTheRotationOfOurOwnKeysIsWatched(t *testing.T) {
	t.Parallel()
	p, _ := newParts(t)
	if _, err := p.own.Reconcile(t.Context(), keyrotation.Order{Actor: "test"}); err != nil {
		t.Fatal(err)
	}
	scraped := httptest.NewRecorder()
	p.metrics.Handler(p.log).ServeHTTP(scraped, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if want := `playtoken_rotation_overdue{project="` + ownKeys + `"} 0`; !strings.Contains(scraped.Body.String(), want) {
		t.Errorf("no %s in %s", want, scraped.Body)
	}
}
