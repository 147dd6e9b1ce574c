package playlist

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
)

// urlAttributes are the attributes of a DASH manifest with a URL or a template
// of one, in any element.
var urlAttributes = []string{"initialization", "media", "mediaURL", "index", "sourceURL", "bitstreamSwitching"}

// urlElements are the elements whose text is a URL.
var urlElements = []string{"BaseURL", "Location", "PatchLocation"}

// maxDepth is how many elements of a manifest may be open at once.
const maxDepth = 100

// A Manifest is a DASH manifest without errors whose players come with the
// ticket, in the path: /video/~TICKET/file. What a manifest names is relative
// to its base, so that the base is all that has to change; a query would be
// lost there. URLs that begin at the root of the site, or with its host, are
// changed where they stand. A Manifest is never changed.
type Manifest struct {
	document document
	where    resolver
}

// ParseManifest reads a whole manifest. Ticketed says that it was itself asked
// for below the ticket. The only type of error is *Error.
func ParseManifest(text string, where Location, ticketed bool) (*Manifest, error) {
	resolver := newResolver(where)
	based, foreign, moved := bases(text, resolver)
	begin := func(text string) *manifestScanner {
		return &manifestScanner{text: text, where: resolver, based: based, foreign: foreign,
			ticketed: ticketed || moved, // relative URLs are another site's then, and get no ticket
			decoder:  xml.NewDecoder(strings.NewReader(text))}
	}
	m := &Manifest{where: resolver, document: newDocument(text, func(text string) edits { return begin(text) })}
	s := begin(text)
	if err := m.document.measure(s); err != nil {
		line, _ := s.decoder.InputPos()
		return nil, &Error{Line: line, What: "not a DASH manifest: " + err.Error()}
	}
	return m, nil
}

// Size is the manifest's size with the ticket, in bytes.
func (m *Manifest) Size(ticket string) int64 { return m.document.size(ticket) }

// Reader reads the manifest with the ticket.
func (m *Manifest) Reader(ticket string) io.ReadSeeker { return m.document.reader(ticket) }

// manifestScanner finds what has to change in a manifest.
type manifestScanner struct {
	text     string
	where    resolver
	based    bool // the manifest as a whole has a base
	foreign  bool // another site is a base
	ticketed bool // relative URLs need no ticket

	decoder *xml.Decoder
	found   []edit   // that were not returned yet
	root    string   // the name of the MPD element, with its prefix
	open    []string // names of the elements that are open
	body    int      // where the text of the innermost element begins
}

func (m *manifestScanner) next() (edit, error) {
	for len(m.found) == 0 {
		begin := int(m.decoder.InputOffset())
		token, err := m.decoder.RawToken()
		if errors.Is(err, io.EOF) && len(m.open)+len(m.root) != len("MPD") {
			err = io.ErrUnexpectedEOF
		}
		if err == nil {
			err = m.read(token, begin)
		}
		if err != nil {
			return edit{}, err
		}
	}
	e := m.found[0]
	m.found = m.found[1:]
	return e, nil
}

func (m *manifestScanner) read(token xml.Token, begin int) error {
	end := int(m.decoder.InputOffset())
	switch t := token.(type) {
	case xml.StartElement:
		if m.root == "" {
			return m.begin(t, end)
		}
		if len(m.open) == 0 {
			return errors.New("an element behind the MPD element")
		}
		if slices.Contains(urlElements, m.open[len(m.open)-1]) {
			return errors.New("a URL that is more than text")
		}
		if m.open, m.body = append(m.open, t.Name.Local), end; len(m.open) > maxDepth {
			return errors.New("elements that are nested too deeply")
		}
		return m.attributes(t, begin, end)
	case xml.EndElement:
		if len(m.open) == 0 || m.open[len(m.open)-1] != t.Name.Local {
			return errors.New("an element ends that did not begin: " + t.Name.Local)
		}
		top := len(m.open) == 2
		m.open = m.open[:len(m.open)-1]
		if slices.Contains(urlElements, t.Name.Local) && begin >= m.body {
			return m.element(begin, top)
		}
	}
	return nil
}

// begin reads the MPD element, and gives the manifest a base if it has none. One
// that is loaded again also gets the place to load it from. Some players, Shaka
// among them, then take that place for the base's own base: they ask for
// /video/~TICKET/~TICKET/file, which the gate reads as one ticket.
func (m *manifestScanner) begin(t xml.StartElement, end int) error {
	if t.Name.Local != "MPD" {
		return errors.New("it begins with " + t.Name.Local + ", not with MPD")
	}
	m.root, m.open = "MPD", []string{"MPD"}
	prefix := ""
	if t.Name.Space != "" {
		prefix = t.Name.Space + ":"
	}
	if m.ticketed || strings.HasSuffix(m.text[:end], "/>") {
		return nil
	}
	if dynamic(t) && !strings.Contains(m.text, "<"+prefix+"Location") {
		m.insert(end, prefix+"Location", m.where.File)
	}
	if !m.based {
		m.insert(end, prefix+"BaseURL", m.where.below)
	}
	return nil
}

