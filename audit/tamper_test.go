package audit_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"playtoken/audit"
)

// sample is a log of n lines with its head.
func sample(t testing.TB, n int) (lines [][]byte, head []byte) {
	t.Helper()
	path := newFile(t, n)
	lines = bytes.SplitAfter(read(t, path), []byte("\n"))
	return lines[:n], read(t, path+".head")
}

// wrongAt wants the first bad line to be the n-th.
func wrongAt(t *testing.T, what string, lines [][]byte, head []byte, n int) {
	t.Helper()
	r, err := audit.Verify(bytes.NewReader(bytes.Join(lines, nil)), head, theKey)
	if err != nil || r.Bad != n || r.Problem == "" {
		t.Errorf("%s: %+v, %v; want line %d to be wrong", what, r, err, n)
	}
}

func with(lines [][]byte, i int, replaced ...[]byte) [][]byte {
	return append(append(append([][]byte{}, lines[:i]...), replaced...), lines[i+1:]...)
}

func TestEveryByteCounts(t *testing.T) {
	lines, head := sample(t, 4)
	data := bytes.Join(lines, nil)
	for i := range data {
		for _, change := range []byte{1, 0x20, 0x80} { // 0x20 changes the case of letters
			changed := bytes.Clone(data)
			changed[i] ^= change
			r, err := audit.Verify(bytes.NewReader(changed), head, theKey)
			if want := 1 + bytes.Count(data[:i], []byte("\n")); err != nil || r.Bad != want {
				t.Fatalf("byte %d is %q for %q: %+v, %v; want line %d to be wrong", i, changed[i], data[i], r, err, want)
			}
		}
		shorter := append(bytes.Clone(data[:i]), data[i+1:]...)
		if r, _ := audit.Verify(bytes.NewReader(shorter), head, theKey); r.Sound() {
			t.Fatalf("without byte %d (%q): got %+v, want it noticed", i, data[i], r)
		}
	}
	for i := range head {
		changed := bytes.Clone(head)
		changed[i] ^= 1
		if r, _ := audit.Verify(bytes.NewReader(data), changed, theKey); r.Bad != 5 {
			t.Fatalf("with byte %d of the head changed: got %+v, want line 5 wrong", i, r)
		}
	}
	r, err := audit.Verify(bytes.NewReader(data), head, theKey) // the positive control
	if err != nil {
		t.Fatal(err)
	}
	sound(t, r, 4)
}

func TestEveryMemberCounts(t *testing.T) {
	lines, head := sample(t, 3)
	for _, change := range [][2]string{
		{`"seq":2`, `"seq":3`}, {`"seq":2`, `"seq":1`}, {`"time":"20`, `"time":"21`}, {`"api_key_1"`, `"admin"`},
		{`.revoke"`, `.release"`}, {`"default"`, `"defaulf"`}, {`"subject":"1"`, `"subject":"2"`}, {`f00d`, `f00e`},
		{`"R"`, `"S"`}, {`"intent"`, `"ok"`}, {`because`, `altered`}, {`,"reason":"because"`, ``},
		{`"result"`, `"Result"`}, {`,"mac"`, `,"x":1,"mac"`}, {`,"mac"`, ` ,"mac"`}, {`{"chain"`, ` {"chain"`}, {"}\n", "} \n"}, {"}\n", "}\r\n"},
	} {
		changed := strings.Replace(string(lines[1]), change[0], change[1], 1)
		if changed == string(lines[1]) {
			t.Errorf("text %s is not in the line, want it there", change[0])
		}
		wrongAt(t, change[1], with(lines, 1, []byte(changed)), head, 2)
	}
}

func TestEveryLineCounts(t *testing.T) {
	const n = 6
	lines, head := sample(t, n)
	strange, _ := sample(t, n)
	for i := range n {
		wrongAt(t, "removed", with(lines, i), head, i+1)
		wrongAt(t, "doubled", with(lines, i, lines[i], lines[i]), head, i+2)
		wrongAt(t, "an empty line", with(lines, i, []byte("\n"), lines[i]), head, i+1)
		wrongAt(t, "text", with(lines, i, []byte("{}\n"), lines[i]), head, i+1)
		// The first line of another log of ours is a good one, but nothing follows it.
		wrongAt(t, "another log's line", with(lines, i, strange[i]), head, max(2, i+1))
		wrongAt(t, "another log's line more", with(lines, i, lines[i], strange[(i+1)%n]), head, i+2)
		wrongAt(t, "cut off", lines[:i], head, i+1)
		if i+1 < n {
			swapped := with(with(lines, i, lines[i+1]), i+1, lines[i])
			wrongAt(t, "swapped", swapped, head, i+1)
		}
		half := append(append([][]byte{}, lines[:i]...), lines[i][:len(lines[i])/2])
		wrongAt(t, "cut off in the middle", half, head, i+1)
	}
	wrongAt(t, "without its last newline", with(lines, n-1, bytes.TrimSuffix(lines[n-1], []byte("\n"))), head, n)
	wrongAt(t, "nothing is left", nil, head, 1)
	wrongAt(t, "another log's head", strange, head, n+1)
	wrongAt(t, "no head", lines, []byte{}, n+1)
	if r, _ := audit.Verify(bytes.NewReader(bytes.Join(lines, nil)), head, []byte("another key of thirty-two bytes.")); r.Bad != 1 {
		t.Errorf("with another key: got %+v, want line 1 wrong", r)
	}
}

