package console

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// TestEveryReasonHasARemedy reads the codes where they are made.
func TestEveryReasonHasARemedy(t *testing.T) {
	code := regexp.MustCompile("(?:Reason += |add\\(|Code: +|[A-Za-z]+ += )\"([a-z]+_[a-z_]+)\"")
	codes := []string{}
	for _, file := range []string{
		"gate/verify/verify.go", "handlers/inspect.go", "platforms/jwplayer/inspect.go", "platforms/apivideo/read.go",
		"platforms/jwtkeys/judge.go",
	} {
		text, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		before := len(codes)
		for _, m := range code.FindAllStringSubmatch(string(text), -1) {
			codes = append(codes, m[1])
		}
		if len(codes) == before {
			t.Errorf("got no code in %s, want some", file)
		}
	}
	for _, code := range codes {
		if !slices.ContainsFunc(remedies, func(r remedy) bool { return r.Code == code }) {
			t.Errorf("reason %s: got no remedy, want one", code)
		}
	}
}
