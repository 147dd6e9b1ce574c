package audit_test

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"playtoken/audit"
)

// search opens the log at path and follows its links to the end. What it returns
// last has the first problem of all pages.
func search(t testing.TB, path string, q audit.Query) (lines []audit.Line, last audit.Found) {
	t.Helper()
	problem := ""
	l := open(t, path)
	defer shut(t, l)
	for range 1000 {
		found, err := l.Search(t.Context(), q)
		if err != nil {
			t.Fatalf("search: got %v, want no error", err)
		}
		if len(found.Lines) > q.Limit {
			t.Fatalf("search: got %d lines, want at most %d", len(found.Lines), q.Limit)
		}
		lines = append(lines, found.Lines...)
		problem = cmp.Or(problem, found.Problem)
		found.Problem = problem
		if q.Cursor = found.Next; q.Cursor == "" {
			return lines, found
		}
	}
	t.Fatal("search: got no end after 1000 pages, want one")
	return nil, audit.Found{}
}

func TestSearchShowsEveryLineOnceNewestFirst(t *testing.T) {
	for _, n := range []int{1, 2, 3, 40, 2500} { // the last is longer than two blocks
		path := filepath.Join(t.TempDir(), "audit.log")
		l := open(t, path)
		for i := range n {
			if err := l.RecordLazily(entry(i)); err != nil {
				t.Fatal(err)
			}
		}
		shut(t, l)
		for _, limit := range []int{1, 7, 100, n, n + 1} {
			if limit == 1 && n > 100 {
				continue
			}
			lines, last := search(t, path, audit.Query{Limit: limit})
			if len(lines) != n || last.Problem != "" || last.VerifiedTo == nil || last.VerifiedTo.Seq != 1 {
				t.Fatalf("%d lines by %d: got %d, %+v; want all, verified to the first", n, limit, len(lines), last)
			}
			for i, l := range lines {
				if l.Seq != uint64(n-i) || l.Entry.Subject != strconv.Itoa(n-1-i) {
					t.Fatalf("%d lines by %d: line %d is %+v, want number %d", n, limit, i, l, n-i)
				}
			}
		}
	}
}

func TestSearchOfALogWithoutLines(t *testing.T) {
	if lines, last := search(t, filepath.Join(t.TempDir(), "audit.log"), audit.Query{Limit: 5}); len(lines) != 0 || last.VerifiedTo != nil {
		t.Errorf("got %v, %+v; want nothing", lines, last)
	}
}

func TestSearchNarrows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, path)
	defer shut(t, l)
	for _, e := range []audit.Entry{
		{Actor: "admin", Action: "project.create", Project: "a", Result: "ok"},
		{Actor: "api_key_1", Action: "rotation", Project: "a", Result: "ok"},
		{Actor: "admin", Action: "rotation", Project: "b", Result: "ok"},
	} {
		if err := l.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	for want, q := range map[string]audit.Query{
		"3 2 1": {Since: now.Add(-time.Hour), Until: now.Add(time.Hour)}, "2 1": {Project: "a"}, "3 1": {Actor: "admin"}, "3 2": {Action: "rotation"},
		"3": {Action: "rotation", Project: "b"}, "": {Since: now.Add(time.Hour)}, " ": {Until: now.Add(-time.Hour)}, "  ": {Project: "A"},
	} {
		q.Limit = 10
		lines, _ := search(t, path, q)
		var got []string
		for _, l := range lines {
			got = append(got, strconv.FormatUint(l.Seq, 10))
		}
		if strings.Join(got, " ") != strings.TrimSpace(want) {
			t.Errorf("%+v: got lines %q, want %q", q, got, want)
		}
	}
}

// A change of any byte is noticed, and nothing older than the changed line is shown.
func TestSearchNoticesEveryByte(t *testing.T) {
	path := newFile(t, 4)
	data := read(t, path)
	for i := range data {
		changed := bytes.Clone(data)
		changed[i] ^= 0x20
		write(t, path, changed)
		lines, last := searchAsItIs(t, path)
		if wrong := 1 + bytes.Count(data[:i], []byte("\n")); last.Problem == "" || len(lines) > 4-wrong {
			t.Fatalf("byte %d is %q for %q: got %d lines, %+v; want a problem, and at most %d lines", i, changed[i], data[i], len(lines), last, 4-wrong)
		}
	}
}

