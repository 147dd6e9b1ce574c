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

// FuzzBodies: a body that is accepted has the same meaning for Go's lenient decoder,
// which stands for the parsers of other programs.
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
				t.Fatalf("body %q: got the video %q, but a lenient decoder %q and the error %v; want the same", data, video, same.VideoID, err)
			}
		}
		if n, err := handlers.DecodeBatch(data); err == nil && !bytes.Contains(data, []byte("requests")) && n > 0 {
			t.Fatalf("body %q: got %d requests, want none without the member requests", data, n)
		}
	})
}

// FuzzPaths: a path that is accepted does not change when it is cleaned, decoded
// again or split at slashes.
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
			t.Errorf("path %q: cleaned to %q, want it unchanged", u.Path, clean)
		}
		if strings.Count(u.EscapedPath(), "/") != strings.Count(u.Path, "/") || strings.ContainsAny(u.Path, "\\\x00\r\n") {
			t.Errorf("path %q: want one meaning for every reader", raw)
		}
	})
}
