package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
)

// file is one file of an archive, a package or an image.
type file struct {
	name string // with slashes
	mode os.FileMode
	body []byte
}

// papers are what comes with the programs, the same for all of them.
type papers struct {
	texts       []file // README and the like
	manual      []file // pages of section 1
	completions []file // for bash, fish and zsh, under the names that these look for
	units       []file // deploy/systemd
}

// readPapers takes papers from the source, and has the program write those that it
// knows best.
func (s source) readPapers(ctx context.Context, work string) (p papers, err error) {
	for _, name := range []string{"CHANGELOG.md", "LICENSE", "README.md"} {
		body, err := os.ReadFile(filepath.Join(s.folder, name))
		if err != nil {
			return p, err
		}
		p.texts = append(p.texts, file{name: name, mode: 0o644, body: body})
	}
	for _, pattern := range []string{"*.conf", "*.env", "*.service", "*.timer"} {
		found, err := readFiles(filepath.Join(s.folder, "deploy/systemd"), pattern)
		if err != nil {
			return p, err
		}
		p.units = append(p.units, found...)
	}
	writer, err := s.build(ctx, host(), filepath.Join(work, "host", host().executable()))
	if err != nil {
		return p, err
	}
	if p.manual, err = manualOf(ctx, writer, filepath.Join(work, "man")); err != nil {
		return p, err
	}
	p.completions, err = completionsOf(ctx, writer)
	return p, err
}

// readFiles reads the files of a folder that fit a pattern, in the order of their names.
func readFiles(dir, pattern string) (found []file, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		found = append(found, file{name: filepath.Base(path), mode: 0o644, body: body})
	}
	return found, err
}

func manualOf(ctx context.Context, writer program, dir string) ([]file, error) {
	if _, err := output(quiet(ctx, writer, "man", dir)); err != nil {
		return nil, err
	}
	return readFiles(dir, "*.1")
}

func completionsOf(ctx context.Context, writer program) (scripts []file, err error) {
	for _, c := range []struct{ shell, name string }{{shell: "bash", name: "playtoken"}, {shell: "fish", name: "playtoken.fish"}, {shell: "zsh", name: "_playtoken"}} {
		text, err := output(quiet(ctx, writer, "completion", c.shell))
		if err != nil {
			return nil, err
		}
		scripts = append(scripts, file{name: c.name, mode: 0o644, body: []byte(text + "\n")})
	}
	return scripts, nil
}

// quiet runs the program without settings of this machine.
func quiet(ctx context.Context, p program, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Env = []string{}
	return cmd
}
