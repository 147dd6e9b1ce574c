package audit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Report is the result of a verification.
type Report struct {
	Lines  int // valid lines
	Chains int

	// Bad is the number of the first wrong line, from 1; 0 if every line is right.
	// If lines are missing, it is the number of the line that follows the gap, or
	// one more than the number of lines.
	Bad     int
	Problem string // what is wrong, as text

	// What follows is not an error.
	Anchored    string   // the newest line that the store confirms; empty if it confirms none
	Unanchored  int      // valid lines after that one
	Follows     string   // the line that the log continues and that was not given: verify them together
	Joined      []string // first lines of chains that were captured from their middle on: they confirm what follows, and nothing here confirms them
	Unconfirmed int      // valid lines that no head and no later chain confirms: lines cut off after them would not be noticed
	Torn        int      // bytes of an incomplete last line, of a crash or of tampering
	Repaired    int      // incomplete lines that writers found and recorded
	Lost        int      // lines that say that entries could not be written
	Other       int      // lines of other programs, as in a process' stderr
}

// Sound reports whether every line is right.
func (r Report) Sound() bool { return r.Bad == 0 }

// VerifyFile verifies the log at path with its head, after older parts that were
// rotated away, oldest first, and with its anchors. An error means that a file or
// an anchor could not be read; a file that is missing although it has an anchor is
// part of the report.
func VerifyFile(ctx context.Context, path string, key []byte, anchors Anchors, older ...string) (Report, error) {
	v := verifier{key: key, ends: map[string]end{}}
	err := v.readAnchors(ctx, path, anchors)
	if err == nil {
		err = v.file(path, older)
	}
	v.Chains = len(v.ends)
	if err == nil {
		err = v.unread
	}
	if err != nil {
		return v.Report, fmt.Errorf("verify the audit log: %w", err)
	}
	return v.Report, nil
}

func (v *verifier) file(path string, older []string) error {
	head, err := os.ReadFile(path + ".head")
	if errors.Is(err, fs.ErrNotExist) {
		head = []byte{} // the report says so
	} else if err != nil {
		return fmt.Errorf("read its head: %w", err)
	}
	var parts []io.Reader
	for _, part := range append(older, path) {
		f, err := os.Open(part)
		if part == path && errors.Is(err, fs.ErrNotExist) && v.place.Chain != "" {
			v.number++
			v.wrong("is missing with the whole file: the store confirms that chain %s was there", v.place.Chain)
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close()
		parts = append(parts, f)
	}
	v.head, v.headless = decodeHead(v.key, head)
	if err := v.read(io.MultiReader(parts...)); err != nil {
		return err
	}
	if v.Bad == 0 {
		v.conclude()
	}
	if v.Bad == 0 {
		v.compareWithAnchors()
	}
	return nil
}

// Verify finds the first line that was altered, removed, reordered, inserted or cut
// off. Head is the content of a file's head. It is nil for lines captured from a
// stream, which may mix chains and lines of other programs, and begin in the middle
// of chains; a chain that was cut off is then not noticed. An error means that r
// could not be read.
//
// An incomplete last line counts as torn and not as wrong unless the head confirms
// it, because no caller was told that such a line is recorded.
func Verify(r io.Reader, head, key []byte) (Report, error) {
	v := verifier{key: key, captured: head == nil, ends: map[string]end{}}
	if !v.captured {
		v.head, v.headless = decodeHead(key, head)
	}
	if err := v.read(r); err != nil {
		return v.Report, fmt.Errorf("verify the audit log: %w", err)
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

	place     placed
	anchorOf  func(chain string) (end, error) // nil: there are no anchors
	anchored  map[string]end                  // by chain; of the chains in the log
	continued map[string]bool                 // chains that a chain of the log continues
	unread    error                           // of an anchor

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

// skipLine reads to the end of a long line.
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
	claimed, err := parse(text)
	if err != nil {
		v.wrong("%v", err)
		return
	}
	from, known := v.ends[claimed.line.Chain]
	if !known && v.captured && claimed.line.Seq > 1 {
		v.join(claimed.end())
		return
	}
	if !known {
		from = end{Chain: claimed.line.Chain}
		v.readAnchor(claimed.line.Chain)
	} else if !v.captured && claimed.line.Chain != v.now {
		v.wrong("is of chain %s, which had already ended", claimed.line.Chain)
		return
	}
	l, next, err := check(v.key, from, text)
	if err != nil {
		v.wrong("%v", err)
		return
	}
	// The line was written with this key, after the one before.
	if l.Seq == 1 && !v.begins(l) {
		return
	}
	if l.After != nil && v.continued != nil {
		v.continued[l.After.Chain] = true
	}
	v.accept(l, next)
}

// join begins to follow a chain at a line whose predecessor was not captured. Its MAC
// cannot be checked; those of the lines that follow are right only if it is.
func (v *verifier) join(at end) {
	v.ends[at.Chain], v.now = at, at.Chain
	v.Joined = append(v.Joined, fmt.Sprintf("line %d of chain %q", at.Seq, at.Chain))
}

func (v *verifier) accept(l line, next end) {
	if a := v.anchored[l.Chain]; a.Seq == l.Seq && a.MAC != next.MAC {
		v.wrong("has number %d of chain %s, but is not the line that the store confirms: another history was put in its place", l.Seq, l.Chain)
		return
	}
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

// begins checks the first line of a chain against the chain that it continues.
func (v *verifier) begins(l line) bool {
	if l.After == nil {
		if !v.captured && v.number > 1 {
			v.wrong("begins a chain that does not continue the one before")
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
		v.wrong("continues chain %s, which is not before it", l.After.Chain)
		return false
	}
	return v.reaches(before, *l.After)
}

// reaches reports whether a chain has the line that something confirms. Further
// lines are not confirmed.
func (v *verifier) reaches(got, confirmed end) bool {
	if got.Seq < confirmed.Seq || got.Seq == confirmed.Seq && got.MAC != confirmed.MAC {
		v.wrong("comes too early: chain %s was cut off after its line %d and had %d lines", got.Chain, got.Seq, confirmed.Seq)
		return false
	}
	v.Unconfirmed += int(got.Seq - confirmed.Seq)
	return true
}

// conclude checks the end of a file against its head.
func (v *verifier) conclude() {
	v.number++
	last := v.ends[v.now]
	confirmed := v.head.End
	if confirmed.Seq == 0 && confirmed.Chain != v.now && v.head.After != nil {
		confirmed, v.seen = *v.head.After, true // a chain that has no line yet
	}
	switch {
	case v.headless != nil:
		v.wrong("would be next, but missing lines cannot be ruled out: %v", v.headless)
	case confirmed.Seq == 0 && (confirmed.Chain == v.now || v.Lines == 0):
		v.Unconfirmed += int(last.Seq)
	case confirmed.Chain != v.now:
		v.wrong("is missing: the head confirms line %d of chain %s", confirmed.Seq, confirmed.Chain)
	case v.reaches(last, confirmed) && !v.seen:
		v.wrong("is not the end that the head confirms")
	}
}
