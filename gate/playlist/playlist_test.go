package playlist_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"playtoken/gate/playlist"
)

const head = "#EXTM3U\n"

// here is where the playlists of these tests stand.
func here() playlist.Location {
	return playlist.Location{Host: "videos.example", Root: "/films/film", File: "360/index.m3u8",
		Parameter: func(name string) (string, bool) { return "2", name == "v" },
		Import:    func(name string) (string, bool) { return "../common", name == "base" }}
}

// rewrite returns a playlist with the ticket T, without its first line.
func rewrite(t *testing.T, text string, where playlist.Location) (string, error) {
	t.Helper()
	p, err := playlist.Parse(head+text, where)
	if err != nil {
		return "", err
	}
	out, err := io.ReadAll(p.Reader("T"))
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(out)) != p.Size("T") {
		t.Errorf("Size of %q = %d, want %d", text, p.Size("T"), len(out))
	}
	return strings.TrimPrefix(string(out), head), nil
}

func TestURIsOfTheVideoGetTheTicket(t *testing.T) {
	for _, c := range []struct{ name, uri, want string }{
		{"a name", "0.ts", "0.ts?ticket=T"},
		{"a folder", "a/0.ts", "a/0.ts?ticket=T"},
		{"this folder", "./0.ts", "0.ts?ticket=T"},
		{"the folder above", "../common/0.ts", "../common/0.ts?ticket=T"},
		{"up and down again", "../360/0.ts", "0.ts?ticket=T"},
		{"out of the video and back", "../../film/360/0.ts", "0.ts?ticket=T"},
		{"from the root of the site", "/films/film/common/0.ts", "../common/0.ts?ticket=T"},
		{"with scheme and host", "https://videos.example/films/film/360/0.ts", "0.ts?ticket=T"},
		{"with the port of https", "HTTPS://Videos.Example:443/films/film/360/0.ts", "0.ts?ticket=T"},
		{"with the host only", "//videos.example/films/film/0.ts", "../0.ts?ticket=T"},
		{"escaped dots", "%2e%2e/common/0.ts", "../common/0.ts?ticket=T"},
		{"escaped letters", "%30.ts", "0.ts?ticket=T"},
		{"two slashes", "a//0.ts", "a/0.ts?ticket=T"},
		{"blanks around", " 0.ts ", "0.ts?ticket=T"},
		{"blanks", "my film 0.ts", "my%20film%200.ts?ticket=T"},
		{"other letters", "Größe_0.ts", "Gr%C3%B6%C3%9Fe_0.ts?ticket=T"},
		{"Latin 1", "Gr\xf6\xdfe.ts", "Gr%F6%DFe.ts?ticket=T"},
		{"escaped letters of another alphabet", "Gr%c3%b6%c3%9fe.ts", "Gr%C3%B6%C3%9Fe.ts?ticket=T"},
		{"brackets", "[a](b){c}<d>.ts", "%5Ba%5D(b)%7Bc%7D%3Cd%3E.ts?ticket=T"},
		{"a number sign", "take#1.ts", "take%231.ts?ticket=T"},
		{"a percent sign", "100%.ts", "100%25.ts?ticket=T"},
		{"an escaped percent sign", "100%25.ts", "100%25.ts?ticket=T"},
		{"a colon", "12:30.ts", "12%3A30.ts?ticket=T"},
		{"a semicolon", "a;b.ts", "a%3Bb.ts?ticket=T"},
		{"a query", "0.ts?v=2&w=a/b", "0.ts?v=2&w=a/b&ticket=T"},
		{"a query that has to be encoded", "0.ts?v=a b;ü%zz%20#x", "0.ts?v=a%20b%3B%C3%BC%25zz%20%23x&ticket=T"},
		{"an empty query", "0.ts?", "0.ts?ticket=T"},
		{"a query with names of ours", "0.ts?ticket=old&v=2&%6Awt=x&JWT=y", "0.ts?v=2&ticket=T"},
		{"a query alone", "?v=2", "index.m3u8?v=2&ticket=T"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := rewrite(t, c.uri+"\n", here())
			if err != nil || got != c.want+"\n" {
				t.Errorf("%q became %q, %v, want %q", c.uri, got, err, c.want)
			}
		})
	}
}

func TestForeignURIsStayAsTheyAre(t *testing.T) {
	for _, uri := range []string{"https://keys.example/films/film/360/0.ts", "skd://abc", "data:text/plain;base64,AAAA", "//keys.example/x",
		"https://videos.example:8443/films/film/0.ts", "https://videos.example@keys.example/films/film/0.ts",
		`https://videos.example\@keys.example/films/film/0.ts`, "https:/films/film/0.ts", "https:0.ts", "a:b.ts", "/films/other/0.ts", "/film/0.ts",
		"../../other/0.ts", "../../../../x.ts", "/films/film/../other/0.ts", "/films/film/%2e%2e/other/0.ts", "https://videos.example.keys.example/films/film/0.ts"} {
		for _, text := range []string{uri + "\n", `#EXT-X-KEY:METHOD=AES-128,URI="` + uri + `",IV=0x1` + "\n"} {
			if got, err := rewrite(t, text, here()); err != nil || got != text {
				t.Errorf("%q became %q, %v, want it unchanged", text, got, err)
			}
		}
	}
	nowhere := here()
	nowhere.Host = ""
	if got, err := rewrite(t, "https://videos.example/films/film/0.ts", nowhere); err != nil || strings.Contains(got, "ticket") {
		t.Errorf("without a known host an absolute URI became %q, %v, want it unchanged", got, err)
	}
}

