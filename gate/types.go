package gate

import (
	"path"
	"strings"
)

// mediaTypes are the only files that leave the media folder, by the ending of
// their names in small letters.
var mediaTypes = map[string]string{
	".m3u8": "application/vnd.apple.mpegurl",
	".mpd":  "application/dash+xml",

	".ts":   "video/mp2t",
	".m2ts": "video/mp2t",
	".m4s":  "video/mp4",
	".mp4":  "video/mp4",
	".m4v":  "video/mp4",
	".cmfv": "video/mp4",
	".webm": "video/webm",

	".m4a":  "audio/mp4",
	".cmfa": "audio/mp4",
	".aac":  "audio/aac",
	".mp3":  "audio/mpeg",
	".ac3":  "audio/ac3",
	".ec3":  "audio/eac3",
	".flac": "audio/flac",
	".opus": "audio/ogg",

	".cmft":   "application/mp4",
	".vtt":    "text/vtt; charset=utf-8",
	".webvtt": "text/vtt; charset=utf-8",
	".ttml":   "application/ttml+xml",
	".srt":    "application/x-subrip; charset=utf-8",

	".jpg":  "image/jpeg",
	".png":  "image/png",
	".webp": "image/webp",
	".avif": "image/avif",
	".gif":  "image/gif",
}

// namedTypes are files that leave the media folder only if a playlist of their
// video names them: files with these endings may hold anything.
var namedTypes = map[string]string{
	".key":  "application/octet-stream",
	".json": "application/json",
}

// ending is what decides how a file is served.
func ending(file string) string { return strings.ToLower(path.Ext(file)) }

// served says as what a file may leave the media folder, and whether a
// playlist has to name it. The type is empty for a file that never does.
func served(file string) (mediaType string, named bool) {
	e := ending(file)
	if t := mediaTypes[e]; t != "" {
		return t, false
	}
	return namedTypes[e], true
}

// hidden reports whether a file or a folder on the way to it begins with a dot.
func hidden(file string) bool { return strings.Contains("/"+file, "/.") }

// caching says how long a viewer's own cache may keep a file. Shared caches
// may keep none.
func caching(file string) string {
	switch ending(file) {
	case ".m3u8", ".mpd", ".key":
		return "no-store"
	case ".json":
		return "private, no-cache"
	}
	return "private, max-age=3600"
}
