package manual

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"playtoken/settings"
)

// withoutSettings are the verbs that read none, or only show them.
var withoutSettings = []string{"", "version", "settings", "completion", "man", "demo", "help"}

// readerOf is under which name the table of settings lists a verb: its own where it
// has rows of its own, and else that of the requests to the API.
func readerOf(verb string) string {
	first, _, _ := strings.Cut(verb, " ")
	switch {
	case slices.Contains(withoutSettings, first):
		return ""
	case slices.Contains([]string{"serve", "gate", "vault"}, first):
		return first
	case first == "login" || first == "logout":
		return "login"
	}
	return "verbs"
}

// ReadBy are the settings that a verb reads.
func ReadBy(verb string) (read []settings.Setting) {
	reader := readerOf(verb)
	for _, section := range settings.Table() {
		for _, s := range section.Settings {
			if reader == "login" && s.Name == "PLAYTOKEN_SERVER" || reader != "" && s.Of(reader) {
				read = append(read, s)
			}
		}
	}
	return read
}

// Settings lists the settings that a verb reads, with their defaults; it is empty
// for a verb that reads none.
func Settings(verb string) string {
	read := ReadBy(verb)
	if len(read) == 0 {
		return ""
	}
	var text strings.Builder
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "Settings (playtoken settings tells what each one means):")
	for _, s := range read {
		fmt.Fprintf(columns, "  %s\t%s\n", s.Name, cmp.Or(s.Default, "-"))
	}
	columns.Flush()
	return text.String()
}

// settingsOf is the end of a verb's help: a group of verbs has none of its own.
func settingsOf(cmd *cobra.Command) string {
	text := Settings(verbOf(cmd))
	if text == "" || cmd.HasSubCommands() && verbOf(cmd) != "gate" {
		return ""
	}
	return "\n" + text
}
