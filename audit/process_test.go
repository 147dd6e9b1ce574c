package audit_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"playtoken/audit"
)

// The test binary is its own second process.
const (
	verbVariable = "PLAYTOKEN_TEST_VERB"
	pathVariable = "PLAYTOKEN_TEST_PATH"
)

var verbs = map[string]func(path string) error{
	"thirty":  writeThirty,
	"forever": writeForever,
	"full":    fillUp,
}

func process(ctx context.Context, verb, path string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), verbVariable+"="+verb, pathVariable+"="+path)
	return cmd
}

// quickDisk is a folder for logs that several write at once, in memory where
// the machine has one. The writer has the lock while the disk syncs: a disk
// that is busy with something else may take longer for that than others wait.
func quickDisk(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "playtoken-audit-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func writeThirty(path string) error {
	l, err := audit.Open(path, key, audit.Anchors{})
	if err != nil {
		return err
	}
	for i := range 30 {
		if err := l.Record(context.Background(), entry(i)); err != nil {
			return err
		}
	}
	return l.Close()
}

func TestTenProcessesShareOneChain(t *testing.T) {
	path := filepath.Join(quickDisk(t), "audit.log")
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if out, err := process(t.Context(), "thirty", path).CombinedOutput(); err != nil {
				t.Errorf("process: got %v, want no error\n%s", err, out)
			}
		})
	}
	all.Wait()
	r := verify(t, path)
	sound(t, r, 300)
	if r.Chains != 1 || r.Unconfirmed != 0 {
		t.Errorf("report: got %+v, want one confirmed chain", r)
	}
}

func TestManyAtOnceShareOneChain(t *testing.T) {
	path := filepath.Join(quickDisk(t), "audit.log")
	logs := []*audit.Log{open(t, path), open(t, path)}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 20 {
				if err := logs[i%2].Record(t.Context(), entry(j)); err != nil {
					t.Errorf("Record: got %v, want no error", err)
				}
				_ = logs[i%2].RecordLazily(entry(j))
			}
		})
	}
	all.Wait()
	shut(t, logs[0])
	shut(t, logs[1])
	sound(t, verify(t, path), 8*40)
}

func TestABusyWriterDoesNotBlockOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "audit.log")
		busy, other := open(t, path), open(t, path)
		record(t, busy, 1)
		done := make(chan struct{})
		go func() {
			defer close(done)
			if err := other.Record(t.Context(), entry(1)); err != nil {
				t.Errorf("Record by another process: got %v, want no error", err)
			}
		}()
		// Time stands still for as long as the busy one does not pause: the
		// other never comes to its second try.
		lines := 0
		for waiting := true; waiting && lines < 100; lines++ {
			record(t, busy, 1)
			select {
			case <-done:
				waiting = false
			default:
			}
		}
		<-done
		if lines > 5 {
			t.Errorf("other process: waited for %d lines of the busy one, want at most 5", lines)
		}
		shut(t, busy)
		shut(t, other)
	})
}

// writeForever says which entries are on record, one lazy one to each that it
// waits for.
func writeForever(path string) error {
	l, err := audit.Open(path, key, audit.Anchors{})
	for i := 1; err == nil; i++ {
		_ = l.RecordLazily(audit.Entry{Actor: "lazy"})
		if err = l.Record(context.Background(), entry(i)); err == nil {
			fmt.Println(i)
		}
	}
	return err
}

func TestAKilledWriterLosesNoConfirmedEntry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	said := 0
	for range 15 {
		cmd := process(t.Context(), "forever", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := rand.IntN(20); n >= 0 && lines.Scan(); n-- {
			said++
		}
		_ = cmd.Process.Kill()
		for lines.Scan() {
			said++
		}
		_ = cmd.Wait()
		r := verify(t, path)
		if got := bytes.Count(read(t, path), []byte("signing_key.revoke")); !r.Sound() || got < said {
			t.Fatalf("got %d entries of %d that were confirmed, want at least as many; %+v", got, said, r)
		}
	}
}

func TestAFullDiskFailsRecordAndTheNextWorks(t *testing.T) {
	path := newFile(t, 3)
	if out, err := process(t.Context(), "full", path).CombinedOutput(); err != nil {
		t.Errorf("process: got %v, want no error\n%s", err, out)
	}
	r := verify(t, path)
	sound(t, r, 6) // and the line about what was lost
	if r.Lost != 1 || r.Repaired != 0 {
		t.Errorf("report: got %+v, want one line about lost entries and no repair", r)
	}
}

