package playlist

import (
	"errors"
	"io"
)

// Each URI of the video's own is written with this and the ticket.
const parameter = "ticket="

// Size is the playlist's size with the ticket in every URI of the video's own,
// in bytes.
func (p *Playlist) Size(ticket string) int64 {
	return p.bare + p.own*int64(len(parameter)+len(ticket))
}

// Reader reads the playlist with the ticket in every URI of the video's own.
// The text is made while it is read and never stands in memory as a whole.
func (p *Playlist) Reader(ticket string) io.ReadSeeker {
	return &reader{playlist: p, suffix: parameter + ticket}
}

type reader struct {
	playlist *Playlist
	suffix   string

	wanted int64 // where the next Read begins
	at     int64 // where the first of the pieces begins

	scanner *scanner
	copied  int       // how much of the text the pieces have used up
	pieces  [4]string // what comes next
	done    bool
}

func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.wanted
	case io.SeekEnd:
		offset += r.playlist.bare + r.playlist.own*int64(len(r.suffix))
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning of a playlist")
	}
	r.wanted = offset
	return offset, nil
}

func (r *reader) Read(b []byte) (n int, err error) {
	if r.scanner == nil || r.wanted < r.at {
		*r = reader{playlist: r.playlist, suffix: r.suffix, wanted: r.wanted,
			scanner: newScanner(r.playlist.text, r.playlist.where)}
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

// fill finds the next pieces and reports whether there are any: the text up
// to a URI, the URI, and the ticket.
func (r *reader) fill() bool {
	for r.pieces == [4]string{} {
		if r.done {
			return false
		}
		text := r.playlist.text
		ref, err := r.scanner.next()
		if err != nil { // io.EOF: Parse found no other
			r.pieces[0], r.done = text[r.copied:], true
			continue
		}
		r.pieces[0] = text[r.copied:ref.begin]
		if ref.File == "" {
			r.pieces[1] = text[ref.begin:ref.end]
		} else {
			r.pieces[1], r.pieces[2], r.pieces[3] = ref.target.path, ref.target.query, r.suffix
		}
		r.copied = ref.end
	}
	return true
}
