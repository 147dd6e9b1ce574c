package gate

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"path"
	"time"

	"playtoken/web"
)

// assetTypes takes the place of the machine's own table, which differs.
var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".txt": "text/plain; charset=utf-8",
}

// asset serves the page's script and style, the modules of the player, and
// hls.js with its licence, which are the same for all viewers and need no
// token. A browser asks again before it uses its copy: modules of two versions
// do not fit together.
func asset(w http.ResponseWriter, r *http.Request) error {
	name := path.Base(r.URL.Path)
	h := w.Header()
	text, compressed, err := readAsset(name)
	if err != nil {
		return errNoVideo
	}
	if compressed {
		h.Set("Vary", "Accept-Encoding")
		if takesGzip(r) {
			h.Set("Content-Encoding", "gzip")
		} else if text, err = decompressed(text); err != nil {
			return fmt.Errorf("decompress %s: %w", name, err)
		}
	}
	h.Set("Content-Type", assetTypes[path.Ext(name)])
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(text)))
	h.Set("Access-Control-Allow-Origin", "*") // modules want it in a sandboxed frame, which has no origin
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
	return nil
}

// tellOfLibrary tells the operator what the pages cannot play.
func (g *Gate) tellOfLibrary() {
	if _, _, err := web.HLSjs(); err != nil {
		g.config.Log.Info("this program was built without hls.js: where a browser has no HLS of its own, the pages play fragmented MP4 only", "remedy", "make web, and build again")
	}
}

func readAsset(name string) (text []byte, compressed bool, err error) {
	switch name {
	case "hls.js":
		text, _, err = web.HLSjs()
		return text, true, err
	case "hls-license.txt":
		_, text, err = web.HLSjs()
		return text, false, err
	}
	if text, err = static.ReadFile("static/" + name); err != nil {
		text, err = web.PlayerModule(name)
	}
	return text, false, err
}

func decompressed(text []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}
