package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"playtoken/audit"
)

func TestMain(m *testing.M) {
	if verb := os.Getenv(verbVariable); verb != "" {
		if err := verbs[verb](os.Getenv(pathVariable)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

var theKey = []byte("audit-key-of-thirty-two-bytes-00")

func key(context.Context) ([]byte, error) { return theKey, nil }

func open(t testing.TB, path string) *audit.Log {
	t.Helper()
	l, err := audit.Open(path, key, audit.Anchors{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func shut(t testing.TB, l *audit.Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Errorf("Close: got %v, want no error", err)
	}
}

func entry(i int) audit.Entry {
	return audit.Entry{
		Actor: "api_key_1", Action: "signing_key.revoke", Project: "default", Subject: fmt.Sprint(i),
		Key: "f00d", RequestID: "R", Result: "intent", Reason: "because",
	}
}

// record writes n lines with Record, which waits for the disk.
func record(t testing.TB, l *audit.Log, n int) {
	t.Helper()
	for i := range n {
		if err := l.Record(t.Context(), entry(i)); err != nil {
			t.Fatalf("Record: got %v, want no error", err)
		}
	}
}

// newFile is a log of n lines that was closed.
func newFile(t testing.TB, n int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "audit.log")
	l := open(t, path)
	record(t, l, n)
	shut(t, l)
	return path
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func verify(t testing.TB, path string, older ...string) audit.Report {
	t.Helper()
	r, err := audit.VerifyFile(t.Context(), path, theKey, audit.Anchors{}, older...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sound wants n good lines and nothing wrong.
func sound(t testing.TB, r audit.Report, n int) {
	t.Helper()
	if !r.Sound() || r.Lines != n {
		t.Errorf("report: %+v; want %d good lines", r, n)
	}
}

func TestEveryEntryIsALineOfJSONInAPrivateFile(t *testing.T) {
	path := newFile(t, 3)
	lines := strings.Split(strings.TrimSuffix(string(read(t, path)), "\n"), "\n")
	if len(lines) != 3 {
		t.Fatalf("got %d lines, want 3", len(lines))
	}
	for i, line := range lines {
		want := fmt.Sprintf(`"actor":"api_key_1","action":"signing_key.revoke","project_id":"default","subject":"%d",`+
			`"key_fingerprint":"f00d","request_id":"R","result":"intent","reason":"because","mac":"`, i)
		if !strings.Contains(line, want) || !strings.Contains(line, fmt.Sprintf(`,"seq":%d,"time":"20`, i+1)) {
			t.Errorf("line %d: got %s, want its entry and number", i+1, line)
		}
	}
	for _, name := range []string{path, path + ".head"} {
		if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 {
			t.Errorf("file %s: got mode %v, %v, want 0600", name, info.Mode(), err)
		}
	}
	r := verify(t, path)
	sound(t, r, 3)
	if r.Chains != 1 || r.Unconfirmed != 0 || r.Follows != "" {
		t.Errorf("report: got %+v, want one confirmed chain", r)
	}
}

func TestTheChainGoesOnFromProcessToProcess(t *testing.T) {
	path := newFile(t, 2)
	for range 3 {
		l := open(t, path)
		record(t, l, 2)
		shut(t, l)
	}
	if r := verify(t, path); r.Chains != 1 {
		t.Errorf("report: got %+v, want one chain", r)
	}
	sound(t, verify(t, path), 8)
}

func TestLinesCannotControlATerminal(t *testing.T) {
	var out bytes.Buffer
	l := audit.To(&out, key)
	nasty := "a\nb\r\x00\x1b[31m\x7f\u0085\u2028\u202e\U000e0001\xff\xfe\"\\</script>" + strings.Repeat("é", 2000)
	e := audit.Entry{nasty, nasty, nasty, nasty, nasty, nasty, nasty, nasty, nasty, nasty}
	if err := l.Record(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	shut(t, l)
	if bytes.Count(out.Bytes(), []byte("\n")) != 1 || bytes.ContainsAny(out.Bytes(), "\r\x00\x1b\x7f\u0085\u2028\u202e\U000e0001") {
		t.Errorf("line: got %q, want one line without control characters", out.String()[:200])
	}
	if out.Len() > 8*8<<10 {
		t.Errorf("entry: got %d bytes, want at most 65536", out.Len())
	}
	r, err := audit.Verify(&out, nil, theKey)
	if err != nil {
		t.Fatal(err)
	}
	sound(t, r, 1)
}

func TestAShortOrMissingKeyRecordsNothing(t *testing.T) {
	away := errors.New("the store is away")
	var out bytes.Buffer
	answers := []func() ([]byte, error){
		func() ([]byte, error) { return nil, away },
		func() ([]byte, error) { return []byte("short"), nil },
		func() ([]byte, error) { return theKey, nil },
	}
	asked := 0
	l := audit.To(&out, func(context.Context) ([]byte, error) { asked++; return answers[asked-1]() })
	if err := l.Record(t.Context(), entry(0)); !errors.Is(err, away) {
		t.Errorf("Record without a key: got %v, want the key's error", err)
	}
	if err := l.Record(t.Context(), entry(0)); err == nil {
		t.Error("Record with a key of five bytes: got no error, want one")
	}
	if out.Len() != 0 {
		t.Errorf("written without a key: got %s, want nothing", out.String())
	}
	record(t, l, 3)
	shut(t, l)
	if asked != 3 {
		t.Errorf("key: asked for %d times, want 3", asked)
	}
	r, _ := audit.Verify(&out, nil, theKey)
	sound(t, r, 4)
	if r.Lost != 1 {
		t.Errorf("got %d lines about lost entries, want 1", r.Lost)
	}
}

// lame fails when it is told to, after some bytes.
type lame struct {
	bytes.Buffer
	fail  bool
	after int
}

func (w *lame) Write(p []byte) (int, error) {
	if w.fail {
		n, _ := w.Buffer.Write(p[:w.after])
		return n, errors.New("no space left on device")
	}
	return w.Buffer.Write(p)
}

func TestAWriterThatFailsFailsRecordAndTheNextWorks(t *testing.T) {
	w := &lame{}
	l := audit.To(w, key)
	record(t, l, 1)
	w.fail = true
	for range 2 {
		if err := l.Record(t.Context(), entry(0)); err == nil || !strings.Contains(err.Error(), "no space") {
			t.Errorf("Record: got %v, want no space", err)
		}
	}
	w.fail = false
	record(t, l, 1)
	shut(t, l)
	if !strings.Contains(w.String(), "2 entries before this one") {
		t.Error("log: want a line about 2 lost entries")
	}
	r, _ := audit.Verify(&w.Buffer, nil, theKey)
	sound(t, r, 3)
}

func TestAnIncompleteWriteBeginsAnotherChain(t *testing.T) {
	w := &lame{after: 40}
	l := audit.To(w, key)
	record(t, l, 2)
	w.fail = true
	if err := l.Record(t.Context(), entry(0)); err == nil {
		t.Error("Record: got no error, want one")
	}
	w.fail = false
	record(t, l, 1)
	shut(t, l)
	lines := bytes.SplitAfter(w.Bytes(), []byte("\n"))
	if r, _ := audit.Verify(bytes.NewReader(w.Bytes()), nil, theKey); r.Bad != 3 {
		t.Errorf("log with half a line: got %+v, want line 3 wrong", r)
	}
	r, _ := audit.Verify(bytes.NewReader(bytes.Join(append(lines[:2:2], lines[3:]...), nil)), nil, theKey)
	sound(t, r, 4)
	if r.Chains != 2 {
		t.Errorf("log without the half line: got %+v, want 2 chains", r)
	}
}

// slow lets one write through at a time.
type slow struct{ let chan struct{} }

func (w slow) Write(p []byte) (int, error) { <-w.let; return len(p), nil }

// TestACaptureMayBeginInTheMiddle: a log shipper was started after the process.
// What follows the first line of each chain is verified.
func TestACaptureMayBeginInTheMiddle(t *testing.T) {
	var out bytes.Buffer
	logs := []*audit.Log{audit.To(&out, key), audit.To(&out, key)}
	for range 6 {
		record(t, logs[0], 1)
		record(t, logs[1], 1)
	}
	shut(t, logs[0])
	shut(t, logs[1])
	lines := bytes.SplitAfter(out.Bytes(), []byte("\n"))
	captured := lines[5:12]
	r, err := audit.Verify(bytes.NewReader(bytes.Join(captured, nil)), nil, theKey)
	if want := []string{"line 3 of chain " + fmt.Sprintf("%q", logs[1].Chain()), "line 4 of chain " + fmt.Sprintf("%q", logs[0].Chain())}; err != nil || !slices.Equal(r.Joined, want) || r.Chains != 2 {
		t.Errorf("got %+v, %v, want it to join in at %q", r, err, want)
	}
	sound(t, r, 5)
	for i := range captured {
		spoilt := slices.Clone(captured)
		spoilt[i] = bytes.Replace(spoilt[i], []byte(`"mac":"`), []byte(`"mac":"0`), 1)
		spoilt[i] = append(bytes.Clone(spoilt[i][:len(spoilt[i])-4]), spoilt[i][len(spoilt[i])-3:]...)
		if r, _ := audit.Verify(bytes.NewReader(bytes.Join(spoilt, nil)), nil, theKey); r.Sound() {
			t.Errorf("with another MAC in line %d: got %+v, want it noticed", i+1, r)
		}
	}
	headed, err := audit.Verify(bytes.NewReader(bytes.Join(captured, nil)), []byte{}, theKey)
	if err != nil || headed.Sound() {
		t.Errorf("a file without its beginning: got %+v, %v, want it noticed", headed, err)
	}
}

func TestMintingDoesNotWaitForTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := slow{make(chan struct{})}
		l := audit.To(w, key)
		before, behind := time.Now(), 0
		for i := range 6000 {
			if err := l.RecordLazily(entry(i)); errors.Is(err, audit.ErrBehind) {
				behind++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if time.Since(before) != 0 || behind < 1000 {
			t.Errorf("RecordLazily: took %v, %d refused, want no wait and at least 1000", time.Since(before), behind)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Record(ctx, entry(0)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Record with a deadline: got %v, want DeadlineExceeded", err)
		}
		close(w.let)
		shut(t, l)
		if err := l.Record(t.Context(), entry(0)); !errors.Is(err, audit.ErrClosed) {
			t.Errorf("Record after Close: got %v, want ErrClosed", err)
		}
		if err := l.RecordLazily(entry(0)); !errors.Is(err, audit.ErrClosed) {
			t.Errorf("RecordLazily after Close: got %v, want ErrClosed", err)
		}
	})
}

func TestTheHeadConfirmsLazyLinesSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "audit.log")
		l := open(t, path)
		for i := range 5 {
			if err := l.RecordLazily(entry(i)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if r := verify(t, path); !r.Sound() || r.Lines != 5 || r.Unconfirmed != 5 {
			t.Errorf("at first: got %+v, want 5 unconfirmed lines", r)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if r := verify(t, path); !r.Sound() || r.Lines != 5 || r.Unconfirmed != 0 {
			t.Errorf("two seconds later: got %+v, want 5 confirmed lines", r)
		}
		if err := l.RecordLazily(entry(5)); err != nil {
			t.Fatal(err)
		}
		shut(t, l)
		if r := verify(t, path); !r.Sound() || r.Lines != 6 || r.Unconfirmed != 0 {
			t.Errorf("after Close: got %+v, want 6 confirmed lines", r)
		}
	})
}

func TestChainsOfAStreamMayInterleaveWithLinesOfOthers(t *testing.T) {
	var out bytes.Buffer
	logs := []*audit.Log{audit.To(&out, key), audit.To(&out, key)}
	for range 5 {
		record(t, logs[0], 1)
		fmt.Fprintln(&out, `{"level":"INFO","msg":"minted"}`, strings.Repeat("long", 30<<10))
		record(t, logs[1], 2)
	}
	shut(t, logs[0])
	shut(t, logs[1])
	lines := bytes.SplitAfter(out.Bytes(), []byte("\n"))
	r, err := audit.Verify(bytes.NewReader(out.Bytes()), nil, theKey)
	if err != nil || r.Chains != 2 || r.Other != 5 {
		t.Errorf("report: got %+v, %v, want 2 chains and 5 other lines", r, err)
	}
	sound(t, r, 15)
	for i := range 17 { // the last line of each chain is not confirmed by anything
		without := bytes.Join(append(lines[:i:i], lines[i+1:]...), nil)
		r, _ := audit.Verify(bytes.NewReader(without), nil, theKey)
		if ours := bytes.HasPrefix(lines[i], []byte(`{"chain"`)); ours && i != 16 && r.Sound() && len(r.Joined) == 0 {
			t.Errorf("without line %d: got %+v, want it noticed", i+1, r)
		}
	}
}
