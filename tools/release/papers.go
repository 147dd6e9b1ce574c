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

// readPapers takes papers from the source, and has the program for this machine write
// those that it knows best.
func (s source) readPapers(ctx context.Context, work string, writer program) (papers, error) {
	p, err := s.ownPapers()
	if err != nil {
		return p, err
	}
	if p.manual, err = manualOf(ctx, writer, filepath.Join(work, "man")); err != nil {
		return p, err
	}
	p.completions, err = completionsOf(ctx, writer)
	return p, err
}

// writePapers writes what the program writes and the licences of what is in it.
func (s source) writePapers(ctx context.Context, work, dir string) error {
	writer, err := s.build(ctx, host(), filepath.Join(work, host().executable()))
	if err != nil {
		return err
	}
	p, err := s.readPapers(ctx, work, writer)
	if err != nil {
		return err
	}
	licences, err := s.licencesOf(writer)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	all := append(append(under("man", p.manual), under("completions", p.completions)...), licences)
	for _, f := range p.manual {
		packed, err := compressed(f)
		if err != nil {
			return err
		}
		all = append(all, under("man1", []file{packed})...)
	}
	for _, f := range all {
		to := filepath.Join(dir, filepath.FromSlash(f.name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, f.body, f.mode); err != nil {
			return err
		}
	}
	return nil
}

// ownPapers are those that lie in the source.
func (s source) ownPapers() (p papers, err error) {
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
	return p, nil
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
