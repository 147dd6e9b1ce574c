package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"playtoken/handlers"
	"playtoken/keyrotation"
)

// rotateFlags is the command line of rotate.
type rotateFlags struct {
	project            string
	ifDue, now, dryRun bool
	reason             string
}

func (a *app) rotate() *cobra.Command {
	var f rotateFlags
	cmd := &cobra.Command{
		Use: "rotate", Short: "Make every move of the signing keys that is due", Args: arguments(),
		Long: "Makes every move of the signing keys that is due, and is done when nothing more is;\n" +
			"where no key is active it waits until one is. Meant for cron, and safe beside serve.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.ifDue && f.now {
				return usageError{"--if-due and --now exclude each other"}
			}
			return a.withParts(cmd.Context(), !f.dryRun, func(p *parts) error {
				return a.rotateMeant(cmd.Context(), p, f)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.project, "project", "", "only this project")
	flags.BoolVar(&f.ifDue, "if-due", false, "only what is due (the default)")
	flags.BoolVar(&f.now, "now", false, "make the standby active even if that is not due")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show what would be done, and change nothing")
	flags.StringVar(&f.reason, "reason", "", "why, for the record")
	return cmd
}

// rotateMeant rotates the project that was named, or every one, and with them
// the keys of our own that access tokens are signed with.
func (a *app) rotateMeant(ctx context.Context, p *parts, f rotateFlags) error {
	ids := []string{f.project}
	if f.project == "" {
		var err error
		if ids, err = p.Rotating(ctx); err != nil {
			return err
		}
		if len(ids) == 0 {
			return configError{errors.New("there is no project: PLAYTOKEN_PLATFORM_API_KEY makes the project default, playtoken project create another one")}
		}
	}
	err := a.rotateEach(ctx, p, ids, f)
	if f.project == "" && !f.dryRun {
		_, own := p.own.Reconcile(ctx, keyrotation.Order{Actor: "cli", Reason: f.reason})
		err = errors.Join(err, own)
	}
	return err
}

// rotateEach does what was asked for with every project, some at a time: one
// whose platform is slow, or fails, keeps none of the others waiting long.
func (a *app) rotateEach(ctx context.Context, p *parts, ids []string, f rotateFlags) error {
	views, failed := make([]tabled, len(ids)), make([]error, len(ids))
	var all errgroup.Group
	all.SetLimit(handlers.ProjectsAtOnce)
	for i, id := range ids {
		all.Go(func() error {
			r, err := p.workshop.rotatorOf(ctx, id)
			if err == nil {
				views[i], err = a.rotateOne(ctx, r, f)
			}
			if err != nil {
				views[i], failed[i] = failedView{id, err.Error()}, fmt.Errorf("%s: %w", id, err)
			}
			return nil
		})
	}
	all.Wait()
	failures := slices.DeleteFunc(failed, func(err error) bool { return err == nil })
	err := a.print(answer(views, ids, f.project))
	switch len(failures) {
	case 0:
		return err
	case len(ids):
		return errors.Join(failures...)
	}
	return someFailed{len(failures), len(ids)}
}

func (a *app) rotateOne(ctx context.Context, r *keyrotation.Rotator, f rotateFlags) (tabled, error) {
	if f.dryRun {
		status, err := r.Status(ctx)
		return statusView{r.Project, handlers.NewRotationStatus(status)}, err
	}
	order := keyrotation.Order{Now: f.now, Actor: "cli", Reason: f.reason}
	result, err := bootstrapping{Rotator: r, log: a.log()}.reconcile(ctx, order)
	return rotatedView{r.Project, handlers.NewRotated(result)}, err
}

// resultsView is the answer about every project.
type resultsView struct {
	Results []tabled `json:"results"`
	ids     []string // whose they are
}

func (v resultsView) table(w io.Writer) {
	for i, result := range v.Results {
		if len(v.Results) > 1 {
			fmt.Fprintf(w, "project %s:\n", v.ids[i])
		}
		result.table(w)
	}
}

// answer is one project's view where one was asked for, else the list.
func answer(views []tabled, ids []string, only string) tabled {
	if only != "" {
		return views[0]
	}
	return resultsView{views, ids}
}

// failedView stands for a project that could not be rotated.
type failedView struct {
	ProjectID string `json:"project_id"`
	Error     string `json:"error"`
}

func (v failedView) table(w io.Writer) { fmt.Fprintf(w, "failed: %s\n", v.Error) }

// Bounds of the wait for a project's first active key, beyond the delays that
// its policy asks for anyway.
const (
	bootstrapSlack    = 30 * time.Second
	bootstrapFailures = 3 // passes in a row
)

// bootstrapping reconciles and, while the project has no active key, again
// when something more can be done: the first key has to propagate before it
// may sign, and whoever ran rotate wants a project that works.
type bootstrapping struct {
	*keyrotation.Rotator
	log *slog.Logger
}

func (b bootstrapping) reconcile(ctx context.Context, order keyrotation.Order) (keyrotation.Result, error) {
	d := b.Policy.Durations
	ctx, cancel := context.WithTimeoutCause(ctx, d.Propagation+2*d.Settle+bootstrapSlack,
		errors.New("gave up waiting for an active key"))
	defer cancel()
	var all []keyrotation.Done
	for failures := 0; ; {
		result, err := b.Reconcile(ctx, order)
		all = append(all, result.Actions...)
		result.Actions, result.Changed = all, len(all) > 0
		active, unread := b.active(ctx)
		if err == nil {
			err = unread
		}
		if active || unread != nil {
			return result, err
		}
		// The store answers, and no key signs.
		order.Now = false
		if err == nil {
			failures = 0
		} else if failures++; failures == bootstrapFailures || !mayPass(err) {
			return result, err
		}
		if err := b.wait(ctx, result, err); err != nil {
			return result, err
		}
	}
}

func (b bootstrapping) active(ctx context.Context) (bool, error) {
	ring, err := b.Ring(ctx)
	if err != nil {
		return false, err
	}
	_, active := ring.Active()
	return active, nil
}

// mayPass: trying again soon can help.
func mayPass(err error) bool { return exitCode(err) == exitDown }

// wait returns when the next pass can do something, or why none ever will.
func (b bootstrapping) wait(ctx context.Context, result keyrotation.Result, failed error) error {
	pause := time.Until(result.NextActionAt)
	switch {
	case failed != nil:
		b.log.Warn("trying again", "project", b.Project, "error", failed)
		pause = time.Second
	case result.NextActionAt.IsZero():
		return fmt.Errorf("no key is active, and none will be by waiting: %s", result.Reason)
	default:
		b.log.Info("no key is active yet", "project", b.Project, "waiting_until", result.NextActionAt)
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("rotation of %s: %w", b.Project, context.Cause(ctx))
	case <-time.After(max(pause, 50*time.Millisecond)):
		return nil
	}
}
