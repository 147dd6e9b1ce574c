package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// unknown returns a problem for each PLAYTOKEN_ variable that is no setting: a
// mistyped setting would otherwise be ignored without a word.
func (env environment) unknown(rows []variable) []error {
	known := map[string]bool{}
	for _, row := range rows {
		known[row.Name] = true
		if row.Secret {
			known[row.Name+"_FILE"] = true
		}
	}
	var problems []error
	for _, name := range env.names() {
		if known[name] || !strings.HasPrefix(name, "PLAYTOKEN_") || tolerated(name) || isServiceLink(name, env[name]) {
			continue
		}
		problem := fmt.Errorf("%s: no such setting; playtoken settings lists those that exist", name)
		if near := nearest(name, slices.Sorted(maps.Keys(known))); near != "" {
			problem = fmt.Errorf("%s: no such setting; did you mean %s?", name, near)
		}
		problems = append(problems, problem)
	}
	return problems
}

// names are those of all variables, in a fixed order.
func (env environment) names() []string { return slices.Sorted(maps.Keys(env)) }

// tolerated reports whether a variable is not ours: Kubernetes adds the service
// links of a Service named playtoken, and tests have variables of their own. See
// isServiceLink for those of other Services.
func tolerated(name string) bool {
	return strings.HasPrefix(name, "PLAYTOKEN_SERVICE_") ||
		strings.HasPrefix(name, "PLAYTOKEN_PORT") ||
		strings.HasPrefix(name, "PLAYTOKEN_TEST_")
}

// nearest returns the candidate that ends like the name, or else the one that is
// the fewest edits away; "" if no candidate is close enough to be what was meant.
func nearest(name string, candidates []string) string {
	ending := strings.TrimPrefix(name, "PLAYTOKEN")
	if i := slices.IndexFunc(candidates, func(c string) bool { return strings.HasSuffix(c, ending) }); i >= 0 {
		return candidates[i]
	}
	if len(name) > 80 {
		return "" // no typing mistake, and slow to compare
	}
	best, fewest := "", 1+len(name)/4
	for _, c := range candidates {
		if d := edits(name, c); d < fewest {
			best, fewest = c, d
		}
	}
	return best
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
