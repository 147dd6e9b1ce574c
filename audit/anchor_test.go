package audit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"playtoken/audit"
	"playtoken/store/storetest"
)

// memory is a store of anchors.
type memory struct{ *storetest.Memory }

func newMemory() memory { return memory{storetest.NewMemory()} }

func (m memory) anchors() audit.Anchors { return audit.Anchors{Documents: m, Host: "host"} }

func unheard(call string) storetest.Fault {
	if call == "write" {
		return storetest.Unheard
	}
	return storetest.Fine
}

// openAnchored opens a log whose ends are kept in the store.
func openAnchored(t testing.TB, path string, m memory) *audit.Log {
	t.Helper()
	l, err := audit.Open(path, key, m.anchors())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// write writes n lines and closes the log, which anchors them.
func (m memory) write(t testing.TB, path string, n int) {
	t.Helper()
	l := openAnchored(t, path, m)
	record(t, l, n)
	shut(t, l)
}

func (m memory) verify(t testing.TB, path string, older ...string) audit.Report {
	t.Helper()
	r, err := audit.VerifyFile(t.Context(), path, theKey, m.anchors(), older...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// altered wants the report to say why something is wrong.
func altered(t testing.TB, what string, r audit.Report, problem string) {
	t.Helper()
	if r.Sound() || !strings.Contains(r.Problem, problem) {
		t.Errorf("%s: got %+v, want a problem with %q", what, r, problem)
	}
}

// files is a log and its head, as an attacker keeps them.
type files struct{ log, head []byte }

func keep(t testing.TB, path string) files { return files{read(t, path), read(t, path+".head")} }

func (f files) putBack(t testing.TB, path string) {
	write(t, path, f.log)
	write(t, path+".head", f.head)
}

func TestALogWithAnchorsIsSound(t *testing.T) {
	m, path := newMemory(), filepath.Join(t.TempDir(), "audit.log")
	for n := range 3 {
		m.write(t, path, 2)
		r := m.verify(t, path)
		sound(t, r, 2*n+2)
		if r.Anchored == "" || r.Unanchored != 0 {
			t.Errorf("after a closed log: got anchored %q, %d lines after it, want all lines anchored", r.Anchored, r.Unanchored)
		}
	}
	m.Break(storetest.Away)
	l := openAnchored(t, path, m)
	record(t, l, 3) // no entry waits for an anchor
	shut(t, l)
	m.Break(nil)
	if r := m.verify(t, path); !r.Sound() || r.Unanchored != 3 {
		t.Errorf("three lines while the store is away: got %+v, want them valid and not anchored", r)
	}
}

func TestALogPutBackWithItsHeadIsFound(t *testing.T) {
	m, path := newMemory(), filepath.Join(t.TempDir(), "audit.log")
	m.write(t, path, 3)
	copied := keep(t, path)
	m.write(t, path, 4)
	copied.putBack(t, path)
	sound(t, verify(t, path), 3) // without anchors nothing shows
	altered(t, "put back", m.verify(t, path), "the store confirms line 7")
	m.write(t, path, 10) // another history, longer than the first one
	sound(t, verify(t, path), 13)
	altered(t, "put back and continued", m.verify(t, path), "line 7 of chain")
	m.write(t, path, 1)
	altered(t, "put back and continued twice", m.verify(t, path), "line 7 of chain")
}

func TestALogDeletedWithItsHeadIsFound(t *testing.T) {
	m, path := newMemory(), filepath.Join(t.TempDir(), "audit.log")
	m.write(t, path, 3)
	for _, name := range []string{path, path + ".head"} {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	altered(t, "deleted", m.verify(t, path), "missing with the whole file")
	if chain, err := m.anchors().Expects(t.Context(), path); err != nil || len(chain) != 26 {
		t.Errorf("Expects: got %q, %v, want the chain that was there", chain, err)
	}
	m.write(t, path, 5)
	sound(t, verify(t, path), 5)
	altered(t, "deleted and begun again", m.verify(t, path), "line 3 of chain")
}

func TestAnotherLogInItsPlaceIsFound(t *testing.T) {
	m, path := newMemory(), filepath.Join(t.TempDir(), "audit.log")
	m.write(t, path, 3)
	other := filepath.Join(t.TempDir(), "audit.log")
	m.write(t, other, 5)
	keep(t, other).putBack(t, path)
	altered(t, "replaced", m.verify(t, path), "was in this file")
}

// TestARotatedLogIsSound: its new file continues the chain of the old one.
func TestARotatedLogIsSound(t *testing.T) {
	m, path := newMemory(), filepath.Join(t.TempDir(), "audit.log")
	m.write(t, path, 3)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	m.write(t, path, 2)
	sound(t, m.verify(t, path), 2)
	sound(t, m.verify(t, path, path+".1"), 5)
	l := openAnchored(t, path, m)
	record(t, l, 1)
	if err := os.Rename(path, path+".2"); err != nil {
		t.Fatal(err)
	}
	record(t, l, 1) // into a new file
	shut(t, l)
	sound(t, m.verify(t, path), 1)
	sound(t, m.verify(t, path, path+".1", path+".2"), 7)
}

func TestAnAnchorIsWrittenAgainAfterALostResponse(t *testing.T) {
	m, path := newMemory(), filepath.Join(t.TempDir(), "audit.log")
	m.Break(unheard)
	m.write(t, path, 3)
	m.Break(nil)
	m.write(t, path, 1)
	if r := m.verify(t, path); !r.Sound() || r.Unanchored != 0 || r.Lines != 4 {
		t.Errorf("after lost responses: got %+v, want four lines, all anchored", r)
	}
}

// TestAnchorsAreSeldomWritten: a busy log writes the store every ten seconds, and
// tries again while it is away.
func TestAnchorsAreSeldomWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, path := newMemory(), filepath.Join(t.TempDir(), "audit.log")
		var outcomes []bool
		anchors := m.anchors()
		anchors.Watch = func(err error) { outcomes = append(outcomes, err == nil) }
		l, err := audit.Open(path, key, anchors)
		if err != nil {
			t.Fatal(err)
		}
		for second := range 60 {
			m.Break(nil)
			if second >= 20 && second < 40 {
				m.Break(storetest.Away)
			}
			record(t, l, 3)
			time.Sleep(time.Second)
		}
		if n := m.Calls("write"); n > 8 || n < 5 {
			t.Errorf("a busy minute: got %d writes of the store, want one every ten seconds, and one for the place", n)
		}
		shut(t, l)
		failed := 0
		for _, good := range outcomes {
			if !good {
				failed++
			}
		}
		if failed < 1 || failed > 3 || !outcomes[len(outcomes)-1] {
			t.Errorf("twenty seconds without the store: got outcomes %v, want a few failures and success in the end", outcomes)
		}
		if r := m.verify(t, path); !r.Sound() || r.Unanchored != 0 {
			t.Errorf("in the end: got %+v, want all anchored", r)
		}
	})
}

// TestWhatIsMissingIsReportedForThirtyDays, and then no longer: the log that is there
// is sound.
func TestWhatIsMissingIsReportedForThirtyDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, path := newMemory(), filepath.Join(t.TempDir(), "audit.log")
		m.write(t, path, 3)
		for _, name := range []string{path, path + ".head"} {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		m.write(t, path, 2)
		time.Sleep(29 * 24 * time.Hour)
		altered(t, "after 29 days", m.verify(t, path), "was gone on")
		time.Sleep(2 * 24 * time.Hour)
		sound(t, m.verify(t, path), 2)
	})
}
