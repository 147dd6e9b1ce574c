package docs_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// unrun is a command that no test executes, and why.
type unrun struct{ command, reason string }

// notRun reads notrun.txt: lines with # say why the commands below them are not
// executed.
func notRun(t *testing.T) []unrun {
	t.Helper()
	data, err := os.ReadFile("notrun.txt")
	if err != nil {
		t.Fatal(err)
	}
	var list []unrun
	reason, described := "", false
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		why, isReason := strings.CutPrefix(line, "#")
		switch {
		case line == "":
			reason = ""
		case isReason:
			reason, described = strings.TrimSpace(why), true
		case reason == "" || !described:
			t.Errorf("notrun.txt: got %q without a reason, want a line with # above it", line)
		default:
			list = append(list, unrun{command: line, reason: reason})
		}
	}
	return list
}

// cursor pastes the commands of a page in order of the page.
type cursor struct {
	page   page
	pasted map[int]bool
}

// next returns the first command that begins with prefix and was not pasted
// yet, or the last one that was: a script may repeat a command.
func (c *cursor) next(prefix string) (int, error) {
	found := -1
	for i, command := range c.page.commands {
		if !strings.HasPrefix(command, prefix) {
			continue
		}
		if found = i; !c.pasted[i] {
			break
		}
	}
	if found < 0 {
		return 0, fmt.Errorf("%s has no command that begins with %q", c.page.path, prefix)
	}
	c.pasted[found] = true
	return found, nil
}

// cursors hold a script's place in each page.
type cursors map[string]*cursor

func (c cursors) at(file string) (*cursor, error) {
	if known := c[file]; known != nil {
		return known, nil
	}
	all, err := pages()
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(p page) bool { return p.path == file })
	if i < 0 {
		return nil, fmt.Errorf("there is no page %q", file)
	}
	c[file] = &cursor{page: all[i], pasted: map[int]bool{}}
	return c[file], nil
}

// executed reads the scripts and returns which commands of which pages they
// execute.
func executed(t *testing.T) cursors {
	t.Helper()
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("Glob(testdata) = %v, %v, want scripts", scripts, err)
	}
	all := cursors{}
	for _, script := range scripts {
		archive, err := txtar.ParseFile(script)
		if err != nil {
			t.Fatal(err)
		}
		here := cursors{}
		if err := follow(here, string(archive.Comment)); err != nil {
			t.Fatalf("follow %s = %v, want a script that pastes what the pages have", script, err)
		}
		for file, c := range here {
			merged, err := all.at(file)
			if err != nil {
				t.Fatal(err)
			}
			for i := range c.pasted {
				merged.pasted[i] = true
			}
		}
	}
	return all
}

// follow goes through a script as its execution does, pasting only.
func follow(c cursors, script string) error {
	current := ""
	for line := range strings.Lines(script) {
		words := words(line)
		if len(words) > 1 && strings.HasPrefix(words[0], "[") { // a condition
			words = words[1:]
		}
		words = slices.DeleteFunc(words, func(w string) bool { return w == "!" || w == "?" })
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "page":
			current = words[1]
		case "paste", "start":
			at, err := c.at(current)
			if err != nil {
				return err
			}
			if _, err := at.next(words[len(words)-1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// words splits a line as testscript does.
func words(line string) []string {
	var all []string
	word, quoted, any := strings.Builder{}, false, false
	end := func() {
		if any {
			all = append(all, word.String())
		}
		word.Reset()
		any = false
	}
	for _, r := range strings.TrimSpace(line) {
		switch {
		case r == '\'':
			quoted, any = !quoted, true
		case r == '#' && !quoted && !any:
			end()
			return all
		case (r == ' ' || r == '\t') && !quoted:
			end()
		default:
			any = true
			word.WriteRune(r)
		}
	}
	end()
	return all
}

func TestEveryCommandIsExecutedOrListed(t *testing.T) {
	done, listed := executed(t), notRun(t)
	used := map[string]bool{}
	run, not := 0, 0
	pasted := pastedTexts(done)
	for _, p := range allPages(t) {
		for i, command := range p.commands {
			at := slices.IndexFunc(listed, func(u unrun) bool { return u.command == firstLine(command) })
			isRun := done[p.path] != nil && done[p.path].pasted[i] || strings.HasPrefix(p.path, "docs/runbooks") && pasted[command] // which share commands
			switch {
			case isRun:
				run++
			case at >= 0:
				not++
				used[listed[at].command] = true
			default:
				t.Errorf("%s: got a command that no script pastes: %q; want it in a script of testdata, or in notrun.txt with the reason", p.path, firstLine(command))
			}
		}
	}
	spans := allSpans(t)
	for _, u := range listed {
		if !used[u.command] && !slices.Contains(spans, u.command) {
			t.Errorf("notrun.txt: got %q, want only commands that a page has and no script pastes", u.command)
		}
	}
	t.Logf("%d commands executed, %d not", run, not)
}

// isRunbook reports whether a page is about one finding or alert.
func isRunbook(p page) bool { return path.Dir(p.path) == "docs/runbooks" }

// pastedTexts are the commands that scripts execute.
func pastedTexts(done cursors) map[string]bool {
	texts := map[string]bool{}
	for _, c := range done {
		for i := range c.pasted {
			texts[c.page.commands[i]] = true
		}
	}
	return texts
}

func firstLine(command string) string {
	line, _, _ := strings.Cut(command, "\n")
	return strings.TrimSpace(strings.TrimSuffix(line, "\\"))
}

func allSpans(t *testing.T) []string {
	var all []string
	for _, p := range allPages(t) {
		all = append(all, p.spans...)
	}
	return all
}

// programs begin the commands that stand within sentences.
var programs = []string{"playtoken ", "make ", "go ", "docker ", "vault ", "curl "}

// TestCommandsWithinSentencesAreExecutedToo: each is the beginning of a command
// of a block, or is listed.
func TestCommandsWithinSentencesAreExecutedToo(t *testing.T) {
	var known []string
	for _, p := range allPages(t) {
		for _, command := range p.commands {
			known = append(known, command, strings.Replace(command, "go run ./cmd/playtoken", "playtoken", 1))
		}
	}
	for _, u := range notRun(t) {
		known = append(known, u.command)
	}
	for _, p := range allPages(t) {
		for _, span := range p.spans {
			isCommand := slices.ContainsFunc(programs, func(program string) bool { return strings.HasPrefix(span, program) })
			if isCommand && !slices.ContainsFunc(known, func(k string) bool {
				return k == span || strings.HasPrefix(k, span+" ") || strings.HasPrefix(k, span+"\n")
			}) {
				t.Errorf("%s: got the command %q within a sentence, want it in a block that a script pastes, or in notrun.txt", p.path, span)
			}
		}
	}
}
