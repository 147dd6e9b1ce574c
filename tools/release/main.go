// Command release makes what is published of one commit: archives for three systems,
// packages for Debian and for RPM, a bill of materials for each program, an image,
// checksums, and their signature.
//
// The decision a newcomer would get wrong: nothing is read from the working folder
// except hls.js, which Git does not have. The commit is cloned, tagged in the clone,
// and built there. So the go tool writes version and revision into the program by
// itself, and everyone who has the commit makes the same bytes of it, wherever the
// clone lies. All times are that of the commit, or SOURCE_DATE_EPOCH.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	o, err := parseOptions(os.Args[1:])
	if err == nil {
		err = run(ctx, o, os.Stdout)
	}
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// options are what the caller says about a release.
type options struct {
	repository string
	out        string // is emptied first
	version    string // empty: that of the tag at the commit
	targets    []target
	key        string // a file with a secret key of minisign; empty: no signature
	password   string // a file with the password of the key, where it has one
	withoutHLS bool
	papers     string // a folder; nothing but papers is written, and into it
}

func parseOptions(args []string) (o options, err error) {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.StringVar(&o.repository, "repository", "../..", "the folder of the repository, whose HEAD is released")
	flags.StringVar(&o.out, "out", "../../artifacts/release", "the folder for the results; it is replaced")
	flags.StringVar(&o.version, "version", "", "the version, such as 1.2.3 or 1.3.0-rc.1; if empty, the tag of HEAD says it")
	targets := flags.String("targets", "all", "all, host, or systems and processors such as linux/amd64,windows/arm64")
	flags.StringVar(&o.key, "key", "", "file with the secret key of minisign that signs SHA256SUMS; if empty, nothing is signed")
	flags.StringVar(&o.password, "password", "", "file with the password of the key, if it has one")
	flags.BoolVar(&o.withoutHLS, "without-hlsjs", false, "release without hls.js where web/fetched has none")
	flags.StringVar(&o.papers, "papers", "", "write manual pages, completion and licences into this folder, and release nothing: for another tool that does")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("got the argument %q, want flags alone: see -help", flags.Arg(0))
	}
	o.targets, err = parseTargets(*targets)
	return o, err
}

// run makes a release in a temporary folder, and moves it to its place at the end.
func run(ctx context.Context, o options, log io.Writer) error {
	key, err := o.readKey() // before minutes are spent
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "playtoken-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	s, err := openSource(ctx, o, work)
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "playtoken %s, commit %s, times %s\n", s.version, s.revision, s.time.Format("2006-01-02T15:04:05Z07:00"))
	if o.papers != "" {
		return s.writePapers(ctx, work, o.papers)
	}
	made := filepath.Join(work, "out")
	if err := os.Mkdir(made, 0o755); err != nil {
		return err
	}
	if err := s.makeAll(ctx, o, work, made); err != nil {
		return err
	}
	if err := s.writeSums(made, key); err != nil {
		return err
	}
	if err := replace(o.out, made); err != nil {
		return err
	}
	return list(o.out, log)
}

// makeAll makes every file of the release in one folder.
func (s source) makeAll(ctx context.Context, o options, work, made string) error {
	programs, err := s.buildAll(ctx, o.targets, work)
	if err != nil {
		return err
	}
	writer, err := s.forThisMachine(ctx, programs, work)
	if err != nil {
		return err
	}
	papers, err := s.readPapers(ctx, work, writer)
	if err != nil {
		return err
	}
	for _, p := range programs {
		if err := s.makeTarget(p, papers, work, made); err != nil {
			return fmt.Errorf("%s: %w", p.target, err)
		}
	}
	return s.writeImage(programs, work, made)
}

// makeTarget makes what is released for one system and processor.
func (s source) makeTarget(p program, papers papers, work, made string) error {
	files, err := s.archiveFiles(p, papers)
	if err != nil {
		return err
	}
	if err := s.writeArchive(filepath.Join(made, s.archiveName(p.target)), p.target, files); err != nil {
		return err
	}
	if err := s.writeBill(filepath.Join(made, s.stem(p.target)+".cdx.json"), p); err != nil {
		return err
	}
	if p.target.system != "linux" {
		return nil
	}
	return s.writePackages(p, papers, work, made)
}

// replace puts a folder in the place of another one, which may be on another disk.
func replace(to, from string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.CopyFS(to, os.DirFS(from))
}

// list shows what was made.
func list(dir string, log io.Writer) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&lines, "%12d  %s\n", info.Size(), e.Name())
	}
	_, err = io.WriteString(log, lines.String())
	return err
}
