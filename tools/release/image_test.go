package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// untarred writes the files of a tar into a folder.
func untarred(t *testing.T, name string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for r := tar.NewReader(bytes.NewReader(read(t, name))); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, h.Name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// images are those of an archive, by platform, after their hashes were checked.
func images(t *testing.T, archive string) map[string]v1.Image {
	t.Helper()
	outer, err := layout.ImageIndexFromPath(untarred(t, archive))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := outer.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 {
		t.Fatalf("got %+v, %v; want one index in the archive", manifest, err)
	}
	if got := manifest.Manifests[0].Annotations["org.opencontainers.image.ref.name"]; got != trial {
		t.Errorf("got the name %q, want %s", got, trial)
	}
	index, err := outer.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Errorf("validate = %v, want hashes that fit what they name", err)
	}
	inner, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]v1.Image{}
	for _, d := range inner.Manifests {
		image, err := index.Image(d.Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := image.ConfigFile()
		if err != nil || config.OS != d.Platform.OS || config.Architecture != d.Platform.Architecture {
			t.Errorf("got the platform %v, and %+v, %v within the image, want the same", d.Platform, config, err)
		}
		all[d.Platform.String()] = image
	}
	return all
}

// instructions are those of the last stage of the Dockerfile.
func instructions(t *testing.T) map[string]string {
	t.Helper()
	text := string(read(t, "../../Dockerfile"))
	last := text[strings.LastIndex(text, "\nFROM ")+1:]
	all := map[string]string{}
	for line := range strings.Lines(last) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		all[name] += strings.TrimSpace(rest)
	}
	return all
}

// TestTheImageSaysWhatTheDockerfileSays, as far as both are written down.
func TestTheImageSaysWhatTheDockerfileSays(t *testing.T) {
	want := instructions(t)
	c := source{version: trial, revision: "0123456789"}.imageConfig()
	var ports []string
	for _, port := range strings.Fields(want["EXPOSE"]) {
		if _, ok := c.ExposedPorts[port+"/tcp"]; !ok || len(c.ExposedPorts) != 2 {
			t.Errorf("got the ports %v, want %s among two", c.ExposedPorts, port)
		}
		ports = append(ports, port)
	}
	if got := strings.Join(c.Env, " "); got != want["ENV"] || len(ports) != 2 {
		t.Errorf("got the environment %s, want %s", got, want["ENV"])
	}
	if c.User != want["USER"] || c.WorkingDir != want["WORKDIR"] || fmt.Sprintf("%q", c.Entrypoint) != want["ENTRYPOINT"] || fmt.Sprintf("%q", c.Cmd) != want["CMD"] {
		t.Errorf("got %+v, want %v", c, want)
	}
	variables := strings.NewReplacer("$VERSION", trial, "$REVISION", "0123456789")
	labels := regexp.MustCompile(`(\S+)=("[^"]*")`).FindAllStringSubmatch(variables.Replace(want["LABEL"]), -1)
	for _, m := range labels {
		value, err := strconv.Unquote(m[2])
		if err != nil || c.Labels[m[1]] != value {
			t.Errorf("label %s: got %q, want %s", m[1], c.Labels[m[1]], m[2])
		}
	}
	if len(labels) != len(c.Labels) || len(labels) == 0 {
		t.Errorf("got the labels %v, want those of the Dockerfile, %v", c.Labels, labels)
	}
}

// layoutOfImage are the entries of an image: kind, mode, owner, group.
const layoutOfImage = `
data/ 5 755 65532:65532
etc/ 5 755 0:0
etc/group 0 644 0:0
etc/nsswitch.conf 0 644 0:0
etc/passwd 0 644 0:0
etc/ssl/ 5 755 0:0
etc/ssl/certs/ 5 755 0:0
etc/ssl/certs/ca-certificates.crt 0 644 0:0
home/ 5 755 0:0
home/nonroot/ 5 700 65532:65532
playtoken 0 755 0:0
tmp/ 5 1777 0:0
`