func TestLinesAfterTheHeadAreValidAndReported(t *testing.T) {
	path := newFile(t, 3)
	head := read(t, path+".head")
	l := open(t, path)
	record(t, l, 2)
	shut(t, l)
	// As if the process had been killed twice between line and head.
	write(t, path+".head", head)
	r := verify(t, path)
	sound(t, r, 5)
	if r.Unconfirmed != 2 {
		t.Errorf("report: got %+v, want 2 unconfirmed lines", r)
	}
	l = open(t, path)
	record(t, l, 1)
	shut(t, l)
	if r := verify(t, path); r.Unconfirmed != 0 {
		t.Errorf("later: got %+v, want no unconfirmed lines", r)
	}
	sound(t, verify(t, path), 6)
}

func TestAnIncompleteLineIsRepairedAndKeptAsEvidence(t *testing.T) {
	path := newFile(t, 3)
	whole, head := read(t, path), read(t, path+".head")
	l := open(t, path)
	record(t, l, 1)
	shut(t, l)
	next := read(t, path)[len(whole):]
	for cutAt := 1; cutAt < len(next); cutAt += 7 {
		write(t, path, append(bytes.Clone(whole), next[:cutAt]...))
		write(t, path+".head", head)
		if r := verify(t, path); !r.Sound() || r.Lines != 3 || r.Torn != cutAt {
			t.Fatalf("before the repair: %+v; want %d torn bytes", r, cutAt)
		}
		l := open(t, path)
		record(t, l, 2)
		shut(t, l)
		r := verify(t, path)
		sound(t, r, 6)
		if r.Repaired != 1 || r.Torn != 0 || !strings.Contains(string(read(t, path)), `the last `) {
			t.Fatalf("after the repair: got %+v, want one repair and its evidence", r)
		}
	}
}

// TestWritersDoNotHideDamage damages a log and keeps writing to it: it
// continues, and the damage is still reported.
func TestWritersDoNotHideDamage(t *testing.T) {
	for name, spoil := range map[string]func(data, head []byte) (spoiltData, spoiltHead []byte){
		"cut off":               func(d, h []byte) ([]byte, []byte) { return d[:bytes.LastIndexByte(d[:len(d)-1], '\n')+1], h },
		"cut off in the middle": func(d, h []byte) ([]byte, []byte) { return d[:len(d)-9], h },
		"first byte":            func(d, h []byte) ([]byte, []byte) { d[0] ^= 1; return d, h },
		"last byte":             func(d, h []byte) ([]byte, []byte) { d[len(d)-1] ^= 1; return d, h },
		"the last MAC":          func(d, h []byte) ([]byte, []byte) { d[len(d)-5] ^= 1; return d, h },
		"a line more":           func(d, h []byte) ([]byte, []byte) { return append(d, "{\"chain\":\"\"}\n"...), h },
		"head":                  func(d, h []byte) ([]byte, []byte) { h[20] ^= 1; return d, h },
		"no head":               func(d, _ []byte) ([]byte, []byte) { return d, nil },
		"no head, cut off":      func(d, _ []byte) ([]byte, []byte) { return d[:bytes.IndexByte(d, '\n')+1], nil },
		"long":                  func(d, h []byte) ([]byte, []byte) { return append(d, make([]byte, 100<<10)...), h },
	} {
		for _, running := range []bool{false, true} {
			path := newFile(t, 5)
			l := open(t, path)
			if running {
				record(t, l, 1)
			}
			data, head := spoil(read(t, path), read(t, path+".head"))
			write(t, path, data)
			write(t, path+".head", head)
			if head == nil {
				os.Remove(path + ".head")
			}
			record(t, l, 2)
			shut(t, l)
			if strings.Contains(name, "last") && !bytes.Contains(read(t, path), []byte("audit.broken")) {
				t.Errorf("%s, running %v: got no entry audit.broken, want one", name, running)
			}
			r := verify(t, path)
			headOnly := running && strings.Contains(name, "head") && !strings.Contains(name, "cut") // written anew, and nothing was lost
			if r.Sound() != headOnly {
				t.Errorf("%s, running %v: got %+v, want it noticed unless only the head is damaged", name, running, r)
			}
			l = open(t, path)
			record(t, l, 1)
			shut(t, l)
			if later := verify(t, path); later.Bad != r.Bad {
				t.Errorf("%s, running %v: got %+v, and later %+v, want the same line", name, running, r, later)
			}
		}
	}
}

