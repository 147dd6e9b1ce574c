package playlist

import (
	"errors"
	"io"
	"strings"
	"unique"
)

// An edit takes the place of some bytes of a text, which may be none: what
// stands before the viewer's ticket, the ticket, and what stands behind it.
type edit struct {
	begin, end int
	before     [3]string
	after      [2]string
	bare       bool // there is no ticket in between
}

// edits are those of one text, from the first to the last. The last is followed
// by an error, which is io.EOF unless the text is wrong.
type edits interface{ next() (edit, error) }

// document is a text without errors and what viewers read in its place. The
// text is shared by all documents with the same one, so that a thousand viewers
// who read slowly hold it once.
type document struct {
	text    unique.Handle[string]
	begin   func(text string) edits
	tickets int64
	bare    int64 // the size in bytes without tickets
}

func newDocument(text string, begin func(text string) edits) document {
	return document{text: unique.Make(text), begin: begin, bare: int64(len(text))}
}

// measure goes through all edits. The error is the first that is not io.EOF.
func (d *document) measure(all edits) error {
	for {
		e, err := all.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !e.bare {
			d.tickets++
		}
		d.bare -= int64(e.end - e.begin)
		for _, piece := range [...]string{e.before[0], e.before[1], e.before[2], e.after[0], e.after[1]} {
			d.bare += int64(len(piece))
		}
		if d.bare > maxOutput {
			return errors.New("with its variables replaced the playlist is larger than 256 MiB")
		}
	}
}

// with is the document with a line, and its end, behind the first one.
func (d *document) with(line string) document {
	longer := *d
	begin, at := d.begin, strings.IndexByte(d.text.Value(), '\n')+1
	longer.bare += int64(len(line))
	longer.begin = func(text string) edits {
		return &after{first: &edit{begin: at, end: at, before: [3]string{line}, bare: true}, rest: begin(text)}
	}
	return longer
}

// after is one edit, and then others behind it.
type after struct {
	first *edit
	rest  edits
}

func (a *after) next() (edit, error) {
	if first := a.first; first != nil {
		a.first = nil
		return *first, nil
	}
	return a.rest.next()
}

func (d *document) size(ticket string) int64 { return d.bare + d.tickets*int64(len(ticket)) }

func (d *document) reader(ticket string) io.ReadSeeker { return &reader{document: d, ticket: ticket} }

// reader makes the text while it is read: it never stands in memory as a whole.
type reader struct {
	document *document
	ticket   string

	wanted int64 // where the next Read begins
	at     int64 // where the first of the pieces begins

	edits  edits
	copied int       // how much of the text the pieces have used up
	pieces [7]string // what comes next
	done   bool
}

func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.wanted
	case io.SeekEnd:
		offset += r.document.size(r.ticket)
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning of a playlist")
	}
	r.wanted = offset
	return offset, nil
}

func (r *reader) Read(b []byte) (n int, err error) {
	if r.edits == nil || r.wanted < r.at {
		*r = reader{document: r.document, ticket: r.ticket, wanted: r.wanted, edits: r.document.begin(r.document.text.Value())}
	}
	for n < len(b) && r.fill() {
		n += r.take(b[n:])
	}
	if n == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// take copies from the pieces, skipping what lies before the wanted place.
func (r *reader) take(b []byte) (n int) {
	for i, piece := range r.pieces {
		skip := min(int64(len(piece)), r.wanted-r.at)
		m := copy(b[n:], piece[skip:])
		r.pieces[i] = piece[int(skip)+m:]
		r.at += skip + int64(m)
		r.wanted += int64(m)
		n += m
		if r.pieces[i] != "" {
			break
		}
	}
	return n
}

// fill finds the next pieces and reports whether there are any: the text up to
// an edit, and what takes the place of the text there.
func (r *reader) fill() bool {
	for r.pieces == [7]string{} {
		if r.done {
			return false
		}
		text := r.document.text.Value()
		e, err := r.edits.next()
		if err != nil { // io.EOF: measure found no other
			r.pieces[0], r.done = text[r.copied:], true
			continue
		}
		r.pieces = [7]string{text[r.copied:e.begin], e.before[0], e.before[1], e.before[2], r.ticket, e.after[0], e.after[1]}
		if e.bare {
			r.pieces[4] = ""
		}
		r.copied = e.end
	}
	return true
}
