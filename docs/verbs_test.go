package docs_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryVerbIsOnAPage asks the program for its verbs, and theirs.
func TestEveryVerbIsOnAPage(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	dir, err := build()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, p := range allPages(t) {
		text.WriteString(p.text)
	}
	leaves := 0
	var ask func(verb []string)
	ask = func(verb []string) {
		out, err := exec.Command(filepath.Join(dir, "playtoken"), append(verb, "--help")...).Output()
		if err != nil {
			t.Fatal(err)
		}
		below := verbsOf(string(out))
		for _, name := range below {
			ask(append(verb[:len(verb):len(verb)], name))
		}
		if line := "playtoken " + strings.Join(verb, " "); len(below) == 0 {
			leaves++
			if !regexp.MustCompile(regexp.QuoteMeta(line) + `\b`).MatchString(text.String()) {
				t.Errorf("got no page with %q, want every verb on one", line)
			}
		}
	}
	ask(nil)
	if leaves < 10 {
		t.Errorf("got %d verbs of the program, want all", leaves)
	}
}

// verbsOf reads the verbs in a help text.
func verbsOf(help string) (verbs []string) {
	_, list, found := strings.Cut(help, "Available Commands:\n")
	if !found {
		return nil
	}
	list, _, _ = strings.Cut(list, "\n\n")
	for line := range strings.Lines(list) {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); name != "help" {
			verbs = append(verbs, name)
		}
	}
	return verbs
}
