package cdni_test

import (
	"crypto"
	"net/http"
	"regexp"
	"strings"
	"time"

	"playtoken/gate/verify"
	"playtoken/platforms/standin"
)

// serveEdge is a CDN as RFC 9246 has it, with the account's keys, behind a URL whose
// port is not part of what it compares.
func serveEdge(world standin.World) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /watch/{video}/hls.m3u8", func(w http.ResponseWriter, r *http.Request) {
		keys := func(id string) (crypto.PublicKey, bool) {
			for _, key := range world.Keys.Current() {
				if key.ID == id {
					public, err := verify.ParsePublicKey(key.PublicKey)
					return public, err == nil
				}
			}
			return nil, false
		}
		token, err := verify.Signed(r.URL.Query().Get("URISigningPackage"), "JWT", keys)
		pattern, _ := token.Claims["cdniuc"].(string)
		pattern, isPattern := strings.CutPrefix(pattern, "regex:")
		if err != nil || !isPattern || !time.Now().Before(token.Expires) || !regexp.MustCompile(pattern).MatchString("http://127.0.0.1"+r.URL.Path) {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	return mux
}
