package main

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"playtoken/settings"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// stage is one stage of the Dockerfile: its instructions, by name.
type stage struct {
	name string
	from string
	all  map[string][]string
}

// readDockerfile returns the stages by name; the last one is also under "".
func readDockerfile() (stages map[string]stage, err error) {
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		return nil, err
	}
	var last string
	stages = map[string]stage{}
	for _, line := range strings.Split(string(text), "\n") {
		instruction, rest, found := strings.Cut(line, " ")
		if !found || instruction == "#" {
			continue
		}
		if instruction == "FROM" {
			from, name, _ := strings.Cut(rest, " AS ")
			last = name
			stages[name] = stage{name: name, from: from, all: map[string][]string{}}
			continue
		}
		stages[last].all[instruction] = append(stages[last].all[instruction], rest)
	}
	stages[""] = stages[last]
	return stages, nil
}

func dockerfile(t *testing.T) map[string]stage {
	t.Helper()
	stages, err := readDockerfile()
	if err != nil {
		t.Fatal(err)
	}
	return stages
}

// command is the exec form of an instruction.
func (s stage) command(t *testing.T, instruction string) (words []string) {
	t.Helper()
	if err := json.Unmarshal([]byte(strings.Join(s.all[instruction], "")), &words); err != nil {
		t.Fatalf("%s %q: without a shell, only the exec form works: %v", instruction, s.all[instruction], err)
	}
	return words
}

// openFolder is a folder that every user can enter, unlike t.TempDir.
func openFolder(t *testing.T, mode os.FileMode) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "playtoken-image-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return dir
}

// unprivileged is a user who may do no more on this machine than the image's.
const unprivileged = 65534

// asUnprivileged makes a command run without rights, in a folder that it cannot
// write to, and with no environment but this.
func asUnprivileged(t *testing.T, environ []string, path string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = openFolder(t, 0o555)
	cmd.Env = environ
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: unprivileged, Gid: unprivileged}}
	}
	return cmd
}

// volume is a folder that belongs to the user of asUnprivileged.
func volume(t *testing.T) string {
	t.Helper()
	dir := openFolder(t, 0o700)
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, unprivileged, unprivileged); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTheImagesDifferOnlyInWhatTheyAreLinkedWith(t *testing.T) {
	stages := dockerfile(t)
	if got := stages[""].name; got != "static" {
		t.Errorf("the image without --target = %q, want static", got)
	}
	static, openssl := stages["static"], stages["openssl"]
	for _, s := range []stage{static, openssl} {
		if !strings.HasPrefix(s.from, "gcr.io/distroless/") || !strings.HasSuffix(s.from, ":nonroot") {
			t.Errorf("base image = %s, want a nonroot one of distroless", s.from)
		}
		if user := s.all["USER"]; !slices.Equal(user, []string{"65532:65532"}) {
			t.Errorf("user = %q, want 65532:65532", user)
		}
		if entry := s.command(t, "ENTRYPOINT"); !slices.Equal(entry, []string{"/playtoken"}) {
			t.Errorf("entry point = %q, want /playtoken", entry)
		}
	}
	for _, instruction := range []string{"ARG", "LABEL", "ENV", "EXPOSE", "WORKDIR", "CMD", "ENTRYPOINT"} {
		if a, b := static.all[instruction], openssl.all[instruction]; !slices.Equal(a, b) {
			t.Errorf("%s: got %q and %q, want the same in both images", instruction, a, b)
		}
	}
	if _, err := settings.ForService(goodEnviron(strings.Fields(strings.Join(static.all["ENV"], " "))...)); err != nil {
		t.Errorf("the image's settings: %v", err)
	}
	// Distroless has no name that stays; the Dockerfile says how to add a digest.
	exact := regexp.MustCompile(`^[a-z]+:\d+\.\d+\.\d+-[a-z-]+$|^gcr\.io/distroless/`)
	for name, s := range stages {
		if _, ours := stages[s.from]; !ours && !exact.MatchString(s.from) {
			t.Errorf("stage %s: got the base %s, want one with all three numbers of its version", name, s.from)
		}
	}
	// What is linked with a Debian's libraries has to find them.
	debian := regexp.MustCompile(`debian\d+`)
	if a, b := debian.FindString(static.from), debian.FindString(openssl.from); a != "debian13" || b != a || !strings.HasSuffix(stages["modules"].from, "-trixie") {
		t.Errorf("built on %s, run on %s and %s", stages["modules"].from, a, b)
	}
}

