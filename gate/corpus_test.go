package gate_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// recipe makes a video as a packager would. Its arguments follow "ffmpeg -i
// clip.mkv" in the video's folder; words are divided by blanks, and ~ in a word
// stands for a blank.
type recipe struct {
	name, args string
	folders    string                 // made before
	before     func(dir string) error // what ffmpeg needs; may be nil
	after      func(dir string) error // what ffmpeg does not do; may be nil
	first      string                 // empty: hls.m3u8
	live       bool                   // its players wait for more
	unread     []string               // files that no player asks for
}

// corpus is every kind of video that a site has.
var corpus = []recipe{
	{name: "ts", args: "-c copy -f hls -hls_time 1 -hls_playlist_type vod hls.m3u8"},
	{name: "fmp4", args: "-c copy -f hls -hls_time 1 -hls_playlist_type vod -hls_segment_type fmp4 hls.m3u8"},
	{name: "ranges-ts", args: "-c copy -f hls -hls_time 1 -hls_playlist_type vod -hls_flags single_file hls.m3u8"},
	{name: "ranges-fmp4", args: "-c copy -f hls -hls_time 1 -hls_playlist_type vod -hls_segment_type fmp4 -hls_flags single_file hls.m3u8"},
	{name: "audio", args: "-map 0:v -map 0:a -c:v libx264 -preset ultrafast -g 10 -b:v 100k -c:a aac -b:a 32k -f hls -hls_time 1 -hls_playlist_type vod -master_pl_name hls.m3u8 " +
		"-var_stream_map v:0,agroup:a~a:0,agroup:a,language:en stream_%v/index.m3u8", folders: "stream_0 stream_1"},
	{name: "subtitles", args: "-map 0:v -map 0:a -map 0:s -c:v libx264 -preset ultrafast -g 10 -b:v 100k -c:a aac -b:a 32k -c:s webvtt -f hls -hls_time 1 -hls_playlist_type vod -master_pl_name hls.m3u8 " +
		"-var_stream_map v:0,a:0,s:0,sgroup:subs stream_%v/index.m3u8", folders: "stream_0 stream_1"},
	{name: "iframes", args: "-map 0:v -c copy -f hls -hls_time 1 -hls_playlist_type vod -hls_flags iframes_only+single_file trick.m3u8 " +
		"-map 0:v -map 0:a -c copy -f hls -hls_time 1 -hls_playlist_type vod main.m3u8",
		after: write("hls.m3u8", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=100000\nmain.m3u8\n#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1000,URI=\"trick.m3u8\"\n")},
	{name: "aes-default", args: "-c copy -f hls -hls_time 1 -hls_playlist_type vod -hls_enc 1 -hls_enc_key 0123456789abcdef hls.m3u8"},
	{name: "aes-rotating", args: "-c copy -f hls -hls_time 1 -hls_playlist_type vod -hls_key_info_file info.txt hls.m3u8",
		before: both(write("info.txt", "enc.key\nenc.key\n"), write("enc.key", "0123456789abcdef")), unread: []string{"info.txt"}},
	{name: "cmaf", args: "-map 0:v -map 0:a -c copy -f dash -seg_duration 1 -hls_playlist 1 -hls_master_name hls.m3u8 -init_seg_name init$RepresentationID$.cmfv " +
		"-media_seg_name $RepresentationID$-$Number$.cmfv manifest.mpd", unread: []string{"manifest.mpd"}},
	{name: "live-window", args: "-c copy -f hls -hls_time 1 -hls_list_size 3 -hls_flags omit_endlist+delete_segments hls.m3u8", live: true,
		unread: []string{"hls0.ts"}},
	{name: "event", args: "-c copy -f hls -hls_time 1 -hls_playlist_type event -hls_flags omit_endlist hls.m3u8", live: true},
	{name: "low-latency", args: "-c copy -f hls -hls_time 1 -hls_list_size 0 -hls_segment_type fmp4 -hls_flags omit_endlist hls.m3u8", after: lowLatency, live: true},
	{name: "dash", args: "-map 0:v -map 0:a -c copy -f dash -seg_duration 1 manifest.mpd", first: "manifest.mpd"},
	{name: "dash-timeline", args: "-map 0:v -map 0:a -c copy -f dash -seg_duration 1 -use_template 1 -use_timeline 1 sub/manifest.mpd", folders: "sub", first: "sub/manifest.mpd"},
	{name: "dash-list", args: "-map 0:v -map 0:a -c copy -f dash -seg_duration 1 -use_template 0 manifest.mpd", first: "manifest.mpd"},
	{name: "dash-single", args: "-map 0:v -map 0:a -c copy -f dash -seg_duration 1 -single_file 1 manifest.mpd", first: "manifest.mpd"},
	{name: "dash-webm", args: "-map 0:a -c:a libopus -f dash -dash_segment_type webm -seg_duration 1 manifest.mpd", first: "manifest.mpd"},
	{name: "aac", args: "-map 0:a -c copy -f segment -segment_time 1 -segment_format adts -segment_list hls.m3u8 a%d.aac"},
	{name: "mp3", args: "-map 0:a -c:a libmp3lame -f segment -segment_time 1 -segment_format mp3 -segment_list hls.m3u8 a%d.MP3"},
	{name: "ac3", args: "-map 0:a -c:a ac3 -f segment -segment_time 1 -segment_format ac3 -segment_list hls.m3u8 a%d.ac3"},
	{name: "m2ts", args: "-c copy -f hls -hls_time 1 -hls_playlist_type vod -hls_segment_filename A%d.M2TS hls.m3u8"},
	{name: "folders", args: "-map 0:v -map 0:a -c copy -f hls -hls_time 1 -hls_playlist_type vod -hls_segment_filename media/%d.ts lists/index.m3u8", folders: "media lists",
		after: both(replace("lists/index.m3u8", "\n", "\n../media/", ".ts"), write("hls.m3u8", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlists/index.m3u8\n"))},
	{name: "rooted", args: "-c copy -f hls -hls_time 1 -hls_playlist_type vod -hls_base_url /rooted/ hls.m3u8"},
	{name: "climbing", args: "-c copy -f hls -hls_time 1 -hls_playlist_type vod -hls_base_url ../climbing/ hls.m3u8"},
	{name: "blanks", args: "-c copy -f hls -hls_time 1 -hls_playlist_type vod -hls_segment_filename my~film~%d.ts hls.m3u8"},
	{name: "umlauts", args: "-c copy -f hls -hls_time 1 -hls_playlist_type vod -hls_segment_filename Größe–映画%d.ts hls.m3u8"},
	{name: "brackets", args: "-c copy -f hls -hls_time 1 -hls_playlist_type vod -hls_segment_filename [a]~(b)~{c}~'d'~+&=,;%d.ts hls.m3u8"},
	{name: "number-sign", args: "-c copy -f hls -hls_time 1 -hls_playlist_type vod -hls_segment_filename take#%d.ts hls.m3u8"},
	{name: "percent", args: "-c copy -f hls -hls_time 1 -hls_playlist_type vod -hls_segment_filename 100%%~%d.ts hls.m3u8"},
	{name: "bom-crlf", args: "-c copy -f hls -hls_time 1 -hls_playlist_type vod hls.m3u8", after: bomAndCRLF},
	{name: "variables", args: "-c copy -f hls -hls_time 1 -hls_playlist_type vod -hls_segment_filename media/%d.ts hls.m3u8", folders: "media",
		after: both(replace("hls.m3u8", "\n", "\n{$folder}/", ".ts"), replace("hls.m3u8", "#EXTM3U", "#EXTM3U\n#EXT-X-DEFINE:NAME=\"folder\",VALUE=\"media\"", ""))},
}

func write(file, text string) func(string) error {
	return func(dir string) error { return os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600) }
}

func both(first, second func(string) error) func(string) error {
	return func(dir string) error { return errors.Join(first(dir), second(dir)) }
}

// replace puts text in the place of old: everywhere, or before lines with the
// given ending only.
func replace(file, old, text, ending string) func(string) error {
	return func(dir string) error {
		name := filepath.Join(dir, file)
		b, err := os.ReadFile(name)
		lines := strings.SplitAfter(string(b), "\n")
		for i, line := range lines {
			switch {
			case ending == "":
				lines[i] = strings.ReplaceAll(line, old, text)
			case strings.HasSuffix(strings.TrimSpace(line), ending):
				lines[i] = strings.TrimPrefix(text, old) + line
			}
		}
		return errors.Join(err, os.WriteFile(name, []byte(strings.Join(lines, "")), 0o600))
	}
}

func bomAndCRLF(dir string) error {
	name := filepath.Join(dir, "hls.m3u8")
	b, err := os.ReadFile(name)
	text := "\ufeff" + strings.ReplaceAll(string(b), "\n", "\r\n")
	return errors.Join(err, os.WriteFile(name, []byte(text), 0o600))
}

// lowLatency turns the last segment into parts, as an LL-HLS packager writes
// it: each part a range of the segment, one of them announced.
func lowLatency(dir string) error {
	name := filepath.Join(dir, "hls.m3u8")
	b, err := os.ReadFile(name)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	last := lines[len(lines)-1]
	info, statErr := os.Stat(filepath.Join(dir, last))
	if err = errors.Join(err, statErr); err != nil {
		return err
	}
	head := []string{lines[0], "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5", "#EXT-X-PART-INF:PART-TARGET=0.5"}
	body := lines[1 : len(lines)-2]
	half := info.Size() / 2
	tail := []string{fmt.Sprintf(`#EXT-X-PART:DURATION=0.5,URI="%s",BYTERANGE="%d@0",INDEPENDENT=YES`, last, half),
		fmt.Sprintf(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="%s",BYTERANGE-START=%d`, last, half),
		`#EXT-X-RENDITION-REPORT:URI="hls.m3u8?_HLS_report=1",LAST-MSN=4,LAST-PART=0`}
	text := strings.Join(append(append(head, body...), tail...), "\n") + "\n"
	return os.WriteFile(name, []byte(text), 0o600)
}

const subtitles = "1\n00:00:00,000 --> 00:00:02,000\nHello\n\n2\n00:00:02,000 --> 00:00:04,000\nWorld\n"

// makeCorpus returns a media folder with a video for each recipe. The clip is
// encoded once; packaging it takes a moment each.
func makeCorpus(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("NOT TESTED: media as packagers make them, because they take a while")
	}
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("NOT TESTED: media as packagers make them, because there is no ffmpeg on this machine (apt-get install ffmpeg)")
	}
	top := t.TempDir()
	clip, media := filepath.Join(top, "clip.mkv"), filepath.Join(top, "media")
	if err := os.WriteFile(filepath.Join(top, "subtitles.srt"), []byte(subtitles), 0o600); err != nil {
		t.Fatal(err)
	}
	runIn(t, top, ffmpeg, strings.Fields("-f lavfi -i testsrc=size=128x72:rate=10:duration=4 -f lavfi -i sine=frequency=440:duration=4 -i subtitles.srt "+
		"-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 10 -keyint_min 10 -sc_threshold 0 -bf 0 -c:a aac -ac 2 -b:a 32k -c:s srt -threads 1 "+clip))
	var packaging sync.WaitGroup
	slots := make(chan struct{}, 2)
	for _, r := range corpus {
		packaging.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			r.make(t, ffmpeg, clip, filepath.Join(media, r.name))
		})
	}
	packaging.Wait()
	return media
}

func (r recipe) make(t *testing.T, ffmpeg, clip, dir string) {
	t.Helper()
	err := os.MkdirAll(dir, 0o700)
	for folder := range strings.FieldsSeq(r.folders) {
		err = errors.Join(err, os.Mkdir(filepath.Join(dir, folder), 0o700))
	}
	if r.before != nil {
		err = errors.Join(err, r.before(dir))
	}
	if err == nil {
		args := strings.Fields("-i " + clip + " -map 0:v -map 0:a " + r.args)
		if strings.Contains(r.args, "-map ") {
			args = strings.Fields("-i " + clip + " " + r.args)
		}
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "~", " ")
		}
		runIn(t, dir, ffmpeg, args)
	}
	if err == nil && r.after != nil {
		err = r.after(dir)
	}
	if err != nil {
		t.Errorf("make %s: got %v, want no error", r.name, err)
	}
}

func runIn(t *testing.T, dir, program string, args []string) {
	t.Helper()
	cmd := exec.Command(program, append([]string{"-hide_banner", "-loglevel", "error", "-nostdin", "-y"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s %s in %s: got %v, want no error\n%s", program, strings.Join(args, " "), filepath.Base(dir), err, bytes.TrimSpace(out))
	}
}
