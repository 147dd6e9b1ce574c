package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"playtoken/gate/sample"
)

// enterSegments adds a segment of the sample as the gate serves it, to a viewer
// with a session ticket, and as http.ServeContent does, to all.
func (b *bench) enterSegments(ctx context.Context, token string) error {
	at, err := b.world.segment(ctx, token)
	if err != nil {
		return err
	}
	bare, err := b.standard.worker(ctx, "files", job{File: filepath.Join(b.dir, "media")})
	if err != nil {
		return err
	}
	files, err := b.start(bare)
	if err != nil {
		return err
	}
	return errors.Join(
		b.enter(ctx, b.world.gate, segment, get(at.RequestURI())),
		b.enter(ctx, files, servedContent, get(at.EscapedPath())),
	)
}

// segment is the address of the first segment of the sample's first rendition,
// for the viewer of a token.
func (w world) segment(ctx context.Context, token string) (*url.URL, error) {
	at, err := url.Parse(w.site() + "/" + sample.VideoID + "/hls.m3u8?jwt=" + token)
	for range 2 { // from the manifest to its first playlist, and from there to the first segment
		if err != nil {
			return nil, err
		}
		at, err = firstNamed(ctx, at)
	}
	return at, err
}

// firstNamed is the first address in a playlist.
func firstNamed(ctx context.Context, playlist *url.URL) (*url.URL, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, playlist.String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return playlist.Parse(line)
		}
	}
	return nil, fmt.Errorf("%s: status %d, and no address in %.300s", playlist.Path, resp.StatusCode, text)
}

// get requests the same path each time.
func get(path string) *load {
	return &load{connections: connections, status: 200, counts: 1, request: func(dst []byte, _ uint64) []byte {
		return fmt.Appendf(dst, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path)
	}}
}

// serveFiles serves a folder without any check.
func serveFiles(ctx context.Context, j job) error {
	root, err := os.OpenRoot(j.File)
	if err != nil {
		return err
	}
	defer root.Close()
	return serveUntil(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, err := root.Open(strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		http.ServeContent(w, r, info.Name(), info.ModTime(), file)
	}))
}
