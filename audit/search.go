package audit

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/go-json-experiment/json"
)

// Errors of Search, in addition to those of the disk and the key.
var (
	ErrNoFile = errors.New("the audit log is not kept in a file")
	ErrCursor = errors.New("the audit log has no line at this cursor: it was rotated since, or the cursor is of another log")
)

// Query asks for entries of a log in a file. Empty members do not narrow it.
type Query struct {
	Project, Actor, Action string
	Since, Until           time.Time // Until itself is excluded
	Limit                  int       // entries; at least 1
	Cursor                 string    // Found.Next of the search that this one continues
}

// Found is a part of a log, newest first. All lines between its first and
// VerifiedTo were read, and are as they were written, unless Problem says so.
type Found struct {
	Lines      []Line
	VerifiedTo *Place // the oldest line that was read; nil if none was
	Next       string // where older lines begin; empty at the beginning of the file, and after a wrong line
	Problem    string // what is wrong with the log; reading stops at a wrong line
}

// Place names a line.
type Place struct {
	Chain string    `json:"chain"`
	Seq   uint64    `json:"seq"`
	Time  time.Time `json:"time"`
}

// Line is an entry with its place.
type Line struct {
	Place
	Entry
}

const (
	searchBlock = 256 << 10 // bytes read at once
	searchMost  = 20_000    // lines read by one search, whether they are asked for or not

	// disorder is how much older than the line before it a line may be: the lines of
	// several processes are in the order in which they were written.
	disorder = 10 * time.Minute
)

// Search finds entries and verifies every line that it reads. The file may be
// written meanwhile. Errors: ErrNoFile, ErrCursor.
func (l *Log) Search(ctx context.Context, q Query) (Found, error) {
	f, ok := l.to.(*file)
	if !ok {
		return Found{}, ErrNoFile
	}
	key, err := l.key(ctx)
	if err != nil {
		return Found{}, fmt.Errorf("read the key of the audit log: %w", err)
	}
	s := search{query: q, key: key}
	if err := s.file(ctx, f.path); err != nil {
		return s.found, fmt.Errorf("search the audit log: %w", err)
	}
	return s.found, nil
}

// cursor is a line, and where in the file it ends.
type cursor struct {
	Offset int64 `json:"offset"`
	End    end   `json:"end"`
}

type search struct {
	query Query
	key   []byte
	head  tail
	lines backwards
	found Found
}

func (s *search) file(ctx context.Context, path string) error {
	head, headless := os.ReadFile(path + ".head") // before the file, which only grows
	opened, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return err
	}
	s.lines = backwards{r: opened, at: info.Size(), end: info.Size()}
	if s.query.Cursor != "" {
		return s.resume(ctx)
	}
	s.confirm(head, headless)
	if err := s.lines.dropTorn(); err != nil {
		return err
	}
	last, ok, err := s.lines.previous()
	if err != nil || !ok {
		return err
	}
	return s.read(ctx, last)
}

// confirm compares the file's length with what its head confirms.
func (s *search) confirm(head []byte, headless error) {
	if headless == nil {
		s.head, headless = decodeHead(s.key, head)
	}
	switch {
	case headless != nil:
		s.found.Problem = fmt.Sprintf("lines that are missing at the end cannot be noticed: %v", headless)
	case s.head.End.Seq > 0 && s.head.Size > s.lines.end:
		s.found.Problem = fmt.Sprintf("the file ends before line %d of chain %s, which its head confirms: it was rotated and not written since, or cut off", s.head.End.Seq, s.head.End.Chain)
		s.head = tail{}
	}
}

// resume begins at the query's cursor.
func (s *search) resume(ctx context.Context) error {
	text, err := base64.RawURLEncoding.DecodeString(s.query.Cursor)
	var from cursor
	if err != nil || json.Unmarshal(text, &from, json.RejectUnknownMembers(true)) != nil || from.Offset <= 0 || from.Offset > s.lines.end {
		return ErrCursor
	}
	s.lines.at, s.lines.end = from.Offset, from.Offset
	last, ok, err := s.lines.previous()
	if err != nil {
		return err
	}
	if !ok || last.wrong != nil || last.end() != from.End {
		return ErrCursor
	}
	return s.read(ctx, last)
}

// read goes from a line towards the beginning of the file.
func (s *search) read(ctx context.Context, l placedLine) error {
	for range searchMost {
		if err := ctx.Err(); err != nil {
			return err
		}
		before, more, err := s.lines.previous()
		if err != nil {
			return err
		}
		if problem := s.verify(l, before, more); problem != "" {
			s.found.Problem = problem
			return nil
		}
		s.take(l)
		if !more || !s.query.Since.IsZero() && l.line().Time.Before(s.query.Since.Add(-disorder)) {
			return nil
		}
		l = before
		if len(s.found.Lines) == s.query.Limit {
			break
		}
	}
	s.found.Next = cursor{Offset: l.ends, End: l.end()}.String()
	return nil
}