func TestARunningLogMissesLinesThatNothingConfirmed(t *testing.T) {
	path := newFile(t, 2)
	confirmed := read(t, path)
	l := open(t, path)
	for i := range 3 {
		if err := l.RecordLazily(entry(i)); err != nil {
			t.Fatal(err)
		}
	}
	for bytes.Count(read(t, path), []byte("\n")) < 5 {
		// it is on its way, and the head comes a second later
	}
	write(t, path, confirmed)
	record(t, l, 1)
	shut(t, l)
	if r := verify(t, path); r.Bad != 3 {
		t.Errorf("report: got %+v, want line 3 wrong", r)
	}
}

// fork copies a log with its head, and lets both go on by one line each.
func fork(t *testing.T, path string) (other string) {
	t.Helper()
	other = filepath.Join(t.TempDir(), "audit.log")
	write(t, other, read(t, path))
	write(t, other+".head", read(t, path+".head"))
	for _, name := range []string{path, other} {
		l := open(t, name)
		record(t, l, 1)
		shut(t, l)
	}
	return other
}

func TestAnotherHistoryWithTheSameBeginningIsNoticed(t *testing.T) {
	path := newFile(t, 2)
	other := fork(t, path)
	l := open(t, path)
	record(t, l, 1)
	shut(t, l)
	if r, _ := audit.Verify(bytes.NewReader(read(t, path)), read(t, other+".head"), theKey); r.Bad != 5 {
		t.Errorf("longer log without the confirmed line: got %+v, want line 5 wrong", r)
	}
}

func TestALineOfAnEarlierChainDoesNotComeLate(t *testing.T) {
	path := newFile(t, 2)
	before := read(t, path)
	other := filepath.Join(t.TempDir(), "audit.log")
	write(t, other, before)
	write(t, other+".head", read(t, path+".head"))
	l := open(t, other)
	record(t, l, 1)
	shut(t, l)
	late := read(t, other)[len(before):]
	write(t, path, nil)
	l = open(t, path)
	record(t, l, 1)
	shut(t, l)
	for at, parts := range map[int][][]byte{0: {before, late, read(t, path)}, 4: {before, read(t, path), late}} {
		r, _ := audit.Verify(bytes.NewReader(bytes.Join(parts, nil)), read(t, path+".head"), theKey)
		if r.Bad != at || at == 0 && r.Unconfirmed != 1 {
			t.Errorf("%+v; want line %d to be wrong", r, at)
		}
	}
}

func TestRandomDamageIsFoundAndSurvived(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	lines, head := sample(t, 8)
	data := bytes.Join(lines, nil)
	for range 300 {
		path := filepath.Join(t.TempDir(), "audit.log")
		damaged := bytes.Clone(data)
		at := random.IntN(len(damaged))
		end := min(len(damaged), at+1+random.IntN(600))
		switch random.IntN(3) {
		case 0:
			damaged = append(damaged[:at], damaged[end:]...)
		case 1:
			damaged[at] ^= byte(1 + random.IntN(255))
		case 2:
			damaged = append(damaged[:at], append(bytes.Clone(data[at:end]), damaged[at:]...)...)
		}
		write(t, path, damaged)
		write(t, path+".head", head)
		if r := verify(t, path); r.Sound() && r.Torn == 0 {
			t.Fatalf("damage at %d to %d: got %+v, want it noticed", at, end, r)
		}
		l := open(t, path)
		record(t, l, 1)
		shut(t, l)
	}
}

// stored is a log of three lines and its head, as they were written once: what
// is in people's archives has to stay verifiable.
func stored(t testing.TB) (log, head []byte) {
	t.Helper()
	return read(t, "testdata/audit.log"), read(t, "testdata/audit.log.head")
}

func TestALogOfAnEarlierVersionStaysSound(t *testing.T) {
	sound(t, verify(t, "testdata/audit.log"), 3)
}

func FuzzVerify(f *testing.F) {
	data, head := stored(f)
	first := data[:bytes.IndexByte(data, '\n')+1]
	f.Add(data, head)
	f.Add(data[len(first):], head)
	f.Add([]byte(`{"chain":"x","seq":1,"mac":"`+strings.Repeat("0", 64)+"\"}\n"), []byte{})
	f.Add([]byte("{\"chain\":\"\n"), []byte("}"))
	f.Fuzz(func(t *testing.T, log, head []byte) {
		r, err := audit.Verify(bytes.NewReader(log), head, theKey)
		if err != nil {
			t.Fatal(err)
		}
		if r.Lines > 0 && !bytes.HasPrefix(log, first) || r.Lines > 3 {
			t.Errorf("lines read from %q: got %+v, want only lines that begin like one", log, r)
		}
		if _, err := audit.Verify(bytes.NewReader(log), nil, theKey); err != nil {
			t.Fatal(err)
		}
	})
}
