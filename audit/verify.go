package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Report is what was found in a log.
type Report struct {
	Lines  int // good lines
	Chains int

	// Bad is the number of the first line that is wrong, from 1; 0: none is.
	// For what is missing it is the number of the line that should not come
	// yet, or one more than there are lines.
	Bad     int
	Problem string // what is wrong, for people

	// What is no reason for alarm, but worth saying.
	Follows     string // what the log goes on from, and is not here: verify them together
	Unconfirmed int    // good lines that neither a head nor a later chain confirms: what was cut off behind them would not show
	Torn        int    // bytes of a last line that was broken off, by a crash or by somebody
	Repaired    int    // such lines that writers found and put on record
	Lost        int    // lines that say that entries could not be written
	Other       int    // lines between ours, as in what a process wrote to stderr
}

// Sound reports whether nothing is wrong.
func (r Report) Sound() bool { return r.Bad == 0 }

// VerifyFile verifies the log at path together with its head, and older parts
// of it that were rotated away, oldest first. An error is one of reading.
func VerifyFile(path string, key []byte, older ...string) (Report, error) {
	head, err := os.ReadFile(path + ".head")
	if errors.Is(err, fs.ErrNotExist) {
		head = []byte{} // that is a finding
	} else if err != nil {
		return Report{}, fmt.Errorf("reading the head of the audit log: %w", err)
	}
	var parts []io.Reader
	for _, part := range append(older, path) {
		f, err := os.Open(part)
		if err != nil {
			return Report{}, fmt.Errorf("verifying the audit log: %w", err)
		}
		defer f.Close()
		parts = append(parts, f)
	}
	return Verify(io.MultiReader(parts...), head, key)
}

// Verify looks for anything that was altered, removed, reordered, inserted or
// cut off, up to the first that was. Head is the content of a file's head. It
// is nil for what was captured from a stream, where chains and lines of others
// may come between one another, and a chain that was cut off does not show. An
// error is one of reading.
//
// A last line that is not whole is called torn, not wrong, unless the head
// confirms it: then it was written before anybody was told that it was.
func Verify(r io.Reader, head, key []byte) (Report, error) {
	v := verifier{key: key, captured: head == nil, ends: map[string]end{}}
	if !v.captured {
		confirmed, err := decodeHead(key, head)
		if err != nil {
			v.headless = err
		}
		v.head = confirmed
	}
	if err := v.read(r); err != nil {
		return v.Report, fmt.Errorf("verifying the audit log: %w", err)
	}
	if v.Bad == 0 && !v.captured {
		v.conclude()
	}
	v.Chains = len(v.ends)
	return v.Report, nil
}

type verifier struct {
	Report
	key      []byte
	captured bool
	head     tail
	headless error
	seen     bool // the line that the head confirms

	number int            // of the line
	ends   map[string]end // by chain; only what was checked
	now    string         // the chain that lines belong to, unless captured
}

func (v *verifier) read(r io.Reader) error {
	lines := bufio.NewReaderSize(r, maxLine)
	for v.Bad == 0 {
		text, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			v.Torn = len(text)
			return nil
		case errors.Is(err, bufio.ErrBufferFull) && v.captured && !bytes.HasPrefix(text, []byte(linePrefix)):
			if err := skipLine(lines); err != nil {
				return err
			}
			v.number, v.Other = v.number+1, v.Other+1
			continue
		case errors.Is(err, bufio.ErrBufferFull):
			v.number++
			v.wrong("is longer than any line of this log")
			return nil
		case err != nil:
			return err
		}
		v.number++
		v.line(text[:len(text)-1])
	}
	return nil
}

// skipLine reads up to the end of a long line.
func skipLine(r *bufio.Reader) error {
	for {
		_, err := r.ReadSlice('\n')
		if err == nil || errors.Is(err, io.EOF) {
			return nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func (v *verifier) wrong(format string, args ...any) {
	v.Bad, v.Problem = v.number, fmt.Sprintf("line %d ", v.number)+fmt.Sprintf(format, args...)
}

func (v *verifier) line(text []byte) {
	if v.captured && !bytes.HasPrefix(text, []byte(linePrefix)) {
		v.Other++
		return
	}
	claimed, _, _, err := parse(text)
	if err != nil {
		v.wrong("%v", err)
		return
	}
	from, known := v.ends[claimed.Chain]
	if !known {
		from = end{Chain: claimed.Chain}
	} else if !v.captured && claimed.Chain != v.now {
		v.wrong("is of chain %s, which had ended", claimed.Chain)
		return
	}
	l, next, err := check(v.key, from, text)
	if err != nil {
		v.wrong("%v", err)
		return
	}
	// The line is one that was written with this key, after the one before.
	if l.Seq == 1 && !v.begins(l) {
		return
	}
	v.accept(l, next)
}

func (v *verifier) accept(l line, next end) {
	v.Lines++
	v.ends[l.Chain], v.now = next, l.Chain
	if l.Chain == v.head.End.Chain && l.Seq == v.head.End.Seq {
		v.seen = next == v.head.End
	}
	switch {
	case l.Actor != "audit":
	case l.Action == actionRepaired:
		v.Repaired++
	case l.Action == actionLost:
		v.Lost++
	case l.Action == actionBroken:
		v.wrong("says: %s", l.Reason)
	}
}

// begins holds the first line of a chain against what it goes on from.
func (v *verifier) begins(l line) bool {
	if l.After == nil {
		if !v.captured && v.number > 1 {
			v.wrong("begins a chain that does not say what it goes on from")
			return false
		}
		return true
	}
	before, known := v.ends[l.After.Chain]
	switch {
	case !known && (v.captured || v.number == 1):
		v.Follows = fmt.Sprintf("line %d of chain %s", l.After.Seq, l.After.Chain)
		return true
	case !known || !v.captured && l.After.Chain != v.now:
		v.wrong("goes on from chain %s, which is not before it", l.After.Chain)
		return false
	}
	return v.reaches(before, *l.After)
}

// reaches reports whether a chain goes as far as something confirms. What goes
// further is not confirmed.
func (v *verifier) reaches(got, confirmed end) bool {
	if got.Seq < confirmed.Seq || got.Seq == confirmed.Seq && got.MAC != confirmed.MAC {
		v.wrong("should not come yet: chain %s was cut off after its line %d, and had %d", got.Chain, got.Seq, confirmed.Seq)
		return false
	}
	v.Unconfirmed += int(got.Seq - confirmed.Seq)
	return true
}

// conclude holds the end of a file against its head.
func (v *verifier) conclude() {
	v.number++
	last := v.ends[v.now]
	confirmed := v.head.End
	if confirmed.Seq == 0 && confirmed.Chain != v.now && v.head.After != nil {
		confirmed, v.seen = *v.head.After, true // a chain was begun, and has no line yet
	}
	switch {
	case v.headless != nil:
		v.wrong("would be next, but it cannot be said whether lines were cut off: %v", v.headless)
	case confirmed.Seq == 0 && (confirmed.Chain == v.now || v.Lines == 0):
		v.Unconfirmed += int(last.Seq)
	case confirmed.Chain != v.now:
		v.wrong("is missing: the head confirms line %d of chain %s", confirmed.Seq, confirmed.Chain)
	case v.reaches(last, confirmed) && !v.seen:
		v.wrong("is not the end that the head confirms")
	}
}
