package limits

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// maxViewers is how many viewers are remembered. The one whose streams were
// watched least recently is forgotten, and its ended streams with it.
const maxViewers = 50_000

// LocalStreams bounds streams in this process. It stores at most 50,000 viewers.
type LocalStreams struct {
	limit   int
	start   time.Time
	mu      sync.Mutex
	viewers *simplelru.LRU[string, *viewing]
}

// NewLocalStreams returns Streams without viewers, of which limit may play at
// once for each of them; at least one may. It starts no goroutines.
func NewLocalStreams(limit int) *LocalStreams {
	viewers, _ := simplelru.NewLRU[string, *viewing](maxViewers, nil) // the size is a good one
	return &LocalStreams{limit: max(limit, 1), start: time.Now(), viewers: viewers}
}

// Play implements Streams.
func (l *LocalStreams) Play(_ context.Context, s Stream) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, now := l.of(s.Viewer), time.Since(l.start)
	if v.watch(s, now) == nil {
		return false
	}
	v.admit(s.ID, l.limit, now)
	l.tidy(v, now)
	return true
}

func (l *LocalStreams) of(viewer string) *viewing {
	v, ok := l.viewers.Get(viewer)
	if !ok {
		v = &viewing{}
		l.viewers.Add(viewer, v)
	}
	return v
}

func (l *LocalStreams) tidy(v *viewing, now time.Duration) {
	if len(v.streams) > l.limit {
		v.tidy(l.limit, l.start.Add(now).Unix(), now)
	}
}

// askEvery is how long an answer of the shared record is good for a stream. So a
// player that asks for many small pieces asks it once, and what another replica
// ended ends here within that time.
const askEvery = time.Second

// recall says what this process knows of a stream by itself: that it has ended,
// or that the shared record just said that it may go on.
func (l *LocalStreams) recall(s Stream) (ended, fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Since(l.start)
	w := l.of(s.Viewer).watch(s, now)
	return w == nil, w != nil && now-w.asked < askEvery
}

// ages lists the viewer's streams that play here, and how many microseconds ago
// each was last watched. The shared record may be some seconds behind.
func (l *LocalStreams) ages(viewer string) (ages []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Since(l.start)
	for _, w := range l.of(viewer).streams {
		if age := now - w.last; !w.ended && age <= playing {
			ages = append(ages, w.id, float64(age)/float64(time.Microsecond))
		}
	}
	return ages
}

// learn takes over what the shared record said of a stream, and which others of
// the viewer it has ended. If it becomes unavailable, this process goes on from
// that.
func (l *LocalStreams) learn(s Stream, ok bool, ended []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, now := l.of(s.Viewer), time.Since(l.start)
	if w := v.watch(s, now); w != nil {
		w.asked, w.ended = now, !ok
	}
	for _, id := range ended {
		v.end(id)
	}
	l.tidy(v, now)
}
