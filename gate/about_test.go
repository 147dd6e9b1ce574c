package gate

import (
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
	"unicode/utf8"
)

// For every content of the file, the title is one line of text that can be read.
func FuzzTitle(f *testing.F) {
	for _, text := range []string{"", "The Great Escape\n", "\ufeffa\x00b\u202e", "\xff\xfe", strings.Repeat("ö", 1000)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g := &Gate{config: Config{Media: fstest.MapFS{"film/title.txt": {Data: []byte(text)}}}}
		title := g.title("film")
		unreadable := func(c rune) bool { return !unicode.IsGraphic(c) }
		if title == "" || len(title) > maxTitle || !utf8.ValidString(title) || strings.ContainsFunc(title, unreadable) {
			t.Errorf("title of %q = %q, want one line that can be read", text, title)
		}
	})
}