func TestEveryTagWithAURI(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`#EXT-X-MAP:URI="init.mp4",BYTERANGE="5@0"`, `#EXT-X-MAP:URI="init.mp4?ticket=T",BYTERANGE="5@0"`},
		{`#EXT-X-KEY:METHOD=AES-128,URI="enc.key",IV=0x0`, `#EXT-X-KEY:METHOD=AES-128,URI="enc.key?ticket=T",IV=0x0`},
		{`#EXT-X-SESSION-KEY:METHOD=AES-128,URI="enc.key"`, `#EXT-X-SESSION-KEY:METHOD=AES-128,URI="enc.key?ticket=T"`},
		{`#EXT-X-MEDIA:TYPE=AUDIO,NAME="a,URI=b",URI="a.m3u8"`, `#EXT-X-MEDIA:TYPE=AUDIO,NAME="a,URI=b",URI="a.m3u8?ticket=T"`},
		{`#EXT-X-MEDIA:TYPE=AUDIO, NAME="a" , URI="a.m3u8"`, `#EXT-X-MEDIA:TYPE=AUDIO, NAME="a" , URI="a.m3u8?ticket=T"`},
		{`#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="i.m3u8"`, `#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="i.m3u8?ticket=T"`},
		{`#EXT-X-PART:DURATION=0.5,URI="p.mp4",INDEPENDENT=YES`, `#EXT-X-PART:DURATION=0.5,URI="p.mp4?ticket=T",INDEPENDENT=YES`},
		{`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p.mp4"`, `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p.mp4?ticket=T"`},
		{`#EXT-X-RENDITION-REPORT:URI="../720/index.m3u8",LAST-MSN=1`, `#EXT-X-RENDITION-REPORT:URI="../720/index.m3u8?ticket=T",LAST-MSN=1`},
		{`#EXT-X-SESSION-DATA:DATA-ID="a",URI="d.json"`, `#EXT-X-SESSION-DATA:DATA-ID="a",URI="../~T/360/d.json"`},
		{`#EXT-X-CONTENT-STEERING:SERVER-URI="s.json?x=/",PATHWAY-ID="a"`, `#EXT-X-CONTENT-STEERING:SERVER-URI="../~T/360/s.json?x=/",PATHWAY-ID="a"`},
		{`#EXT-X-DATERANGE:ID="a",X-ASSET-URI="ad.m3u8",X-ASSET-LIST="l.json"`, `#EXT-X-DATERANGE:ID="a",X-ASSET-URI="ad.m3u8?ticket=T",X-ASSET-LIST="../~T/360/l.json"`},
		{`#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=1,URI="t.m3u8"`, `#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=1,URI="t.m3u8?ticket=T"`},
	} {
		if got, err := rewrite(t, c.line, here()); err != nil || got != c.want {
			t.Errorf("%s became %s, %v, want %s", c.line, got, err, c.want)
		}
	}
}

func TestEverythingElseLeavesByteForByte(t *testing.T) {
	text := "# a remark\twith ../../x and {$nothing}\r\n\r\n#EXTINF:5,URI=\"x\"\n#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"a,b\"\n" +
		"#EXT-X-KEY:METHOD=NONE\n#EXT-X-BYTERANGE:1@2\n#EXT-X-SOMETHING:URI=\"not closed\n#EXT-X-OTHER:URI=\"a\"b,c\n" +
		"#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z\n#EXT-X-UNKNOWN\n#EXTREM Größe\n\n#EXT-X-ENDLIST"
	if got, err := rewrite(t, text, here()); err != nil || got != text {
		t.Errorf("got %q, %v, want %q", got, err, text)
	}
	p, err := playlist.Parse("\ufeff#EXTM3U\r\n0.ts\r\n", here())
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(p.Reader("T")); string(got) != "#EXTM3U\r\n0.ts?ticket=T\r\n" {
		t.Errorf("with a byte order mark and CRLF got %q", got)
	}
}

