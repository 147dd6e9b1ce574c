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

func (a *app) approvals() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "The acts that wait for a second operator", Args: arguments()}
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.ask(cmd.Context(), apiRequest{method: http.MethodGet, path: "/v1/approvals"})
	}
	approve := body.ReasonFlag(&cobra.Command{Use: "approve APPROVAL_ID", Short: "Carry out what another operator asked for", Args: arguments("APPROVAL_ID")})
	approve.RunE = func(cmd *cobra.Command, args []string) error {
		return a.ask(cmd.Context(), apiRequest{
			method: http.MethodPost, path: "/v1/approvals/" + url.PathEscape(args[0]) + "/approve",
			body: body.Because(cmd, nil), missing: "playtoken approvals list shows what waits",
		})
	}
	return group("approvals", "Acts that wait for a second operator (PLAYTOKEN_APPROVALS)", list, approve)
}

// waits is the result of an act that waits for a second operator.
type waits handlers.Asked

func (w waits) Error() string {
	return "nothing has changed yet: the act waits for another operator, until " + moment(w.ExpiresAt)
}

func (w waits) table(to io.Writer) { fmt.Fprintf(to, "%s\n", w.ApprovalID) }

// showWaiting prints the approval that an act waits for, and passes every error on.
func (a *app) showWaiting(err error) error {
	if waiting, ok := errors.AsType[waits](err); ok {
		return errors.Join(err, a.print(waiting))
	}
	return err
}

// overriding adds the flag with which an admin does not wait.
func overriding(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("override", false, "do not wait for a second operator, as an admin; the record and the log say so")
}
