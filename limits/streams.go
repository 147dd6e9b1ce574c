package limits

import (
	"context"
	"slices"
	"time"
)

// Stream is one of the streams of a viewer.
type Stream struct {
	Viewer string
	ID     string // tells the viewer's streams apart
	Ends   int64  // when it is over in any case, in seconds since 1970: the later it began, the later
}

// Streams bounds how many streams of one viewer play at once. It is safe for
// concurrent use, and its memory is bounded for any number of viewers.
type Streams interface {
	// Play says that a stream is being watched, and reports whether it may go on.
	// A stream plays while that was said within the last minute. If more streams
	// of the viewer play than may, those that were watched least recently end:
	// they may not go on from then on. A stream that has ended changes nothing.
	Play(ctx context.Context, s Stream) bool
}

const (
	// playing is how long a stream plays after it was last watched.
	playing = time.Minute
	// rememberedStreams is how many streams of a viewer are remembered, besides
	// those that may play at once.
	rememberedStreams = 16
)

// viewing is what is known of one viewer.
type viewing struct {
	streams []watched
	// forgotten is the latest end of an ended stream that is no longer
	// remembered. Every stream that is not remembered and ends by then has ended.
	forgotten int64
}

// watched is a stream of a viewer.
type watched struct {
	id    string
	last  time.Duration // when it was last watched, after some start
	asked time.Duration // when the replicas' shared record last said that it may go on
	ends  int64
	ended bool
}

// watch notes that a stream is watched, and returns it. It is nil if the stream
// has ended.
func (v *viewing) watch(s Stream, now time.Duration) *watched {
	i := slices.IndexFunc(v.streams, func(w watched) bool { return w.id == s.ID })
	if i < 0 {
		if s.Ends <= v.forgotten {
			return nil
		}
		v.streams = append(v.streams, watched{id: s.ID, ends: s.Ends, asked: now - playing})
		i = len(v.streams) - 1
	}
	if v.streams[i].ended {
		return nil
	}
	v.streams[i].last, v.streams[i].ends = now, max(v.streams[i].ends, s.Ends)
	return &v.streams[i]
}

// admit ends the streams that are too many for the one just watched.
func (v *viewing) admit(own string, limit int, now time.Duration) {
	for {
		playingNow, least := 0, -1
		for i, w := range v.streams {
			if w.ended || now-w.last > playing {
				continue
			}
			playingNow++
			if w.id != own && (least < 0 || w.last < v.streams[least].last) {
				least = i
			}
		}
		if playingNow <= limit {
			return
		}
		v.streams[least].ended = true
	}
}

// end notes that a stream has ended.
func (v *viewing) end(id string) {
	for i := range v.streams {
		if v.streams[i].id == id {
			v.streams[i].ended = true
		}
	}
}

// tidy forgets streams that are over and, if there are still too many, those
// that are forgotten with the least harm: first streams that do not play, whose
// viewers may go on, then ended ones, which stay ended.
func (v *viewing) tidy(limit int, seconds int64, now time.Duration) {
	v.streams = slices.DeleteFunc(v.streams, func(w watched) bool { return w.ends <= seconds })
	for len(v.streams) > limit+rememberedStreams {
		i := v.dispensable(now)
		if i < 0 { // all play: another replica's answer that ends some is under way
			return
		}
		if v.streams[i].ended {
			v.forgotten = max(v.forgotten, v.streams[i].ends)
		}
		v.streams = slices.Delete(v.streams, i, i+1)
	}
}

// dispensable finds a stream that does not play and has not ended, or else the
// ended one that is over first, or -1.
func (v *viewing) dispensable(now time.Duration) int {
	found := -1
	for i, w := range v.streams {
		switch {
		case !w.ended && now-w.last > playing:
			return i
		case w.ended && (found < 0 || w.ends < v.streams[found].ends):
			found = i
		}
	}
	return found
}
