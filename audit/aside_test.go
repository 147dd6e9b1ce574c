package audit_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"

	"playtoken/audit"
)

// TestWhatWasSetAsideJoinsTheChain: once, in its order, with its own time.
func TestWhatWasSetAsideJoinsTheChain(t *testing.T) {
	path := newFile(t, 1)
	for i := range 2 {
		if err := audit.SetAside(path, entry(100+i)); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path + ".pending"); err != nil || info.Mode() != 0o600 {
		t.Errorf("the file of what was set aside: got %v, %v, want mode 0600", info, err)
	}
	l := open(t, path)
	record(t, l, 2)
	shut(t, l)
	sound(t, verify(t, path), 5)
	text := string(read(t, path))
	first, second := strings.Index(text, `"subject":"100"`), strings.Index(text, `"subject":"101"`)
	if first < 0 || second < first || strings.Count(text, `"subject":"100"`) != 1 {
		t.Errorf("got the log\n%s\nwant both entries that were set aside, once and in order", text)
	}
	if _, err := os.Stat(path + ".pending"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after they were taken over: got %v, want no such file", err)
	}
}

// TestEntriesAreSetAsideWhileOthersAreTakenOver: none is lost.
func TestEntriesAreSetAsideWhileOthersAreTakenOver(t *testing.T) {
	path := newFile(t, 1)
	var all sync.WaitGroup
	all.Go(func() {
		for range 30 {
			if err := audit.SetAside(path, entry(100)); err != nil {
				t.Error(err)
			}
		}
	})
	l := open(t, path)
	record(t, l, 30)
	all.Wait()
	record(t, l, 1)
	shut(t, l)
	if n := bytes.Count(read(t, path), []byte(`"subject":"100"`)); n != 30 {
		t.Errorf("got %d entries that were set aside in the log, want 30", n)
	}
	sound(t, verify(t, path), 62)
}

// TestTheLogGoesOnWhereWhatWasSetAsideCannotBeRead, and says so once.
func TestTheLogGoesOnWhereWhatWasSetAsideCannotBeRead(t *testing.T) {
	path := newFile(t, 1)
	if err := os.Mkdir(path+".pending", 0o700); err != nil {
		t.Fatal(err)
	}
	l := open(t, path)
	record(t, l, 2)
	shut(t, l)
	sound(t, verify(t, path), 4)
	if n := bytes.Count(read(t, path), []byte("what was set aside cannot be read")); n != 1 {
		t.Errorf("got %d lines about what cannot be read, want 1", n)
	}
}

// TestALineThatIsNoEntryIsQuoted and does not disappear.
func TestALineThatIsNoEntryIsQuoted(t *testing.T) {
	path := newFile(t, 1)
	write(t, path+".pending", []byte("{\"actor\":\n"))
	l := open(t, path)
	record(t, l, 1)
	shut(t, l)
	if !bytes.Contains(read(t, path), []byte("cannot be read: ")) {
		t.Errorf("got the log\n%s\nwant the line quoted in it", read(t, path))
	}
	sound(t, verify(t, path), 3)
}
