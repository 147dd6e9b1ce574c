package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"

	"playtoken/handlers"
	"playtoken/projects"
	"playtoken/secret"
	"playtoken/signer"
)

// writeProfile writes a CPU profile of minting over HTTP, which shows the cost
// beyond that of the signature. The program itself cannot be profiled, for
// reasons of security; a worker serves with the same parts.
func writeProfile(ctx context.Context, file string, equal bool, d time.Duration, stdout io.Writer) error {
	file, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "playtoken-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	j := job{KeyFile: filepath.Join(dir, "key"), APIKey: newAPIKey(), File: file}
	if err := writeKey(j.KeyFile); err != nil {
		return err
	}
	made, err := makeBuild(ctx, filepath.Join(dir, "build"), standard, true)
	if err != nil {
		return err
	}
	cmd, err := made.worker(ctx, "serve", j)
	if err != nil {
		return err
	}
	s, err := startServer(cmd)
	if err != nil {
		return err
	}
	requests := mintDistinct(j.APIKey)
	if equal {
		requests = mintEqual(j.APIKey)
	}
	got, err := s.contest("mint", requests).turn(ctx, d)
	s.stop() // writes the profile
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%d tokens, %.0f µs of CPU each; to read the profile: go tool pprof -top -cum %s\n", got.n, got.cost(), file)
	return nil
}

// serveProfiled serves tokens and profiles itself until ctx ends.
func serveProfiled(ctx context.Context, j job) error {
	minter, end, err := newMinter(ctx, j)
	if err != nil {
		return err
	}
	defer end()
	file, err := os.Create(j.File)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return serveUntil(ctx, handlers.New(handlers.Config{
		Callers: projects.EnvironmentKeys{APIKey: secret.New(j.APIKey)}, Projects: onlyProject{minter: minter},
		Ready: minter.Ready, Log: slog.New(slog.DiscardHandler),
	}))
}

// onlyProject has the same minter for all callers, and no keys to rotate.
type onlyProject struct {
	handlers.Projects
	minter signer.Minter
}

func (o onlyProject) Minter(context.Context, string) (signer.Minter, error) { return o.minter, nil }