func dynamic(mpd xml.StartElement) bool {
	return slices.ContainsFunc(mpd.Attr, func(a xml.Attr) bool { return a.Name.Local == "type" && a.Value == "dynamic" })
}

// insert adds an element that leads to a file or folder below the ticket.
func (m *manifestScanner) insert(at int, element, file string) {
	before, after := m.below(file)
	m.found = append(m.found, edit{begin: at, end: at, before: [3]string{"<" + element + ">" + before},
		after: [2]string{escapedText(after), "</" + element + ">"}})
}

// bases looks ahead: own says that the manifest as a whole has a base, foreign
// that some base is another site's, against which a URL that begins at the
// root would be resolved, and moved that the manifest itself is loaded from
// another site.
func bases(text string, where resolver) (own, foreign, moved bool) {
	depth, base, place, url := 0, false, false, ""
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.RawToken()
		if err != nil { // the end, or a fault that next finds again
			return own, foreign, moved
		}
		switch t := token.(type) {
		case xml.StartElement:
			depth++
			base, place, url = t.Name.Local == "BaseURL", t.Name.Local == "Location", ""
			own = own || base && depth == 2
		case xml.CharData:
			if (base || place) && len(url) <= maxURI {
				url += string(t)
			}
		case xml.EndElement:
			there := (base || place) && (len(url) > maxURI || !where.isOwn(url))
			foreign, moved = foreign || there, moved || there && place
			depth, base, place = depth-1, false, false
		}
	}
}

// isOwn reports whether a player resolves the URL to this site. Browsers take a
// backslash for a slash and skip control characters.
func (r resolver) isOwn(url string) bool {
	url = strings.TrimSpace(url)
	_, own := r.cutHost(&url)
	return own && !strings.ContainsFunc(url, func(c rune) bool { return c == '\\' || c < ' ' })
}

// below is how a player that has the manifest without a ticket names a file or
// folder of the video below the ticket: what stands before and behind it.
func (m *manifestScanner) below(file string) (before, after string) {
	return strings.Repeat("../", len(m.where.folder)) + "~", "/" + encodePath(file)
}

func encodePath(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = escaped(s, inPath)
	}
	return strings.Join(segments, "/")
}

// element changes the text of an element that is a URL. One of the manifest as
// a whole is relative to the manifest; what stands deeper is relative to that.
func (m *manifestScanner) element(end int, top bool) error {
	raw := m.text[m.body:end]
	var text string
	if err := xml.Unmarshal([]byte("<a>"+raw+"</a>"), &text); err != nil {
		return errors.New("a URL that is more than text")
	}
	_, err := m.url(m.body, end, strings.TrimSpace(text), top)
	return err
}

// attributes changes URLs in the attributes of an element.
func (m *manifestScanner) attributes(t xml.StartElement, begin, end int) error {
	rest := begin // of the element
	for _, a := range t.Attr {
		value, after := attributeValue(m.text, rest, end)
		rest = after + 1
		if !slices.Contains(urlAttributes, a.Name.Local) {
			continue
		}
		changed, err := m.url(value, after, a.Value, false)
		if err != nil {
			return err
		}
		if changed && m.text[value:after] != a.Value {
			return errors.New("a URL of this site in " + a.Name.Local + " has entities; write it without")
		}
	}
	return nil
}

// attributeValue returns where the next attribute's value begins and ends. The
// decoder has seen that it stands in quotes.
func attributeValue(text string, from, end int) (begin, after int) {
	begin = from + strings.IndexAny(text[from:end], `"'`) + 1
	return begin, begin + strings.IndexByte(text[begin:end], text[begin-1])
}

// url changes a URL that stands between two places of the text, and reports
// whether it has to change.
func (m *manifestScanner) url(begin, end int, text string, top bool) (changed bool, err error) {
	path, query, _ := strings.Cut(text, "?")
	host := path
	rooted, own := m.where.cutHost(&path)
	host = strings.TrimSuffix(host, path) // scheme and host, if it has them
	stays := !rooted && (!top || m.ticketed) || rooted && host == "" && m.foreign
	if !own || text == "" || stays {
		return false, nil
	}
	segments, folder, own, err := m.where.segments(path, rooted)
	if err != nil || !own {
		return false, err
	}
	file := strings.Join(segments, "/")
	if folder && file != "" {
		file += "/"
	}
	before, after := m.below(file)
	if host != "" {
		host = "//" + m.where.Host // neither another port nor a connection in the clear
	}
	if rooted {
		before = host + "/" + encodePath(strings.Join(m.where.root, "/")) + "/~"
	}
	m.found = append(m.found, edit{begin: begin, end: end, before: [3]string{escapedText(before)},
		after: [2]string{escapedText(after), escapedText(strings.TrimRight(keptQuery(query), "?&"))}})
	return true, nil
}

func escapedText(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(text)) // a strings.Builder takes everything
	return out.String()
}
