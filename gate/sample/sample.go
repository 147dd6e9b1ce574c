// Package sample is a short clip to try the gate with: two minutes of a test
// pattern with a running counter and a tone, in two renditions.
//
// The clip is committed and embedded rather than generated: the demo has to
// play on a machine without ffmpeg. make.sh says how it was made.
package sample

import (
	"embed"
	"io/fs"
)

// VideoID is the clip's video id: its folder in FS.
const VideoID = "counter"

//go:embed media
var media embed.FS

// FS is a media folder for the gate that holds only the clip.
func FS() (fs.FS, error) { return fs.Sub(media, "media") }
