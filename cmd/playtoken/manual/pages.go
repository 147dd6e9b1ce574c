package manual

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// WritePages writes a manual page for the program and for each verb into a folder
// that exists, and returns their names.
func WritePages(dir string, root *cobra.Command, version string) (names []string, err error) {
	each(root, func(cmd *cobra.Command) {
		if err != nil || cmd.Hidden {
			return
		}
		name := pageName(cmd) + ".1"
		names = append(names, name)
		err = os.WriteFile(filepath.Join(dir, name), []byte(page(cmd, version)), 0o644)
	})
	return names, err
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// page is the manual page of a command, in the macros of man(7). It has no date:
// the same program writes the same page.
func page(cmd *cobra.Command, version string) string {
	var b strings.Builder
	name := pageName(cmd)
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"playtoken %s\" \"playtoken\"\n", strings.ToUpper(name), escaped(version))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", escaped(name), escaped(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", escaped(strings.TrimPrefix(cmd.UseLine(), " ")))
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s", paragraphs(cmp.Or(cmd.Long, cmd.Short+".")))
	if cmd.HasSubCommands() {
		b.WriteString(".SH VERBS\n")
		for _, below := range visible(cmd) {
			fmt.Fprintf(&b, ".TP\n.BR %s (1)\n%s\n", escaped(pageName(below)), escaped(below.Short))
		}
	}
	b.WriteString(options("OPTIONS", cmd.NonInheritedFlags()) + options("COMMON OPTIONS", cmd.InheritedFlags()))
	if cmd.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", escaped(cmd.Example))
	}
	if settings := settingsOf(cmd); settings != "" {
		b.WriteString(environment(verbOf(cmd)))
	}
	b.WriteString(exitStatus + seeAlso(cmd))
	return b.String()
}

// visible are the verbs below a command that have a page.
func visible(cmd *cobra.Command) (verbs []*cobra.Command) {
	for _, below := range cmd.Commands() {
		if !below.Hidden {
			verbs = append(verbs, below)
		}
	}
	return verbs
}

func options(title string, flags *pflag.FlagSet) string {
	var b strings.Builder
	flags.VisitAll(func(flag *pflag.Flag) {
		name := "--" + flag.Name
		if flag.Shorthand != "" {
			name = "-" + flag.Shorthand + ", " + name
		}
		argument, usage := pflag.UnquoteUsage(flag)
		if argument != "" {
			name += " " + argument
		}
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", escaped(name), escaped(usage))
	})
	if b.Len() == 0 {
		return ""
	}
	return ".SH " + title + "\n" + b.String()
}

func environment(verb string) string {
	var b strings.Builder
	b.WriteString(".SH ENVIRONMENT\nA secret may be in the file that NAME_FILE names.\n")
	for _, s := range ReadBy(verb) {
		meaning := strings.ReplaceAll(s.Meaning, "`", "") + "."
		if s.Default != "" {
			meaning += " Default: " + s.Default + "."
		}
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", escaped(s.Name), escaped(meaning))
	}
	return b.String()
}

// ExitCodes are what every verb's exit code means, in order.
var ExitCodes = []string{
	"done, or nothing to do", "failed", "a mistake in the command line or the settings", "some projects failed",
	"a guard refused, or viewers would be refused", "something that playtoken depends on does not answer",
}

var exitStatus = func() string {
	var b strings.Builder
	b.WriteString(".SH EXIT STATUS\n")
	for code, meaning := range ExitCodes {
		fmt.Fprintf(&b, ".TP\n.B %d\n%s\n", code, meaning)
	}
	return b.String()
}()

// seeAlso leads up from a verb, and from the program to the pages of its verbs.
func seeAlso(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return ""
	}
	return ".SH SEE ALSO\n.BR " + escaped(pageName(cmd.Parent())) + " (1)\n"
}

// paragraphs sets text in which an empty line begins a paragraph.
func paragraphs(text string) string {
	var b strings.Builder
	for i, part := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		b.WriteString(escaped(part) + "\n")
	}
	return b.String()
}

// escaped is text as roff shows it literally: a backslash and a hyphen have
// meanings, and so has a line that begins with a point or an apostrophe.
func escaped(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "–", `\(en`, "…", `...`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
