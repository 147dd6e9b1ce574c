package gate

import (
	"fmt"
	"sync"
	"testing"
)

// TestNamesOfMoreVideosThanAreKept: what is kept of other videos is forgotten,
// one at a time, while it may be in use.
func TestNamesOfMoreVideosThanAreKept(t *testing.T) {
	names := &namedFiles{find: func(video string) []string { return []string{video + ".key"} }}
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range maxVideos/2 + 100 {
				video := fmt.Sprintf("v%d-%d", worker, i)
				if !names.has(video, video+".key") {
					t.Errorf("%s: got its key unknown, want it named", video)
				}
			}
		})
	}
	all.Wait()
	if got := len(names.videos); got > maxVideos {
		t.Errorf("got the names of %d videos kept, want at most %d", got, maxVideos)
	}
}
