package main

import (
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"playtoken/service"
	"playtoken/settings"
)

func (a *app) serve() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "The service: mints over HTTP, and rotates unless PLAYTOKEN_SCHEDULER=off", Args: arguments(),
		Long: "The service: mints over HTTP, and rotates unless PLAYTOKEN_SCHEDULER=off.\n\n" + settingsHelp("serve"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, err := settings.ForService(a.environ)
			if err != nil {
				return err
			}
			a.collectLess()
			return service.Run(cmd.Context(), set, service.Options{
				CreateStore: true, HoldKeys: true, Stderr: a.stderr, Log: a.jsonLog(), Build: buildVersion().build(),
			})
		},
	}
}

// collectLess lets garbage grow to four times what is in use, which is little,
// so that a mint costs about a seventh less apart from its signature. A GOGC in
// the environment is obeyed instead.
func (a *app) collectLess() {
	if !slices.ContainsFunc(a.environ, func(s string) bool { return strings.HasPrefix(s, "GOGC=") }) {
		debug.SetGCPercent(400)
	}
}
