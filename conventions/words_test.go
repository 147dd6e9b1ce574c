package conventions

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// vague are words that leave open who or what is meant, and turns that a reader
// would stop at. A sentence names its subject: the caller, the viewer, another
// replica, the platform.
var vague = regexp.MustCompile(`(?i)\b(nobody|somebody|anybody|everybody|whoever|whomever|whosoever|whatever|elsewhere|` +
	`spelt|hitherto|lest|heed|amiss|ought|is none\b|are none\b|mind the|hears? of|lets? go of)\b`)

// camel finds the places in an identifier where a new word begins.
var camel = regexp.MustCompile(`([a-z0-9])([A-Z])`)

func TestSentencesNameTheirSubject(t *testing.T) {
	for _, f := range sources(t, ".go", ".js", ".css", ".html", ".md", "openapi.json", "Makefile", "Dockerfile") {
		if f.path == "conventions/words_test.go" {
			continue
		}
		for i, line := range strings.Split(f.text, "\n") {
			if !suspicious(line) {
				continue
			}
			if word := vague.FindString(camel.ReplaceAllString(line, "$1 $2")); word != "" {
				t.Errorf("%s:%d: got the word %q, want the subject by its name: %s", f.path, i+1, word, strings.TrimSpace(line))
			}
		}
	}
}

// fragments are in every word that vague finds.
var fragments = []string{"body", "who", "whatever", "elsewhere", "spelt", "hitherto", "lest", "heed", "amiss", "ought", "none", "mind", "hear", "let"}

// suspicious is a cheap look before the patterns, which read megabytes slowly.
func suspicious(line string) bool {
	line = strings.ToLower(line)
	return slices.ContainsFunc(fragments, func(f string) bool { return strings.Contains(line, f) })
}