// extracted writes what an image has into a folder, and returns the list of it.
func extracted(t *testing.T, image v1.Image, dir string) string {
	t.Helper()
	flat := mutate.Extract(image)
	defer flat.Close()
	var lines []string
	for r := tar.NewReader(flat); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			slices.Sort(lines)
			return "\n" + strings.Join(lines, "\n") + "\n"
		}
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(h.Name, "/")
		to := filepath.Join(dir, name)
		if h.Typeflag == tar.TypeDir {
			name += "/"
			err = os.MkdirAll(to, 0o755)
		} else {
			var body []byte
			if body, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(to, body, h.FileInfo().Mode())
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s %c %o %d:%d", name, h.Typeflag, h.Mode, h.Uid, h.Gid))
	}
}

func TestTheImageHasTheProgramAndWhatItNeeds(t *testing.T) {
	archive := one(t, released(t), "*_oci.tar")
	image := images(t, archive)["linux/"+runtime.GOARCH]
	if image == nil {
		t.Fatalf("got no image for linux/%s in %s", runtime.GOARCH, archive)
	}
	root, err := os.MkdirTemp("", "image-") // a user without rights enters it
	if err != nil {
		t.Fatal(err)
	}
	if got := extracted(t, image, root); got != layoutOfImage {
		t.Errorf("got the entries %s, want %s", got, layoutOfImage)
	}
	checkProgram(t, filepath.Join(root, "playtoken"))
	pool := x509.NewCertPool()
	if text := read(t, root, "etc/ssl/certs/ca-certificates.crt"); !pool.AppendCertsFromPEM(text) || bytes.Count(text, []byte("BEGIN CERTIFICATE")) < 80 {
		t.Errorf("got %d certificate authorities, want those that Mozilla trusts", bytes.Count(text, []byte("BEGIN CERTIFICATE")))
	}
	if os.Getuid() != 0 {
		t.Skip("NOT CHECKED: the program within the image, because only root can change the root")
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	out := said(t, "chroot", "--userspec="+config.Config.User, root, config.Config.Entrypoint[0], "version")
	if !strings.HasPrefix(out, "playtoken v"+trial+" ") {
		t.Errorf("the image's entry point says %q, want its version", out)
	}
}

// TestImagesForBothProcessors: what stands for the programs here is short.
func TestImagesForBothProcessors(t *testing.T) {
	at, err := timeOf(t.Context(), repository(t))
	if err != nil {
		t.Fatal(err)
	}
	s := source{version: trial, revision: "0123456789", time: at}
	var programs []program
	for _, target := range allTargets() {
		p := program{target: target, path: filepath.Join(t.TempDir(), "playtoken")}
		if err := os.WriteFile(p.path, []byte(target.String()), 0o755); err != nil {
			t.Fatal(err)
		}
		programs = append(programs, p)
	}
	var archives [2][]byte
	for i := range archives {
		made := t.TempDir()
		if err := s.writeImage(programs, t.TempDir(), made); err != nil {
			t.Fatal(err)
		}
		archives[i] = read(t, made, s.imageName())
		all := images(t, filepath.Join(made, s.imageName()))
		for _, platform := range []string{"linux/amd64", "linux/arm64"} {
			root := t.TempDir()
			if all[platform] == nil || len(all) != 2 {
				t.Fatalf("got images for %v, want %s among two", all, platform)
			}
			extracted(t, all[platform], root)
			if got := string(read(t, root, "playtoken")); got != platform {
				t.Errorf("%s: got the program for %s", platform, got)
			}
		}
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("got two archives that differ, want the same bytes")
	}
}

// TestAnotherReaderAcceptsTheImage, which was not made of our library.
func TestAnotherReaderAcceptsTheImage(t *testing.T) {
	archive, skopeo := one(t, released(t), "*_oci.tar"), tool(t, "skopeo", "skopeo")
	got := said(t, skopeo, "inspect", "--format={{.Os}} {{.Architecture}} {{index .Labels \"org.opencontainers.image.version\"}}", "oci-archive:"+archive+":"+trial)
	if want := "linux " + runtime.GOARCH + " " + trial + "\n"; got != want {
		t.Errorf("skopeo inspect = %q, want %q", got, want)
	}
	cmd := exec.CommandContext(t.Context(), skopeo, "--insecure-policy", "copy", "--all", "oci-archive:"+archive+":"+trial, "dir:"+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("skopeo copy = %v, %s; want every image read", err, out)
	}
}
