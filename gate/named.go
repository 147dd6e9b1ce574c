package gate

import (
	"io/fs"
	"path"
	"slices"
	"sync"
)

const (
	maxVideos  = 10_000  // of which names are kept
	maxNames   = 10_000  // kept of one video
	maxEntries = 200_000 // files and folders of one video that are looked at
)

// namedFiles knows the keys and JSON documents that the playlists of a video
// name. A name that is not known makes it read the playlists again, so that a
// live stream's next key is there when its playlist is. A name once seen stays
// known: viewers still hold the playlist that had it.
type namedFiles struct {
	find func(video string) []string // reads all playlists of a video

	reading sync.Mutex // held while playlists are read: one video at a time
	mu      sync.Mutex // guards what follows
	videos  map[string]*videoNames
}

type videoNames struct {
	files map[string]bool
	begun int // how often its playlists were read, counted at the beginning
}

func (n *namedFiles) has(video, file string) bool {
	known, seen := n.look(video, file)
	if known {
		return true
	}
	n.reading.Lock()
	defer n.reading.Unlock()
	known, begun := n.look(video, file)
	if known || begun > seen { // what was read since then is new enough
		return known
	}
	n.begin(video)
	files := n.find(video)
	n.remember(video, files)
	return slices.Contains(files, file)
}

func (n *namedFiles) look(video, file string) (known bool, begun int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	v := n.of(video)
	return v.files[file], v.begun
}

func (n *namedFiles) begin(video string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.of(video).begun++
}

func (n *namedFiles) remember(video string, files []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	v := n.of(video)
	if len(v.files)+len(files) > maxNames {
		v.files = map[string]bool{}
	}
	for _, file := range files {
		v.files[file] = true
	}
}

// of returns what is kept of a video; where that is too much, another video is
// forgotten and read again when it is needed. The lock is held.
func (n *namedFiles) of(video string) *videoNames {
	if v := n.videos[video]; v != nil {
		return v
	}
	if n.videos == nil {
		n.videos = map[string]*videoNames{}
	}
	for other := range n.videos {
		if len(n.videos) < maxVideos {
			break
		}
		delete(n.videos, other)
	}
	v := &videoNames{files: map[string]bool{}}
	n.videos[video] = v
	return v
}

// findNamed reads all playlists of a video and returns the files of named
// types that they name.
func (g *Gate) findNamed(video string) (found []string) {
	for file := range g.playlistsOf(video) {
		list, err := g.parse(place{video: video, file: file})
		if err != nil {
			continue // it is not served, and what is wrong was said at start
		}
		for ref := range list.References() {
			if _, ok := namedTypes[ending(ref.File)]; ok && len(found) < maxNames {
				found = append(found, ref.File)
			}
		}
	}
	return found
}

// playlistsOf walks through a video's folder and yields its playlists.
func (g *Gate) playlistsOf(video string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		entries := 0
		_ = fs.WalkDir(g.config.Media, video, func(name string, entry fs.DirEntry, err error) error {
			if entries++; entries > maxEntries {
				return fs.SkipAll
			}
			switch {
			case err != nil:
				return nil // what cannot be read is not served either
			case entry.IsDir() && hidden(path.Base(name)):
				return fs.SkipDir
			case !entry.IsDir() && ending(name) == ".m3u8" && !yield(name[len(video)+1:]):
				return fs.SkipAll
			}
			return nil
		})
	}
}
