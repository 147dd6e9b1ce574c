package main

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"

	"github.com/spf13/cobra"

	"playtoken/cmd/playtoken/remote"
	"playtoken/settings"
)

func (a *app) login() *cobra.Command {
	var browser bool
	cmd := &cobra.Command{
		Use: "login", Short: "Sign in at the service that PLAYTOKEN_SERVER names", Args: arguments(),
		Long: "Sign in at the service that PLAYTOKEN_SERVER names, with its operators' identity provider.\n" +
			"Verbs then make their requests to that service with your session, until it ends.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			server, sessions, err := a.server()
			if err != nil {
				return err
			}
			who, err := server.SignIn(cmd.Context(), sessions, func(address string) {
				fmt.Fprintf(a.stderr, "Open this page to sign in:\n\n  %s\n\n", address)
				if browser {
					openBrowser(address)
				}
			})
			if err != nil {
				return err
			}
			return a.print(signedInView(who))
		},
	}
	cmd.Flags().BoolVar(&browser, "browser", true, "open the page in a browser")
	return cmd
}

func (a *app) logout() *cobra.Command {
	return &cobra.Command{
		Use: "logout", Short: "Forget your session at the service that PLAYTOKEN_SERVER names", Args: arguments(),
		RunE: func(*cobra.Command, []string) error {
			server, sessions, err := a.server()
			if err != nil {
				return err
			}
			return sessions.Forget(server.URL)
		},
	}
}

// server is the service that PLAYTOKEN_SERVER names, without a credential.
func (a *app) server() (remote.Server, remote.Sessions, error) {
	set, err := settings.ForClient(a.environ)
	if err != nil {
		return remote.Server{}, remote.Sessions{}, err
	}
	if set.Server == "" {
		return remote.Server{}, remote.Sessions{}, usageError{"PLAYTOKEN_SERVER is not set: set it to the URL of the service"}
	}
	sessions, err := remote.UserSessions(a.environ)
	return remote.Server{URL: set.Server}, sessions, err
}

// remoteAPI is the API of a running service, for the admin key of the environment
// or else the user who signed in.
func (a *app) remoteAPI(set settings.Settings) (*localAPI, error) {
	server := remote.Server{URL: set.Server, Credential: set.AdminKey}
	if server.Credential.IsZero() {
		sessions, err := remote.UserSessions(a.environ)
		if err != nil {
			return nil, err
		}
		if server.Credential, err = sessions.Token(set.Server); err != nil {
			return nil, err
		}
	}
	return &localAPI{handler: server, settings: set, hasDefault: true}, nil
}

// openBrowser tries to; the address was printed as well.
func openBrowser(address string) {
	name := map[string]string{"darwin": "open", "windows": "explorer"}[runtime.GOOS]
	if name == "" {
		name = "xdg-open"
	}
	if cmd := exec.Command(name, address); cmd.Start() == nil {
		_ = cmd.Process.Release() // it may outlive this process
	}
}

type signedInView remote.SignedIn

func (v signedInView) table(w io.Writer) {
	fmt.Fprintf(w, "signed in at %s as %s (%s), until %s\n", v.Server, v.Name, v.Role, v.Expires.Format("2006-01-02 15:04 UTC"))
}

func needsLogin(err error) bool { return errors.Is(err, remote.ErrNoSession) }
