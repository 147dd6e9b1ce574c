package playlist

import (
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
)

// urlAttributes are the attributes of a DASH manifest with a URL or a template
// of one, in any element.
var urlAttributes = []string{"initialization", "media", "mediaURL", "index", "sourceURL", "bitstreamSwitching"}

// urlElements are the elements whose text is a URL.
var urlElements = []string{"BaseURL", "Location", "PatchLocation"}

// Manifest returns a DASH manifest whose players come with the ticket, in the
// path: /video/~TICKET/file. What a manifest names is relative to its base, so
// that the base is all that has to change; a query would be lost there. URLs
// that begin at the root of the site, or with its host, are changed where they
// stand. Ticketed says that the manifest was itself asked for below the ticket.
// The only type of error is *Error.
func Manifest(text string, where Location, ticket string, ticketed bool) (string, error) {
	m := manifest{text: text, where: newResolver(where), ticket: ticket, ticketed: ticketed,
		decoder: xml.NewDecoder(strings.NewReader(text))}
	for {
		begin := m.decoder.InputOffset()
		token, err := m.decoder.RawToken()
		if errors.Is(err, io.EOF) && len(m.open) == 0 && m.root != "" {
			return m.out.String() + text[m.copied:], nil
		}
		if err == nil {
			err = m.read(token, begin)
		}
		if err != nil {
			line, _ := m.decoder.InputPos()
			return "", &Error{Line: line, What: "not a DASH manifest: " + err.Error()}
		}
	}
}

type manifest struct {
	text     string
	where    resolver
	ticket   string
	ticketed bool

	decoder *xml.Decoder
	out     strings.Builder
	copied  int64
	root    string   // the name of the MPD element, with its prefix
	foreign bool     // another site is a base
	open    []string // names of the elements that are open
	body    int64    // where the text of the innermost element begins
}

func (m *manifest) read(token xml.Token, begin int64) error {
	end := m.decoder.InputOffset()
	switch t := token.(type) {
	case xml.StartElement:
		if m.root == "" {
			return m.begin(t, end)
		}
		m.open, m.body = append(m.open, t.Name.Local), end
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
func (m *manifest) begin(t xml.StartElement, end int64) error {
	if t.Name.Local != "MPD" {
		return errors.New("it begins with " + t.Name.Local + ", not with MPD")
	}
	m.root, m.open = "MPD", []string{"MPD"}
	based, foreign, moved := m.bases()
	m.foreign = foreign
	m.ticketed = m.ticketed || moved // relative URLs are another site's then, and get no ticket
	prefix := ""
	if t.Name.Space != "" {
		prefix = t.Name.Space + ":"
	}
	if m.ticketed || strings.HasSuffix(m.text[:end], "/>") {
		return nil
	}
	m.out.WriteString(m.text[:end])
	m.copied = end
	if dynamic(t) && !strings.Contains(m.text, "<"+prefix+"Location") {
		m.insert(prefix+"Location", m.below(m.where.File))
	}
	if !based {
		m.insert(prefix+"BaseURL", m.below(m.where.below))
	}
	return nil
}

func dynamic(mpd xml.StartElement) bool {
	return slices.ContainsFunc(mpd.Attr, func(a xml.Attr) bool { return a.Name.Local == "type" && a.Value == "dynamic" })
}

func (m *manifest) insert(element, url string) {
	m.out.WriteString("<" + element + ">" + url + "</" + element + ">")
}

// bases looks ahead: own says that the manifest as a whole has a base, foreign
// that some base is another site's, against which a URL that begins at the
// root would be resolved, and moved that the manifest itself is loaded from
// another site.
func (m *manifest) bases() (own, foreign, moved bool) {
	depth, name, text := 0, "", ""
	for d := xml.NewDecoder(strings.NewReader(m.text)); ; {
		token, err := d.RawToken()
		if err != nil { // the end, or a fault that read finds again
			return own, foreign, moved
		}
		switch t := token.(type) {
		case xml.StartElement:
			depth++
			name, text = t.Name.Local, ""
			own = own || name == "BaseURL" && depth == 2
		case xml.CharData:
			text += string(t)
		case xml.EndElement:
			foreign = foreign || (name == "BaseURL" || name == "Location") && !m.isOwn(text)
			moved = moved || name == "Location" && !m.isOwn(text)
			depth, name = depth-1, ""
		}
	}
}

// isOwn reports whether a player resolves the URL to this site. Browsers take a
// backslash for a slash and skip control characters.
func (m *manifest) isOwn(url string) bool {
	url = strings.TrimSpace(url)
	_, own := m.where.cutHost(&url)
	return own && !strings.ContainsFunc(url, func(r rune) bool { return r == '\\' || r < ' ' })
}

// below is how a player that has the manifest without a ticket names a file or
// folder of the video below the ticket.
func (m *manifest) below(file string) string {
	return strings.Repeat("../", len(m.where.folder)) + "~" + m.ticket + "/" + encodePath(file)
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
func (m *manifest) element(end int64, top bool) error {
	raw := m.text[m.body:end]
	var text string
	if err := xml.Unmarshal([]byte("<a>"+raw+"</a>"), &text); err != nil {
		return errors.New("a URL that is more than text")
	}
	changed, err := m.url(strings.TrimSpace(text), top)
	if err != nil || changed == "" {
		return err
	}
	m.replace(m.body, end, changed)
	return nil
}

// attributes changes URLs in the attributes of an element.
func (m *manifest) attributes(t xml.StartElement, begin, end int64) error {
	for _, a := range t.Attr {
		if !slices.Contains(urlAttributes, a.Name.Local) {
			continue
		}
		changed, err := m.url(a.Value, false)
		if err != nil {
			return err
		}
		if changed == "" {
			continue
		}
		place := regexp.MustCompile(`[\s:]` + a.Name.Local + `\s*=\s*["'](` + regexp.QuoteMeta(a.Value) + `)["']`).FindStringSubmatchIndex(m.text[begin:end])
		if place == nil {
			return errors.New("a URL of this site in " + a.Name.Local + " has entities; write it without")
		}
		m.replace(begin+int64(place[2]), begin+int64(place[3]), changed)
	}
	return nil
}

// url returns what a URL becomes, or nothing if it stays.
func (m *manifest) url(text string, top bool) (string, error) {
	path, query, _ := strings.Cut(text, "?")
	host := path
	rooted, own := m.where.cutHost(&path)
	host = strings.TrimSuffix(host, path) // scheme and host, if it has them
	stays := !rooted && (!top || m.ticketed) || rooted && host == "" && m.foreign
	if !own || text == "" || stays {
		return "", nil
	}
	segments, folder, own, err := m.where.segments(path, rooted)
	if err != nil || !own {
		return "", err
	}
	file := strings.Join(segments, "/")
	if folder && file != "" {
		file += "/"
	}
	url := m.below(file)
	if host != "" {
		host = "//" + m.where.Host // neither another port nor a connection in the clear
	}
	if rooted {
		url = host + "/" + encodePath(strings.Join(m.where.root, "/")) + "/~" + m.ticket + "/" + encodePath(file)
	}
	return url + strings.TrimRight(keptQuery(query), "?&"), nil
}

func (m *manifest) replace(begin, end int64, url string) {
	m.out.WriteString(m.text[m.copied:begin])
	_ = xml.EscapeText(&m.out, []byte(url)) // a strings.Builder takes everything
	m.copied = end
}
