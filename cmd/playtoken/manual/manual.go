// Package manual is what people read about the verbs beyond their flags:
// examples, the settings that each verb reads, manual pages; and what a shell
// completes.
//
// The decision a newcomer would get wrong: help, manual pages and completion are
// made from the commands themselves and from the one table of settings. Only the
// examples are written down here, and each of them is parsed by a test.
package manual

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Add completes the verbs below a root command.
func Add(root *cobra.Command) {
	each(root, func(cmd *cobra.Command) {
		cmd.Example = exampleOf(cmd)
		completeArguments(cmd)
		cmd.Flags().VisitAll(func(flag *pflag.Flag) { completeFlag(cmd, flag) })
	})
	root.PersistentFlags().VisitAll(func(flag *pflag.Flag) { completeFlag(root, flag) })
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		help(cmd, args)
		fmt.Fprint(cmd.OutOrStdout(), settingsOf(cmd))
	})
}

// each calls do with a command and all below it.
func each(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, below := range cmd.Commands() {
		each(below, do)
	}
}

// verbOf is a command without the name of the program: "keys list".
func verbOf(cmd *cobra.Command) string {
	_, verb, _ := strings.Cut(cmd.CommandPath(), " ")
	return verb
}

// exampleOf is how help shows the examples of a verb.
func exampleOf(cmd *cobra.Command) string {
	lines := examples[verbOf(cmd)]
	if len(lines) == 0 {
		return ""
	}
	return "  " + strings.Join(lines, "\n  ")
}

// Scripts are the shells whose completion there is, and what writes it.
var Scripts = map[string]func(root *cobra.Command) error{
	"bash": func(root *cobra.Command) error { return root.GenBashCompletionV2(root.OutOrStdout(), true) },
	"zsh":  func(root *cobra.Command) error { return root.GenZshCompletion(root.OutOrStdout()) },
	"fish": func(root *cobra.Command) error { return root.GenFishCompletion(root.OutOrStdout(), true) },
}

// choices are the words that a flag or an argument takes, by its name.
var choices = map[string][]string{
	"output":     {"text", "json"},
	"role":       {"admin", "operator", "auditor"},
	"scope":      {"mint", "keys", "read"},
	"sort-by":    {"created_at", "name"},
	"sort-order": {"asc", "desc"},
}

// files are the names of flags and arguments that take a file or a folder.
var files = []string{"from", "credential", "new-password", "media", "data", "FILE", "FOLDER", "DIR"}

// completeFlag has a shell offer the words of a flag, or files where it takes
// one, and else nothing.
func completeFlag(cmd *cobra.Command, flag *pflag.Flag) {
	words, directive := choices[flag.Name], cobra.ShellCompDirectiveNoFileComp
	if slices.Contains(files, flag.Name) {
		directive = cobra.ShellCompDirectiveDefault
	}
	if _, has := cmd.GetFlagCompletionFunc(flag.Name); !has {
		_ = cmd.RegisterFlagCompletionFunc(flag.Name, cobra.FixedCompletions(words, directive)) // only for an unknown flag
	}
}

// completeArguments has a shell offer files only where a verb takes one.
func completeArguments(cmd *cobra.Command) {
	argument := strings.Fields(cmd.Use)[1:]
	takesFile := len(argument) > 0 && slices.Contains(files, argument[0])
	if cmd.ValidArgsFunction == nil && len(cmd.ValidArgs) == 0 && !takesFile && !cmd.HasSubCommands() {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
}
