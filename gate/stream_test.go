package gate_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing/fstest"
	"time"
)

// stream makes a live stream of a finished one: with each load its playlist has
// one entry more.
type stream struct {
	window int  // how many entries the playlist lists
	parts  bool // two entries of the finished playlist are the parts of a segment
}

// atFirst is how many entries the playlist lists before it is loaded.
const atFirst = 4

// liveFolder is a media folder in which one playlist grows.
type liveFolder struct {
	fs.FS
	file   string
	stream stream

	head    string
	entries []string // with their tags

	mu     sync.Mutex
	listed int
}

// open returns a folder in which a finished playlist grows.
func (s stream) open(media fs.FS, file string) (*liveFolder, error) {
	text, err := fs.ReadFile(media, file)
	if err != nil {
		return nil, err
	}
	l := &liveFolder{FS: media, file: file, stream: s, listed: atFirst}
	entry := ""
	for line := range strings.Lines(strings.TrimSuffix(string(text), "#EXT-X-ENDLIST\n")) {
		switch {
		case strings.HasPrefix(line, "#EXTINF"):
			entry = line
		case entry == "" && !strings.HasPrefix(line, "#EXT-X-MEDIA-SEQUENCE") && !strings.HasPrefix(line, "#EXT-X-PLAYLIST-TYPE"):
			l.head += line
		case line[0] != '#':
			l.entries = append(l.entries, entry+line)
		}
	}
	return l, nil
}

func (l *liveFolder) Open(name string) (fs.File, error) {
	if name != l.file {
		return l.FS.Open(name)
	}
	return fstest.MapFS{name: {Data: []byte(l.text())}}.Open(name)
}

func (l *liveFolder) text() string {
	l.mu.Lock()
	n := l.listed
	l.mu.Unlock()
	end := ""
	if n == len(l.entries) {
		end = "#EXT-X-ENDLIST\n"
	}
	if l.stream.parts {
		return l.lowLatency(n) + end
	}
	first := max(0, n-l.stream.window)
	return l.head + "#EXT-X-MEDIA-SEQUENCE:" + strconv.Itoa(first) + "\n" + strings.Join(l.entries[first:n], "") + end
}

// lowLatency lists segments of two parts each, and for the last two of them the
// parts as well.
func (l *liveFolder) lowLatency(parts int) string {
	var out strings.Builder
	out.WriteString(strings.Replace(l.head, "#EXT-X-TARGETDURATION:1", "#EXT-X-TARGETDURATION:1\n"+
		"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5\n#EXT-X-PART-INF:PART-TARGET=0.5\n#EXT-X-MEDIA-SEQUENCE:0", 1))
	for i := range parts {
		if i/2 >= parts/2-2 {
			fmt.Fprintf(&out, "#EXT-X-PART:DURATION=0.5,URI=\"part%d.m4s\",INDEPENDENT=YES\n", i)
		}
		if i%2 == 1 {
			fmt.Fprintf(&out, "#EXTINF:1,\nsegment%d.m4s\n", i/2)
		}
	}
	if parts < len(l.entries) {
		fmt.Fprintf(&out, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"part%d.m4s\"\n", parts)
	}
	return out.String()
}

// grow adds an entry before the playlist is loaded or, as an origin of
// low-latency streams does, waits until there is what the player asks for.
func (l *liveFolder) grow(r *http.Request) {
	if path.Ext(r.URL.Path) != ".m3u8" {
		return
	}
	wanted := 0
	if segment, err := strconv.Atoi(r.URL.Query().Get("_HLS_msn")); err == nil {
		part, err := strconv.Atoi(r.URL.Query().Get("_HLS_part"))
		if err != nil {
			part = 1
		}
		wanted = 2*segment + part + 1
		time.Sleep(100 * time.Millisecond)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listed = min(len(l.entries), max(l.listed+1, wanted))
}

// joinParts makes of each two files the segment whose parts they are.
func joinParts(dir string) error {
	for i := 0; ; i++ {
		first, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("part%d.m4s", 2*i)))
		second, secondErr := os.ReadFile(filepath.Join(dir, fmt.Sprintf("part%d.m4s", 2*i+1)))
		if err = errors.Join(err, secondErr); errors.Is(err, fs.ErrNotExist) && i > 0 {
			return nil
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("segment%d.m4s", i)), append(first, second...), 0o600); err != nil {
			return err
		}
	}
}
