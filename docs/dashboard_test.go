package docs_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// queries are those of deploy/grafana, with values in the place of its variables.
func queries(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "deploy/grafana/playtoken.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	variables := strings.NewReplacer("$__rate_interval", "5m", "$project", ".*", "$instance", ".*")
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			all = append(all, variables.Replace(target.Expr))
		}
	}
	return all
}

// TestQueriesOfTheDashboardNameLabelsThatExist; that their metrics are in a scrape is
// tested where one is taken.
func TestQueriesOfTheDashboardNameLabelsThatExist(t *testing.T) {
	labels := labelsOfMetrics(t)
	selector := regexp.MustCompile(`(playtoken_[a-z_]+)\{([^}]*)\}`)
	for _, query := range queries(t) {
		for _, m := range selector.FindAllStringSubmatch(query, -1) {
			known := append(strings.Split(labels[strings.TrimSuffix(m[1], "_bucket")], ", "), "instance")
			for _, matcher := range regexp.MustCompile(`(\w+)(?:=~|!~|!=|=)"`).FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(known, matcher[1]) {
					t.Errorf("got the query %s, want labels of %s: %v", query, m[1], known)
				}
			}
		}
	}
}

// TestPromtoolParsesTheQueriesOfTheDashboard as if they were rules.
func TestPromtoolParsesTheQueriesOfTheDashboard(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("NOT CHECKED: the queries of the dashboard, because promtool is missing (apt-get install prometheus)")
	}
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	for i, query := range queries(t) {
		rules.WriteString("      - {record: 'q" + strconv.Itoa(i) + "', expr: " + strconv.Quote(query) + "}\n")
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("promtool check rules = %v, %s; want every query to be PromQL:\n%s", err, out, rules.String())
	}
}
