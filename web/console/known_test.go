package console

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slowly is an API with projects, one of which takes a while to look at.
type slowly struct {
	projects atomic.Int64
	takes    time.Duration
	refuses  atomic.Int64 // the status of every response; 0: as it should be
	lists    atomic.Int64 // how often the list was read
}

func (s *slowly) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if status := int(s.refuses.Load()); status != 0 {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"status":%d,"detail":"it refuses"}`, status)
		return
	}
	switch r.URL.Path {
	case "/v1/projects/count":
		fmt.Fprintf(w, `{"count":%d}`, s.projects.Load())
	case "/v1/projects":
		s.lists.Add(1)
		fmt.Fprint(w, `{"items":[`)
		for i := range s.projects.Load() {
			fmt.Fprintf(w, `%s{"project_id":"project_%03d","name":"n %03d"}`, map[bool]string{true: ","}[i > 0], i, i)
		}
		fmt.Fprint(w, `],"links":[]}`)
	case "/v1/projects/default":
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"status":404}`)
	default:
		select {
		case <-time.After(s.takes):
		case <-r.Context().Done():
		}
		fmt.Fprint(w, `{"findings":[]}`)
	}
}

// visitor is a visit to the first page of a console of an API.
func visitor(api http.Handler) *visit {
	return &visit{console: &Console{config: Config{API: api}, stopping: make(chan struct{})}, request: httptest.NewRequest(http.MethodGet, Path, http.NoBody)}
}

// reads returns what is known, and how long the page waited for it.
func (v *visit) reads(t *testing.T) (familiar, time.Duration) {
	t.Helper()
	began := time.Now()
	f, err := v.console.known.read(v)
	if err != nil {
		t.Fatalf("got %v, want what is known", err)
	}
	return f, time.Since(began)
}

// TestNoPageWaitsForAThousandProjects: the first page shows that they are being
// looked at, later ones show more, and in the end all.
func TestNoPageWaitsForAThousandProjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &slowly{takes: 10 * time.Millisecond}
		api.projects.Store(1000)
		v := visitor(api)
		defer v.console.Close()
		f, took := v.reads(t)
		if took > patience || f.Unseen == 0 || f.Total != 1000 {
			t.Errorf("the first page: got %d of %d not looked at after %s, want some after at most %s", f.Unseen, f.Total, took, patience)
		}
		for before := f.Unseen; f.Unseen > 0; before = f.Unseen {
			time.Sleep(time.Second)
			if f, took = v.reads(t); took > patience || f.Unseen >= before {
				t.Fatalf("a second later: got %d not looked at after %s, want fewer than %d after at most %s", f.Unseen, took, before, patience)
			}
		}
		if len(f.Rows) != 1000 || api.lists.Load() != 1 {
			t.Errorf("in the end: got %d projects from %d readings of the list, want 1000 from one", len(f.Rows), api.lists.Load())
		}
	})
}

// TestWhatTakesLongToReadIsNotReadAllTheTime: pages that are open look every two
// seconds, and a thousand rings may take longer than that.
func TestWhatTakesLongToReadIsNotReadAllTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &slowly{takes: 4 * time.Second}
		api.projects.Store(looksAtOnce)
		v := visitor(api)
		defer v.console.Close()
		for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(2 * time.Second) {
			v.reads(t)
		}
		if api.lists.Load() > 5 {
			t.Errorf("got %d looks of four seconds in a minute, want at most 5", api.lists.Load())
		}
	})
}

// TestWhatIsKnownFollowsTheProjects: those that are new or gone, at the latest after
// some seconds; old states are not shown as if they were of now; and without the API
// what was known is shown, with why it is no newer.
func TestWhatIsKnownFollowsTheProjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &slowly{takes: time.Millisecond}
		v := visitor(api)
		defer v.console.Close()
		for _, there := range []int64{3, 5, 2, 0} {
			api.projects.Store(there)
			time.Sleep(2 * knownFor)
			if f, _ := v.reads(t); len(f.Rows) != int(there) || f.Unseen != 0 {
				t.Errorf("of %d projects: got %d, of which %d are not looked at, want all", there, len(f.Rows), f.Unseen)
			}
		}
		api.projects.Store(3)
		v.console.known.refresh(v, "project_001")
		if f, _ := v.reads(t); len(f.Rows) != 3 {
			t.Errorf("after a change: got %d projects, want 3", len(f.Rows))
		}
		api.refuses.Store(http.StatusServiceUnavailable)
		time.Sleep(2 * knownFor)
		v.reads(t)
		if f, _ := v.reads(t); len(f.Rows) != 3 || f.Trouble == nil {
			t.Errorf("without the API: got %d projects and %v, want 3 and why they cannot be looked at", len(f.Rows), f.Trouble)
		}
		api.refuses.Store(0)
		api.takes = time.Hour
		time.Sleep(2 * forgottenAfter)
		if f, _ := v.reads(t); f.Unseen != 3 {
			t.Errorf("after a while without a visitor: got %d projects that are not looked at, want 3", f.Unseen)
		}
	})
}

// TestASessionThatEndsTakesNothingFromOthers: the look that it began ends, and the
// next page begins another.
func TestASessionThatEndsTakesNothingFromOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &slowly{takes: time.Second}
		api.projects.Store(100)
		v := visitor(api)
		defer v.console.Close()
		v.reads(t)
		api.refuses.Store(http.StatusUnauthorized)
		time.Sleep(2 * time.Second)
		api.refuses.Store(0)
		v.reads(t)
		time.Sleep(time.Minute)
		if f, _ := v.reads(t); f.Unseen != 0 || f.Trouble != nil {
			t.Errorf("got %d not looked at and %v, want all, and no trouble", f.Unseen, f.Trouble)
		}
	})
}
