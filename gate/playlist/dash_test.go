package playlist_test

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"playtoken/gate/playlist"
)

// rewritten is the manifest that a viewer gets.
func rewritten(text string, where playlist.Location, ticket string, ticketed bool) (string, error) {
	m, err := playlist.ParseManifest(text, where, ticketed)
	if err != nil {
		return "", err
	}
	out, err := io.ReadAll(m.Reader(ticket))
	if int64(len(out)) != m.Size(ticket) {
		err = fmt.Errorf("got %d bytes, want the size %d", len(out), m.Size(ticket))
	}
	return string(out), err
}

func TestTheBaseOfAManifestGetsTheTicket(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"none", `<MPD a="b"><Period/></MPD>`, `<MPD a="b"><BaseURL>../~T/360/</BaseURL><Period/></MPD>`},
		{"with a prefix", `<m:MPD><m:Period/></m:MPD>`, `<m:MPD><m:BaseURL>../~T/360/</m:BaseURL><m:Period/></m:MPD>`},
		{"of a live stream", `<MPD type="dynamic"></MPD>`, `<MPD type="dynamic"><Location>../~T/360/index.mpd</Location><BaseURL>../~T/360/</BaseURL></MPD>`},
		{"a folder", `<MPD><BaseURL>a/</BaseURL></MPD>`, `<MPD><BaseURL>../~T/360/a/</BaseURL></MPD>`},
		{"a folder above", `<MPD><BaseURL>../a b/</BaseURL></MPD>`, `<MPD><BaseURL>../~T/a%20b/</BaseURL></MPD>`},
		{"a query", `<MPD><BaseURL>a/?x=1&amp;ticket=2&amp;y=</BaseURL></MPD>`, `<MPD><BaseURL>../~T/360/a/?x=1&amp;y=</BaseURL></MPD>`},
		{"from the root", `<MPD><BaseURL>/films/film/a/</BaseURL></MPD>`, `<MPD><BaseURL>/films/film/~T/a/</BaseURL></MPD>`},
		{"with host", `<MPD><BaseURL>https://videos.example/films/film/</BaseURL></MPD>`, `<MPD><BaseURL>//videos.example/films/film/~T/</BaseURL></MPD>`},
		{"in the clear on another port", `<MPD><BaseURL>http://videos.example:80/films/film/</BaseURL></MPD>`, `<MPD><BaseURL>//videos.example/films/film/~T/</BaseURL></MPD>`},
		{"a place on another site", `<MPD type="dynamic"><Location>https://cdn.example/live/m.mpd</Location><S media="/films/film/1"/></MPD>`,
			`<MPD type="dynamic"><Location>https://cdn.example/live/m.mpd</Location><S media="/films/film/1"/></MPD>`},
		{"another site in two pieces", `<MPD><BaseURL>a/</BaseURL><Period><BaseURL>/<!-- -->/cdn.example/</BaseURL><S media="/films/film/1"/></Period></MPD>`, ""},
		{"another site with backslashes", `<MPD><Period><BaseURL>\\\\cdn.example\\</BaseURL><S media="/films/film/1"/></Period></MPD>`, ""},
		{"another site", `<MPD><BaseURL>https://cdn.example/</BaseURL></MPD>`, `<MPD><BaseURL>https://cdn.example/</BaseURL></MPD>`},
		{"another video", `<MPD><BaseURL>/films/other/</BaseURL></MPD>`, `<MPD><BaseURL>/films/other/</BaseURL></MPD>`},
		{"deeper", `<MPD><Period><BaseURL>a/</BaseURL><BaseURL>/films/film/b/</BaseURL></Period></MPD>`,
			`<MPD><BaseURL>../~T/360/</BaseURL><Period><BaseURL>a/</BaseURL><BaseURL>/films/film/~T/b/</BaseURL></Period></MPD>`},
		{"a template", `<MPD><S id="/films/film/$Number$.m4s" media="/films/film/$Number$.m4s" initialization="i.mp4"/></MPD>`,
			`<MPD><BaseURL>../~T/360/</BaseURL><S id="/films/film/$Number$.m4s" media="/films/film/~T/$Number$.m4s" initialization="i.mp4"/></MPD>`},
		{"a root that may be another site's", `<MPD><BaseURL>https://cdn.example/</BaseURL><S media="/films/film/1"/></MPD>`,
			`<MPD><BaseURL>https://cdn.example/</BaseURL><S media="/films/film/1"/></MPD>`},
		{"its own place", `<MPD><Location>m.mpd</Location></MPD>`, `<MPD><BaseURL>../~T/360/</BaseURL><Location>../~T/360/m.mpd</Location></MPD>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			where := here()
			where.File = "360/index.mpd"
			got, err := rewritten(c.text, where, "T", false)
			if c.want == "" { // the one thing wanted: nothing below the other site's base gets the ticket
				if strings.Contains(got, `media="/films/film/~T`) {
					t.Errorf("got %s, %v, want no ticket below another site", got, err)
				}
				return
			}
			if err != nil || got != c.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

