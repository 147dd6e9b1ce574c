package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// repository is one with two commits, the first of which has the tag v0.9.0.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("GIT_AUTHOR_DATE", "1700000000 +0000")
	t.Setenv("GIT_COMMITTER_DATE", "1700000000 +0000")
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"commit", "--quiet", "--allow-empty", "--message=one"},
		{"tag", "v0.9.0"},
		{"commit", "--quiet", "--allow-empty", "--message=two"},
	} {
		if _, err := git(t.Context(), dir, append([]string{"-c", "user.name=test", "-c", "user.email=test@example.com"}, args...)...); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTheVersionIsThatOfTheTag(t *testing.T) {
	for _, tt := range []struct {
		name, tags, asked string
		want              version
		problem           string
	}{
		{name: "a tag", tags: "v1.2.3", want: "1.2.3"},
		{name: "a tag that was asked for", tags: "v1.2.3", asked: "1.2.3", want: "1.2.3"},
		{name: "asked for with its v", asked: "v1.3.0-rc.1", want: "1.3.0-rc.1"},
		{name: "another tag", tags: "v1.2.3", asked: "1.2.4", problem: "HEAD has the tag v1.2.3"},
		{name: "two tags", tags: "v1.2.3 v1.2.4", problem: "say which one"},
		{name: "one of two tags", tags: "v1.2.3 v1.2.4", asked: "1.2.4", want: "1.2.4"},
		{name: "a tag of another commit", asked: "0.9.0", problem: "which is not HEAD"},
		{name: "no version", problem: "HEAD has no tag"},
		{name: "not semantic", asked: "1.2", problem: "is not a semantic version"},
		{name: "a date", asked: "2026-11-29", problem: "is not a semantic version"},
		{name: "build metadata", asked: "1.2.3+4", problem: "is not a semantic version"},
		{name: "another module", asked: "2.0.0", problem: "name it playtoken/v2"},
		{name: "a tag of another kind", tags: "vault", problem: "HEAD has no tag"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := repository(t)
			for _, tag := range strings.Fields(tt.tags) {
				if _, err := git(t.Context(), dir, "tag", tag); err != nil {
					t.Fatal(err)
				}
			}
			got, err := versionOf(t.Context(), dir, tt.asked)
			if got != tt.want || (err == nil) != (tt.problem == "") || err != nil && !strings.Contains(err.Error(), tt.problem) {
				t.Errorf("version = %q, %v; want %q and a problem with %q", got, err, tt.want, tt.problem)
			}
		})
	}
}

func TestPagesNameTheVersion(t *testing.T) {
	pages := map[string]string{
		"CHANGELOG.md":                     "# Changelog\n\n## Unreleased\n\n## 1.2.3 - 2026-11-29\n",
		"docs/upgrade.md":                  "| 1.2.3 | nothing |\n",
		"deploy/helm/playtoken/Chart.yaml": "appVersion: \"1.2.3\"\n",
	}
	for missing := range pages {
		dir := t.TempDir()
		for name, text := range pages {
			if name == missing {
				text = strings.ReplaceAll(text, "1.2.3", "1.2.2")
			}
			to := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := version("1.2.3").checkPages(dir); err == nil || !strings.Contains(err.Error(), missing) {
			t.Errorf("without the version in %s: got %v, want an error that names the file", missing, err)
		}
		if err := version("1.2.4-rc.1").checkPages(dir); err != nil {
			t.Errorf("a prerelease: got %v, want it without entries", err)
		}
	}
}
