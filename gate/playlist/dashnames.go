package playlist

import (
	"encoding/xml"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// naming are the elements of a manifest that name files, or hold some that do.
var naming = []string{"MPD", "Period", "AdaptationSet", "Representation", "BaseURL", "SegmentBase", "SegmentList",
	"SegmentTemplate", "SegmentURL", "Initialization", "RepresentationIndex", "BitstreamSwitching"}

// A number of a template stands in a file's name as a letter of Unicode's
// private area, by its width, until the name is resolved.
const (
	number   = '\ue000'
	maxWidth = 32
	// maxTemplate is the longest template, and the longest value that is put into
	// one, in bytes.
	maxTemplate = 1 << 10
)

var (
	templateVariable = regexp.MustCompile(`\$(RepresentationID|Bandwidth|Number|Time|SubNumber)?(?:%0([0-9]{1,2})d)?\$`)
	templateNumber   = regexp.MustCompile("[\ue000-\ue020]")
)

// node is an element of a manifest.
type node struct {
	name     string
	line     int
	text     string
	attr     []nodeAttr
	children []*node
}

type nodeAttr struct {
	name, value string
	line        int
}

// level is what holds within a part of a manifest.
type level struct {
	where     resolver
	base      *Reference // the innermost BaseURL
	foreign   bool       // the base is not within the video's folder
	templates []*node    // SegmentTemplate, the innermost first
	lists     []*node    // SegmentList and SegmentBase, likewise
}

// Growing reports whether players load the manifest again and again.
func (m *Manifest) Growing() bool {
	return slices.ContainsFunc(m.root().attr, func(a nodeAttr) bool { return a.name == "type" && a.value == "dynamic" })
}

// References lists what players load of the manifest's representations, one
// after the other. What several name is listed for each. What is relative to
// another site's base is not listed.
func (m *Manifest) References() iter.Seq[Reference] {
	return func(yield func(Reference) bool) { m.root().visit(level{where: m.where}, yield) }
}

// root reads the elements that name files. ParseManifest has seen that they nest.
func (m *Manifest) root() *node {
	text := m.document.text.Value()
	d := xml.NewDecoder(strings.NewReader(text))
	top := &node{}
	for open, skipped := []*node{top}, 0; ; {
		begin := int(d.InputOffset())
		line, _ := d.InputPos()
		token, err := d.RawToken()
		if err != nil {
			break
		}
		inner := open[len(open)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if skipped > 0 || !slices.Contains(naming, t.Name.Local) {
				skipped++
				continue
			}
			child := newNode(t, text[begin:d.InputOffset()], line)
			inner.children = append(inner.children, child)
			open = append(open, child)
		case xml.CharData:
			if skipped == 0 && inner.name == "BaseURL" {
				inner.text += string(t)
			}
		case xml.EndElement:
			if skipped > 0 {
				skipped--
			} else {
				open = open[:len(open)-1]
			}
		}
	}
	return top.children[0]
}

func newNode(t xml.StartElement, text string, line int) *node {
	n := &node{name: t.Name.Local, line: line}
	rest := 0
	for _, a := range t.Attr {
		value, after := attributeValue(text, rest, len(text))
		rest = after + 1
		n.attr = append(n.attr, nodeAttr{name: a.Name.Local, value: a.Value, line: line + strings.Count(text[:value], "\n")})
	}
	return n
}

func (n *node) value(name string) string {
	for _, a := range n.attr {
		if a.name == name {
			return a.value
		}
	}
	return ""
}

// visit yields what an element and those in it name, until yield returns false.
func (n *node) visit(in level, yield func(Reference) bool) bool {
	if i := slices.IndexFunc(n.children, func(c *node) bool { return c.name == "BaseURL" }); i >= 0 {
		lost := !in.foreign
		in.enter(n.children[i])
		if lost = lost && in.foreign; lost && !yield(*in.base) {
			return false
		}
	}
	for _, c := range n.children {
		switch c.name {
		case "SegmentTemplate":
			in.templates = append([]*node{c}, in.templates...)
		case "SegmentList", "SegmentBase":
			in.lists = append([]*node{c}, in.lists...)
		}
	}
	if n.name == "Representation" {
		return in.foreign || in.representation(n, yield)
	}
	for _, c := range n.children {
		if !c.visit(in, yield) {
			return false
		}
	}
	return true
}

// enter makes a BaseURL the base. Players begin with the first of several.
func (l *level) enter(base *node) {
	ref := l.where.reference(base.line, base.name, "", strings.TrimSpace(base.text), nil)
	l.base, l.foreign = &ref, l.foreign || ref.File == "" && !ref.folder
	l.where.File = ref.File
	l.where = newResolver(l.where.Location)
}

func (l *level) representation(n *node, yield func(Reference) bool) bool {
	if len(l.templates) > 0 {
		return l.template(n, yield)
	}
	segments, own := false, false // own: the base is itself a file that is played
	for _, list := range l.lists {
		for _, c := range list.children {
			if c.name == "SegmentURL" && segments {
				continue // an inner list has its own
			}
			own = own || c.name == "SegmentURL" && c.value("media") == ""
			for _, a := range c.attr {
				if slices.Contains(urlAttributes, a.name) && !yield(l.where.reference(a.line, c.name, a.name, a.value, nil)) {
					return false
				}
			}
		}
		segments = segments || slices.ContainsFunc(list.children, func(c *node) bool { return c.name == "SegmentURL" })
	}
	if l.base == nil || l.base.folder || segments && !own {
		return true
	}
	return yield(*l.base)
}

// template yields what the innermost of each attribute makes.
func (l *level) template(n *node, yield func(Reference) bool) bool {
	for _, name := range []string{"initialization", "media", "index", "bitstreamSwitching"} {
		i := slices.IndexFunc(l.templates, func(t *node) bool { return t.value(name) != "" })
		if i < 0 {
			continue
		}
		for _, a := range l.templates[i].attr {
			if a.name == name && !yield(l.where.reference(a.line, "SegmentTemplate", name, a.value, n)) {
				return false
			}
		}
	}
	return true
}

// reference resolves a URL of a manifest as a player does, or the template of
// one for a representation.
func (r resolver) reference(line int, tag, attribute, url string, representation *node) Reference {
	ref := Reference{Line: line, Tag: tag, Attribute: attribute, URI: url}
	path := url
	if representation != nil {
		if len(url) > maxTemplate || slices.ContainsFunc(representation.attr, func(a nodeAttr) bool { return len(a.value) > maxTemplate }) {
			ref.File = url // more than a file's name can have
			return ref
		}
		path = fillTemplate(url, representation)
	}
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	rooted, own := r.cutHost(&path)
	if !own {
		return ref
	}
	segments, folder, own, err := r.segments(path, rooted)
	if err != nil {
		ref.File = path // the gate refuses it: there is no such file
		return ref
	}
	if !own {
		return ref
	}
	ref.File, ref.folder = strings.Join(segments, "/"), folder
	if folder && ref.File != "" {
		ref.File += "/"
	}
	if representation != nil && templateNumber.MatchString(ref.File) {
		ref.Pattern = pattern(ref.File)
		ref.File = templateNumber.ReplaceAllString(ref.File, "$$N$$")
	}
	return ref
}

// fillTemplate puts in what is known of a representation, and for each number a
// letter that pattern knows.
func fillTemplate(template string, representation *node) string {
	return templateVariable.ReplaceAllStringFunc(template, func(variable string) string {
		found := templateVariable.FindStringSubmatch(variable)
		width, _ := strconv.Atoi(found[2])
		switch found[1] {
		case "":
			return strings.TrimSuffix(variable, "$")
		case "RepresentationID":
			return representation.value("id")
		case "Bandwidth":
			value := representation.value("bandwidth")
			return strings.Repeat("0", max(0, width-len(value))) + value
		}
		return string(rune(number + min(width, maxWidth)))
	})
}

// pattern matches the files that a template makes.
func pattern(file string) *regexp.Regexp {
	quoted := regexp.QuoteMeta(strings.ToValidUTF8(file, "\ufffd")) // as which it reads what is not UTF-8
	return regexp.MustCompile("^" + templateNumber.ReplaceAllStringFunc(quoted, func(letter string) string {
		return "[0-9]{" + strconv.Itoa(max(1, int([]rune(letter)[0]-number))) + ",}"
	}) + "$")
}
