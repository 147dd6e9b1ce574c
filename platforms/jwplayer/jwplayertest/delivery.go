package jwplayertest

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The routes that are signed with a token, and those that are signed without.
// Each captures the content's id.
var (
	tokenRoutes = []*regexp.Regexp{
		regexp.MustCompile(`^/v2/media/(\w{8})(?:/poster\.jpg|/drm/\w{8})?$`),
		regexp.MustCompile(`^/v2/playlists/(\w{8})(?:/drm/\w{8})?$`),
		regexp.MustCompile(`^/v2/sites/` + Site + `/media/(\w{8})/playback\.json$`),
	}
	signedRoutes = []*regexp.Regexp{
		regexp.MustCompile(`^/manifests/(\w{8})\.m3u8$`),
		regexp.MustCompile(`^/thumbs/(\w{8})-\d+\.jpg$`),
		regexp.MustCompile(`^/players/(\w{8})-` + Player + `\.(?:js|html)$`),
		regexp.MustCompile(`^/previews/(\w{8})-` + Player + `$`),
		regexp.MustCompile(`^/libraries/(` + Player + `)\.js$`),
		regexp.MustCompile(`^/tracks/(\w{8})\.vtt$`),
	}
)

// deliver responds 200 to authorised requests, 403 to other ones, and 404 where
// the content does not exist. All content of the property is protected.
func (s *server) deliver(w http.ResponseWriter, r *http.Request) {
	id, allowed := match(tokenRoutes, r.URL.Path), s.token
	if id == "" {
		id, allowed = match(signedRoutes, r.URL.Path), s.signed
	}
	switch {
	case r.Method != http.MethodGet:
		refuse(w, http.StatusMethodNotAllowed, "only GET")
	case id == "":
		refuse(w, http.StatusNotFound, "no such route")
	case !allowed(r.URL.Path, r.URL.Query()):
		refuse(w, http.StatusForbidden, "access forbidden")
	case id != Player && !slices.Contains(Contents, id):
		refuse(w, http.StatusNotFound, "no such content")
	}
}

func match(routes []*regexp.Regexp, path string) (id string) {
	for _, route := range routes {
		if found := route.FindStringSubmatch(path); found != nil {
			return found[1]
		}
	}
	return ""
}

// signed requires sig to be the MD5 of the path, the end and the secret.
func (s *server) signed(path string, query url.Values) bool {
	end, err := strconv.ParseInt(query.Get("exp"), 10, 64)
	if err != nil || len(query) != 2 || time.Now().Unix() >= end {
		return false
	}
	text := strings.Join([]string{path[1:], query.Get("exp"), s.world.Credential["signing_secret"].Reveal()}, ":")
	sum := md5.Sum([]byte(text))
	return query.Get("sig") == hex.EncodeToString(sum[:])
}

// token requires a JWT of exactly the documented header, for this path, with all
// other parameters of the request in it.
func (s *server) token(path string, query url.Values) bool {
	parts := strings.Split(query.Get("token"), ".")
	if len(parts) != 3 {
		return false
	}
	mac := hmac.New(sha256.New, []byte(s.world.Credential["signing_secret"].Reveal()))
	mac.Write([]byte(parts[0] + "." + parts[1]))
	if base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) != parts[2] {
		return false
	}
	header, claims := object(parts[0]), object(parts[1])
	if len(header) != 2 || header["alg"] != "HS256" || header["typ"] != "JWT" {
		return false
	}
	exp, ok := claims["exp"].(float64)
	if !ok || time.Now().Unix() >= int64(exp) || claims["resource"] != path {
		return false
	}
	for name := range query {
		if said, ok := claims[name]; name != "token" && (!ok || fmt.Sprint(said) != query.Get(name)) {
			return false
		}
	}
	return true
}

func object(part string) (members map[string]any) {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || json.Unmarshal(text, &members) != nil {
		return nil
	}
	return members
}
