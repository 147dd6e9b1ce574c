package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"playtoken/handlers"
	"playtoken/keyrotation"
	"playtoken/store"
)

// keyJob is what a verb does with a project's keys; arg is its argument.
type keyJob func(ctx context.Context, r *keyrotation.Rotator, arg string, order keyrotation.Order) error

func (a *app) keys() *cobra.Command {
	return group("keys", "Signing keys: look at them, and move them by hand",
		a.keyVerb("list", "All signing keys, newest first", false, a.listKeys),
		a.keyVerb("show GENERATION", "One signing key, with its public half", false, a.showKey),
		a.keyVerb("activate GENERATION", "Sign with a registered key from now on", true, a.move((*keyrotation.Rotator).Activate)),
		a.keyVerb("rollback GENERATION", "Sign with a retiring key again", true, a.move((*keyrotation.Rotator).Rollback)),
		a.keyVerb("release GENERATION", "End a key's quarantine", true, a.move((*keyrotation.Rotator).Release)),
		a.keyVerb("revoke GENERATION", "Stop a compromised key everywhere, now; its tokens are lost", true, a.revoke),
		a.keyVerb("remove-unmanaged KEY_ID", "Delete a key at the platform that is not ours", true, a.removeUnmanaged))
}

// keyVerb is a verb on the keys of one project. One that changes something
// wants a reason for the record.
func (a *app) keyVerb(use, short string, changes bool, do keyJob) *cobra.Command {
	var project, reason string
	cmd := &cobra.Command{Use: use, Short: short, Args: arguments(strings.Fields(use)[1:]...)}
	cmd.Flags().StringVar(&project, "project", "", "default, if not given")
	if changes {
		cmd.Flags().StringVar(&reason, "reason", "", "why, for the record (required)")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if changes && reason == "" {
			return usageError{"--reason: say why, for the record"}
		}
		arg := strings.Join(args, "")
		return a.withKeys(cmd.Context(), project, func(r *keyrotation.Rotator) error {
			return do(cmd.Context(), r, arg, keyrotation.Order{Actor: "cli", Reason: reason})
		})
	}
	return cmd
}

func (a *app) listKeys(ctx context.Context, r *keyrotation.Rotator, _ string, _ keyrotation.Order) error {
	ring, err := r.Ring(ctx)
	if err != nil {
		return err
	}
	return a.print(keyListView(handlers.NewKeyList(ring)))
}

func (a *app) showKey(ctx context.Context, r *keyrotation.Rotator, arg string, _ keyrotation.Order) error {
	generation, err := parseGeneration(arg)
	if err != nil {
		return err
	}
	ring, err := r.Ring(ctx)
	if err != nil {
		return err
	}
	key, ok := ring.Key(generation)
	if !ok {
		return fmt.Errorf("generation %d: %w", generation, store.ErrNotFound)
	}
	return a.print(keyView(handlers.NewKeyDetail(key)))
}

// move makes a verb of one of the rotator's.
func (a *app) move(by func(*keyrotation.Rotator, context.Context, int, keyrotation.Order) (keyrotation.Result, error)) keyJob {
	return func(ctx context.Context, r *keyrotation.Rotator, arg string, order keyrotation.Order) error {
		generation, err := parseGeneration(arg)
		if err != nil {
			return err
		}
		result, err := by(r, ctx, generation, order)
		if err != nil {
			return err
		}
		return a.print(rotatedView{r.Project, handlers.NewRotated(result)})
	}
}

func (a *app) revoke(ctx context.Context, r *keyrotation.Rotator, arg string, order keyrotation.Order) error {
	generation, err := parseGeneration(arg)
	if err != nil {
		return err
	}
	done, err := r.Revoke(ctx, generation, order)
	if err != nil && done.Revoked == 0 {
		return err
	}
	return errors.Join(a.print(revocationView(handlers.NewRevocation(done, err))), err)
}

type removedView struct {
	Removed string `json:"removed"`
}

func (v removedView) table(w io.Writer) { fmt.Fprintf(w, "removed %s\n", v.Removed) }

func (a *app) removeUnmanaged(ctx context.Context, r *keyrotation.Rotator, keyID string, order keyrotation.Order) error {
	if err := r.RemoveUnmanaged(ctx, keyID, order); err != nil {
		return err
	}
	return a.print(removedView{keyID})
}

func parseGeneration(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || n == 0 {
		return 0, usageError{"GENERATION: want a number like 3, as keys list shows it"}
	}
	return int(n), nil
}
