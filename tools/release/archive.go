package main

import (
	"archive/tar"
	"archive/zip"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
)

// stem is what the names of a target's files begin with.
func (s source) stem(t target) string {
	return fmt.Sprintf("playtoken_%s_%s_%s", s.version, t.system, t.processor)
}

func (s source) archiveName(t target) string {
	if t.system == "windows" {
		return s.stem(t) + ".zip"
	}
	return s.stem(t) + ".tar.gz"
}

// archiveFiles are the files of an archive. Manual pages and completion go where there
// are programs that read them, units where there is systemd.
func (s source) archiveFiles(p program, papers papers) ([]file, error) {
	body, err := os.ReadFile(p.path)
	if err != nil {
		return nil, err
	}
	licences, err := s.licencesOf(p)
	if err != nil {
		return nil, err
	}
	files := append([]file{{name: p.target.executable(), mode: 0o755, body: body}, licences}, papers.texts...)
	if p.target.system != "windows" {
		files = append(files, under("man", papers.manual)...)
		files = append(files, under("completions", papers.completions)...)
	}
	if p.target.system == "linux" {
		files = append(files, under("systemd", papers.units)...)
	}
	return files, nil
}

// under puts files into a folder.
func under(dir string, files []file) (moved []file) {
	for _, f := range files {
		moved = append(moved, file{name: path.Join(dir, f.name), mode: f.mode, body: f.body})
	}
	return moved
}

// writeArchive packs files, in the order of their names, into one folder.
func (s source) writeArchive(name string, t target, files []file) (err error) {
	files = under(s.stem(t), files)
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, out.Close()) }()
	if t.system == "windows" {
		return s.writeZip(out, files)
	}
	packed := gzip.NewWriter(out)
	if err := s.writeTar(packed, files); err != nil {
		return err
	}
	return packed.Close()
}

// writeTar packs files as root's, with the time of the release.
func (s source) writeTar(w io.Writer, files []file) error {
	t := tar.NewWriter(w)
	for _, f := range files {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: f.name, Mode: int64(f.mode.Perm()), Size: int64(len(f.body)),
			ModTime: s.time, Uname: "root", Gname: "root", Format: tar.FormatUSTAR,
		}
		if err := t.WriteHeader(header); err != nil {
			return err
		}
		if _, err := t.Write(f.body); err != nil {
			return err
		}
	}
	return t.Close()
}

func (s source) writeZip(w io.Writer, files []file) error {
	z := zip.NewWriter(w)
	for _, f := range files {
		header := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: s.time}
		header.SetMode(f.mode)
		to, err := z.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := to.Write(f.body); err != nil {
			return err
		}
	}
	return z.Close()
}
