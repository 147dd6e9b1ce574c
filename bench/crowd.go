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

// What a mint over HTTP costs a project that is alone in its store, one that
// has many beside it, and many that come in turn. Each has an API key of its
// own, which is kept in the store. They are on jwplayer, where a mint costs so
// little that nothing hides behind it.
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

// enterCrowds has services take part on a store with one project, and on one
// with many.
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

// enterCrowd has a service of its own take part that so many projects call.
func (b *bench) enterCrowd(ctx context.Context, name string, c *crowd, callers int) error {
	service, err := b.start(c.command(ctx, b.standard))
	if err != nil {
		return err
	}
	return b.enter(ctx, service, name, mintMedia(c.keys[:callers]))
}

// newCrowd makes the projects and their keys, as the Admin API would.
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

// newProject returns an API key of a new project.
func newProject(ctx context.Context, store *projects.Store, name string) (string, error) {
	made, err := store.CreateProject(ctx, projects.Project{
		Name: name, Platform: "jwplayer", Settings: map[string]string{"player_id": "PLAYER01"},
		Credential: map[string]secret.Value{"signing_secret": credential["signing_secret"]},
	})
	if err != nil {
		return "", err
	}
	key, err := store.CreateAPIKey(ctx, made.ID, "bench", []projects.Scope{projects.ScopeMint})
	return key.Value.Reveal(), err
}

// command is the service without a project of the environment, and without a
// scheduler: what it does for projects in the background is no mint's.
func (c *crowd) command(ctx context.Context, made build) *exec.Cmd {
	cmd := exec.CommandContext(ctx, made.program(), "serve")
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(c.file), "PLAYTOKEN_LISTEN=127.0.0.1:0",
		"PLAYTOKEN_STORE=file:" + c.file, "PLAYTOKEN_STORE_PASSWORD=" + c.password.Reveal(),
		"PLAYTOKEN_SIGNING=memory", "PLAYTOKEN_SCHEDULER=off",
	}
	return cmd
}
