package gate

import (
	"net/http"

	"github.com/gorilla/mux"
)

// sdkFolder is where pages load the package playtoken. A video of that name is
// older than the package, and keeps its place.
const sdkFolder = "sdk"

const (
	sdkHidden       = "it is a video, so pages cannot load the package playtoken from /" + sdkFolder + "/ of this gate"
	sdkHiddenRemedy = "rename the folder, or let pages load the package from the token service"
)

// library serves the package playtoken, which is the same for all viewers and needs
// no token.
func (g *Gate) library(w http.ResponseWriter, r *http.Request) error {
	if isFolder(g.config.Media, sdkFolder) {
		return g.media(w, r)
	}
	asked := mux.Vars(r)
	if !g.sdk.Serve(w, r, asked["version"], asked["file"]) {
		return refused(http.StatusNotFound, "not_found", "there is no such file: this gate has version "+g.sdk.Version()+" of the package playtoken")
	}
	return nil
}

// tellOfSDK tells the operator that a video is in its place.
func (g *Gate) tellOfSDK() {
	if isFolder(g.config.Media, sdkFolder) {
		g.config.Log.Warn("the folder "+sdkFolder+" in the media folder: "+sdkHidden, "remedy", sdkHiddenRemedy)
	}
}
