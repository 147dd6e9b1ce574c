package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// build is one build of the program and of this command, for its workers.
type build struct {
	library string // that computes its signatures
	dir     string
	godebug string // of its workers
}

func (b build) program() string { return filepath.Join(b.dir, "playtoken") }
func (b build) bench() string   { return filepath.Join(b.dir, "bench") }

// makeBuild builds into a new folder. With shipped, it uses the flags of the
// Dockerfile, so that the shipped program is measured.
func makeBuild(ctx context.Context, dir, library string, shipped bool) (build, error) {
	b := build{library: library, dir: dir}
	args, environ := []string{"build", "-ldflags=-s -w", "-o", dir + string(filepath.Separator)}, os.Environ()
	switch {
	case library == openSSL:
		args, environ = append(args, "-tags=openssl"), append(environ, "CGO_ENABLED=1")
	case shipped:
		environ = append(environ, "CGO_ENABLED=0")
	}
	if shipped {
		args = append(args, "-trimpath")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return b, err
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "playtoken/cmd/playtoken", "playtoken/bench")...)
	cmd.Env = environ
	if out, err := cmd.CombinedOutput(); err != nil {
		return b, fmt.Errorf("build with %s: %w: %s", library, err, lastLine(out))
	}
	return b, nil
}

// The libraries, by their names in rsakey.Library.
const (
	standard = "crypto/rsa"
	openSSL  = "OpenSSL"
)
