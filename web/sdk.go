package web

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// How long a browser may use a file without asking again: for ever under the
// whole version, and for some minutes under the beginning of one.
const (
	immutable = "public, max-age=31536000, immutable"
	brief     = "public, max-age=300"
)

// forServers begins the names of files that have an API key to protect, and no
// business in a browser.
const forServers = "server"

// SDK is the package playtoken as browsers load it. It is safe for concurrent
// use.
type SDK struct {
	version string
	files   map[string]sdkFile
}

type sdkFile struct {
	text            []byte
	etag, integrity string
}

// NewSDK reads what the program was built with.
func NewSDK() (*SDK, error) {
	text, err := sdk.ReadFile("sdk/package.json")
	if err != nil {
		return nil, err
	}
	var about struct{ Version string }
	if err := json.Unmarshal(text, &about); err != nil || about.Version == "" {
		return nil, fmt.Errorf("read the version of the package playtoken: %w", err)
	}
	names, err := fs.Glob(sdk, "sdk/src/*.js")
	if err != nil {
		return nil, err
	}
	s := &SDK{version: about.Version, files: map[string]sdkFile{}}
	for _, name := range names {
		if strings.HasPrefix(path.Base(name), forServers) {
			continue
		}
		if text, err = sdk.ReadFile(name); err != nil {
			return nil, err
		}
		hash := sha512.Sum384(text)
		s.files[path.Base(name)] = sdkFile{
			text: text, etag: fmt.Sprintf(`"%x"`, sha256.Sum256(text)),
			integrity: "sha384-" + base64.StdEncoding.EncodeToString(hash[:]),
		}
	}
	return s, nil
}

// Version is that of the package.
func (s *SDK) Version() string { return s.version }

// Integrity returns the hash of each file, by its name, as the attribute
// integrity has it.
func (s *SDK) Integrity() map[string]string {
	hashes := map[string]string{}
	for name, file := range s.files {
		hashes[name] = file.integrity
	}
	return hashes
}

// Serve answers with a file for pages of every origin. For a file that does not
// exist it returns false, and has written nothing. The version may be the beginning of ours
// ("0.1" of "0.1.2"), for pages that want what is newest.
func (s *SDK) Serve(w http.ResponseWriter, r *http.Request, version, name string) bool {
	file, ok := s.files[name]
	if !ok || version != s.version && !strings.HasPrefix(s.version, version+".") {
		return false
	}
	h := w.Header()
	h.Set("Cache-Control", brief)
	if version == s.version {
		h.Set("Cache-Control", immutable)
	}
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("ETag", file.etag)
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file.text))
	return true
}
