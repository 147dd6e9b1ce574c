package docs_test

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEveryLinkResolves checks files and anchors. Addresses on the web are left
// alone: a test must not depend on them.
func TestEveryLinkResolves(t *testing.T) {
	all := allPages(t)
	for _, p := range all {
		for _, link := range p.links {
			if strings.HasPrefix(link, "https://") {
				continue
			}
			file, fragment, _ := strings.Cut(link, "#")
			target := p.path
			if file != "" {
				target = path.Join(path.Dir(p.path), file)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %q, want a file that exists", p.path, link)
				continue
			}
			i := slices.IndexFunc(all, func(q page) bool { return q.path == target })
			if fragment != "" && (i < 0 || !slices.Contains(all[i].anchors, fragment)) {
				t.Errorf("%s links to %q, want a heading that exists", p.path, link)
			}
		}
	}
}

func TestEveryPageIsReachableFromTheREADME(t *testing.T) {
	all := allPages(t)
	reached := map[string]bool{"README.md": true}
	for range all { // as many rounds as there can be steps
		for _, p := range all {
			for _, link := range p.links {
				file, _, _ := strings.Cut(link, "#")
				if reached[p.path] && strings.HasSuffix(file, ".md") {
					reached[path.Join(path.Dir(p.path), file)] = true
				}
			}
		}
	}
	for _, p := range all {
		if !reached[p.path] {
			t.Errorf("got no way from README.md to %s, want a link", p.path)
		}
	}
}

// longestREADME is in words, as wc counts them.
const longestREADME = 1200

func TestREADMEIsShort(t *testing.T) {
	for _, p := range allPages(t) {
		if got := len(strings.Fields(p.text)); p.path == "README.md" && got > longestREADME {
			t.Errorf("README.md has %d words, want %d at most", got, longestREADME)
		}
	}
}
