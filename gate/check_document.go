package gate

import (
	"encoding/json"
	"io/fs"
	"path"
	"strings"

	"playtoken/gate/playlist"
)

// steering notes another site's steering server. Its answers may clone a
// pathway to a host of its choice (PATHWAY-CLONES): players then ask there with
// the ticket that the gate wrote into the URIs.
func (c *checkup) steering(file string, ref playlist.Reference) {
	if ref.Tag == "EXT-X-CONTENT-STEERING" && ref.File == "" {
		c.report(Finding{File: path.Join(c.video, file), Line: ref.Line,
			What:   ref.URI + ": this steering server can send players to other hosts, and their session tickets with them",
			Remedy: "name only a server that you trust with the sessions of your viewers, or a file in the video's folder"})
	}
}

// assets looks at what an interstitial's list of assets names. The gate serves
// the list as it is, below the ticket: only relative references stay there.
func (c *checkup) assets(ref playlist.Reference) {
	if ref.Attribute != "X-ASSET-LIST" || !c.exists[ref.File] {
		return
	}
	text, err := fs.ReadFile(c.gate.config.Media, c.video+"/"+ref.File)
	var list struct {
		Assets []struct{ URI string } `json:"ASSETS"`
	}
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		c.serious(ref.File, 0, "it is not a list of assets: "+err.Error(), `write {"ASSETS":[{"URI":"ad/index.m3u8","DURATION":10}]}`)
		return
	}
	for _, asset := range list.Assets {
		name, _, _ := strings.Cut(asset.URI, "?")
		switch file := path.Join(path.Dir(ref.File), name); {
		case hasScheme(asset.URI):
		case strings.HasPrefix(asset.URI, "/"):
			c.serious(ref.File, 0, asset.URI+" begins at the root of the site, where players have no ticket", "write it relative to the list")
		case !isRegular(c.gate.config.Media, c.video+"/"+file):
			c.serious(ref.File, 0, asset.URI+": there is no file "+file, "add the file, or remove the asset")
		}
	}
}