func TestTheStaticImageNeedsNothing(t *testing.T) {
	t.Parallel()
	slow(t, "it builds a program")
	stages := dockerfile(t)
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	for _, p := range binary.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("got a program with an interpreter, want a static one")
		}
	}
	if libraries, err := binary.ImportedLibraries(); err == nil && len(libraries) > 0 {
		t.Errorf("got the libraries %q, want none", libraries)
	}
	// The image of a release has no table of time zones.
	if text, err := os.ReadFile(path); err != nil || !bytes.Contains(text, []byte("Antarctica/DumontDUrville")) {
		t.Errorf("got a program without time zones, %v, want them in it for the rules of projects", err)
	}
	checkImage(t, path, stages[""].command(t, "CMD"))
}

// inBase are the libraries that the base of the image openssl has, and we
// want. libresolv and libpthread are parts of glibc.
var inBase = []string{"libcrypto.so.3", "libc.so.6", "libresolv.so.2", "libpthread.so.0"}

func TestTheOpenSSLImageNeedsWhatItsBaseHas(t *testing.T) {
	t.Parallel()
	slow(t, "it builds a program")
	if _, err := os.Stat("/usr/include/openssl/evp.h"); err != nil {
		t.Skip("no headers of OpenSSL: apt-get install libssl-dev")
	}
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no C compiler: apt-get install gcc libc6-dev")
	}
	stages := dockerfile(t)
	path, err := stages["build-openssl"].build()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	libraries, err := binary.ImportedLibraries()
	if err != nil || !slices.Contains(libraries, "libcrypto.so.3") {
		t.Errorf("got the libraries %q, %v, want libcrypto.so.3 among them", libraries, err)
	}
	for _, library := range libraries {
		if !slices.Contains(inBase, library) {
			t.Errorf("got the library %s, want only those of the base image", library)
		}
	}
	checkImage(t, path, stages["openssl"].command(t, "CMD"))
}

// offline is how npm says that there is no registry to ask.
var offline = regexp.MustCompile(`\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH)\b`)

func TestTheImagesHaveHLSjs(t *testing.T) {
	t.Parallel()
	slow(t, "it asks npm")
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("NOT TESTED: what the images fetch from npm, because there is no npm on this machine (apt-get install npm)")
	}
	stages := dockerfile(t)
	pages := stages["pages"]
	dir := t.TempDir()
	for _, file := range strings.Fields(strings.TrimSuffix(strings.Join(pages.all["COPY"], " "), " ./")) {
		text, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range pages.all["RUN"] {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if offline.Match(out) {
			t.Skipf("NOT TESTED: what the images fetch from npm, because it cannot be reached: %s", out)
		}
		if err != nil {
			t.Fatalf("RUN %s: %v\n%s", line, err, out)
		}
	}
	for _, file := range []string{"hls.js.gz", "hls-license.txt"} {
		if info, err := os.Stat(filepath.Join(dir, "fetched", file)); err != nil || info.Size() == 0 {
			t.Errorf("%s: got %v, want it fetched", file, err)
		}
	}
	for _, build := range []string{"build", "build-openssl"} {
		if copies := stages[build].all["COPY"]; !slices.Contains(copies, "--from=pages /web/fetched web/fetched") {
			t.Errorf("%s copies %q, want what was fetched among it", build, copies)
		}
	}
}

// checkImage runs what an image would, as little as it may there.
func checkImage(t *testing.T, path string, args []string) {
	t.Helper()
	out, err := asUnprivileged(t, nil, path, "version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "playtoken ") {
		t.Errorf("version: %v\n%s", err, out)
	}
	s := startCommand(t, asUnprivileged(t, []string{
		"PLAYTOKEN_LISTEN=127.0.0.1:0", "PLAYTOKEN_DRAIN=0s", "PLAYTOKEN_ADMIN_KEY=" + adminKey,
		"PLAYTOKEN_STORE=file:" + filepath.Join(volume(t), "store.db"), "PLAYTOKEN_STORE_PASSWORD=" + password,
	}, path, args...))
	client := newClient(t)
	for _, target := range []string{"/healthz", "/readyz", "/metrics"} {
		if status, err := plays(t.Context(), client, s.url+target); status != http.StatusOK || err != nil {
			t.Errorf("GET %s: got status %d, %v, want 200", target, status, err)
		}
	}
	s.stop()
}
