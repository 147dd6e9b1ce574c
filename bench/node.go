package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

//go:embed node/server.js
var nodeServer []byte

// nodePackage is downloaded once, into the user's cache.
const nodePackage = "jsonwebtoken@9"

// startNode starts the server that playtoken is compared with.
func (b *bench) startNode(ctx context.Context) (*server, error) {
	modules, err := nodeModules(ctx)
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
	}
	return b.start(cmd)
}

// nodeModules returns the folder of the package, which it installs if need be.
func nodeModules(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "playtoken-bench", nodePackage)
	modules := filepath.Join(dir, "node_modules")
	if _, err := os.Stat(filepath.Join(modules, "jsonwebtoken", "package.json")); err == nil {
		return modules, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "npm", "install", "--prefix", dir, "--no-audit", "--no-fund", "--fetch-retries=0", "--loglevel=error", nodePackage).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("npm install %s: %w: %s", nodePackage, err, lastLine(out))
	}
	return modules, nil
}
