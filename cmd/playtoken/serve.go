package main

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/cobra"

	"playtoken/cmd/playtoken/remedies"
	"playtoken/logs"
	"playtoken/service"
	"playtoken/settings"
)

func (a *app) serve() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "The service: mints over HTTP, and rotates unless PLAYTOKEN_SCHEDULER=off", Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			files, set, err := settings.OpenFiles(a.environ, settings.ForService)
			if err != nil {
				return err
			}
			a.collectLess()
			log := a.logAs(logs.JSON)
			a.boundMemory(log, memlimit.FromCgroup)
			warn(log, set.Doubts)
			hangups, stop := notifyOfHangups()
			defer stop()
			return service.Run(cmd.Context(), set, service.Options{
				CreateStore: true, HoldKeys: true, Stderr: a.stderr, Log: log, Build: buildVersion().build(), Files: files, Hangups: hangups,
				Getenv: a.getenv, Doctor: remedies.NewExaminer,
			})
		},
	}
}

// getenv looks up a variable that is not a setting.
func (a *app) getenv(name string) string { return settings.Variables(a.environ)[name] }

// notifyOfHangups returns a channel that gets each SIGHUP, which no longer ends
// the process until stop is called.
func notifyOfHangups() (hangups <-chan os.Signal, stop func()) {
	notified := make(chan os.Signal, 1)
	signal.Notify(notified, syscall.SIGHUP)
	return notified, func() { signal.Stop(notified) }
}

// warn logs what works and is hardly what was meant.
func warn(log *slog.Logger, doubts []string) {
	for _, doubt := range doubts {
		log.Warn("a doubtful setting", "problem", doubt)
	}
}
