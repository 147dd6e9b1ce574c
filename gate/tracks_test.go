package gate_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"playtoken/web/browsertest"
)

const (
	spoken = "-f lavfi -i testsrc=size=128x72:rate=10:duration=20 -f lavfi -i sine=frequency=440:duration=20 -f lavfi -i sine=frequency=220:duration=20 " +
		"-map 0:v -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 20 -b:v 60k -f hls -hls_time 2 -hls_playlist_type vod video.m3u8 " +
		"-map 1:a -c:a aac -b:a 32k -f hls -hls_time 2 -hls_playlist_type vod en.m3u8 " +
		"-map 2:a -c:a aac -b:a 32k -f hls -hls_time 2 -hls_playlist_type vod de.m3u8"
	spokenList = `#EXTM3U
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,URI="en.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="Deutsch",LANGUAGE="de",URI="de.m3u8"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="Français",LANGUAGE="fr",URI="fr.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=200000,AUDIO="a",SUBTITLES="s"
video.m3u8
`
	french     = "#EXTM3U\n#EXT-X-TARGETDURATION:20\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:20,\nfr.vtt\n#EXT-X-ENDLIST\n"
	frenchText = "WEBVTT\n\n00:00.000 --> 00:19.000\nBonjour\n"
)

// spokenFilm is a media folder with one video, transport streams with separate
// audio in two languages and subtitles in a third.
func spokenFilm(t *testing.T) *os.Root {
	t.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("NOT TESTED: the choice of tracks, because there is no ffmpeg on this machine (apt-get install ffmpeg)")
	}
	dir := t.TempDir()
	film := filepath.Join(dir, "spoken")
	if err := os.Mkdir(film, 0o700); err != nil {
		t.Fatal(err)
	}
	runIn(t, film, ffmpeg, strings.Fields(spoken))
	for name, text := range map[string]string{"hls.m3u8": spokenList, "fr.m3u8": french, "fr.vtt": frenchText} {
		if err := os.WriteFile(filepath.Join(film, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

func TestTracksAreChosenWithTheKeyboard(t *testing.T) {
	slow(t)
	needLibrary(t)
	w := open(t, spokenFilm(t).FS(), nil)
	for _, b := range browsertest.Browsers(t) {
		t.Run(b.Name, func(t *testing.T) {
			tab := b.Page(t)
			tab.Open(t, w.server.URL+"/embed/spoken?autoplay&muted&jwt="+w.token("spoken", time.Minute))
			tab.Await(t, time.Minute, `document.getElementById("video").currentTime > 0.5 && document.querySelectorAll("#choices select").length === 2`)
			choices := browsertest.Eval[string](t, tab, `[...document.querySelectorAll("#choices label")].map((l) => l.innerText + ":" + [...l.querySelectorAll("option")].map((o) => o.text)).join("; ")`)
			if !strings.Contains(choices, "English,Deutsch") || !strings.Contains(choices, "Off,Français") {
				t.Errorf("the choices are %q, want English and Deutsch, Off and Français", choices)
			}
			chooseByKeyboard(t, tab)
			if log := w.log.String(); !strings.Contains(log, `"path":"/spoken/de0.ts","status":200`) {
				t.Error("the German sound was never fetched")
			}
		})
	}
}

func chooseByKeyboard(t *testing.T, tab *browsertest.Page) {
	t.Helper()
	const opened = `document.getElementById("menu").ariaExpanded`
	browsertest.Eval[any](t, tab, `document.getElementById("menu").focus()`)
	tab.Press(t, "Enter", "Tab", "D") // a letter chooses, in every browser and on every system
	tab.Await(t, 30*time.Second, opened+` === "true" && document.querySelector("[data-kind=audio] select").value === "1"`)
	tab.Press(t, "Tab", "F")
	tab.Await(t, 30*time.Second, `[...document.getElementById("video").textTracks].some((t) => t.mode === "showing" && t.cues?.[0]?.text === "Bonjour")`)
	tab.Await(t, 30*time.Second, `(v => v.currentTime > 2 && !v.paused)(document.getElementById("video"))`)
	tab.Picture(t, "gate-tracks-"+tab.Browser)
	tab.Press(t, "Escape")
	tab.Await(t, 5*time.Second, opened+` === "false" && document.activeElement.id === "menu"`)
}
