package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// target is a system and a processor, as Go calls them.
type target struct{ system, processor string }

func (t target) String() string { return t.system + "/" + t.processor }

// executable is the name of the program there.
func (t target) executable() string {
	if t.system == "windows" {
		return "playtoken.exe"
	}
	return "playtoken"
}

func host() target { return target{system: runtime.GOOS, processor: runtime.GOARCH} }

// allTargets are what is released.
func allTargets() (all []target) {
	for _, system := range []string{"darwin", "linux", "windows"} {
		for _, processor := range []string{"amd64", "arm64"} {
			all = append(all, target{system: system, processor: processor})
		}
	}
	return all
}

func parseTargets(text string) (chosen []target, err error) {
	switch text {
	case "all":
		return allTargets(), nil
	case "host":
		return []target{host()}, nil
	}
	for _, word := range strings.Split(text, ",") {
		system, processor, _ := strings.Cut(word, "/")
		t := target{system: system, processor: processor}
		if !slices.Contains(allTargets(), t) {
			return nil, fmt.Errorf("target %q is not released: want some of %v", word, allTargets())
		}
		chosen = append(chosen, t)
	}
	return chosen, nil
}

// program is one build, and what the go tool wrote into it.
type program struct {
	target target
	path   string
	info   *buildinfo.BuildInfo
}

// buildFlags are those of the Dockerfile.
func buildFlags() []string {
	return []string{"-trimpath", "-buildvcs=true", "-ldflags=-s -w"}
}

// buildEnvironment is the caller's, except for what changes a program.
func buildEnvironment(t target) []string {
	return append(os.Environ(), "GOOS="+t.system, "GOARCH="+t.processor, "CGO_ENABLED=0",
		"GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=", "GOFIPS140=off", "GOAMD64=v1", "GOARM64=v8.0", "GODEBUG=")
}

func (s source) buildAll(ctx context.Context, targets []target, work string) (all []program, err error) {
	for _, t := range targets {
		p, err := s.build(ctx, t, filepath.Join(work, t.system+"_"+t.processor, t.executable()))
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// forThisMachine is the one of the programs that runs here, or else is built.
func (s source) forThisMachine(ctx context.Context, programs []program, work string) (program, error) {
	i := slices.IndexFunc(programs, func(p program) bool { return p.target == host() })
	if i >= 0 {
		return programs[i], nil
	}
	return s.build(ctx, host(), filepath.Join(work, "host", host().executable()))
}

// build makes the program, and refuses one that does not say what it was made of.
func (s source) build(ctx context.Context, t target, path string) (program, error) {
	args := append(append([]string{"build"}, buildFlags()...), "-o", path, "./cmd/playtoken")
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = s.folder, buildEnvironment(t)
	if _, err := output(cmd); err != nil {
		return program{}, fmt.Errorf("build for %s: %w", t, err)
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return program{}, err
	}
	if got := info.Main.Version; got != s.version.tag() {
		return program{}, fmt.Errorf("%s says that it is version %q, want %q", path, got, s.version.tag())
	}
	for key, want := range map[string]string{"vcs.revision": s.revision, "vcs.modified": "false", "CGO_ENABLED": "0", "GOOS": t.system, "GOARCH": t.processor} {
		if got := setting(info, key); got != want {
			return program{}, fmt.Errorf("%s says %s=%q, want %q", path, key, got, want)
		}
	}
	return program{target: t, path: path, info: info}, nil
}

// setting is one of the settings of a build, or empty.
func setting(info *buildinfo.BuildInfo, key string) string {
	i := slices.IndexFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == key })
	if i < 0 {
		return ""
	}
	return info.Settings[i].Value
}
