package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/mod/semver"
)

// version is a semantic version, without the v that its tag has.
type version string

func (v version) tag() string { return "v" + string(v) }

// isPrerelease reports whether it is one for trials, such as 1.2.0-rc.1.
func (v version) isPrerelease() bool { return semver.Prerelease(v.tag()) != "" }

// parseVersion accepts the version with and without its v. Build metadata is refused,
// because a go tool leaves it out of versions. The module's path has no number at its
// end, so the go tool refuses v2 and above.
func parseVersion(text string) (version, error) {
	v := version(strings.TrimPrefix(text, "v"))
	if !semver.IsValid(v.tag()) || semver.Canonical(v.tag()) != v.tag() {
		return "", fmt.Errorf("version %q is not a semantic version: want one such as 1.2.3 or 1.3.0-rc.1", text)
	}
	if major := semver.Major(v.tag()); major != "v0" && major != "v1" {
		return "", fmt.Errorf("version %q: the module of go.mod is for v0 and v1; name it playtoken/%s first", text, major)
	}
	return v, nil
}

// versionOf returns the version of HEAD. A tag and what the caller asked for have to
// say the same.
func versionOf(ctx context.Context, repository, asked string) (version, error) {
	tags, err := git(ctx, repository, "tag", "--points-at", "HEAD", "--list", "v[0-9]*")
	if err != nil {
		return "", err
	}
	here := strings.Fields(tags)
	switch {
	case asked == "" && len(here) == 0:
		return "", fmt.Errorf("HEAD has no tag such as v1.2.3: tag it, or name a version, as in make release VERSION=1.2.3")
	case asked == "" && len(here) > 1:
		return "", fmt.Errorf("HEAD has the tags %s: say which one is released, as in make release VERSION=%s", strings.Join(here, ", "), here[0])
	case asked == "":
		return parseVersion(here[0])
	}
	v, err := parseVersion(asked)
	if err != nil {
		return "", err
	}
	for _, tag := range here {
		if tag == v.tag() {
			return v, nil
		}
	}
	if len(here) > 0 {
		return "", fmt.Errorf("version %s: HEAD has the tag %s; release that, or remove the tag", v, here[0])
	}
	if at, err := git(ctx, repository, "rev-parse", "--quiet", "--verify", "refs/tags/"+v.tag()+"^{commit}"); err == nil {
		return "", fmt.Errorf("version %s: its tag is at commit %.12s, which is not HEAD; check that commit out, or choose another version", v, at)
	}
	return v, nil
}

// checkPages has the pages that name releases name this one. A prerelease needs no
// entry: what it tries is under Unreleased.
func (v version) checkPages(folder string) error {
	if v.isPrerelease() {
		return nil
	}
	for page, pattern := range map[string]string{
		"CHANGELOG.md":                     `(?m)^## ` + regexp.QuoteMeta(string(v)) + ` - \d{4}-\d\d-\d\d$`,
		"docs/upgrade.md":                  `(?m)^\| ` + regexp.QuoteMeta(string(v)) + ` \|`,
		"deploy/helm/playtoken/Chart.yaml": `(?m)^appVersion: "` + regexp.QuoteMeta(string(v)) + `"$`,
	} {
		text, err := os.ReadFile(filepath.Join(folder, page))
		if err != nil {
			return err
		}
		if !regexp.MustCompile(pattern).Match(text) {
			return fmt.Errorf("%s does not name the version %s: add what fits %s, commit that, and tag the commit", page, v, pattern)
		}
	}
	return nil
}
