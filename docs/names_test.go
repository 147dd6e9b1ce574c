package docs_test

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// found returns what the first group of a pattern finds in files of the tree.
func found(t *testing.T, pattern string, paths ...string) map[string]bool {
	t.Helper()
	re, names := regexp.MustCompile(pattern), map[string]bool{}
	for _, path := range paths {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range re.FindAllStringSubmatch(string(text), -1) {
			names[m[1]] = true
		}
	}
	if len(names) == 0 {
		t.Fatalf("got nothing that fits %q in %v, want some", pattern, paths)
	}
	return names
}

// sameNames compares what the pages name with what there is.
func sameNames(t *testing.T, what string, documented, exist map[string]bool) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(documented)) {
		if !exist[name] {
			t.Errorf("the pages name the %s %q, want only what exists", what, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(exist)) {
		if !documented[name] {
			t.Errorf("no page names the %s %q, want every one documented", what, name)
		}
	}
}

// named returns what a pattern's first group finds on the pages.
func named(t *testing.T, pattern string) map[string]bool {
	t.Helper()
	re, names := regexp.MustCompile(pattern), map[string]bool{}
	for _, p := range allPages(t) {
		for _, m := range re.FindAllStringSubmatch(p.text, -1) {
			names[m[1]] = true
		}
	}
	return names
}

func TestMetricsOfThePagesAreThoseThatExist(t *testing.T) {
	documented := named(t, `\b(playtoken_[a-z_]+[a-z])\b`)
	sameNames(t, "metric", documented, found(t, `"(playtoken_[a-z_]+)"`, "metrics/names.go"))
}

// notSettings are names that the pages have for another reason.
var notSettings = []string{"PLAYTOKEN_GATE_SERVICE_HOST"}

func TestSettingsOfThePagesAreThoseThatExist(t *testing.T) {
	var sources []string
	err := fs.WalkDir(os.DirFS(root), "settings", func(path string, d fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			sources = append(sources, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	exist := found(t, `"(PLAYTOKEN_[A-Z_]+[A-Z])"`, sources...)
	delete(exist, "PLAYTOKEN_PORT") // the beginning of a Kubernetes service link
	documented := named(t, `\b(PLAYTOKEN_[A-Z_]+[A-Z])\b`)
	maps.DeleteFunc(documented, func(name string, _ bool) bool {
		secret, inFile := strings.CutSuffix(name, "_FILE")
		return strings.HasPrefix(name, "PLAYTOKEN_TEST_") || slices.Contains(notSettings, name) || inFile && exist[secret]
	})
	sameNames(t, "setting", documented, exist)
}

// TestTestSettingsOfThePagesAreThoseThatTestsRead compares them with all of the
// tree.
func TestTestSettingsOfThePagesAreThoseThatTestsRead(t *testing.T) {
	re, exist := regexp.MustCompile(`PLAYTOKEN_TEST_[A-Z_]+[A-Z]`), map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") && d.Name() != "Makefile" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, name := range re.FindAllString(string(text), -1) {
			exist[name] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	sameNames(t, "setting of tests", named(t, `(PLAYTOKEN_TEST_[A-Z_]+[A-Z])`), exist)
}

func TestExitCodesOfThePagesAreThoseThatExist(t *testing.T) {
	exist := found(t, `exit[A-Z]\w+\s*= (\d)\b`, "cmd/playtoken/exit.go")
	for _, p := range allPages(t) {
		pattern := map[string]string{"docs/rotate.md": `(?m)^\| (\d) \|`, "README.md": `[ ,](\d) (?:done|failed|usage|some|a guard|a dependency)`}[p.path]
		if pattern == "" {
			continue
		}
		documented := map[string]bool{}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(p.text, -1) {
			documented[m[1]] = true
		}
		sameNames(t, "exit code", documented, exist)
	}
}

// atTheGate are the gate's routes, which no OpenAPI document describes.
var atTheGate = []string{"POST /jwt_keys"}

// TestRoutesOfThePagesExist holds them against the OpenAPI document.
func TestRoutesOfThePagesExist(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "handlers/openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]any
	}
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	route := regexp.MustCompile(`^(GET|POST|PATCH|DELETE) (/\S*)$`)
	checked := 0
	for _, p := range allPages(t) {
		for _, span := range p.spans {
			m := route.FindStringSubmatch(span)
			if m == nil || slices.Contains(atTheGate, span) {
				continue
			}
			path, _, _ := strings.Cut(m[2], "?")
			if document.Paths[path][strings.ToLower(m[1])] == nil {
				t.Errorf("%s: got the route %q, want one of handlers/openapi.json", p.path, span)
			}
			checked++
		}
	}
	if checked == 0 {
		t.Error("got no route on any page, want some")
	}
}

// labelsOfMetrics are the labels of each metric that the code has.
func labelsOfMetrics(t *testing.T) map[string]string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(root, "metrics/names.go"))
	if err != nil {
		t.Fatal(err)
	}
	quotes := strings.NewReplacer(`"`, "")
	labels := map[string]string{}
	for _, m := range regexp.MustCompile(`text: "(playtoken_[a-z_]+)",(?: labels: \[\]string\{([^}]*)\},)?`).FindAllStringSubmatch(string(source), -1) {
		labels[m[1]] = quotes.Replace(m[2])
	}
	return labels
}

// TestLabelsOfTheMetricsAreThoseOfThePage compares the table of
// docs/monitor.md with the names that the code has.
func TestLabelsOfTheMetricsAreThoseOfThePage(t *testing.T) {
	want := labelsOfMetrics(t)
	row := regexp.MustCompile("(?m)^\\| `(playtoken_[a-z_]+)` \\| ([^|]*?) ?\\|")
	got := map[string]string{}
	for _, p := range allPages(t) {
		for _, m := range row.FindAllStringSubmatch(p.text, -1) {
			got[m[1]] = m[2]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if label, ok := got[name]; !ok || label != want[name] {
			t.Errorf("the page gives %s the labels %q, want %q", name, label, want[name])
		}
	}
	if len(want) == 0 {
		t.Error("got no metric in metrics/names.go, want some")
	}
}

// TestMakeTargetsOfThePagesExist holds them against the Makefile.
func TestMakeTargetsOfThePagesExist(t *testing.T) {
	exist := found(t, `(?m)^([a-z-]+):(?:\s|$)`, "Makefile")
	for _, target := range slices.Sorted(maps.Keys(named(t, "`make ([a-z-]+)"))) {
		if !exist[target] {
			t.Errorf("the pages name make %s, want a target of the Makefile", target)
		}
	}
}
