package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // the format
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm" // the format
)

// packageFormats are those in which packages for Linux are made.
func packageFormats() []string { return []string{"deb", "rpm"} }

const description = "Signed playback tokens for private videos, with keys in Vault that rotate by themselves"

// installed is a file of a package, and where it goes.
type installed struct {
	file     file
	to       string
	kind     string // as nfpm says it; empty: a plain file
	packager string // the only format that has it; empty: all
}

// unitFolders say where the files of deploy/systemd go, by the ends of their names.
func unitFolders() map[string]string {
	return map[string]string{".service": "/usr/lib/systemd/system/", ".timer": "/usr/lib/systemd/system/", ".env": "/etc/playtoken/"}
}

// installedFiles are the files of a package. Settings are the operator's: an upgrade
// leaves them as they are.
func (s source) installedFiles(p program, papers papers) (all []installed, err error) {
	body, err := os.ReadFile(p.path)
	if err != nil {
		return nil, err
	}
	licences, err := s.licencesOf(p)
	if err != nil {
		return nil, err
	}
	all = append(all, installed{file: file{name: "playtoken", mode: 0o755, body: body}, to: "/usr/bin/playtoken"})
	for _, f := range append([]file{licences}, papers.texts...) {
		all = append(all, installed{file: f, to: "/usr/share/doc/playtoken/" + f.name})
		if f.name == "LICENSE" { // where each of the two looks for it
			all = append(all, installed{file: f, to: "/usr/share/doc/playtoken/copyright", packager: "deb"},
				installed{file: f, to: "/usr/share/licenses/playtoken/LICENSE", packager: "rpm"})
		}
	}
	for _, f := range papers.manual {
		packed, err := compressed(f)
		if err != nil {
			return nil, err
		}
		all = append(all, installed{file: packed, to: "/usr/share/man/man1/" + packed.name})
	}
	return append(append(all, completionFiles(papers)...), unitFiles(papers)...), nil
}

// compressed is a file as man finds it, packed.
func compressed(f file) (file, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return file{}, err
	}
	if _, err := w.Write(f.body); err != nil {
		return file{}, err
	}
	err = w.Close()
	return file{name: f.name + ".gz", mode: f.mode, body: b.Bytes()}, err
}

// completionFiles are in the folders in which the shells look; zsh has another one on
// Debian.
func completionFiles(papers papers) (all []installed) {
	for _, f := range papers.completions {
		switch f.name {
		case "playtoken":
			all = append(all, installed{file: f, to: "/usr/share/bash-completion/completions/playtoken"})
		case "playtoken.fish":
			all = append(all, installed{file: f, to: "/usr/share/fish/vendor_completions.d/playtoken.fish"})
		case "_playtoken":
			all = append(all, installed{file: f, to: "/usr/share/zsh/vendor-completions/_playtoken", packager: "deb"},
				installed{file: f, to: "/usr/share/zsh/site-functions/_playtoken", packager: "rpm"})
		}
	}
	return all
}

func unitFiles(papers papers) (all []installed) {
	for _, f := range papers.units {
		i := installed{file: f}
		switch dir := unitFolders()[filepath.Ext(f.name)]; f.name {
		case "sysusers.conf", "tmpfiles.conf":
			i.to = "/usr/lib/" + strings.TrimSuffix(f.name, ".conf") + ".d/playtoken.conf"
		case "credentials.conf": // a drop-in that operators copy where they want it
			i.to = "/usr/share/doc/playtoken/" + f.name
		default:
			i.to = dir + f.name
		}
		if filepath.Ext(f.name) == ".env" {
			i.kind = files.TypeConfigNoReplace
		}
		all = append(all, i)
	}
	return all
}

// writePackages writes a package of each format into a folder.
func (s source) writePackages(p program, papers papers, work, made string) error {
	all, err := s.installedFiles(p, papers)
	if err != nil {
		return err
	}
	for _, format := range packageFormats() {
		contents, err := s.contents(all, filepath.Join(work, "packages", p.target.processor))
		if err != nil {
			return err
		}
		if err := s.writePackage(format, p.target, contents, made); err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
	}
	return nil
}

// contents writes files where nfpm reads them.
func (s source) contents(all []installed, dir string) (contents files.Contents, err error) {
	for _, i := range all {
		from := filepath.Join(dir, i.packager, filepath.FromSlash(i.to))
		if err := os.MkdirAll(filepath.Dir(from), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(from, i.file.body, i.file.mode); err != nil {
			return nil, err
		}
		contents = append(contents, &files.Content{
			Source: from, Destination: i.to, Type: i.kind, Packager: i.packager,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: i.file.mode, MTime: s.time},
		})
	}
	return contents, nil
}

func (s source) writePackage(format string, t target, contents files.Contents, made string) error {
	scripts := filepath.Join(s.folder, "tools/release/scripts")
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: "playtoken", Arch: t.processor, Platform: "linux", Version: s.version.tag(), Release: "1", Section: "net", Priority: "optional",
		Maintainer: "playtoken <playtoken@localhost>", Vendor: "playtoken", Description: description, License: "Apache-2.0", MTime: s.time, DisableGlobbing: true,
		Overridables: nfpm.Overridables{
			Recommends: []string{"systemd"}, Contents: contents, Umask: 0o022,
			Scripts: nfpm.Scripts{
				PostInstall: filepath.Join(scripts, "postinstall.sh"), PreRemove: filepath.Join(scripts, "preremove.sh"), PostRemove: filepath.Join(scripts, "postremove.sh"),
			},
			RPM: nfpm.RPM{BuildHost: "localhost", Group: "System Environment/Daemons", Summary: description, Packager: "playtoken"},
		},
	})
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	if err := packager.Package(info, &body); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(made, packager.ConventionalFileName(info)), body.Bytes(), 0o644)
}
