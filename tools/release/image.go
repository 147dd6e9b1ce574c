package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func (s source) imageName() string { return fmt.Sprintf("playtoken_%s_oci.tar", s.version) }

// writeImage writes an archive with an image for each processor that Linux programs were
// built for, in the layout of the Open Container Initiative. It stands on no other
// image, because those are in registries: what a base has to have is in baseFiles.
func (s source) writeImage(programs []program, work, made string) error {
	var platforms []mutate.IndexAddendum
	for _, p := range programs {
		if p.target.system != "linux" {
			continue
		}
		image, err := s.image(p)
		if err != nil {
			return fmt.Errorf("image for %s: %w", p.target, err)
		}
		platform := &v1.Platform{OS: p.target.system, Architecture: p.target.processor}
		platforms = append(platforms, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
	}
	if len(platforms) == 0 {
		return nil
	}
	dir := filepath.Join(work, "image")
	to, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), platforms...)
	named := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": string(s.version)})
	if err := to.AppendIndex(index, named); err != nil {
		return err
	}
	return s.pack(dir, filepath.Join(made, s.imageName()))
}

// image is that for one processor: a base, and the program on it.
func (s source) image(p program) (v1.Image, error) {
	base, err := s.baseFiles()
	if err != nil {
		return nil, err
	}
	body, err := os.ReadFile(p.path)
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, l := range []struct {
		made  string
		files []owned
	}{
		{made: "users, authorities and folders", files: base},
		{made: "COPY /playtoken /playtoken", files: []owned{{name: "playtoken", mode: 0o755, body: body}}},
	} {
		layer, err := s.layer(l.files)
		if err != nil {
			return nil, err
		}
		history := v1.History{Created: v1.Time{Time: s.time}, CreatedBy: l.made}
		if image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: history, MediaType: types.OCILayer}); err != nil {
			return nil, err
		}
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created, config.Config = p.target.system, p.target.processor, v1.Time{Time: s.time}, s.imageConfig()
	return mutate.ConfigFile(image, config)
}

// imageConfig is what the last stage of the Dockerfile says.
func (s source) imageConfig() v1.Config {
	return v1.Config{
		User: "65532:65532", WorkingDir: "/data", Entrypoint: []string{"/playtoken"}, Cmd: []string{"serve"},
		Env:          []string{"PLAYTOKEN_LISTEN=:8080", "PLAYTOKEN_GATE_LISTEN=:8081"},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}, "8081/tcp": {}},
		Labels: map[string]string{
			"org.opencontainers.image.title": "playtoken", "org.opencontainers.image.description": description, "org.opencontainers.image.licenses": "Apache-2.0",
			"org.opencontainers.image.version": string(s.version), "org.opencontainers.image.revision": s.revision,
		},
	}
}

// pack writes the files of a folder into a tar, in the order of their names.
func (s source) pack(dir, name string) (err error) {
	var files []file
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		below, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		body, err := os.ReadFile(path)
		files = append(files, file{name: filepath.ToSlash(below), mode: 0o644, body: body})
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, out.Close()) }()
	return s.writeTar(out, files)
}