func TestVariables(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"#EXT-X-DEFINE:NAME=\"a\",VALUE=\"../common\"\n{$a}/0.ts", "../common/0.ts?ticket=T"},
		{"#EXT-X-DEFINE:NAME=\"a\",VALUE=\"https://keys.example\"\n{$a}/0.ts", "{$a}/0.ts"},
		{"#EXT-X-DEFINE:IMPORT=\"base\"\n{$base}/0.ts", "../common/0.ts?ticket=T"},
		{"#EXT-X-DEFINE:QUERYPARAM=\"v\"\n{$v}.ts?v={$v}", "2.ts?v=2&ticket=T"},
		{"#EXT-X-DEFINE:QUERYPARAM=\"v\"\nhttps://keys.example/{$v}", "https://keys.example/{$v}"},
		{"#EXT-X-DEFINE:NAME=\"a\",VALUE=\"{$b}\"\n{$a}{$}.ts", "%7B$b%7D%7B$%7D.ts?ticket=T"},
	} {
		got, err := rewrite(t, c.text, here())
		if line := got[strings.LastIndexByte(got, '\n')+1:]; err != nil || line != c.want {
			t.Errorf("%q ends in %q, %v, want %q", c.text, line, err, c.want)
		}
	}
}

func TestErrorsNameTheLineAndTheFault(t *testing.T) {
	for _, c := range []struct {
		text string
		line int
		what string
	}{
		{"#EXT-X-VERSION:7\na\rhttps://evil.example/", 3, "control character"},
		{"a\x00b", 2, "control character"},
		{`a\0.ts`, 2, "backslash"},
		{"a\tb.ts", 2, "a tab"},
		{"..%2fx.ts", 2, "escaped slash"},
		{"%2525.ts", 2, "percent sign"},
		{"..", 2, "names a folder"},
		{"a/", 2, "names a folder"},
		{"../~x/0.ts", 2, "begins with ~"},
		{strings.Repeat("a", 9000), 2, "longer than"},
		{"{$base}/0.ts", 2, "variable base is not defined"},
		{"#EXT-X-DEFINE:QUERYPARAM=\"jwt\"", 2, "viewer's token"},
		{"#EXT-X-DEFINE:QUERYPARAM=\"%74icket\"", 2, "viewer's token"},
		{"#EXT-X-DEFINE:QUERYPARAM=\"none\"", 2, "no such parameter"},
		{"#EXT-X-DEFINE:IMPORT=\"none\"", 2, "first playlist"},
		{"#EXT-X-DEFINE:VALUE=\"none\"", 2, "without NAME"},
		{"#EXT-X-MAP:URI=init.mp4", 2, "double quotes"},
		{"#EXT-X-MAP:URI=\"init.mp4", 2, "not closed"},
		{"#EXT-X-MAP:URI=\"a\"\"b\"", 2, "no comma"},
		{"#EXT-X-MAP:URI=\"\"", 2, "empty URI"},
		{"#EXT-X-MAP:A=b\"c,URI=\"a\"", 2, "double quote inside"},
		{"#EXT-X-MAP:init.mp4", 2, "list of attributes"},
	} {
		_, err := rewrite(t, c.text, here())
		var wrong *playlist.Error
		if !errors.As(err, &wrong) || wrong.Line != c.line || !strings.Contains(wrong.What, c.what) {
			t.Errorf("%.40q: error = %v, want line %d with %q", c.text, err, c.line, c.what)
		}
	}
	for _, text := range []string{"", "0.ts", "#EXTM3U8\n", "\n#EXTM3U"} {
		var wrong *playlist.Error
		if _, err := playlist.Parse(text, here()); !errors.As(err, &wrong) || wrong.Line != 1 {
			t.Errorf("Parse(%q) error = %v, want one about line 1", text, err)
		}
	}
}

func TestGrowing(t *testing.T) {
	for text, want := range map[string]bool{
		"#EXT-X-TARGETDURATION:5\n":                                   true,
		"#EXT-X-PLAYLIST-TYPE:EVENT\n#EXTINF:5,\n0.ts\n":              true,
		"#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n0.ts\n#EXT-X-ENDLIST\n": false,
		"#EXT-X-STREAM-INF:BANDWIDTH=1\n360.m3u8\n":                   false,
		"0.ts\n": false,
	} {
		p, err := playlist.Parse(head+text, here())
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Growing(); got != want {
			t.Errorf("Growing of %q = %t, want %t", text, got, want)
		}
	}
}

func TestReadingFromAnywhere(t *testing.T) {
	p, err := playlist.Parse(head+"#EXT-X-MAP:URI=\"init.mp4\"\n0.ts\nhttps://a.example/b\nlast.ts", here())
	if err != nil {
		t.Fatal(err)
	}
	r := p.Reader("T")
	whole, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	for from := len(whole); from >= 0; from-- { // backwards: each Seek begins anew
		if _, err := r.Seek(int64(from), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != string(whole[from:]) {
			t.Errorf("from %d: got %q, %v, want %q", from, got, err, whole[from:])
		}
	}
	if end, err := r.Seek(0, io.SeekEnd); err != nil || end != int64(len(whole)) {
		t.Errorf("the end is at %d, %v, want %d", end, err, len(whole))
	}
}
