package playlist_test

import (
	"io"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"

	"playtoken/gate/playlist"
)

var quoted = regexp.MustCompile(`"[^"]*"`)

// uris lists all that any player could take for a URI: lines, and everything
// in double quotes.
func uris(text string) (found []string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line != "" && line[0] != '#' {
			found = append(found, line)
			continue
		}
		for _, q := range quoted.FindAllString(line, -1) {
			found = append(found, strings.Trim(q, `"`))
		}
	}
	return found
}

// FuzzRewrite: the ticket stands only in relative references in plain ASCII
// that stay in the video's folder, once in each, and what a rewritten playlist
// names is what the playlist named.
func FuzzRewrite(f *testing.F) {
	for _, text := range []string{
		"#EXT-X-MAP:URI=\"a\",B=\"c,URI=\",D=E\n../a/../b?c=d\n", "#EXT-X-DEFINE:NAME=\"a\",VALUE=\"//evil.example/\"\n{$a}\n{$a}x\n",
		"#EXT-X-DEFINE:QUERYPARAM=\"v\"\n#EXT-X-MEDIA:URI=\"{$v}\",NAME=\"{$v}\"", "https://videos.example/films/film/\\@evil.example\n",
		"/\\evil.example/films/film/x", "%2e%2e/x\nht\ttp://evil/\n//videos.example/films/film/x?ticket=a&%74icket=b#c\n", "a:b\n./a:b\n~a\n../~a\n",
		"#EXT-X-DATERANGE:ID=\"a\",X-ASSET-LIST=\"a b.JSON?x=1&\"\n../../film/.json\nhttps://videos.example/films/film/d.json?ticket=x\n",
	} {
		f.Add(text, "2")
	}
	f.Fuzz(func(t *testing.T, text, parameter string) {
		where := here()
		where.Parameter = func(name string) (string, bool) { return parameter, name == "v" }
		p, err := playlist.Parse(head+text, where)
		if err != nil {
			return
		}
		read, err := io.ReadAll(p.Reader("TICKET.1"))
		out := string(read)
		if err != nil || int64(len(read)) != p.Size("TICKET.1") {
			t.Fatalf("%.99q became %d bytes, %v, want %d", text, len(out), err, p.Size("TICKET.1"))
		}
		longer := p.With("#LINE")
		more, err := io.ReadAll(longer.Reader("TICKET.1"))
		if first, rest, _ := strings.Cut(out, "\n"); err != nil || int64(len(more)) != longer.Size("TICKET.1") || string(more) != first+"\n#LINE\n"+rest {
			t.Errorf("%.99q with a line behind the first became %.99q, %v, want the same and the line", out, more, err)
		}
		if strings.Contains(text+parameter, "TICKET.1") || len(text)+len(parameter) > 2000 {
			return // the ticket is no secret, or makes a URI longer than one may be
		}
		tickets := 0
		for _, uri := range uris(out) {
			if strings.Contains(uri, "TICKET.1") {
				tickets++
				checkOwn(t, uri)
			}
		}
		if all := strings.Count(out, "TICKET.1"); all != tickets {
			t.Errorf("%q became %q with %d tickets, and %d of them in URIs", text, out, all, tickets)
		}
		checkAgain(t, p, out, where)
	})
}

func checkOwn(t *testing.T, uri string) {
	t.Helper()
	base, _ := url.Parse("https://videos.example/films/film/360/index.m3u8")
	u, err := base.Parse(uri)
	if err != nil {
		t.Fatalf("%q is not a URI: %v", uri, err)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || u.Scheme != "https" || u.Host != "videos.example" || !strings.HasPrefix(u.EscapedPath(), "/films/film/") ||
		u.Fragment != "" || len(query["jwt"]) != 0 {
		t.Errorf("%q leads to %v with the query %v, %v", uri, u, query, err)
	}
	inQuery := len(query["ticket"]) == 1 && query.Get("ticket") == "TICKET.1"
	inPath := strings.HasPrefix(u.Path, "/films/film/~TICKET.1/") && strings.EqualFold(path.Ext(u.Path), ".json")
	if inQuery == inPath || len(query["ticket"]) > 1 {
		t.Errorf("%q has the ticket in its query %t and in its path %t, want one of them, the path for documents", uri, inQuery, inPath)
	}
	if strings.ContainsFunc(uri, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`\"<>#;`, c) }) {
		t.Errorf("%q is not plain ASCII", uri)
	}
}

// checkAgain: rewriting what was rewritten changes nothing but the ticket. One in
// a path would be a folder to the second rewriting.
func checkAgain(t *testing.T, p *playlist.Playlist, out string, where playlist.Location) {
	t.Helper()
	again, err := playlist.Parse(strings.ReplaceAll(out, "/~TICKET.1/", "/"), where)
	if err != nil {
		t.Fatalf("%q is not a playlist any more: %v", out, err)
	}
	if got, _ := io.ReadAll(again.Reader("TICKET.1")); string(got) != out {
		t.Errorf("%q, rewritten again, is %q", out, got)
	}
	var before, after []string
	for ref := range p.References() {
		before = append(before, ref.File)
	}
	for ref := range again.References() {
		after = append(after, ref.File)
	}
	if strings.Join(before, "\n") != strings.Join(after, "\n") {
		t.Errorf("the files are %q, want %q", after, before)
	}
}

// BenchmarkWorstPlaylist is a megabyte of one-letter lines.
func BenchmarkWorstPlaylist(b *testing.B) {
	text := head + strings.Repeat("a\n", 1<<19)
	ticket := strings.Repeat("t", 100)
	b.ReportAllocs()
	for b.Loop() {
		p, err := playlist.Parse(text, here())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, p.Reader(ticket)); err != nil {
			b.Fatal(err)
		}
	}
}
