package web_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tools is where npm puts what the package is made and judged with.
const tools = "sdk/node_modules"

// limits are the most bytes that a page pays for the package, minified and
// compressed: for the source, and for what an adapter or the element adds to it.
var limits = map[string]int{
	"index": 4000, "hlsjs": 1024, "dashjs": 1024, "shaka": 1024, "videojs": 1024, "native": 1024, "iframe": 1024, "element": 4000,
}

// run starts a tool in a folder and fails the test if it does not succeed.
func run(t *testing.T, dir string, argv ...string) (out string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
	cmd.Dir = dir
	all, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: got %v, want it to succeed\n%s", strings.Join(argv, " "), err, all)
	}
	return string(all)
}

// tool returns a program of the package's development tools.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(tools, ".bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED: the npm package is NOT tested, because there is no %s: run make web", name)
	}
	return path
}

// packed makes what npm would publish, in a folder outside the tree.
func packed(t *testing.T) (tarball string) {
	t.Helper()
	tool(t, "tsc")
	if testing.Short() {
		t.Skip("SKIPPED: packing takes seconds")
	}
	dir := t.TempDir()
	run(t, "sdk", "npm", "pack", "--offline", "--no-update-notifier", "--pack-destination", dir)
	found, err := filepath.Glob(filepath.Join(dir, "playtoken-*.tgz"))
	if err != nil || len(found) != 1 {
		t.Fatalf("npm pack: got %v, %v, want one file", found, err)
	}
	return found[0]
}

func TestThePackageIsFitToPublish(t *testing.T) {
	tarball := packed(t)
	consumer := consumer(t, tarball)
	for name, judge := range map[string]func(t *testing.T){
		"publint":      func(t *testing.T) { run(t, "sdk", tool(t, "publint"), "run", tarball, "--strict") },
		"attw":         func(t *testing.T) { run(t, "sdk", tool(t, "attw"), tarball, "--profile", "esm-only", "--no-emoji") },
		"strict types": func(t *testing.T) { run(t, consumer, tool(t, "tsc"), "-p", ".") },
		"contents":     func(t *testing.T) { checkContents(t, filepath.Join(consumer, "node_modules", "playtoken")) },
		"route":        func(t *testing.T) { checkRoute(t, consumer) },
		"use":          func(t *testing.T) { checkUse(t, run(t, consumer, "node", "run.mjs")) },
	} {
		t.Run(name, judge)
	}
}

// consumer makes a project outside the tree that has the packed package.
func consumer(t *testing.T, tarball string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	modules := filepath.Join(dir, "node_modules")
	if err := os.CopyFS(dir, os.DirFS("testdata/consumer")); err != nil {
		t.Fatal(err)
	}
	pasteRecipes(t, dir)
	if err := os.MkdirAll(filepath.Join(modules, "playtoken"), 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, filepath.Join(modules, "playtoken"), "tar", "-xzf", tarball, "--strip-components=1")
	for name, from := range map[string]string{"hls.js": "node_modules", "react": tools, "@types": tools} {
		target, err := filepath.Abs(filepath.Join(from, name))
		if err == nil {
			err = os.Symlink(target, filepath.Join(modules, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func checkContents(t *testing.T, dir string) {
	for _, name := range []string{"LICENSE", "README.md", "package.json", "src/index.js", "types/index.d.ts"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("the package: got no %s in it: %v", name, err)
		}
	}
	ours, err := os.ReadFile("../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	if licence, err := os.ReadFile(filepath.Join(dir, "LICENSE")); err != nil || !bytes.Equal(licence, ours) {
		t.Errorf("the package's licence: got another text than the tree's, want the same (%v)", err)
	}
	var manifest map[string]any
	text, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err == nil {
		err = json.Unmarshal(text, &manifest)
	}
	if err != nil || manifest["dependencies"] != nil {
		t.Errorf("the package: got the dependencies %v, want none (%v)", manifest["dependencies"], err)
	}
}

func checkUse(t *testing.T, said string) {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	if lines[0] != "t jwt" || len(lines) < 8 {
		t.Errorf("the package in use: got\n%s\nwant a token, and a line for each entry", said)
	}
	for _, line := range lines[1:] {
		if !strings.HasPrefix(line, "playtoken") || !strings.HasSuffix(line, " true") {
			t.Errorf("the package in use: got %q, want an entry that exports something", line)
		}
	}
}

func TestThePackageIsSmall(t *testing.T) {
	source := compressed(t, "index")
	for name, limit := range limits {
		size := source
		if name != "index" {
			size = compressed(t, "index", name) - source
		}
		t.Logf("%s: %d bytes", name, size)
		if size > limit {
			t.Errorf("%s: got %d bytes minified and compressed, want %d at most", name, size, limit)
		}
	}
}

// compressed is the size of a page's bundle with these modules.
func compressed(t *testing.T, modules ...string) int {
	t.Helper()
	var entry strings.Builder
	for _, name := range modules {
		fmt.Fprintf(&entry, "export * as %s from './src/%s.js';\n", name, name)
	}
	cmd := exec.CommandContext(t.Context(), tool(t, "esbuild"), "--bundle", "--minify", "--format=esm", "--target=es2022", "--external:react")
	cmd.Dir, cmd.Stdin = "sdk", strings.NewReader(entry.String())
	bundle, err := cmd.Output()
	if err != nil {
		t.Fatalf("esbuild of %v: %v", modules, err)
	}
	var small bytes.Buffer
	w, err := gzip.NewWriterLevel(&small, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(bundle)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return small.Len()
}
