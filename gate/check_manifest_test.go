package gate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"playtoken/gate"
)

// TestCheckLooksForWhatAManifestNames: line and beginning of each finding about
// the manifest; every other file in the folder exists.
func TestCheckLooksForWhatAManifestNames(t *testing.T) {
	in := func(set string) string {
		return "<MPD><Period><AdaptationSet>\n" + set + "\n</AdaptationSet></Period></MPD>"
	}
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"a whole file", in(`<Representation><BaseURL>whole.mp4</BaseURL></Representation>`), nil},
		{"a missing file", in("<Representation>\n<BaseURL> gone.mp4 </BaseURL></Representation>"), []string{"3 gone.mp4: there is no file dash/gone.mp4"}},
		{"a byte range of a missing file", in(`<Representation><BaseURL>gone.mp4</BaseURL><SegmentList><SegmentURL mediaRange="0-9"/></SegmentList></Representation>`),
			[]string{"2 gone.mp4: there is no file"}},
		{"another site", in(`<Representation><BaseURL>https://cdn.example/a/</BaseURL><BaseURL>gone.mp4</BaseURL></Representation>`), nil},
		{"out of the folder", in(`<BaseURL>/other/</BaseURL><Representation><BaseURL>gone.mp4</BaseURL></Representation>`), []string{"2 /other/ leads out"}},
		{"nested bases", `<MPD><BaseURL>../</BaseURL><Period><BaseURL>dash/</BaseURL><AdaptationSet><Representation><BaseURL>whole.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>`, nil},
		{"nested bases, missing", "<MPD><BaseURL>../</BaseURL><Period>\n<AdaptationSet><Representation><BaseURL>whole.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>",
			[]string{"2 whole.mp4: there is no file whole.mp4"}},
		{"a list", in("<Representation><SegmentList><Initialization sourceURL='no.mp4'/>\n<SegmentURL media='seg-v-00001.m4s'/>\n<SegmentURL\n media='no.m4s?x=1'/></SegmentList></Representation>"),
			[]string{"2 no.mp4: there is no file dash/no.mp4", "5 no.m4s?x=1: there is no file dash/no.m4s"}},
		{"an unserved ending", in(`<Representation><BaseURL>whole.exe</BaseURL></Representation>`), []string{"2 whole.exe: files that end in .exe"}},
		{"a template", in(`<SegmentTemplate initialization="init-$RepresentationID$.mp4" media="seg-$RepresentationID$-$Number%05d$.m4s"/><Representation id="v"/>`), nil},
		{"a template of times and rates", in(`<SegmentTemplate media="$Bandwidth%06d$/t$Time$.m4s"/><Representation bandwidth="900"/>`), nil},
		{"an initialization without variables", in(`<SegmentTemplate initialization="gone.mp4"/><Representation id="v"/>`), []string{"2 gone.mp4: there is no file"}},
		{"a representation without segments", in("<SegmentTemplate\n initialization='init-$RepresentationID$.mp4'\n media='seg-$RepresentationID$-$Number$.m4s'/><Representation id='v'/><Representation id='w'/>"),
			[]string{"3 init-$RepresentationID$.mp4: there is no file dash/init-w.mp4", "4 seg-$RepresentationID$-$Number$.m4s: there is no file dash/seg-w-$N$.m4s"}},
		{"wider numbers", in(`<SegmentTemplate media="seg-v-$Number%06d$.m4s"/><Representation/>`), []string{"2 seg-v-$Number%06d$.m4s: there is no file"}},
		{"a folder that is not there", in(`<SegmentTemplate media="no/seg-$Number$.m4s"/><Representation/>`), []string{"2 no/seg-$Number$.m4s: there is no file dash/no/seg-$N$.m4s"}},
		{"an inner template", in(`<SegmentTemplate media="no-$Number$.m4s"/><Representation><SegmentTemplate media="seg-v-$Number$.m4s"/></Representation>`), nil},
		{"a name that is not UTF-8", in(`<SegmentTemplate media="%ff$Number$.m4s"/><Representation/>`), []string{"2 %ff$Number$.m4s: there is no file"}},
		{"a name that grows", in(`<SegmentTemplate media="` + strings.Repeat("$RepresentationID$", 50_000) + `.m4s"/><Representation id="` + strings.Repeat("x", 1<<20) + `"/>`),
			[]string{"2 $RepresentationID$"}},
		{"a live list", strings.Replace(in(`<Representation><SegmentList><SegmentURL media="deleted.m4s"/></SegmentList></Representation>`), "<MPD", `<MPD type="dynamic"`, 1), nil},
		{"too many", in(`<Representation><SegmentList>` + manySegments() + `</SegmentList></Representation>`), slices.Repeat([]string{"2 "}, 21)},
	} {
		t.Run(c.name, func(t *testing.T) {
			media := fstest.MapFS{"film/dash/m.mpd": {Data: []byte(c.text)}}
			for _, name := range []string{"whole.mp4", "init-v.mp4", "seg-v-00001.m4s", "000900/t0.m4s"} {
				media["film/dash/"+name] = &fstest.MapFile{}
			}
			var got []string
			err := gate.Check(t.Context(), gate.Config{Media: media}, func(f gate.Finding) {
				if f.Remedy == "" || !f.Serious || f.File != "film/dash/m.mpd" {
					t.Errorf("got %+v, want a serious finding about the manifest with a remedy", f)
				}
				got = append(got, fmt.Sprintf("%d %s", f.Line, f.What))
			})
			if err != nil || !slices.EqualFunc(got, c.want, strings.HasPrefix) {
				t.Errorf("got %q, %v, want findings that begin with %q", got, err, c.want)
			}
		})
	}
}

func manySegments() string {
	var out strings.Builder
	for i := range 100 {
		fmt.Fprintf(&out, `<SegmentURL media="no%d.m4s"/>`, i)
	}
	return out.String()
}
