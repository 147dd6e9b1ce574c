package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed node/server.js
var nodeServer []byte

// The packages that the servers in Node sign with. They are downloaded once,
// into the user's cache.
var nodePackages = map[string]string{nodeServing: "jsonwebtoken@9", joseServing: "jose@6"}

// startNode starts a server that playtoken is compared with, with a process for
// each core.
func (b *bench) startNode(ctx context.Context, name string) (*server, error) {
	modules, err := nodeModules(ctx, nodePackages[name])
	if err != nil {
		return nil, err
	}
	script := filepath.Join(b.dir, "server.js")
	if err := os.WriteFile(script, nodeServer, 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "node", script)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "NODE_ENV=production",
		"NODE_PATH=" + modules, "KEY_FILE=" + b.keyFile(), "SITE=" + b.world.site(),
		"PACKAGE=" + packageName(nodePackages[name]),
	}
	return b.start(cmd)
}

// packageName is a package without its version.
func packageName(versioned string) string {
	name, _, _ := strings.Cut(versioned, "@")
	return name
}

// nodeModules returns the folder of a package, which it installs if need be.
func nodeModules(ctx context.Context, versioned string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "playtoken-bench", versioned)
	modules := filepath.Join(dir, "node_modules")
	if _, err := os.Stat(filepath.Join(modules, packageName(versioned), "package.json")); err == nil {
		return modules, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "npm", "install", "--prefix", dir, "--no-audit", "--no-fund", "--fetch-retries=0", "--loglevel=error", versioned).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("npm install %s: %w: %s", versioned, err, lastLine(out))
	}
	return modules, nil
}