// fillUp lets this process write no file longer than the log is, but for some
// bytes of the next line.
func fillUp(path string) error {
	l, err := audit.Open(path, key, audit.Anchors{})
	if err != nil {
		return err
	}
	if err := l.Record(context.Background(), entry(4)); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	full := syscall.Rlimit{Cur: uint64(info.Size()) + 50, Max: limit.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full); err != nil {
		return err
	}
	for range 2 {
		if err := l.Record(context.Background(), entry(5)); err == nil || !strings.Contains(err.Error(), "file too large") {
			return fmt.Errorf("Record on a full disk: %w", err)
		}
	}
	if now, err := os.Stat(path); err != nil || now.Size() != info.Size() {
		return fmt.Errorf("half a line is left: %d bytes for %d, %w", now.Size(), info.Size(), err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if err := l.Record(context.Background(), entry(6)); err != nil {
		return err
	}
	return l.Close()
}

func TestARotatedLogGoesOnFromTheOldOne(t *testing.T) {
	path := newFile(t, 2)
	two := []*audit.Log{open(t, path), open(t, path)}
	record(t, two[0], 1)
	record(t, two[1], 2)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	record(t, two[0], 2)
	record(t, two[1], 3)
	if err := os.Rename(path, path+".2"); err != nil {
		t.Fatal(err)
	}
	late := open(t, path) // makes the file, and has not seen the one before
	record(t, late, 1)
	record(t, two[0], 1)
	for _, l := range append(two, late) {
		shut(t, l)
	}
	alone := verify(t, path)
	sound(t, alone, 2)
	if !strings.HasPrefix(alone.Follows, "line 5 of chain ") {
		t.Errorf("report: got %+v, want a log that follows line 5", alone)
	}
	r := verify(t, path, path+".1", path+".2")
	sound(t, r, 12)
	if r.Chains != 3 || r.Follows != "" || r.Unconfirmed != 0 {
		t.Errorf("all files together: got %+v, want 3 confirmed chains", r)
	}
	if r := verify(t, path, path+".1"); r.Bad != 6 {
		t.Errorf("without the middle file: got %+v, want line 6 wrong", r)
	}
	data := read(t, path+".2")
	write(t, path+".2", data[:bytes.LastIndexByte(data[:len(data)-1], '\n')+1])
	if r := verify(t, path, path+".1", path+".2"); r.Bad != 10 {
		t.Errorf("with an old file cut off: got %+v, want line 10 wrong", r)
	}
}

func TestATruncatedLogNamesWhatItHeld(t *testing.T) {
	path := newFile(t, 3)
	l := open(t, path)
	if err := l.RecordLazily(entry(0)); err != nil { // the head does not know it yet
		t.Fatal(err)
	}
	for bytes.Count(read(t, path), []byte("\n")) < 4 {
		// it is on its way
	}
	copied := read(t, path)
	write(t, path+".1", copied)
	if err := os.Truncate(path, 0); err != nil { // what is written in between is lost, and shows
		t.Fatal(err)
	}
	record(t, l, 2)
	shut(t, l)
	sound(t, verify(t, path, path+".1"), 6)
	if r := verify(t, path); !strings.HasPrefix(r.Follows, "line 4 ") {
		t.Errorf("new file alone: got %+v, want a log that follows line 4", r)
	}
	write(t, path+".1", copied[:bytes.LastIndexByte(copied[:len(copied)-1], '\n')+1])
	if r := verify(t, path, path+".1"); r.Bad != 4 {
		t.Errorf("copied without its last line: got %+v, want line 4 wrong", r)
	}
}

func TestAnIncompleteLineBeforeARotationIsRecorded(t *testing.T) {
	path := newFile(t, 2)
	l := open(t, path)
	record(t, l, 1)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(f, `{"chain":"half a`)
	f.Close()
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	record(t, l, 1)
	shut(t, l)
	r := verify(t, path, path+".1")
	sound(t, r, 5)
	if r.Repaired != 1 {
		t.Errorf("report: got %+v, want one repair", r)
	}
}
