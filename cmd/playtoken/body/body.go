// Package body makes the bodies of the Admin API's requests from flags.
//
// The decision a newcomer would get wrong: a flag that was not given has no member,
// because a change leaves alone what it does not name. And a credential is read from
// a file, because every user of the machine can read a command line.
package body

import (
	"strings"

	"github.com/spf13/cobra"
)

// Usage makes the error of a command line that cannot be understood.
type Usage func(text string) error

// TextFlags adds flags with a text, and what they mean.
func TextFlags(cmd *cobra.Command, flags [][2]string) {
	for _, flag := range flags {
		cmd.Flags().String(flag[0], "", flag[1])
	}
}

// AddTexts adds the flags that were given to a body, under the API's names. An
// empty end means never.
func AddTexts(cmd *cobra.Command, body map[string]any, names ...string) {
	for _, name := range names {
		if flag := cmd.Flags().Lookup(name); flag != nil && flag.Changed {
			body[strings.ReplaceAll(name, "-", "_")] = flag.Value.String()
			if name == "expires-at" && flag.Value.String() == "" {
				body["expires_at"] = nil
			}
		}
	}
}

const reason = "reason"

// ReasonFlag adds the flag with which a change says why.
func ReasonFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().String(reason, "", "why, for the record")
	return cmd
}

// Because returns a body with the reason that was given. Without one, a request that
// has no body (nil) stays as it is.
func Because(cmd *cobra.Command, body map[string]any) map[string]any {
	why, _ := cmd.Flags().GetString(reason)
	if why == "" {
		return body
	}
	if body == nil {
		body = map[string]any{}
	}
	body[reason] = why
	return body
}
