package gate

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

// reading counts how often playlists are read, and finds what is set.
type reading struct {
	namedFiles
	times int
	now   map[string]bool
	slow  time.Duration // what a reading takes
}

func newReading(names ...string) *reading {
	r := &reading{now: map[string]bool{}}
	for _, name := range names {
		r.now[name] = true
	}
	r.find = func(context.Context, string) map[string]bool {
		r.times++
		now := r.now
		time.Sleep(r.slow)
		return now
	}
	return r
}

func (r *reading) want(t *testing.T, file string, known bool, times int) {
	t.Helper()
	if got := r.has(t.Context(), "film", file); got != known || r.times != times {
		t.Errorf("%s: got known %t after %d readings, want %t after %d", file, got, r.times, known, times)
	}
}

// TestUnknownNamesDoNotReadAgainAndAgain: a hundred requests at once are one
// reading, and the next one begins a second later.
func TestUnknownNamesDoNotReadAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, began := newReading("a.key"), time.Now()
		r.want(t, "a.key", true, 1)
		r.slow = time.Millisecond
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { r.has(t.Context(), "film", "no.key") })
		}
		all.Wait()
		if r.times != 2 || time.Since(began) != rereadEvery+r.slow {
			t.Errorf("got %d readings in %v, want 2 in %v", r.times, time.Since(began), rereadEvery+r.slow)
		}
		r.want(t, "a.key", true, 2)
	})
}

// TestAReadingSeesWhatIsThereWhenItIsAskedFor: one that had begun before does
// not count.
func TestAReadingSeesWhatIsThereWhenItIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReading()
		r.slow = time.Minute
		var first sync.WaitGroup
		first.Go(func() { r.has(t.Context(), "film", "no.key") })
		time.Sleep(time.Second)
		synctest.Wait() // the first reading has begun
		r.now = map[string]bool{"new.key": true}
		var cancelled sync.WaitGroup
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		cancelled.Go(func() {
			if began := time.Now(); r.has(ctx, "film", "x.key") || time.Since(began) != time.Second {
				t.Errorf("a request that ends after 1s took %v", time.Since(began))
			}
		})
		r.want(t, "new.key", true, 2)
		first.Wait()
		cancelled.Wait()
	})
}

// TestAReadingThatWasBrokenOffIsNoAnswer to those who waited for it.
func TestAReadingThatWasBrokenOffIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReading("a.key")
		all := r.find
		r.find = func(ctx context.Context, video string) map[string]bool {
			if r.times++; r.times == 1 {
				<-ctx.Done()
				return nil
			}
			r.times--
			return all(ctx, video)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var first sync.WaitGroup
		first.Go(func() { r.has(ctx, "film", "a.key") })
		synctest.Wait()
		r.want(t, "a.key", true, 2)
		first.Wait()
	})
}

// TestNamesThatViewersHoldStayKnown when there are more than are kept: those go
// that no playlist has had for the longest time.
func TestNamesThatViewersHoldStayKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReading("oldest.key")
		r.want(t, "oldest.key", true, 1)
		r.now = map[string]bool{"older.key": true}
		r.want(t, "older.key", true, 2)
		r.now = map[string]bool{}
		for i := range maxNames - 1 {
			r.now[fmt.Sprintf("%d.key", i)] = true
		}
		r.want(t, "7.key", true, 3)
		r.want(t, "older.key", true, 3)
		r.want(t, "oldest.key", false, 4)
	})
}

// TestNamesOfMoreVideosThanAreKept: of the videos those are forgotten that were
// not asked for the longest, one at a time, while they may be in use.
func TestNamesOfMoreVideosThanAreKept(t *testing.T) {
	names := &namedFiles{find: func(_ context.Context, video string) map[string]bool { return map[string]bool{video + ".key": true} }}
	favourite := names.of("favourite")
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for i := range maxVideos/4 + 100 {
				video := fmt.Sprintf("v%d-%d", worker, i)
				if names.of("favourite"); !names.has(t.Context(), video, video+".key") {
					t.Errorf("%s: got its key unknown, want it named", video)
				}
			}
		})
	}
	all.Wait()
	if got := len(names.videos); got != maxVideos || names.of("favourite") != favourite {
		t.Errorf("got the names of %d videos kept, want %d, and among them the one that is always asked for", got, maxVideos)
	}
}

// TestNamesOfFilesThatDoNotExist are refused before a playlist is read, and
// nothing is kept of them.
func TestNamesOfFilesThatDoNotExist(t *testing.T) {
	g := &Gate{config: Config{Media: fstest.MapFS{"film/a.key": {}, "film/hls.m3u8": {Data: []byte("#EXTM3U\na.key\n")}}}}
	r := newReading("a.key")
	g.named.find = r.find
	for file, want := range map[string]bool{"film/a.key": true, "film/none.key": false, "none/a.key": false, "film/dir/": false} {
		video, name, _ := strings.Cut(file, "/")
		if got := g.mayLeave(t.Context(), place{video: video, file: name}); got != want {
			t.Errorf("%s: got %t, want %t", file, got, want)
		}
	}
	if len(g.named.videos) != 1 || r.times != 1 {
		t.Errorf("got something kept of %d videos after %d readings, want one after one", len(g.named.videos), r.times)
	}
}
