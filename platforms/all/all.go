// Package all is the table of the platforms that playtoken is built with.
//
// The decision a newcomer would get wrong: only this table, outside the
// platforms' own folders, names them. Everything else works with what a
// [platforms.Kind] says it can do.
package all

import (
	"playtoken/platforms"
	"playtoken/platforms/apivideo"
	"playtoken/platforms/cdni"
	"playtoken/platforms/cloudfront"
	"playtoken/platforms/gate"
	"playtoken/platforms/jwplayer"
	"playtoken/platforms/jws"
	"playtoken/platforms/vidbeo"
)

// Kinds returns the platforms that a project may be on, by name. The map is the
// caller's own.
func Kinds() map[string]platforms.Kind {
	kinds := map[string]platforms.Kind{}
	for _, kind := range []platforms.Kind{vidbeo.Kind(), gate.Kind(), jwplayer.Kind(), apivideo.Kind(), jws.Kind(), cdni.Kind(), cloudfront.Kind()} {
		kinds[kind.Name] = kind
	}
	return kinds
}
