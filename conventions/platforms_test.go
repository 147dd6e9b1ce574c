package conventions

import (
	"regexp"
	"strings"
	"testing"
)

// named finds the name of a platform as a string of its own.
var named = regexp.MustCompile(`"(vidbeo|jwplayer|apivideo|cdni|cloudfront)"`)

// mayName lists the folders that may name a platform: the platforms themselves,
// and benches that measure one of them.
var mayName = []string{"platforms/", "bench/"}

// TestNoCodeDependsOnAPlatformsName: what a platform does is in its
// platforms.Platform; outside its folder, only the table of kinds knows that it
// exists.
func TestNoCodeDependsOnAPlatformsName(t *testing.T) {
	for _, f := range sources(t, ".go") {
		if f.isTest() || mayNamePlatforms(f.path) {
			continue
		}
		for i, line := range strings.Split(f.text, "\n") {
			code, _, _ := strings.Cut(line, "//")
			if named.MatchString(code) && !strings.Contains(code, "PLAYTOKEN_PLATFORM") {
				t.Errorf("%s:%d: got the name of a platform, want a capability that it has: %s", f.path, i+1, strings.TrimSpace(line))
			}
		}
	}
}

func mayNamePlatforms(path string) bool {
	for _, folder := range mayName {
		if strings.HasPrefix(path, folder) {
			return true
		}
	}
	return false
}
