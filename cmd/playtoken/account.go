package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"playtoken/cmd/playtoken/body"
	"playtoken/handlers"
)

// projectCheck asks a platform about an account, and saves nothing.
func (a *app) projectCheck() *cobra.Command {
	cmd := &cobra.Command{Use: "check [PROJECT_ID]", Short: "Ask the platform whether an account is right; nothing is saved", Args: func(cmd *cobra.Command, args []string) error {
		return arguments([]string{"PROJECT_ID"}[:min(len(args), 1)]...)(cmd, args)
	}}
	cmd.Long = "Asks the platform about a project's account as it is, or as it would be with the\n" +
		"flags. Without PROJECT_ID the flags are those of a project that does not exist yet."
	given := body.AccountFlags(cmd, a.stdin, platformNames(), usage)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		account, err := given.Body()
		if err != nil {
			return err
		}
		q := apiRequest{method: http.MethodPost, path: "/v1/projects/check", body: account}
		if len(args) > 0 {
			q.path = "/v1/projects/" + url.PathEscape(args[0]) + "/check"
		}
		return a.withAPI(cmd.Context(), false, func(door *localAPI) error {
			var said accountSaid
			if err := door.call(cmd.Context(), q, &said); err != nil {
				return err
			}
			return said.orError(a.print(said))
		})
	}
	return cmd
}

// accountSaid is what the platform says.
type accountSaid handlers.AccountCheck

func (s accountSaid) table(to io.Writer) { fmt.Fprintf(to, "%s: %s\n", s.Outcome, s.Detail) }

// orError is an error unless the account is right, as far as the platform tells.
func (s accountSaid) orError(printed error) error {
	switch s.Outcome {
	case handlers.AccountAccepted, handlers.AccountUnasked:
		return printed
	case handlers.AccountUnreachable, handlers.AccountThrottled:
		return errors.Join(printed, accountUnknown{})
	}
	return errors.Join(printed, errAccountWrong)
}

// accountUnknown: the platform did not say.
type accountUnknown struct{}

func (accountUnknown) Error() string { return "it is not known whether the account is right" }

var errAccountWrong = errors.New("the account is not right; the line above says what is wrong")
