package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"playtoken/vaultkeys/vaulttest"
)

// sideBySide is how many tests run at a time: more than there are processors,
// since most of them wait for a key to propagate, another process or a browser.
const sideBySide = "6"

func TestMain(m *testing.M) {
	flag.Parse()
	if !flagIsSet("test.parallel") {
		flag.Set("test.parallel", sideBySide)
	}
	goleak.VerifyTestMain(tidied{vaulttest.Main(m)})
}

func flagIsSet(name string) (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// chaos reports whether there is time for the long form of a test.
func chaos() bool { return os.Getenv("PLAYTOKEN_TEST_CHAOS") != "" }

// slow skips a test in a short run.
func slow(t *testing.T, why string) {
	t.Helper()
	if testing.Short() {
		t.Skip("left out of a short run: " + why)
	}
}

// tidied runs the tests and removes what they built.
type tidied struct{ tests vaulttest.Runner }

func (r tidied) Run() int {
	defer func() {
		for _, folder := range built.folders {
			os.RemoveAll(folder)
		}
	}()
	return r.tests.Run()
}

// built are the folders of programs that tests share.
var built struct {
	sync.Mutex
	folders []string
}

// binary is the program itself, built once, as for the static image.
var binary = sync.OnceValues(func() (string, error) {
	stages, err := readDockerfile()
	if err != nil {
		return "", err
	}
	return stages["build"].build()
})

// build runs the go build of a stage as it stands there, but for the place of
// its result, which it returns.
func (s stage) build() (path string, err error) {
	var builds []string
	for _, run := range s.all["RUN"] {
		if strings.Contains(run, "go build") {
			builds = append(builds, run)
		}
	}
	if len(builds) != 1 || strings.Count(builds[0], " -o /playtoken ") != 1 {
		return "", fmt.Errorf("got the builds %q, want one go build -o /playtoken", builds)
	}
	folder, err := os.MkdirTemp("", "playtoken-test-")
	if err != nil {
		return "", err
	}
	built.Lock()
	built.folders = append(built.folders, folder)
	built.Unlock()
	if err := os.Chmod(folder, 0o755); err != nil { // other users run it, too
		return "", err
	}
	path = filepath.Join(folder, "playtoken")
	cmd := exec.Command("sh", "-c", strings.Replace(builds[0], " -o /playtoken ", " -o '"+path+"' ", 1))
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", builds[0], err, out)
	}
	return path, nil
}
