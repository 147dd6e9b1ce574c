package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
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
		Use: "logout", Short: "End your session at the service that PLAYTOKEN_SERVER names", Args: arguments(),
		Long: "End your session at the service that PLAYTOKEN_SERVER names, and forget it here.\n" +
			"While the service cannot be reached, the session is kept, so that you can end it later.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			server, sessions, err := a.server()
			if err != nil {
				return err
			}
			token, err := sessions.Token(server.URL)
			if err == nil {
				err = (&localAPI{handler: server}).call(cmd.Context(), apiRequest{
					method: http.MethodPost, path: "/v1/auth/operator/logout", body: map[string]any{"access_token": token.Reveal()},
				}, nil)
			}
			if err != nil && !sessionIsOver(err) {
				return err
			}
			return sessions.Forget(server.URL)
		},
	}
}

// sessionIsOver: there is nothing left to end.
func sessionIsOver(err error) bool {
	return needsLogin(err) || hasCode("authentication-invalid-user-credentials")(err)
}

func (a *app) operator() *cobra.Command {
	end := &cobra.Command{Use: "end-sessions OPERATOR_ID", Short: "End all sessions of a person who signed in", Args: arguments("OPERATOR_ID")}
	reason := end.Flags().String("reason", "", "why, for the record (required)")
	end.RunE = func(cmd *cobra.Command, args []string) error {
		if *reason == "" {
			return usageError{"--reason: say why, for the record"}
		}
		return a.ask(cmd.Context(), apiRequest{
			method: http.MethodPost, path: "/v1/operators/" + url.PathEscape(args[0]) + "/sessions/end", body: map[string]any{"reason": *reason},
			missing: "the audit record has the ids of people who signed in, and playtoken settings says whether they can (PLAYTOKEN_OPERATOR_ISSUER)",
		})
	}
	return group("operator", "People who sign in with the identity provider", end)
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