func (c cursor) String() string {
	text, _ := json.Marshal(c) // strings and numbers always have a text
	return base64.RawURLEncoding.EncodeToString(text)
}

// verify returns what is wrong with a line that follows another, if it follows one.
func (s *search) verify(l, before placedLine, follows bool) string {
	name := fmt.Sprintf("the line that ends at byte %d ", l.ends)
	if l.wrong != nil {
		return name + l.wrong.Error()
	}
	from := end{Chain: l.line().Chain}
	switch {
	case l.line().Seq > 1 && (!follows || before.wrong != nil):
		return name + "follows a line that is missing or is not of this log"
	case l.line().Seq > 1:
		from = before.end()
	case follows && before.wrong == nil && (l.line().After == nil || *l.line().After != before.end()):
		return name + "begins a chain that does not continue the one before"
	}
	if err := l.sealed.follows(s.key, from); err != nil {
		return name + err.Error()
	}
	if s.head.End.Seq > 0 && l.ends <= s.head.Size {
		confirmed := s.head
		s.head = tail{}
		if l.ends != confirmed.Size || l.end() != confirmed.End {
			return name + "is not the end that the head confirms"
		}
	}
	return ""
}

func (s *search) take(l placedLine) {
	place := Place{Chain: l.line().Chain, Seq: l.line().Seq, Time: l.line().Time}
	s.found.VerifiedTo = &place
	if s.query.matches(l.line()) {
		s.found.Lines = append(s.found.Lines, Line{Place: place, Entry: l.line().Entry})
	}
}

func (q Query) matches(l line) bool {
	return (q.Project == "" || l.Project == q.Project) &&
		(q.Actor == "" || l.Actor == q.Actor) &&
		(q.Action == "" || l.Action == q.Action) &&
		(q.Since.IsZero() || !l.Time.Before(q.Since)) &&
		(q.Until.IsZero() || l.Time.Before(q.Until))
}

// placedLine is a line that was read, with the offset at which it ends.
type placedLine struct {
	sealed sealed
	ends   int64
	wrong  error // it is no line of a log
}

func (l placedLine) line() line { return l.sealed.line }
func (l placedLine) end() end   { return l.sealed.end() }

// backwards reads a file's lines from its end.
type backwards struct {
	r   io.ReaderAt
	buf []byte
	at  int64 // where in the file buf begins
	end int64 // where the next line ends
}

// dropTorn skips an incomplete last line, of a crash or of a write that goes on.
func (b *backwards) dropTorn() error {
	begin, err := b.begin(b.end)
	b.end = begin
	return err
}

// previous reads the line before; false at the beginning of the file.
func (b *backwards) previous() (placedLine, bool, error) {
	if b.end == 0 {
		return placedLine{}, false, nil
	}
	l := placedLine{ends: b.end}
	begin, err := b.begin(b.end - 1)
	if errors.Is(err, errForm) {
		return placedLine{ends: b.end, wrong: err}, true, nil
	}
	if err != nil {
		return l, false, err
	}
	text := b.buf[begin-b.at : b.end-b.at]
	b.end = begin
	text, complete := bytes.CutSuffix(text, []byte("\n"))
	if l.sealed, l.wrong = parse(text); !complete {
		l.wrong = errForm
	}
	return l, true, nil
}

// begin is where the line begins that contains the byte before an offset. Error:
// errForm for a line that is too long.
func (b *backwards) begin(offset int64) (int64, error) {
	for {
		if i := bytes.LastIndexByte(b.buf[:max(offset-b.at, 0)], '\n'); i >= 0 {
			return b.at + int64(i) + 1, nil
		}
		if b.at == 0 {
			return 0, nil
		}
		if offset-b.at > maxLine {
			return 0, errForm
		}
		if err := b.extend(); err != nil {
			return 0, err
		}
	}
}

// extend reads the block before the buffer, and drops what was read already.
func (b *backwards) extend() error {
	kept := b.buf[:min(int64(len(b.buf)), b.end-b.at)]
	more := make([]byte, min(searchBlock, b.at), min(searchBlock, b.at)+int64(len(kept)))
	if n, err := b.r.ReadAt(more, b.at-int64(len(more))); n < len(more) {
		return fmt.Errorf("read it: %w", err)
	}
	b.at -= int64(len(more))
	b.buf = append(more, kept...)
	return nil
}
