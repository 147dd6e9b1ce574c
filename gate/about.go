package gate

import (
	"bufio"
	"io"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

const (
	// titleFile holds the video's title, in its first line. It is not served.
	titleFile = "title.txt"
	// maxTitle is the longest title, in bytes.
	maxTitle = 512
)

// posters are the names under which a video's folder may have a picture to show
// before it plays; the first that is there is taken.
var posters = []string{"poster.webp", "poster.avif", "poster.jpg", "poster.png"}

// title is what people call the video; without a title, its id.
func (g *Gate) title(video string) string {
	file, err := g.open(place{video: video, file: titleFile})
	if err != nil {
		return video
	}
	defer file.Close()
	line, _ := bufio.NewReader(io.LimitReader(file, maxTitle)).ReadString('\n') // what could be read
	line = strings.TrimPrefix(strings.ToValidUTF8(line, ""), "\ufeff")
	line = strings.Join(strings.FieldsFunc(line, func(c rune) bool { return unicode.IsSpace(c) || !unicode.IsGraphic(c) }), " ")
	if line == "" {
		return video
	}
	return line
}

func (g *Gate) poster(video string) string {
	for _, name := range posters {
		if file, err := g.open(place{video: video, file: name}); err == nil {
			file.Close()
			return name
		}
	}
	return ""
}

// options are how the address of a page wants the video to play.
type options struct {
	Autoplay, Muted, Loop, Controls bool
	Start                           string // seconds; empty: the beginning
}

var seconds = regexp.MustCompile(`^[0-9]{1,6}(\.[0-9]{1,3})?$`)

// readOptions ignores what it does not understand: a video that plays otherwise
// than its author meant is better than none.
func readOptions(query url.Values) options {
	o := options{
		Autoplay: flag(query["autoplay"], false),
		Muted:    flag(query["muted"], false),
		Loop:     flag(query["loop"], false),
		Controls: flag(query["controls"], true),
	}
	if start := query["start"]; len(start) == 1 && seconds.MatchString(start[0]) {
		o.Start = start[0]
	}
	return o
}

// flag reads a parameter that is on (1, true, or without a value) or off (0,
// false).
func flag(values []string, otherwise bool) bool {
	if len(values) != 1 {
		return otherwise
	}
	switch values[0] {
	case "", "1", "true":
		return true
	case "0", "false":
		return false
	}
	return otherwise
}
