package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"playtoken/cmd/playtoken/manual"
)

// leaves are the verbs that do something.
func leaves(cmd *cobra.Command) (verbs []*cobra.Command) {
	for _, below := range cmd.Commands() {
		if verbs = append(verbs, leaves(below)...); !below.HasSubCommands() || below.Name() == "gate" {
			verbs = append(verbs, below)
		}
	}
	return verbs
}

// words are those of a command line as a POSIX shell reads it.
func words(line string) (words []string) {
	for _, quoted := range regexp.MustCompile(`'[^']*'|\S+`).FindAllString(line, -1) {
		words = append(words, strings.Trim(quoted, "'"))
	}
	return words
}

// TestEveryVerbHasExamplesThatCanBeTyped: each example is a command line of the verb,
// with flags and arguments that it has.
func TestEveryVerbHasExamplesThatCanBeTyped(t *testing.T) {
	for _, verb := range leaves(newApp(process{}).command()) {
		if verb.Example == "" {
			t.Errorf("%s: got no example, want one in its help", verb.CommandPath())
		}
		for line := range strings.Lines(verb.Example) {
			line = regexp.MustCompile(`^ *(source <\()?([A-Z_]+=\S+ )?`).ReplaceAllString(strings.TrimRight(line, ")\n"), "")
			line, _, _ = strings.Cut(line, " <")
			line, _, _ = strings.Cut(line, " >")
			root := newApp(process{}).command()
			found, rest, err := root.Find(words(line)[1:])
			if err == nil {
				err = found.ParseFlags(rest)
			}
			if err == nil {
				err = found.Args(found, found.Flags().Args())
			}
			if err != nil || found.CommandPath() != verb.CommandPath() && found.HasParent() {
				t.Errorf("%s: got the example %q, a command line of %s (%v), want one of the verb", verb.CommandPath(), line, found.CommandPath(), err)
			}
		}
	}
}

// TestHelpEndsWithTheSettingsOfTheVerb, and not with those of another.
func TestHelpEndsWithTheSettingsOfTheVerb(t *testing.T) {
	for _, c := range []struct{ verb, has, hasNot string }{
		{"serve", "PLAYTOKEN_LISTEN", "PLAYTOKEN_GATE_LISTEN"},
		{"gate", "PLAYTOKEN_GATE_LISTEN", "PLAYTOKEN_SCHEDULER"},
		{"rotate", "PLAYTOKEN_STORE", "PLAYTOKEN_LISTEN"},
		{"keys revoke", "PLAYTOKEN_SERVER", "PLAYTOKEN_GATE_MEDIA"},
		{"vault setup", "PLAYTOKEN_VAULT_KV", "PLAYTOKEN_STORE_PASSWORD"},
		{"login", "PLAYTOKEN_SERVER", "PLAYTOKEN_STORE"},
		{"version", "Examples", "PLAYTOKEN_"},
	} {
		r := (&deployment{t: t}).run(append(strings.Fields(c.verb), "--help")...)
		if !regexp.MustCompile(`(?m)^ *`+c.has+`\b`).MatchString(r.stdout) || regexp.MustCompile(`(?m)^ *`+c.hasNot+`\b`).MatchString(r.stdout) {
			t.Errorf("%s --help: got\n%s\nwant %s in it, and not %s", c.verb, r.stdout, c.has, c.hasNot)
		}
	}
}

// TestManualPagesAreWellFormed asks a parser of manual pages.
func TestManualPagesAreWellFormed(t *testing.T) {
	dir := t.TempDir()
	r := (&deployment{t: t}).run("man", dir)
	if r.code != exitDone {
		t.Fatalf("man: got exit %d, want %d: %s", r.code, exitDone, r.stderr)
	}
	root := newApp(process{}).command()
	for _, verb := range append(leaves(root), root) {
		page := filepath.Join(dir, strings.ReplaceAll(verb.CommandPath(), " ", "-")+".1")
		text, err := os.ReadFile(page)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, want := range []string{".SH NAME", ".SH SYNOPSIS", ".SH EXAMPLES", ".SH EXIT STATUS"} {
			if !bytes.Contains(text, []byte(want)) {
				t.Errorf("%s: got no %s, want it", page, want)
			}
		}
		lint(t, page)
	}
}

