// Package web holds what runs in a browser: the player, the demo's page around
// it, and the npm package playtoken, with which any frontend keeps its tokens
// fresh.
//
// The decision a newcomer would get wrong: the page asks its own back end for
// tokens, never the service. The API key stays on the server's side of that
// one call, and so does the decision who may watch. Everything is plain
// JavaScript that we wrote and serve as it is, so there is nothing to build:
// hls.js, which plays what our own loader leaves alone, is there if "make web"
// or the image's build has fetched it, and the pages do without it if not.
package web

import (
	"embed"
	"io/fs"
)

//go:embed static
var static embed.FS

// The package playtoken for browsers and Node, as npm has it; its types are made
// when it is packed.
//
//go:embed sdk/package.json sdk/src
var sdk embed.FS

//go:embed all:fetched
var fetched embed.FS

// PlayerModule returns a JavaScript module of the player by its file name; the
// error is fs.ErrNotExist. Pages begin with player.js. The modules import each
// other, so they have to be served from one folder.
func PlayerModule(name string) ([]byte, error) { return static.ReadFile("static/player/" + name) }

// HLSjs returns the library hls.js, a classic script that defines Hls, compressed
// with gzip, and its licence. The error is fs.ErrNotExist if it was not there
// when the program was built.
func HLSjs() (script, licence []byte, err error) {
	if script, err = fs.ReadFile(fetched, "fetched/hls.js.gz"); err != nil {
		return nil, nil, err
	}
	licence, err = fs.ReadFile(fetched, "fetched/hls-license.txt")
	return script, licence, err
}
