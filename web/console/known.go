package console

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// known is every project with its state, as it was a moment ago. Sessions share it:
// every role may read every project.
//
// Reading a thousand rings takes seconds, so no page waits for them: they are looked
// at in the background, and a page shows what is known by then.
type known struct {
	mu      sync.Mutex
	rows    map[string]knownRow // by project
	total   int                 // projects that there are, as far as that is known
	at      time.Time           // when the latest look at all of them ended
	until   time.Time           // what is known is good enough
	changed bool                // since the look began that goes on
	looking *look               // nil: none goes on
	closed  bool                // no look begins any more
	trouble *Problem            // why the latest look did not end; nil: it did
}

// knownRow is a project with when it was looked at.
type knownRow struct {
	overviewRow
	began time.Time // the look at its rotation; zero: it was not looked at yet
}

// familiar is what is known of the projects, for one page.
type familiar struct {
	Rows    []overviewRow // by name
	Total   int           // projects that there are; the rows are those that were listed
	Unseen  int           // projects that were not looked at yet
	At      time.Time     // when all had been looked at; zero: never
	Trouble *Problem      // why they cannot be looked at now; nil: they can
}

const (
	// knownFor is how old what is known may be, at least. What takes long to read is
	// kept for longer, or pages that are open would read all the time.
	knownFor = 3 * time.Second
	// forgottenAfter is when what was known counts no more as the state of a project.
	forgottenAfter = 5 * time.Minute
	// patience is how long a page waits for the projects to be looked at.
	patience = 100 * time.Millisecond
)

// read returns what is known of every project, and has them looked at where that is
// not of late. The error is a *Problem if nothing is known at all.
func (k *known) read(v *visit) (familiar, error) {
	waited := time.NewTimer(patience)
	defer waited.Stop()
	for began := k.look(v); began != nil; began = k.look(v) {
		select {
		case <-began.done:
			if began.err == nil || sessionOver(began.err) {
				continue
			}
			return k.familiar(began.err)
		case <-waited.C:
		case <-v.request.Context().Done():
		}
		break
	}
	return k.familiar(nil)
}

// look returns the look that goes on, or begins one; nil if what is known is good
// enough.
func (k *known) look(v *visit) *look {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.looking == nil && !k.closed && time.Now().After(k.until) {
		if time.Since(k.at) > forgottenAfter {
			k.rows = map[string]knownRow{}
		}
		k.looking, k.changed = v.console.newLook(v, k), false
	}
	return k.looking
}

// ended keeps how a look ended.
func (k *known) ended(l *look) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	k.looking, k.trouble = nil, nil
	switch {
	case l.err == nil && !k.changed:
		k.until = now.Add(max(knownFor, 3*now.Sub(l.began)))
	case l.err == nil || sessionOver(l.err): // another session looks again
		k.until = time.Time{}
	default:
		k.trouble, k.until = problemOf(l.err), now.Add(knownFor)
	}
	if l.err == nil {
		k.at, k.total = now, len(l.met)
		for id := range k.rows {
			if _, met := l.met[id]; !met && k.rows[id].began.Before(l.began) {
				delete(k.rows, id)
			}
		}
	}
}

// sessionOver reports whether an error is the end of the session that looked.
func sessionOver(err error) bool { return problemOf(err).Status == http.StatusUnauthorized }

// count keeps how many projects there are.
func (k *known) count(projects int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.total = projects
}

// meet keeps projects that were listed, with the state that is known of them.
func (k *known) meet(projects []project) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range projects {
		row := k.rows[p.ID]
		row.Project = p
		k.rows[p.ID] = row
	}
}

// keep keeps a project's status, unless a look that began later has another.
func (k *known) keep(p project, s status, began time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.rows == nil {
		k.rows = map[string]knownRow{}
	}
	if !began.Before(k.rows[p.ID].began) {
		k.rows[p.ID] = knownRow{overviewRow{Project: p, Status: s, Seen: true}, began}
	}
}

// refresh has the projects looked at again after a change. That of the change, unless
// its id is "", is looked at now, so that the person finds it as they left it.
func (k *known) refresh(v *visit, id string) {
	began := time.Now()
	k.mu.Lock()
	k.until, k.changed = time.Time{}, true
	k.mu.Unlock()
	if id == "" {
		return
	}
	var p project
	err := v.get("/v1/projects/"+segment(id), &p)
	if err == nil {
		k.keep(p, v.status(id), began)
	} else if problemOf(err).Status == http.StatusNotFound {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.rows, id)
	}
}

// familiar is what is known, or the error if that is nothing.
func (k *known) familiar(err error) (familiar, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil && len(k.rows) == 0 {
		return familiar{}, err
	}
	f := familiar{Total: max(k.total, len(k.rows)), At: k.at, Trouble: k.trouble}
	f.Unseen = f.Total - len(k.rows)
	for _, row := range k.rows {
		f.Rows = append(f.Rows, row.overviewRow)
		if !row.Seen {
			f.Unseen++
		}
	}
	slices.SortFunc(f.Rows, func(a, b overviewRow) int {
		return cmp.Or(strings.Compare(a.Project.Name, b.Project.Name), strings.Compare(a.Project.ID, b.Project.ID))
	})
	return f, nil
}

// close ends the look that goes on, and waits for it.
func (k *known) close() {
	k.mu.Lock()
	k.closed = true
	l := k.looking
	k.mu.Unlock()
	if l != nil {
		l.cancel()
		<-l.done
	}
}