func TestAManifestBelowATicketKeepsItsRelativeURLs(t *testing.T) {
	text := `<MPD><BaseURL>a/</BaseURL><BaseURL>/films/film/b/</BaseURL></MPD>`
	want := `<MPD><BaseURL>a/</BaseURL><BaseURL>/films/film/~T/b/</BaseURL></MPD>`
	if got, err := rewritten(text, here(), "T", true); err != nil || got != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

func TestWhatIsNoManifestIsRefused(t *testing.T) {
	for _, text := range []string{"", "#EXTM3U", "<a/>", "<MPD>", "<MPD>\n<a>\n</MPD>", "<MPD><BaseURL>&x;</BaseURL></MPD>", "<MPD><BaseURL>..%2f/</BaseURL></MPD>",
		"<MPD/><MPD/>", "<MPD><BaseURL>https://cdn.example/<x/>a/</BaseURL></MPD>", "<MPD>" + strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100) + "</MPD>"} {
		var wrong *playlist.Error
		if got, err := rewritten(text, here(), "T", false); !errors.As(err, &wrong) {
			t.Errorf("Manifest(%q) = %q, %v, want an error", text, got, err)
		}
	}
}

// FuzzManifest: however the bases of a manifest are nested, a URL with the
// ticket leads into the video's folder.
func FuzzManifest(f *testing.F) {
	for _, base := range []string{"", "a/", "/films/film/", "https://cdn.example/", "//cdn.example/films/film/", "https://videos.example/films/film/a", "../../x/", "?a=b", "%2e%2e/"} {
		f.Add(base, "/films/film/", "https://videos.example/films/film/b/", "/films/film/$Number$")
		f.Add("https://cdn.example/", base, base, base)
	}
	f.Fuzz(func(t *testing.T, top, period, representation, media string) {
		if strings.ContainsAny(top+period+representation+media, "<>&'\"\x00") || strings.Contains(top+period+representation+media, "~") {
			return
		}
		text := `<MPD type="dynamic"><BaseURL>` + top + "</BaseURL><Period><BaseURL>" + period + "</BaseURL><BaseURL>" + representation + `</BaseURL><S media="` + media + `"/></Period></MPD>`
		out, err := rewritten(text, here(), "TICKET.1", false)
		if err != nil {
			return
		}
		document, _ := url.Parse("https://videos.example/films/film/360/index.mpd")
		rest := out
		next := func(open, end string) string {
			_, after, _ := strings.Cut(rest, open)
			value, after, _ := strings.Cut(after, end)
			rest = after
			return strings.TrimSpace(strings.ReplaceAll(value, "&amp;", "&"))
		}
		place := next("<Location>", "</Location>")
		follow(t, document, place)
		base := follow(t, document, next("<BaseURL>", "</BaseURL>"))
		first := follow(t, base, next("<BaseURL>", "</BaseURL>"))
		second := follow(t, base, next("<BaseURL>", "</BaseURL>"))
		name := next(`media="`, `"`)
		follow(t, first, name)
		follow(t, second, name)
	})
}

// follow resolves a reference and looks at what it says about the ticket.
func follow(t *testing.T, base *url.URL, reference string) *url.URL {
	t.Helper()
	if base == nil {
		return nil
	}
	u, err := base.Parse(reference)
	if err != nil {
		return nil // no player gets further
	}
	if strings.Contains(u.String(), "TICKET.1") && (!strings.EqualFold(u.Host, "videos.example") || !strings.HasPrefix(u.Path, "/films/film/~TICKET.1/") && strings.Contains(reference, "TICKET.1")) {
		t.Errorf("%q from %q leads to %q, want the video's folder", reference, base, u)
	}
	return u
}
