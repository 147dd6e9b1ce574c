package gate_test

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

// slowViewer takes what is written first, and the rest when it is let go.
type slowViewer struct {
	header http.Header
	writes int
	began  func() // called before the second write
	goOn   chan struct{}
	status int
}

func (s *slowViewer) Header() http.Header { return s.header }

func (s *slowViewer) WriteHeader(status int) { s.status = status }

func (s *slowViewer) Write(b []byte) (int, error) {
	if s.writes++; s.writes == 2 {
		s.began()
		<-s.goOn
	}
	return len(b), nil
}

// TestSlowViewersHoldLittleMemory: what a viewer who reads slowly holds does not
// depend on how large the playlist is, and few of them hold a compressor.
func TestSlowViewersHoldLittleMemory(t *testing.T) {
	const viewers, perViewer, size = 40, 50 << 10, 1 << 20
	media := fstest.MapFS{
		"film/hls.m3u8":     {Data: []byte("#EXTM3U\n" + strings.Repeat("#EXTINF:4,\nsegment.ts\n", size/22) + "#EXT-X-ENDLIST\n")},
		"film/manifest.mpd": {Data: []byte("<MPD>" + strings.Repeat("<BaseURL>/film/a/</BaseURL>\n", 300) + strings.Repeat("<!-- a remark -->\n", size/8/18) + "</MPD>")},
	}
	g, id := openOn(t, media)
	handler := g.Handler()
	token := sign(id, ours(), map[string]any{"sub": video, "exp": begin.Add(time.Hour).Unix()})
	for target, accept := range map[string]string{"hls.m3u8": "gzip", "hls.m3u8?": "identity", "manifest.mpd": "gzip"} {
		t.Run(fmt.Sprintf("%s %s", target, accept), func(t *testing.T) {
			before := heap()
			goOn := make(chan struct{})
			var begun, all sync.WaitGroup
			begun.Add(viewers)
			for range viewers {
				all.Go(func() {
					w := &slowViewer{header: http.Header{}, began: begun.Done, goOn: goOn, status: 200}
					r := httptest.NewRequest("GET", "/film/"+target, nil)
					r.Header.Set("Accept-Encoding", accept)
					r.Header.Set("Authorization", "Bearer "+token)
					if handler.ServeHTTP(w, r); w.status != 200 {
						t.Errorf("got %d, want 200", w.status)
					}
				})
			}
			begun.Wait()
			held := heap() - before
			close(goOn)
			all.Wait()
			most := int64(viewers*perViewer + 4*size)
			if accept == "gzip" {
				most += 32 * 3 << 19 // compressors
			}
			if held > most {
				t.Errorf("%d viewers hold %d KiB, want at most %d", viewers, held>>10, most>>10)
			}
			fmt.Fprintf(t.Output(), "%d KiB for each viewer\n", held>>10/viewers)
		})
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first one found unused may only now be free
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// crowded is a media folder that counts who reads a file at the same time.
type crowded struct {
	fs.FS

	mu        sync.Mutex
	now, most int
}

type crowdedFile struct {
	fs.File
	folder *crowded
}

func (c *crowded) Open(name string) (fs.File, error) {
	file, err := c.FS.Open(name)
	return crowdedFile{File: file, folder: c}, err
}

func (f crowdedFile) Seek(offset int64, whence int) (int64, error) {
	return f.File.(io.Seeker).Seek(offset, whence)
}

func (f crowdedFile) Read(b []byte) (int, error) {
	f.folder.count(1)
	defer f.folder.count(-1)
	time.Sleep(time.Second) // every other reader arrives meanwhile
	return f.File.Read(b)
}

func (c *crowded) count(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now += n
	c.most = max(c.most, c.now)
}

// TestFewLargePlaylistsAreReadAtOnce: each is a copy until it is seen to be
// another viewer's, too.
func TestFewLargePlaylistsAreReadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text := "#EXTM3U\n" + strings.Repeat("#EXTINF:4,\nsegment.ts\n", 5000) + "#EXT-X-ENDLIST\n"
		media := &crowded{FS: fstest.MapFS{"film/hls.m3u8": {Data: []byte(text)}, "film/m.mpd": {Data: []byte("<MPD>" + strings.Repeat(" ", 1<<17) + "</MPD>")}}}
		g, id := openOn(t, media)
		handler := g.Handler()
		token := sign(id, ours(), map[string]any{"sub": video, "exp": begin.Add(time.Hour).Unix()})
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				if a := fetch(handler, "/film/"+[]string{"hls.m3u8", "m.mpd"}[i%2]+"?jwt="+token); a.status != 200 {
					t.Errorf("got %v, want 200", a)
				}
			})
		}
		all.Wait()
		if got := media.most; got != 8 {
			t.Errorf("got %d playlists read at once, want 8", got)
		}
	})
}
