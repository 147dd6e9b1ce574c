package service

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"playtoken/keyrotation"
	"playtoken/platforms"
	"playtoken/platforms/all"
	"playtoken/projects"
	"playtoken/projects/access"
	"playtoken/secret"
	"playtoken/store"
)

// A project that this version cannot open is asked for again and again.
func TestAProjectThatCannotBeOpenedLeavesNothingBehind(t *testing.T) {
	s, project := newService(t)
	if _, err := s.view.Project(t.Context(), project.ID); err != nil {
		t.Fatal(err)
	}
	opens := s.Kinds["gate"]
	s.Kinds["gate"] = platforms.Kind{Name: "gate", Open: func(platforms.Account) (platforms.Platform, error) {
		return platforms.Platform{}, errors.New("not any more")
	}}
	before := goleak.IgnoreCurrent()
	for range 10 {
		_, err := s.tenants.of(t.Context(), project.ID)
		if unusable, ok := errors.AsType[*projects.Unusable](err); !ok || unusable.Project != project.ID || !strings.Contains(err.Error(), "not any more") {
			t.Fatalf("got the error %v, want one that names the project and the reason", err)
		}
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
	s.Kinds["gate"] = opens
	if _, err := s.tenants.of(t.Context(), project.ID); err != nil {
		t.Errorf("when it can: %v", err)
	}
}

func TestADeletedProjectIsClosed(t *testing.T) {
	s, project := newService(t)
	opened, err := s.tenants.of(t.Context(), project.ID)
	if err != nil {
		t.Fatal(err)
	}
	running := newSchedule(s)
	for _, id := range []string{project.ID, projects.Default, access.RingID} {
		running.maintained[id] = func() {}
	}
	running.follow(t.Context())
	if again, err := s.tenants.of(t.Context(), project.ID); err != nil || again != opened {
		t.Errorf("while it is there: another tenant, %v", err)
	}
	if err := s.Projects.DeleteProject(t.Context(), project.ID); err != nil {
		t.Fatal(err)
	}
	running.follow(t.Context())
	if len(s.tenants.open) != 1 || len(running.maintained) != 2 {
		t.Errorf("got %d open tenants and %d maintained projects, want 1 (default) and 2 (default and the keys of access tokens)", len(s.tenants.open), len(running.maintained))
	}
}

func TestADeletedProjectTakesItsTokensAlong(t *testing.T) {
	s, project := newService(t)
	key, err := s.Projects.CreateAPIKey(t.Context(), projects.APIKey{ProjectID: project.ID, Name: "frontend", Scopes: []projects.Scope{"mint"}})
	if err != nil {
		t.Fatal(err)
	}
	tokens := "families/" + key.ID
	if _, err := s.Storage.Store.Write(t.Context(), tokens, []byte(`{"families":[]}`), 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Projects.DeleteProject(t.Context(), project.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Storage.Store.Read(t.Context(), tokens); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what is kept of its tokens: %v", err)
	}
}

// An issued key outlives its retirement by a day, so more of them are there at
// a time than of ours.
func TestARotationThatIssuedKeysHaveNoRoomForIsRefused(t *testing.T) {
	s, _ := newService(t)
	project := projects.Project{
		Name: "issued", Platform: "apivideo", Settings: map[string]string{"project_id": "project_theirs"},
		Credential: map[string]secret.Value{"admin_key": secret.New(gateKey)}, RotationPolicy: projects.RotationPolicy{RotateEvery: 3600, KeyBudget: 10},
	}
	_, err := s.Projects.CreateProject(t.Context(), project)
	if wrong, ok := errors.AsType[*projects.Invalid](err); !ok || len(wrong.Fields) != 1 || wrong.Fields[0].Field != "rotation_policy" {
		t.Errorf("every hour, with room for 10 keys: %v", err)
	}
	project.RotationPolicy.RotateEvery = 24 * 3600
	if _, err := s.Projects.CreateProject(t.Context(), project); err != nil {
		t.Errorf("every day: %v", err)
	}
}

// API keys cannot be exchanged any more once the rotation of our own keys
// has stopped for long enough.
func TestTheRotationOfOurOwnKeysIsWatched(t *testing.T) {
	s, _ := newService(t)
	if _, err := s.AccessKeys.Reconcile(t.Context(), keyrotation.Order{Actor: "test"}); err != nil {
		t.Fatal(err)
	}
	scraped := httptest.NewRecorder()
	s.Metrics.Handler(s.log).ServeHTTP(scraped, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if want := `playtoken_rotation_overdue{project="` + access.RingID + `"} 0`; !strings.Contains(scraped.Body.String(), want) {
		t.Errorf("no %s in %s", want, scraped.Body)
	}
}

func TestIdleTenantsAreClosed(t *testing.T) {
	s, project := newService(t)
	opened, err := s.tenants.of(t.Context(), project.ID)
	if err != nil {
		t.Fatal(err)
	}
	idle, now := int64(s.tenants.idle()/time.Second), time.Now().Unix()
	for _, c := range []struct {
		name  string
		now   int64
		there bool
	}{
		{"in use", now, true},
		{"just not idle for long enough", now + idle, true},
		{"too soon after the last look", now + idle + 1, true},
		{"idle", now + idle + int64(sweepEvery/time.Second), false},
	} {
		s.tenants.mu.Lock()
		s.tenants.closeIdle(c.now)
		s.tenants.mu.Unlock()
		if kept, there := s.tenants.open[project.ID]; there != c.there || there && kept != opened {
			t.Errorf("%s: there %t", c.name, there)
		}
		if _, there := s.tenants.open[projects.Default]; !there {
			t.Errorf("%s: the project default is gone", c.name)
		}
	}
}

// Every answer about a project opens its account.
func TestOpeningAnAccountLeavesNothingBehind(t *testing.T) {
	s, _ := newService(t)
	before := goleak.IgnoreCurrent()
	for name, account := range accounts {
		can, err := s.capabilities(t.Context(), account)
		if err != nil || !can.Mints {
			t.Errorf("capabilities of %s = %+v, %v; want an account that mints", name, can, err)
		}
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

// accounts are one of each sort.
var accounts = map[string]projects.Project{
	"vidbeo":           {Platform: "vidbeo", Credential: credentials("api_key")},
	"jwplayer":         {Platform: "jwplayer", Credential: credentials("signing_secret", "api_secret"), Settings: map[string]string{"site_id": "abcdEFGH"}},
	"apivideo, given":  {Platform: "apivideo", Credential: credentials("api_key")},
	"apivideo, issued": {Platform: "apivideo", Credential: credentials("admin_key"), Settings: map[string]string{"project_id": "project_theirs"}},
}

func credentials(names ...string) map[string]secret.Value {
	all := map[string]secret.Value{}
	for _, name := range names {
		all[name] = secret.New("a-credential-for-tests-0123456789")
	}
	return all
}

func BenchmarkCapabilities(b *testing.B) {
	s := &Service{Kinds: all.Kinds()}
	for name, account := range accounts {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var can platforms.Capabilities
			for b.Loop() {
				can, _ = s.capabilities(b.Context(), account)
			}
			_ = can
		})
	}
}
