package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// source is one commit, in a clone of its own.
type source struct {
	folder   string
	revision string
	version  version
	time     time.Time // of every file that is released
	hls      bool      // the programs have hls.js in them
}

// openSource clones HEAD, tags the clone with the version, and puts hls.js into it.
func openSource(ctx context.Context, o options, work string) (s source, err error) {
	if s.version, err = versionOf(ctx, o.repository, o.version); err != nil {
		return s, err
	}
	if s.revision, err = git(ctx, o.repository, "rev-parse", "HEAD"); err != nil {
		return s, err
	}
	if s.time, err = timeOf(ctx, o.repository); err != nil {
		return s, err
	}
	s.folder = filepath.Join(work, "source")
	from, err := filepath.Abs(o.repository)
	if err != nil {
		return s, err
	}
	for _, args := range [][]string{
		{"clone", "--quiet", "--no-tags", "--no-checkout", from, s.folder},
		{"-C", s.folder, "checkout", "--quiet", "--detach", s.revision},
		{"-C", s.folder, "tag", s.version.tag()},
	} {
		if _, err := git(ctx, ".", args...); err != nil {
			return s, err
		}
	}
	if err := s.version.checkPages(s.folder); err != nil {
		return s, err
	}
	s.hls, err = s.takeHLS(o)
	return s, err
}

// takeHLS copies what make web fetched, which Git ignores, into the clone.
func (s source) takeHLS(o options) (taken bool, err error) {
	for _, name := range []string{hlsScript, "hls-license.txt"} {
		text, err := os.ReadFile(filepath.Join(o.repository, "web/fetched", name))
		if errors.Is(err, fs.ErrNotExist) && o.withoutHLS {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("hls.js is missing: run make web first, or release without it (-without-hlsjs, WITHOUT_HLSJS=1): %w", err)
		}
		if name == hlsScript {
			if err := s.checkHLS(text); err != nil {
				return false, err
			}
		}
		if err := os.WriteFile(filepath.Join(s.folder, "web/fetched", name), text, 0o644); err != nil {
			return false, err
		}
	}
	return true, nil
}

const hlsScript = "hls.js.gz"

// checkHLS refuses a script of another version than the one that npm is told to fetch:
// the script says its version as a string.
func (s source) checkHLS(packed []byte) error {
	version, err := s.versionOfHLS()
	if err != nil {
		return err
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return fmt.Errorf("web/fetched/%s: %w", hlsScript, err)
	}
	script, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("web/fetched/%s: %w", hlsScript, err)
	}
	if !bytes.Contains(script, []byte(strconv.Quote(version))) {
		return fmt.Errorf("web/fetched/%s is not hls.js %s, which web/package-lock.json names: run make web", hlsScript, version)
	}
	return nil
}

// timeOf is SOURCE_DATE_EPOCH or, where that is not set, the time of HEAD.
func timeOf(ctx context.Context, repository string) (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		var err error
		if text, err = git(ctx, repository, "log", "-1", "--format=%ct", "HEAD"); err != nil {
			return time.Time{}, err
		}
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is %q: want seconds since 1970", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// git runs git in a folder and returns what it says, without the end of the line.
func git(ctx context.Context, folder string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = folder
	return output(cmd)
}

// output runs a command. Its error has what the command said.
func output(cmd *exec.Cmd) (string, error) {
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(cmd.Args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}
