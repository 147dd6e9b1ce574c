// Package deploy_test guards what make charts proves about deploy: charts, manifests
// and compose files are held there against the libraries of Helm, Kubernetes,
// Kustomize and Compose, whose compilation takes minutes.
//
// The decision a newcomer would get wrong: that is not done anew each time. The
// hashes of what was proven are written down, and here they are compared.
package deploy_test

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"playtoken/settings"
)

var update = flag.Bool("update", false, "write down that what is here was proven")

// list is where the hashes are.
const list = "../tools/charts/proven.txt"

// proven are the files and folders that make charts looks at.
var proven = []string{"../tools/charts", "compose", "grafana", "helm", "kubernetes", "prometheus/alerts.yml"}

func hashes(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, top := range proven {
		err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.ToSlash(path) == list {
				return err
			}
			text, err := os.ReadFile(path)
			fmt.Fprintf(&all, "%x  %s\n", sha256.Sum256(text), filepath.ToSlash(path))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile("../docs/first-hour.md")
	if err != nil {
		t.Fatal(err)
	}
	_, overlay, _ := strings.Cut(string(page), "```yaml\n")
	overlay, _, _ = strings.Cut(overlay, "```")
	fmt.Fprintf(&all, "%x  the overlay of docs/first-hour.md\n", sha256.Sum256([]byte(overlay)))
	return all.String()
}

// TestSettingsOfTheFilesExist: a setting that is renamed or removed is noticed here,
// and what values may be in make charts.
func TestSettingsOfTheFilesExist(t *testing.T) {
	values, err := settings.InForce(nil)
	if len(values) == 0 {
		t.Fatalf("settings.InForce = none, %v; want all", err)
	}
	exist := map[string]bool{}
	for _, v := range values {
		exist[v.Name] = true
		if v.Secret {
			exist[v.Name+"_FILE"] = true
		}
	}
	used := 0
	for _, top := range []string{"helm/playtoken/values.yaml", "helm/playtoken/templates", "kubernetes", "compose/compose.yaml", "systemd"} {
		err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasSuffix(path, ".go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, name := range regexp.MustCompile(`\bPLAYTOKEN_[A-Z_]+[A-Z]\b`).FindAllString(string(text), -1) {
				used++
				if !exist[name] {
					t.Errorf("%s: got the setting %s, want one that exists", path, name)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if used < 50 {
		t.Errorf("got %d settings in the files of deploy, want those that they set", used)
	}
}

// TestWhatIsHereWasProven by make charts, which runs this with -update after its tests.
func TestWhatIsHereWasProven(t *testing.T) {
	now := hashes(t)
	if *update {
		if err := os.WriteFile(list, []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	then, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(now) {
		if !strings.Contains(string(then), line) {
			t.Errorf("got a file that make charts has not proven as it is, want it to run: %s", line)
		}
	}
	if got, want := strings.Count(now, "\n"), strings.Count(string(then), "\n"); got != want {
		t.Errorf("got %d files, want the %d that make charts has proven", got, want)
	}
}
