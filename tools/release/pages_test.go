package main

import (
	"regexp"
	"slices"
	"testing"

	"golang.org/x/mod/semver"
)

// found are the first groups of a pattern's matches in a file of the repository.
func found(t *testing.T, name, pattern string) (all []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(read(t, "../..", name)), -1) {
		all = append(all, m[1])
	}
	return all
}

// TestPagesAgreeOnVersions: the changelog and the page about upgrades name the same
// releases, newest first, and the test of upgrades has the release before.
func TestPagesAgreeOnVersions(t *testing.T) {
	changed, rows := found(t, "CHANGELOG.md", `(?m)^## (.+)$`), found(t, "docs/upgrade.md", `(?m)^\| (Unreleased|\d[^ ]*) \|`)
	if len(changed) == 0 || changed[0] != "Unreleased" {
		t.Fatalf("got the parts %v of CHANGELOG.md, want Unreleased first", changed)
	}
	var versions []string
	for _, part := range changed[1:] {
		m := regexp.MustCompile(`^(\S+) - \d{4}-\d\d-\d\d$`).FindStringSubmatch(part)
		if m == nil || !semver.IsValid("v"+m[1]) {
			t.Fatalf("got the part %q of CHANGELOG.md, want a semantic version and a date: 1.2.3 - 2026-12-31", part)
		}
		versions = append(versions, m[1])
	}
	if !slices.IsSortedFunc(versions, func(a, b string) int { return semver.Compare("v"+b, "v"+a) }) {
		t.Errorf("got the versions %v in CHANGELOG.md, want the newest first", versions)
	}
	if want := append([]string{"Unreleased"}, versions...); !slices.Equal(rows, want) {
		t.Errorf("got rows for %v in docs/upgrade.md, want %v", rows, want)
	}
	before, tested := found(t, "docs/upgrade.md", `(?m)^\| Unreleased \| (?:commit )?(\S+) \|`), found(t, "cmd/playtoken/upgrade_test.go", `previousRelease = "(\w+)"`)
	if len(versions) == 0 && !slices.Equal(before, tested) {
		t.Errorf("got the release before %v in docs/upgrade.md, want the one that is tested, %v", before, tested)
	}
}
