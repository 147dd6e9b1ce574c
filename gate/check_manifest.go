package gate

import (
	"io/fs"
	"path"
	"slices"

	"playtoken/gate/playlist"
)

// manifest looks at a DASH manifest, and for the files that it names.
func (c *checkup) manifest(file string) {
	p := place{video: c.video, file: file}
	opened, err := c.gate.open(p)
	if err != nil {
		c.broken(file, err)
		return
	}
	defer opened.Close()
	where := c.gate.located(p, nil)
	text, err := readText(opened, where)
	if err != nil {
		c.broken(file, err)
		return
	}
	manifest, err := playlist.ParseManifest(text, where, false)
	if err != nil {
		c.broken(file, err)
		return
	}
	c.segments(file, manifest)
}

// segments looks for what a manifest names. Representations share templates and
// bases, so that the same may be named again.
func (c *checkup) segments(file string, manifest *playlist.Manifest) {
	type name struct {
		line            int
		attribute, file string
	}
	growing, found, looked := manifest.Growing(), 0, 0
	seen := map[name]bool{}
	for ref := range manifest.References() {
		if looked++; looked > maxEntries {
			c.serious(file, ref.Line, "the manifest names too many files to look for all", "divide the video, or use templates")
			return
		}
		this := name{line: ref.Line, attribute: ref.Attribute, file: ref.File}
		if seen[this] {
			continue
		}
		seen[this] = true
		what, remedy := c.reference(ref, growing && ref.Tag == "SegmentURL")
		if what == "" {
			continue
		}
		if found++; found > maxFindings {
			c.serious(file, ref.Line, "there is more like this below", moreRemedy)
			return
		}
		c.serious(file, ref.Line, what, remedy)
	}
}

// template says what is wrong if there is no file that a template makes. The
// walk through the video did not follow links to folders.
func (c *checkup) template(ref playlist.Reference) (what, remedy string) {
	if slices.ContainsFunc(c.files, ref.Pattern.MatchString) {
		return "", ""
	}
	folder := path.Dir(ref.File)
	entries, _ := fs.ReadDir(c.gate.config.Media, path.Join(c.video, folder))
	if slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return ref.Pattern.MatchString(path.Join(folder, e.Name())) }) {
		return "", ""
	}
	return ref.URI + ": there is no file " + ref.File + ", with any number for $N$", "add the segments, or correct the template"
}