// searchAsItIs searches a log whose writer does not write.
func searchAsItIs(t testing.TB, path string) ([]audit.Line, audit.Found) {
	t.Helper()
	return search(t, path, audit.Query{Limit: 3})
}

func TestSearchNoticesWhatIsMissing(t *testing.T) {
	path := newFile(t, 5)
	lines := bytes.SplitAfter(read(t, path), []byte("\n"))[:5]
	for name, left := range map[string][][]byte{
		"the last line": lines[:4], "a line in between": with(lines, 2), "the first line": lines[1:],
		"two lines swapped": {lines[0], lines[2], lines[1], lines[3], lines[4]}, "a line twice": {lines[0], lines[1], lines[1], lines[2], lines[3], lines[4]},
	} {
		write(t, path, bytes.Join(left, nil))
		if _, last := searchAsItIs(t, path); last.Problem == "" {
			t.Errorf("without %s: got no problem, want one", name)
		}
	}
	write(t, path, bytes.Join(lines, nil))
	if found, last := searchAsItIs(t, path); len(found) != 5 || last.Problem != "" {
		t.Errorf("the whole log: got %d lines, %q; want 5 without a problem", len(found), last.Problem)
	}
	if err := os.Remove(path + ".head"); err != nil {
		t.Fatal(err)
	}
	if found, _ := searchAsItIs(t, path); len(found) != 5 {
		t.Errorf("without a head: got %d lines, want the 5 that are there", len(found))
	}
	l := open(t, path)
	defer shut(t, l)
	first, err := l.Search(t.Context(), audit.Query{Limit: 1})
	if err != nil || !strings.Contains(first.Problem, "missing at the end cannot be noticed") {
		t.Errorf("without a head: got %q, %v; want it said", first.Problem, err)
	}
}

func TestSearchAfterRotation(t *testing.T) {
	path := newFile(t, 3)
	l := open(t, path)
	defer shut(t, l)
	record(t, l, 2)
	first, err := l.Search(t.Context(), audit.Query{Limit: 2})
	if err != nil || first.Next == "" {
		t.Fatalf("got %+v, %v; want a next page", first, err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	record(t, l, 2)
	lines, last := search(t, path, audit.Query{Limit: 10})
	if len(lines) != 2 || last.Problem != "" || last.Next != "" {
		t.Errorf("the new file: got %d lines, %+v; want 2 without a problem", len(lines), last)
	}
	for _, cursor := range []string{first.Next, "x", "e30", "!", strings.Repeat("A", 100)} {
		if _, err := l.Search(t.Context(), audit.Query{Limit: 2, Cursor: cursor}); !errors.Is(err, audit.ErrCursor) {
			t.Errorf("cursor %q: got %v, want audit.ErrCursor", cursor, err)
		}
	}
}

func TestSearchWhileTheLogIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, path)
	defer shut(t, l)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 50 {
			if err := l.Record(t.Context(), entry(i)); err != nil {
				t.Errorf("record: got %v, want no error", err)
			}
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		found, err := l.Search(t.Context(), audit.Query{Limit: 20})
		if headless := strings.Contains(found.Problem, "no such file"); err != nil || found.Problem != "" && !headless {
			t.Fatalf("got %q, %v; want no problem", found.Problem, err)
		}
	}
}

func TestOnlyAFileCanBeSearched(t *testing.T) {
	l := audit.To(io.Discard, key)
	defer shut(t, l)
	if _, err := l.Search(t.Context(), audit.Query{Limit: 1}); !errors.Is(err, audit.ErrNoFile) {
		t.Errorf("got %v, want audit.ErrNoFile", err)
	}
}

// A search of any file ends, and shows no line that was not written.
func FuzzSearch(f *testing.F) {
	path := newFile(f, 3)
	f.Add(read(f, path), "")
	f.Add([]byte("\n\n"), "eyJvZmZzZXQiOjF9")
	f.Fuzz(func(t *testing.T, data []byte, cursor string) {
		path := filepath.Join(t.TempDir(), "audit.log")
		write(t, path, data)
		l := open(t, path)
		defer shut(t, l)
		found, err := l.Search(t.Context(), audit.Query{Limit: 10, Cursor: cursor})
		if err == nil && len(found.Lines) > bytes.Count(data, []byte("\n")) {
			t.Errorf("got %d lines, want no more than there are", len(found.Lines))
		}
	})
}
