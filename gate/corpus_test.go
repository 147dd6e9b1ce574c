package gate_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recipe makes a video as a packager would. Its arguments follow "ffmpeg -i
// clip.mkv" in the video's folder, or are those of Shaka Packager, in which clip
// stands for the clip; words are divided by blanks, and ~ in a word stands for a
// blank.
type recipe struct {
	name, args string
	shaka      bool
	folders    string                 // made before
	before     func(dir string) error // what ffmpeg needs; may be nil
	after      func(dir string) error // what ffmpeg does not do; may be nil
	first      string                 // empty: hls.m3u8
	live       *stream                // its players load the first playlist again
	unread     []string               // what the names of files begin with that no player asks for
}

const (
	packagerScript = "testplayers/node_modules/shaka-packager/index.js"
	quietly        = "-hide_banner -loglevel error -nostdin -y"
	longer         = "longer " // the clip three times over
)

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
	{name: "live-window", args: longer + "-c copy -f hls -hls_time 1 -hls_playlist_type vod hls.m3u8", live: &stream{window: 4}},
	{name: "event", args: longer + "-c copy -f hls -hls_time 1 -hls_playlist_type event -hls_segment_type fmp4 hls.m3u8", live: &stream{window: 100}},
	{name: "low-latency", args: longer + "-c:v libx264 -preset ultrafast -g 5 -keyint_min 5 -sc_threshold 0 -b:v 100k -c:a aac -b:a 32k -f hls -hls_time 0.5 -hls_playlist_type vod -hls_segment_type fmp4 -hls_segment_filename part%d.m4s hls.m3u8",
		after: joinParts, live: &stream{window: 6, parts: true}, unread: []string{"segment"}},
	{name: "packager", shaka: true, args: "in=clip,stream=video,init_segment=v/init.mp4,segment_template=v/$Number$.m4s,playlist_name=v.m3u8,iframe_playlist_name=trick.m3u8 " +
		"in=clip,stream=audio,init_segment=a/init.mp4,segment_template=a/$Number$.m4s,playlist_name=a.m3u8,hls_group_id=a --segment_duration 1 --hls_master_playlist_output hls.m3u8"},
	{name: "packager-ts", shaka: true, args: "in=clip,stream=video,segment_template=v$Number$.ts,playlist_name=v.m3u8 " +
		"in=clip,stream=audio,segment_template=a$Number$.aac,playlist_name=a.m3u8,hls_group_id=a --segment_duration 1 --hls_master_playlist_output hls.m3u8"},
	{name: "packager-dash", shaka: true, args: "in=clip,stream=video,output=video.mp4 in=clip,stream=audio,output=audio.mp4 --segment_duration 1 --mpd_output manifest.mpd", first: "manifest.mpd"},
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

// recipes are those of the corpus that this machine can make.
func recipes() []recipe {
	_, err := os.Stat(packagerScript)
	return slices.DeleteFunc(slices.Clone(corpus), func(r recipe) bool { return r.shaka && err != nil })
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
	runIn(t, top, ffmpeg, strings.Fields(quietly+" -f lavfi -i testsrc=size=128x72:rate=10:duration=4 -f lavfi -i sine=frequency=440:duration=4 -i subtitles.srt "+
		"-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 10 -keyint_min 10 -sc_threshold 0 -bf 0 -c:a aac -ac 2 -b:a 32k -c:s srt -threads 1 "+clip))
	runIn(t, top, ffmpeg, strings.Fields(quietly+" -i clip.mkv -map 0:v -map 0:a -c copy clip.mp4"))
	var packaging sync.WaitGroup
	slots := make(chan struct{}, 2)
	for _, r := range recipes() {
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
		program, args := r.command(ffmpeg, clip)
		runIn(t, dir, program, args)
	}
	if err == nil && r.after != nil {
		err = r.after(dir)
	}
	if err != nil {
		t.Errorf("make %s: got %v, want no error", r.name, err)
	}
}

// command is the program that makes the video, and its arguments.
func (r recipe) command(ffmpeg, clip string) (program string, args []string) {
	args = strings.Fields(r.args)
	switch {
	case r.shaka:
		for i := range args {
			args[i] = strings.Replace(args[i], "in=clip", "in="+strings.TrimSuffix(clip, "mkv")+"mp4", 1)
		}
		return "node", append([]string{absolute(packagerScript), "--quiet"}, args...)
	case !strings.Contains(r.args, "-map "):
		args = append(strings.Fields("-map 0:v -map 0:a"), args...)
	}
	args = append(strings.Fields(quietly+" -i "+clip), args...)
	if rest, found := strings.CutPrefix(r.args, longer); found {
		args = append(strings.Fields(quietly+" -stream_loop 2 -i "+clip+" -map 0:v -map 0:a"), strings.Fields(rest)...)
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "~", " ")
	}
	return ffmpeg, args
}

func absolute(file string) string {
	name, err := filepath.Abs(file)
	if err != nil {
		panic(err)
	}
	return name
}

func runIn(t *testing.T, dir, program string, args []string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s %s in %s: got %v, want no error\n%s", program, strings.Join(args, " "), filepath.Base(dir), err, bytes.TrimSpace(out))
	}
}
