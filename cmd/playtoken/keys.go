package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"playtoken/keyrotation"
)

// keyVerb is what the verbs on keys are given.
type keyVerb struct {
	project string
	reason  string
}

func (v *keyVerb) order() keyrotation.Order { return keyrotation.Order{Actor: "cli", Reason: v.reason} }

func (a *app) keys() *cobra.Command {
	type move = func(*keyrotation.Rotator, context.Context, int, keyrotation.Order) (keyrotation.Result, error)
	moving := func(use, short string, m move) *cobra.Command {
		return a.reasoned(use+" GENERATION", short, func(ctx context.Context, r *keyrotation.Rotator, arg string, v *keyVerb) error {
			generation, err := parseGeneration(arg)
			if err != nil {
				return err
			}
			result, err := m(r, ctx, generation, v.order())
			if err != nil {
				return err
			}
			view := viewResult("", result)
			return a.print(view, view.table)
		})
	}
	return group("keys", "Signing keys: look at them, and move them by hand",
		a.keysList(), a.keysShow(),
		moving("activate", "Sign with a registered key from now on", (*keyrotation.Rotator).Activate),
		moving("rollback", "Sign with a retiring key again", (*keyrotation.Rotator).Rollback),
		moving("release", "End a key's quarantine", (*keyrotation.Rotator).Release),
		a.reasoned("revoke GENERATION", "Stop a compromised key everywhere, now; its tokens are lost", a.revoke),
		a.reasoned("remove-unmanaged KEY_ID", "Delete a key at the platform that is not ours", a.removeUnmanaged))
}

func (a *app) keysList() *cobra.Command {
	var v keyVerb
	cmd := &cobra.Command{Use: "list", Short: "All signing keys, newest first", Args: arguments()}
	cmd.Flags().StringVar(&v.project, "project", "", "default, if not given")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.withRotator(cmd.Context(), v.project, func(r *keyrotation.Rotator) error {
			ring, err := r.Ring(cmd.Context())
			if err != nil {
				return err
			}
			view := viewKeys(ring)
			return a.print(view, view.table)
		})
	}
	return cmd
}

func (a *app) keysShow() *cobra.Command {
	var v keyVerb
	cmd := &cobra.Command{Use: "show GENERATION", Short: "One signing key, with its public half", Args: arguments("GENERATION")}
	cmd.Flags().StringVar(&v.project, "project", "", "default, if not given")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		generation, err := parseGeneration(args[0])
		if err != nil {
			return err
		}
		return a.withRotator(cmd.Context(), v.project, func(r *keyrotation.Rotator) error {
			ring, err := r.Ring(cmd.Context())
			if err != nil {
				return err
			}
			key, ok := ring.Key(generation)
			if !ok {
				return fmt.Errorf("generation %d: %w", generation, keyrotation.ErrNotFound)
			}
			view := viewKey(key)
			view.PublicKey = key.PublicKey
			return a.print(view, view.table)
		})
	}
	return cmd
}

// reasoned is a verb that changes something for good, and so wants a reason
// for the record.
func (a *app) reasoned(use, short string, do func(context.Context, *keyrotation.Rotator, string, *keyVerb) error) *cobra.Command {
	var v keyVerb
	cmd := &cobra.Command{Use: use, Short: short, Args: arguments("argument")}
	cmd.Flags().StringVar(&v.project, "project", "", "default, if not given")
	cmd.Flags().StringVar(&v.reason, "reason", "", "why, for the record (required)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if v.reason == "" {
			return usageError{"--reason: say why, for the record"}
		}
		return a.withRotator(cmd.Context(), v.project, func(r *keyrotation.Rotator) error {
			return do(cmd.Context(), r, args[0], &v)
		})
	}
	return cmd
}

type revocationView struct {
	Revoked          int        `json:"revoked"`
	ActiveGeneration *int       `json:"active_generation"` // null: none
	EarliestAt       *time.Time `json:"earliest_at"`
	TokensLost       int64      `json:"tokens_lost_for_seconds"`
}

func (a *app) revoke(ctx context.Context, r *keyrotation.Rotator, arg string, v *keyVerb) error {
	generation, err := parseGeneration(arg)
	if err != nil {
		return err
	}
	done, err := r.Revoke(ctx, generation, v.order())
	if err != nil {
		return err
	}
	view := revocationView{Revoked: done.Revoked, EarliestAt: optional(done.EarliestAt), TokensLost: int64(done.TokensLostFor / time.Second)}
	if done.ActiveGeneration > 0 {
		view.ActiveGeneration = &done.ActiveGeneration
	}
	return a.print(view, func(w io.Writer) {
		fmt.Fprintf(w, "revoked generation %d; its tokens are refused for up to %s\n", done.Revoked, done.TokensLostFor)
		if done.ActiveGeneration > 0 {
			fmt.Fprintf(w, "generation %d signs now\n", done.ActiveGeneration)
		} else {
			fmt.Fprintf(w, "NO KEY SIGNS NOW; earliest: %s\n", moment(done.EarliestAt))
		}
	})
}

func (a *app) removeUnmanaged(ctx context.Context, r *keyrotation.Rotator, keyID string, v *keyVerb) error {
	if err := r.RemoveUnmanaged(ctx, keyID, v.order()); err != nil {
		return err
	}
	removed := struct {
		Removed string `json:"removed"`
	}{keyID}
	return a.print(removed, func(w io.Writer) { fmt.Fprintf(w, "removed %s\n", keyID) })
}

func parseGeneration(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || n == 0 {
		return 0, usageError{"GENERATION: want a number like 3, as keys list shows it"}
	}
	return int(n), nil
}
