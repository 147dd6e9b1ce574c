package projects

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	defaultPageSize = 20
	maxPageSize     = 100
)

// normal checks a page and fills in the defaults.
func (p Page) normal() (Page, error) {
	p.Size, p.Number, p.SortBy = cmp.Or(p.Size, defaultPageSize), cmp.Or(p.Number, 1), cmp.Or(p.SortBy, "created_at")
	var f findings
	f.refuse(p.Size < 1 || p.Size > maxPageSize, "page_size", "must be 1 to %d", maxPageSize)
	f.refuse(p.Number < 1, "page", "must be at least 1")
	f.refuse(p.SortBy != "created_at" && p.SortBy != "name", "sort_by", "must be created_at or name")
	f.refuse(!utf8.ValidString(p.Name), "name", "must be UTF-8")
	return p, f.err()
}

// filter matches names that contain a text, regardless of case and Unicode
// composition. The empty filter matches every name.
type filter struct {
	part string
	fold cases.Caser
}

func newFilter(part string) (filter, error) {
	if !utf8.ValidString(part) {
		return filter{}, invalid("name", "must be UTF-8")
	}
	f := filter{fold: cases.Fold()}
	f.part = f.folded(part)
	return f, nil
}

func (f filter) folded(s string) string { return norm.NFC.String(f.fold.String(norm.NFC.String(s))) }

func (f filter) matches(name string) bool {
	return f.part == "" || strings.Contains(f.folded(name), f.part)
}

// place is the position of a row in a list, as it was when the walk began.
type place struct {
	name    string
	created int64
	id      string

	now     string // the name that the row has now
	version int64  // of the document with that name
}

// before compares places. Ids make the order total.
func (p Page) before(a, b place) int {
	by := cmp.Compare(a.created, b.created)
	if p.SortBy == "name" {
		by = strings.Compare(a.name, b.name)
	}
	by = cmp.Or(by, strings.Compare(a.id, b.id))
	if p.Desc {
		return -by
	}
	return by
}

// places is the whole list as it was when the walk began, without the rows that
// were deleted since.
func (p Page) places(c collection, w walk, all *[shards]shard, wanted filter) []place {
	var list []place
	for i := range all {
		for j := range all[i].Rows {
			r := &all[i].Rows[j]
			if name := r.nameAt(w.Seqs[i]); r.Since <= w.Seqs[i] && wanted.matches(name) {
				list = append(list, place{name: name, created: r.Created, id: c.id(r), now: r.Name, version: r.Version})
			}
		}
	}
	slices.SortFunc(list, p.before)
	return list
}

// cut returns where the page begins and ends in the list.
func (p Page) cut(w walk, list []place) (from, to int) {
	if w.ID == "" {
		from = len(list)
		if w.Number-1 <= len(list)/p.Size {
			from = min((w.Number-1)*p.Size, len(list))
		}
		return from, min(from+p.Size, len(list))
	}
	at, _ := slices.BinarySearchFunc(list, place{name: w.Name, created: w.Created, id: w.ID}, p.before)
	if w.Back {
		return max(0, at-p.Size), at
	}
	return at, min(at+p.Size, len(list))
}

// section is one page of a list, before its documents are read.
type section struct {
	rows           []place
	number         int
	next, previous string
}

// section finds the rows of a page.
func (s *Store) section(ctx context.Context, c collection, p Page) (section, error) {
	p, err := p.normal()
	if err != nil {
		return section{}, err
	}
	wanted, err := newFilter(p.Name)
	if err != nil {
		return section{}, err
	}
	aead, err := s.cursors(ctx)
	if err != nil {
		return section{}, err
	}
	all, err := s.loadIndex(ctx, c)
	if err != nil {
		return section{}, err
	}
	w, err := s.openWalk(aead, c, p, all)
	if err != nil {
		return section{}, err
	}
	list := p.places(c, w, all, wanted)
	from, to := p.cut(w, list)
	found := section{rows: list[from:to], number: w.Number}
	if to < len(list) {
		found.next, err = w.beyond(list[to], false).seal(aead, p.bound(c))
	}
	if err == nil && w.Number > 1 {
		first := place{} // an empty page is found by its number
		if from < to {
			first = list[from]
		}
		found.previous, err = w.beyond(first, true).seal(aead, p.bound(c))
	}
	return found, err
}

// beyond is the walk to the page that begins at a row or ends before it.
func (w walk) beyond(at place, back bool) walk {
	w.ID, w.Name, w.Created, w.Back = at.id, at.name, at.created, back
	if w.Number++; back {
		w.Number -= 2
	}
	return w
}

// missing is how long a row may lack its document: far longer than creating one
// takes.
const missing = time.Hour

// lags reports whether a row does not yet have the name of its document.
func (p place) lags(of entry) bool { return of.version > p.version && of.name != p.now }

// abandoned reports whether a row without a document will never get one.
func (s *Store) abandoned(p place) bool {
	return s.now().Sub(time.UnixMicro(p.created)) > missing
}
