package gate

import (
	"context"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sync"
	"time"
)

const (
	maxVideos  = 10_000  // of which names are kept
	maxNames   = 100_000 // kept of one video
	maxEntries = 200_000 // files and folders of one video that are looked at
	// rereadEvery is how long after one reading of a video's playlists the next
	// begins at the earliest.
	rereadEvery = time.Second
)

// namedFiles knows the keys and JSON documents that the playlists of a video
// name. A name that is not known makes it read the playlists again, so that a
// live stream's next key is there when its playlist is. A name once seen stays
// known: viewers still hold the playlist that had it.
type namedFiles struct {
	find func(ctx context.Context, video string) map[string]bool // reads all playlists of a video

	mu     sync.Mutex // guards what follows, and of each video all but last
	videos map[string]*videoNames
	uses   int
}

type videoNames struct {
	names       map[string]int // the last reading that saw the file
	used        int            // when it was last asked for, by namedFiles.uses
	begun, done int            // readings

	turn chan struct{} // taken while playlists are read
	last time.Time     // when the last reading began; guarded by the turn
}

// has reports whether a playlist of the video names the file. Only files that
// exist may be asked for: what is kept of a video makes another one's names go.
// Once ctx ends the answer is no.
func (n *namedFiles) has(ctx context.Context, video, file string) bool {
	v := n.of(video)
	known, begun, _ := n.look(v, file)
	if known {
		return true
	}
	select {
	case v.turn <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	defer func() { <-v.turn }()
	if known, _, done := n.look(v, file); known || done > begun { // what was read since then is new enough
		return known
	}
	return n.read(ctx, v, video)[file]
}

// look returns what is known, and how many readings have begun and are done.
func (n *namedFiles) look(v *videoNames, file string) (known bool, begun, done int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, known = v.names[file]
	return known, v.begun, v.done
}

// read reads the video's playlists. It is the caller's turn.
func (n *namedFiles) read(ctx context.Context, v *videoNames, video string) map[string]bool {
	select {
	case <-time.After(rereadEvery - time.Since(v.last)):
	case <-ctx.Done():
		return nil
	}
	v.last = time.Now()
	n.mu.Lock()
	v.begun++
	n.mu.Unlock()
	names := n.find(ctx, video)
	n.mu.Lock()
	defer n.mu.Unlock()
	v.remember(names)
	if ctx.Err() == nil { // or not all playlists were read
		v.done = v.begun
	}
	return names
}

// remember adds the names of a reading. Where they are too many, those go that
// no playlist has had for the longest time. The lock is held.
func (v *videoNames) remember(names map[string]bool) {
	for name := range names {
		v.names[name] = v.begun
	}
	if len(v.names) <= maxNames {
		return
	}
	oldest := slices.SortedFunc(maps.Keys(v.names), func(a, b string) int { return v.names[a] - v.names[b] })
	for _, name := range oldest[:len(oldest)-maxNames] {
		delete(v.names, name)
	}
}

// of returns what is kept of a video; where that is too much, the video is
// forgotten that was not asked for the longest, and read again when it is
// needed.
func (n *namedFiles) of(video string) *videoNames {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.uses++
	v := n.videos[video]
	if v == nil {
		v = &videoNames{names: map[string]int{}, turn: make(chan struct{}, 1)}
		n.forget()
		n.videos[video] = v
	}
	v.used = n.uses
	return v
}

// forget makes room for one more video. The lock is held.
func (n *namedFiles) forget() {
	if n.videos == nil {
		n.videos = map[string]*videoNames{}
	}
	if len(n.videos) < maxVideos {
		return
	}
	oldest := ""
	for video, v := range n.videos {
		if oldest == "" || v.used < n.videos[oldest].used {
			oldest = video
		}
	}
	delete(n.videos, oldest)
}

// findNamed reads all playlists of a video and returns the files of named
// types that they name.
func (g *Gate) findNamed(ctx context.Context, video string) map[string]bool {
	found := map[string]bool{}
	for file := range g.playlistsOf(ctx, video) {
		list, err := g.parse(place{video: video, file: file})
		if err != nil {
			continue // it is not served, and what is wrong was said at start
		}
		for ref := range list.References() {
			if _, ok := namedTypes[ending(ref.File)]; ok && len(found) < maxNames {
				found[ref.File] = true
			}
		}
	}
	return found
}

// playlistsOf walks through a video's folder and yields its playlists, until ctx
// ends.
func (g *Gate) playlistsOf(ctx context.Context, video string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		entries := 0
		_ = fs.WalkDir(g.config.Media, video, func(name string, entry fs.DirEntry, err error) error {
			if entries++; entries > maxEntries || ctx.Err() != nil {
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
