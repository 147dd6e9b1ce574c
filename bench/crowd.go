package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"playtoken/filekeys"
	"playtoken/platforms/jwplayer"
	"playtoken/projects"
	"playtoken/secret"
)

// The cost of a mint over HTTP in a store with one project, in a store with many
// projects of which one mints, and in one with many that mint in turn. Each
// project has an API key of its own in the store. They use jwplayer, where a
// mint costs so little that it does not hide the cost of the store.
func fromOneOf(n int) string { return fmt.Sprintf("mint over HTTP, jwplayer, by one project of %d", n) }
func fromAllOf(n int) string {
	return fmt.Sprintf("mint over HTTP, jwplayer, by each of %d in turn", n)
}

// crowd is a store with projects.
type crowd struct {
	file     string
	password secret.Value
	keys     []string // an API key of each project
}

// enterCrowds adds services on a store with one project and on one with many.
func (b *bench) enterCrowds(ctx context.Context) error {
	alone, err := b.newCrowd(ctx, 1)
	if err != nil {
		return err
	}
	many, err := b.newCrowd(ctx, b.crowd)
	if err != nil {
		return err
	}
	return errors.Join(
		b.enterCrowd(ctx, fromOneOf(1), alone, 1),
		b.enterCrowd(ctx, fromOneOf(b.crowd), many, 1),
		b.enterCrowd(ctx, fromAllOf(b.crowd), many, b.crowd),
	)
}

// enterCrowd adds a service of its own, which so many projects call.
func (b *bench) enterCrowd(ctx context.Context, name string, c *crowd, callers int) error {
	service, err := b.start(c.command(ctx, b.standard))
	if err != nil {
		return err
	}
	return b.enter(ctx, service, name, mintMedia(c.keys[:callers]))
}

// newCrowd creates the projects and their API keys, as the Admin API does.
func (b *bench) newCrowd(ctx context.Context, n int) (*crowd, error) {
	fmt.Fprintf(b.progress, "a store of %d projects\n", n)
	c := &crowd{file: filepath.Join(b.dir, fmt.Sprintf("crowd-%d.db", n)), password: secret.New(newAPIKey()), keys: make([]string, n)}
	file, err := filekeys.Open(c.file, c.password, filekeys.Options{Create: true})
	if err != nil {
		return nil, err
	}
	store := projects.NewStore(file, projects.Kinds{"jwplayer": jwplayer.Kind()})
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(4) // the store takes one write at a time
	for i := range c.keys {
		all.Go(func() (err error) {
			c.keys[i], err = newProject(ctx, store, fmt.Sprintf("project %d", i))
			return err
		})
	}
	return c, all.Wait()
}

// newProject creates a project and returns an API key of it.
func newProject(ctx context.Context, store *projects.Store, name string) (string, error) {
	made, err := store.CreateProject(ctx, projects.Project{
		Name: name, Platform: "jwplayer", Settings: map[string]string{"player_id": "PLAYER01"},
		Credential: map[string]secret.Value{"signing_secret": credential["signing_secret"]},
	})
	if err != nil {
		return "", err
	}
	key, err := store.CreateAPIKey(ctx, projects.APIKey{ProjectID: made.ID, Name: "bench", Scopes: []projects.Scope{projects.ScopeMint}})
	return key.Value.Reveal(), err
}

// command returns the service without a project from the environment and
// without the scheduler, whose work for the projects is not part of a mint.
func (c *crowd) command(ctx context.Context, made build) *exec.Cmd {
	cmd := exec.CommandContext(ctx, made.program(), "serve")
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(c.file), "PLAYTOKEN_LISTEN=127.0.0.1:0", "PLAYTOKEN_DRAIN=0s",
		"PLAYTOKEN_STORE=file:" + c.file, "PLAYTOKEN_STORE_PASSWORD=" + c.password.Reveal(),
		"PLAYTOKEN_SIGNING=memory", "PLAYTOKEN_SCHEDULER=off",
	}
	return cmd
}
