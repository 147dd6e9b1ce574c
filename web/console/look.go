package console

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"
)

// look is one reading of every project, in the background, by the session of the
// person whose page needed it. It ends with the console, not with the page.
type look struct {
	known  *known
	visit  *visit
	cancel context.CancelFunc
	began  time.Time
	met    map[string]struct{} // ids of the projects that were listed
	done   chan struct{}       // is closed at the end
	err    error               // why it did not read all; only after done
}

const (
	// mostPages bounds how much of a list is read: ten thousand projects.
	mostPages = 100
	// looksAtOnce is how many projects are looked at at a time: callers of the API
	// have the larger part of the store.
	looksAtOnce = 4
)

// newLook begins a look.
func (c *Console) newLook(v *visit, k *known) *look {
	ctx, cancel := context.WithCancel(context.Background())
	l := &look{known: k, cancel: cancel, began: time.Now(), met: map[string]struct{}{}, done: make(chan struct{})}
	l.visit = &visit{console: c, request: v.request.Clone(ctx), cookie: v.cookie}
	go func() {
		defer close(l.done)
		defer cancel()
		l.err = l.run()
		k.ended(l)
	}()
	return l
}

// run reads the list page by page, and each project of a page, so that what comes
// first on pages is known first.
func (l *look) run() error {
	var there struct {
		Count int `json:"count"`
	}
	if err := l.visit.get("/v1/projects/count", &there); err != nil {
		return err
	}
	l.known.count(there.Count)
	var environments project // it is in no list until the schedule has stored it
	if l.visit.get("/v1/projects/"+environmentProject, &environments) == nil {
		if err := l.readEach([]project{environments}); err != nil {
			return err
		}
	}
	path := "/v1/projects?" + url.Values{"page_size": {"100"}, "sort_by": {"name"}}.Encode()
	for n := 0; path != "" && n < mostPages; n++ {
		var page list[project]
		if err := l.visit.get(path, &page); err != nil {
			return err
		}
		if err := l.readEach(page.Items); err != nil {
			return err
		}
		path = page.next()
	}
	return nil
}

// readEach looks at the projects of a page.
func (l *look) readEach(projects []project) error {
	l.known.meet(projects)
	var all errgroup.Group
	all.SetLimit(looksAtOnce)
	for _, p := range projects {
		if _, met := l.met[p.ID]; met {
			continue
		}
		l.met[p.ID] = struct{}{}
		all.Go(func() error {
			began := time.Now()
			s := l.visit.status(p.ID)
			if s.Error != nil && sessionOver(s.Error) {
				return s.Error
			}
			if err := l.visit.request.Context().Err(); err != nil {
				return err
			}
			l.known.keep(p, s, began)
			return nil
		})
	}
	return all.Wait()
}

// status is the dry run of a project's rotation; zero for one without signing keys.
func (v *visit) status(id string) (s status) {
	err := v.get("/v1/projects/"+segment(id)+"/rotation", &s)
	if err == nil {
		return s
	}
	if p := problemOf(err); p.Status != http.StatusNotFound {
		return status{Error: p}
	}
	return status{}
}

// next is the address of the next page of a list; "" after the last.
func (l list[Row]) next() string {
	for _, link := range l.Links {
		if link.Rel == "next" {
			return link.Href
		}
	}
	return ""
}
