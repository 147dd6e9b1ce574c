package playlist_test

import (
	"path"
	"strings"
	"testing"

	"playtoken/gate/playlist"
)

// FuzzManifestReferences: each is on a line of the manifest, and no template climbs out of the video's folder.
func FuzzManifestReferences(f *testing.F) {
	f.Add("<MPD><BaseURL>a/<!-- -->b/</BaseURL><Period><AdaptationSet><SegmentTemplate media='%ff$Number%05d$$$.m4s' index='../$Time$'/><Representation id='\ue001'/></AdaptationSet></Period></MPD>")
	f.Add("<m:MPD><Period><x><BaseURL>no</BaseURL></x><AdaptationSet><Representation><BaseURL>../../a</BaseURL><SegmentList><SegmentURL/></SegmentList></Representation></AdaptationSet></Period></m:MPD>")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := playlist.ParseManifest(text, here(), false)
		if err != nil {
			return
		}
		lines, looked := strings.Count(text, "\n")+1, 0
		for ref := range m.References() {
			if looked++; looked > 1000 {
				return
			}
			if ref.Line < 1 || ref.Line > lines {
				t.Errorf("%q is on line %d, want 1 to %d", ref.URI, ref.Line, lines)
			}
			if ref.Pattern != nil && strings.HasPrefix(path.Clean(ref.File), "../") {
				t.Errorf("%q is %q, want a file in the folder", ref.URI, ref.File)
			}
		}
	})
}
