// Package playlist puts a viewer's session ticket into the URIs of an HLS
// playlist: every URI of every tag in RFC 8216 and its successor
// (draft-pantos-hls-rfc8216bis), and the lines that are URIs themselves. For a
// DASH manifest it puts the ticket into the base of what the manifest names.
//
// A playlist is never parsed into a model and printed anew, because that loses
// the tags that the model does not know. One tokenizer finds the URIs; the
// bytes between them leave as they came. A URI gets the ticket only if it ends
// inside the video's own folder, and is then written as a relative reference
// in plain ASCII, so that no player can resolve it to another place than the
// gate did.
package playlist

import (
	"io"
	"iter"
	"regexp"
	"strconv"
	"strings"
)

// maxOutput is the largest playlist without tickets, in bytes. It bounds what
// short lines with variables can grow to.
const maxOutput = 256 << 20

// An Error says what is wrong with a playlist, and where.
type Error struct {
	Line int    // 1 is the first
	What string // what is wrong and what to write instead, without a full stop
}

func (e *Error) Error() string { return "line " + strconv.Itoa(e.Line) + ": " + e.What }

// A Location says where viewers find a playlist.
type Location struct {
	Host string // the site's host and port; empty: no absolute URI is the video's own
	Root string // decoded URL path of the video's folder, such as "/films/film"
	File string // the playlist's file within that folder, such as "360/index.m3u8"

	// Parameter finds a parameter of the playlist's URL, for a variable that is
	// defined by it (EXT-X-DEFINE:QUERYPARAM). Nil: there are no parameters.
	Parameter func(name string) (value string, ok bool)
	// Import finds a variable of the multivariant playlist, for one that the
	// playlist imports from there (EXT-X-DEFINE:IMPORT). Nil: every import is an error.
	Import func(name string) (value string, ok bool)
}

// A Reference is one URI of a playlist, or one URL of a manifest.
type Reference struct {
	Line      int
	Tag       string // such as "EXT-X-KEY", or a manifest's element; empty for a URI on a line of its own
	Attribute string // such as "URI"; empty for a URI that is no attribute
	URI       string // with variables replaced
	File      string // the file within the video's folder; empty for a foreign URI

	// Pattern matches the files that a template of a manifest makes. Nil: File is one.
	Pattern *regexp.Regexp

	folder     bool // of a manifest: File is a folder
	target     target
	begin, end int // the bytes that the URI takes in the text
}

// A Playlist is a playlist without errors. It is never changed.
type Playlist struct {
	document document
	where    Location
	found    summary
}

// summary is what a playlist says about itself.
type summary struct{ multivariant, segments, ended, imported, pathways bool }

// Parse reads a whole playlist. The only type of error is *Error.
func Parse(text string, where Location) (*Playlist, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	p := &Playlist{where: where}
	p.document = newDocument(text, func(text string) edits { return newScanner(text, where).edits() })
	s := newScanner(text, where)
	if err := p.document.measure(s.edits()); err != nil {
		return nil, &Error{Line: s.line, What: err.Error()}
	}
	p.found = s.found
	return p, nil
}

// Size is the playlist's size with the ticket in every URI of the video's own,
// in bytes.
func (p *Playlist) Size(ticket string) int64 { return p.document.size(ticket) }

// Reader reads the playlist with the ticket in every URI of the video's own.
func (p *Playlist) Reader(ticket string) io.ReadSeeker { return p.document.reader(ticket) }

// Reflects reports whether a part of the playlist may be what stood in the URL
// with which a viewer asked for it.
func (p *Playlist) Reflects() bool { return p.found.imported }

// Growing reports whether players load the playlist again and again: it lists
// segments and does not say that these are all.
func (p *Playlist) Growing() bool {
	return p.found.segments && !p.found.multivariant && !p.found.ended
}

// Steerable reports whether a player may be told of another pathway: the
// playlist names variants, and neither pathways nor a steering server of its own.
func (p *Playlist) Steerable() bool {
	return p.found.multivariant && !p.found.segments && !p.found.pathways
}

// With is the playlist with one more line behind the first, which gets no ticket.
func (p *Playlist) With(line string) *Playlist {
	with := *p
	with.document = p.document.with(line + "\n")
	return &with
}

// References lists the playlist's URIs in their order.
func (p *Playlist) References() iter.Seq[Reference] {
	return func(yield func(Reference) bool) {
		s := newScanner(p.document.text.Value(), p.where)
		for {
			ref, err := s.next()
			if err != nil || !yield(ref) { // the only error is io.EOF: Parse found no other
				return
			}
		}
	}
}

// Variable returns the value of a variable that the playlist defines itself,
// for playlists that import it.
func (p *Playlist) Variable(name string) (value string, ok bool) {
	s := newScanner(p.document.text.Value(), p.where)
	for {
		if _, err := s.next(); err != nil {
			value, ok = s.variables[name]
			return value, ok
		}
	}
}