func lint(t *testing.T, page string) {
	t.Helper()
	if _, err := exec.LookPath("mandoc"); err != nil {
		t.Skip("mandoc is not installed")
	}
	// Pages have no date: the same program writes the same page.
	out, _ := exec.Command("mandoc", "-Tlint", "-Wwarning", page).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, "missing date") {
			t.Errorf("mandoc: got %s, want nothing", line)
		}
	}
}

// TestShellsCompleteVerbsAndFlags: in each shell itself.
func TestShellsCompleteVerbsAndFlags(t *testing.T) {
	t.Parallel()
	slow(t, "it builds the program")
	program, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	ask := map[string]string{
		// The package bash-completion has the function that reads the words.
		"bash": `_get_comp_words_by_ref() { words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${words[cword]}; prev=${words[cword-1]}; }; source <(playtoken completion bash); COMP_WORDS=(playtoken keys re); COMP_CWORD=2; COMP_LINE='playtoken keys re'; COMP_POINT=17; __start_playtoken playtoken; printf '%s\n' "${COMPREPLY[@]}"`,
		"fish": `playtoken completion fish | source; complete -C 'playtoken keys re'`,
		"zsh":  `compdef() { :; }; source <(playtoken completion zsh); whence -w _playtoken; playtoken __complete keys re`,
	}
	for shell, script := range ask {
		t.Run(shell, func(t *testing.T) {
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skip(shell + " is not installed")
			}
			cmd := exec.CommandContext(t.Context(), path, "-c", script)
			cmd.Env = []string{"PATH=" + filepath.Dir(program) + ":" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
			out, err := cmd.CombinedOutput()
			for _, verb := range []string{"release", "revoke", "remove-unmanaged"} {
				if !strings.Contains(string(out), verb) {
					t.Errorf("got %v and\n%s\nwant %s among the completions", err, out, verb)
				}
			}
		})
	}
}

// TestCompletionOffersWordsAndNoFiles where a flag takes a word.
func TestCompletionOffersWordsAndNoFiles(t *testing.T) {
	for line, want := range map[string]string{
		"admin-key create --role ": "admin\noperator\nauditor\n:4\n",
		"keys list --project ":     ":4\n", // no files
		"keys show ":               ":4\n",
		"completion ":              "bash\nfish\nzsh\n:4\n",
		"audit verify ":            ":0\n", // files
		"project create --from ":   ":0\n",
	} {
		r := (&deployment{t: t}).run(append([]string{"__complete"}, strings.Split(line, " ")...)...)
		if r.stdout != want {
			t.Errorf("completion of %q = %q, want %q", line, r.stdout, want)
		}
	}
}

// TestEachExitCodeIsInTheManual, in order.
func TestEachExitCodeIsInTheManual(t *testing.T) {
	codes := []int{exitDone, exitFailed, exitUsage, exitSomeFailed, exitRefused, exitDown}
	if !slices.IsSorted(codes) || len(manual.ExitCodes) != len(codes) {
		t.Errorf("got %d exit codes in the manual, want %d", len(manual.ExitCodes), len(codes))
	}
}

func TestVersionIsAFlagToo(t *testing.T) {
	w := &deployment{t: t}
	for _, more := range [][]string{nil, {"-o", "json"}} {
		verb, flag := w.run(append([]string{"version"}, more...)...), w.run(append([]string{"--version"}, more...)...)
		if verb != flag || verb.code != exitDone || verb.stdout == "" {
			t.Errorf("--version %v = %+v, want what the verb says: %+v", more, flag, verb)
		}
	}
}
