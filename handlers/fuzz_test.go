package handlers_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"playtoken/handlers"
)

// FuzzBodies: whatever is accepted means the same to Go's lenient decoder,
// that is, to the kind of reader that others may have.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{
		`{"video_id":"a"}`, `{"video_id":"a","VIDEO_ID":"b"}`, `{"video_id":"a","video_id":"b"}`, `{"requests":[{"video_id":"a"}]}`,
		`{"video_id":"a","expires_in":1e2}`, `{"v\u0131deo_id":"a"}`, `null`, `{} {}`, "{\"video_id\":\"\xff\"}", `{"viewer":{"id":"\ud83d\ude00"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if video, err := handlers.DecodeMint(data); err == nil {
			var same struct {
				VideoID string `json:"video_id"`
			}
			if err := json.Unmarshal(data, &same); err != nil || same.VideoID != video || !utf8.Valid(data) {
				t.Fatalf("%q: %q, but %q: %v", data, video, same.VideoID, err)
			}
		}
		if n, err := handlers.DecodeBatch(data); err == nil && !bytes.Contains(data, []byte("requests")) && n > 0 {
			t.Fatalf("%q: %d requests", data, n)
		}
	})
}

// FuzzPaths: a path that gets in is one that cleaning, decoding again and
// splitting at any slash leave as it is.
func FuzzPaths(f *testing.F) {
	for _, seed := range []string{"/v1/rotation", "/a/../b", "/%2e%2e/a", "/a%2fb", "/a%5cb", "//a", "/a/", "/%252f", "*", "/%00", "http://x/a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.ParseRequestURI(raw)
		if err != nil || !handlers.PlainPath(u.Path, u.EscapedPath()) {
			return
		}
		if clean := path.Clean(u.Path); clean != u.Path && clean+"/" != u.Path {
			t.Errorf("%q is cleaned to %q", u.Path, clean)
		}
		if strings.Count(u.EscapedPath(), "/") != strings.Count(u.Path, "/") || strings.ContainsAny(u.Path, "\\\x00\r\n") {
			t.Errorf("%q has two meanings", raw)
		}
	})
}
