package apivideotest

import (
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// private is a private token.
type private struct {
	video   string
	used    bool
	session string
	ends    time.Time // of the session
}

// video is a video on the wire, as far as it is documented to be there.
type video struct {
	VideoID     string            `json:"videoId"`
	Title       string            `json:"title"`
	Description string            `json:"description"`
	Public      bool              `json:"public"`
	Panoramic   bool              `json:"panoramic"`
	MP4Support  bool              `json:"mp4Support"`
	PublishedAt string            `json:"publishedAt"`
	CreatedAt   string            `json:"createdAt"`
	UpdatedAt   string            `json:"updatedAt"`
	Tags        []string          `json:"tags"`
	Metadata    []any             `json:"metadata"`
	Source      map[string]string `json:"source"`
	Assets      map[string]string `json:"assets"`
}

// showVideo is GET /videos/{video}.
func (s *Standin) showVideo(r *http.Request) answer {
	if s.caller(r) == "" {
		return noKey
	}
	id := r.PathValue("video")
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.videos[id]; !known {
		return notFound
	}
	return ok(s.video(id, "http://"+r.Host))
}

// listVideos is GET /videos: the first page, which is all of them.
func (s *Standin) listVideos(r *http.Request) answer {
	if s.caller(r) == "" {
		return noKey
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := []video{}
	for _, id := range slices.Sorted(maps.Keys(s.videos)) {
		rows = append(rows, s.video(id, "http://"+r.Host))
	}
	return ok(map[string]any{"data": rows, "pagination": map[string]any{
		"currentPage": 1, "currentPageItems": len(rows), "pageSize": 25, "pagesTotal": 1, "itemsTotal": len(rows),
		"links": []map[string]string{{"rel": "self", "uri": "/videos?currentPage=1&pageSize=25"}},
	}})
}

func (s *Standin) video(id, host string) video {
	const at = "2023-01-19T10:19:19+00:00"
	v := video{
		VideoID: id, Title: "test video", Public: s.videos[id], MP4Support: true,
		PublishedAt: at, CreatedAt: at, UpdatedAt: at, Tags: []string{}, Metadata: []any{},
		Source: map[string]string{"type": "upload", "uri": "/videos/" + id + "/source"},
	}
	path, query := host+"/vod/"+id, ""
	if !v.Public {
		token := s.newToken(id)
		path, query = path+"/token/"+token, "?token="+token
	}
	player := host + "/vod/" + id + query
	v.Assets = map[string]string{
		"iframe":    fmt.Sprintf(`<iframe src="%s" width="100%%" height="100%%" frameborder="0" scrolling="no" allowfullscreen="true"></iframe>`, player),
		"player":    player,
		"hls":       path + "/hls/manifest.m3u8",
		"mp4":       path + "/mp4/source.mp4",
		"thumbnail": path + "/thumbnail.jpg",
	}
	return v
}

// newToken makes a private token, unless a cache has one.
func (s *Standin) newToken(id string) string {
	if s.caching && s.stale != "" {
		return s.stale
	}
	var b [16]byte
	rand.Read(b[:])
	token := fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	s.private[token], s.stale = &private{video: id}, token
	return token
}

// deliver is what viewers are sent to: vod.api.video and embed.api.video.
func (s *Standin) deliver() {
	for _, asset := range []string{"hls/manifest.m3u8", "mp4/source.mp4", "thumbnail.jpg"} {
		s.viewers("GET /vod/{video}/token/{token}/"+asset, func(r *http.Request) answer { return s.watch(r, r.PathValue("token")) })
		s.viewers("GET /vod/{video}/"+asset, func(r *http.Request) answer { return s.watch(r, "") })
	}
	s.viewers("GET /vod/{video}", func(r *http.Request) answer { return s.watch(r, r.URL.Query().Get("token")) })
	s.viewers("GET /vod/{video}/token/{token}/session", s.open)
}

// viewers serves a route that needs no credential and has no limit.
func (s *Standin) viewers(route string, serve func(*http.Request) answer) {
	s.mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
		fault, said := s.begin(route), notFound
		if r.Header.Get("Authorization") == "" { // requests to these hosts carry no credential
			said = serve(r)
		}
		fault.Send(w, r, reply(said))
	})
}

// watch opens one asset. Everything that is wrong with a token is 404.
func (s *Standin) watch(r *http.Request, token string) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, avh := r.PathValue("video"), r.URL.Query().Get("avh")
	if public, known := s.videos[id]; known && public {
		return answer{http.StatusOK, "the asset"}
	}
	p := s.private[token]
	switch {
	case p == nil || p.video != id:
		return notFound
	case avh != "" && (avh != p.session || !time.Now().Before(p.ends)):
		return notFound
	case avh == "" && p.used:
		return notFound
	}
	p.used = true
	return answer{http.StatusOK, "the asset"}
}

// open turns a private token into a session.
func (s *Standin) open(r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.private[r.PathValue("token")]
	if p == nil || p.used || p.video != r.PathValue("video") {
		return notFound
	}
	p.used, p.ends = true, time.Now().Add(SessionLife)
	p.session = strings.ToLower(rand.Text())
	return ok(map[string]string{"session_token": p.session})
}
