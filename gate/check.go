package gate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"

	"playtoken/gate/playlist"
)

// maxFindings is how many findings about one playlist or manifest are reported.
const maxFindings = 20

const moreRemedy = "mend what is named above, and check again"

// A Finding is something in the media folder that the gate does not serve, or
// that a player will not get.
type Finding struct {
	File    string `json:"file"`           // from the media folder
	Line    int    `json:"line,omitempty"` // zero: the whole file
	What    string `json:"what"`
	Remedy  string `json:"remedy"`  // never empty
	Serious bool   `json:"serious"` // viewers will meet it
}

// Check looks through the media folder as the gate would serve it, and calls
// report with what it finds. Only Media, Index and PublicURL of the
// configuration count. It returns early, with the context's error, once ctx
// ends.
func Check(ctx context.Context, config Config, report func(Finding)) error {
	g := &Gate{config: config.withDefaults()}
	if config.PublicURL != "" {
		public, err := absolute(config.PublicURL)
		if err != nil {
			return fmt.Errorf("public URL: %w", err)
		}
		g.public = public
	}
	entries, err := fs.ReadDir(g.config.Media, ".")
	if err != nil {
		return fmt.Errorf("read media folder: %w", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case hidden(name) || !isFolder(g.config.Media, name):
		case !isVideo(name):
			report(Finding{File: name, What: "the folder is not served: its name cannot be the id of a video", Serious: true,
				Remedy: "rename it: 1 to 64 characters of A-Z a-z 0-9 _ -, and none of " + strings.Join(reserved, ", ")})
		default:
			if name == sdkFolder {
				report(Finding{File: name, What: sdkHidden, Remedy: sdkHiddenRemedy})
			}
			(&checkup{gate: g, video: name, report: report}).run(ctx)
		}
	}
	return ctx.Err()
}

func isFolder(media fs.FS, name string) bool {
	info, err := fs.Stat(media, name)
	return err == nil && info.IsDir()
}

// checkup looks at one video.
type checkup struct {
	gate   *Gate
	video  string
	report func(Finding)

	files  []string        // all that are not hidden, in order
	exists map[string]bool // the same
	named  map[string]bool // by playlists
}

func (c *checkup) run(ctx context.Context) {
	if c.list(); len(c.files) > maxEntries {
		c.serious("", 0, "the folder has too many files to look at", "divide the video, or remove old segments")
		return
	}
	c.first()
	for _, file := range c.files {
		if ctx.Err() != nil {
			return
		}
		switch ending(file) {
		case ".m3u8":
			c.playlist(file)
		case ".mpd":
			c.manifest(file)
		}
	}
	c.unserved()
}

func (c *checkup) serious(file string, line int, what, remedy string) {
	c.report(Finding{File: path.Join(c.video, file), Line: line, What: what, Remedy: remedy, Serious: true})
}

func (c *checkup) list() {
	c.exists, c.named = map[string]bool{}, map[string]bool{}
	_ = fs.WalkDir(c.gate.config.Media, c.video, func(name string, entry fs.DirEntry, err error) error {
		file := strings.TrimPrefix(name, c.video+"/")
		switch {
		case err != nil:
			c.serious(strings.TrimPrefix(file, c.video), 0, "it cannot be read", "give the gate's user the right to read it")
			return fs.SkipDir
		case hidden(path.Base(name)) && entry.IsDir():
			return fs.SkipDir
		case !entry.IsDir() && !hidden(name):
			c.files = append(c.files, file)
			c.exists[file] = true
		}
		if len(c.files) > maxEntries {
			return fs.SkipAll
		}
		return nil
	})
}

// first looks for the file with which playing begins.
func (c *checkup) first() {
	index := c.gate.config.Index
	if c.exists[index] || slices.ContainsFunc(c.files, func(f string) bool { return ending(f) == ".mpd" }) {
		return
	}
	remedy := "rename the first playlist, or configure its name"
	if i := slices.IndexFunc(c.files, func(f string) bool { return ending(f) == ".m3u8" }); i >= 0 {
		remedy += "; there is " + c.files[i]
	}
	c.serious("", 0, "there is no "+index+" to begin with", remedy)
}

func (c *checkup) playlist(file string) {
	list, err := c.gate.parse(place{video: c.video, file: file})
	if err != nil {
		c.broken(file, err)
		return
	}
	found := 0
	for ref := range list.References() {
		c.named[ref.File] = true
		c.steering(file, ref)
		c.assets(ref)
		what, remedy := c.reference(ref, list.Growing())
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

// broken reports a playlist or manifest that is answered 422, or 404.
func (c *checkup) broken(file string, err error) {
	var wrong *playlist.Error
	if errors.As(err, &wrong) {
		c.serious(file, wrong.Line, wrong.What, "correct the line; until then the file is not served")
		return
	}
	var known *refusal
	if errors.As(err, &known) && known.cause != nil {
		err = known.cause
	}
	c.serious(file, 0, "it is not served: "+err.Error(), "correct or remove the file")
}

// reference says what is wrong with a URI of a playlist, or nothing. A growing
// playlist may name a segment that has just been deleted.
func (c *checkup) reference(ref playlist.Reference, growing bool) (what, remedy string) {
	mediaType, _ := served(ref.File)
	switch {
	case ref.File == "" && hasScheme(ref.URI):
		return "", "" // another site's
	case ref.File == "":
		return ref.URI + " leads out of the video's folder", "move the file into the folder, or give its whole address with https://"
	case mediaType == "":
		return ref.URI + ": files that end in " + quoteEnding(ref.File) + " are not served", "package the video with another ending"
	case hidden(ref.File):
		return ref.URI + ": names that begin with a dot are not served", "rename the file or folder, without the dot"
	case ref.Pattern != nil:
		return c.template(ref)
	case !c.exists[ref.File] && !growing && !isRegular(c.gate.config.Media, c.video+"/"+ref.File):
		return ref.URI + ": there is no file " + ref.File, "add the file, or remove the line"
	}
	return "", ""
}

func hasScheme(uri string) bool {
	u, err := url.Parse(strings.TrimSpace(uri))
	return strings.HasPrefix(uri, "//") || err == nil && u.Scheme != ""
}

func quoteEnding(file string) string {
	if e := path.Ext(file); e != "" {
		return e
	}
	return "no ending"
}

// isRegular also follows links, which the walk through the folder does not.
func isRegular(media fs.FS, name string) bool {
	info, err := fs.Stat(media, name)
	return err == nil && info.Mode().IsRegular()
}

// unserved reports files that no viewer gets, one line for each ending.
func (c *checkup) unserved() {
	count, example := map[string]int{}, map[string]string{}
	for _, file := range c.files {
		mediaType, named := served(file)
		if file == titleFile || mediaType != "" && (!named || c.named[file]) {
			continue
		}
		e := ending(file)
		if count[e]++; count[e] == 1 {
			example[e] = file
		}
	}
	for _, file := range slices.Sorted(maps.Values(example)) {
		e, why := ending(file), "the gate serves media only"
		remedy := "move it out of the folder; if it holds media, rename it to the ending of what it holds, such as .mp4 or .vtt"
		if namedTypes[e] != "" {
			why = "the gate serves such a file only if a playlist of the video names it"
			remedy = "name it in a playlist of the video, or move it out of the folder"
		}
		c.report(Finding{File: path.Join(c.video, file), Remedy: remedy,
			What: fmt.Sprintf("it is not served, nor are other files that end so (%d in all): %s", count[e], why)})
	}
}
