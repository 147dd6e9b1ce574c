package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// build is the program, and the workers of this command, built one way.
type build struct {
	library string // what does the arithmetic of its signatures
	dir     string
}

func (b build) program() string { return filepath.Join(b.dir, "playtoken") }
func (b build) bench() string   { return filepath.Join(b.dir, "bench") }

// makeBuild builds with the flags of the Dockerfile, so that what is measured
// is what is shipped.
func makeBuild(ctx context.Context, dir, library string) (build, error) {
	b := build{library: library, dir: dir}
	args, cgo := []string{"build", "-trimpath", "-ldflags=-s -w", "-o", dir + string(filepath.Separator)}, "CGO_ENABLED=0"
	if library == openSSL {
		args, cgo = append(args, "-tags=openssl"), "CGO_ENABLED=1"
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return b, err
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "playtoken/cmd/playtoken", "playtoken/bench")...)
	cmd.Env = append(os.Environ(), cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return b, fmt.Errorf("build with %s: %w: %s", library, err, lastLine(out))
	}
	return b, nil
}

// The libraries, as rsakey.Library names them.
const (
	standard = "crypto/rsa"
	openSSL  = "OpenSSL"
)
