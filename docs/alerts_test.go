package docs_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"playtoken/keyrotation"
)

var update = flag.Bool("update", false, "write the tables of alerts and of hashes into docs")

const alertsFile = "deploy/prometheus/alerts.yml"

// alert is a rule of Prometheus.
type alert struct {
	Name        string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// readYAML decodes a file of the tree strictly.
func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: got %v, want YAML with known members only", file, err)
	}
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var rules struct {
		Groups []struct {
			Name  string  `yaml:"name"`
			Rules []alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	readYAML(t, alertsFile, &rules)
	for _, g := range rules.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatalf("got no alert in %s, want some", alertsFile)
	}
	return all
}

// TestPromtoolAcceptsTheAlertsAndTheirTests runs the tests of the rules.
func TestPromtoolAcceptsTheAlertsAndTheirTests(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("NOT CHECKED: the alert rules, because promtool is missing (apt-get install prometheus)")
	}
	for _, args := range [][]string{{"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		cmd := exec.CommandContext(t.Context(), promtool, args...)
		cmd.Dir = filepath.Join(root, path.Dir(alertsFile))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: got %v, want success:\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// TestEveryAlertHasATest in which it fires, and one in which it does not.
func TestEveryAlertHasATest(t *testing.T) {
	type expectation struct {
		Name   string `yaml:"alertname"`
		At     string `yaml:"eval_time"`
		Alerts []any  `yaml:"exp_alerts"`
	}
	var tests struct {
		Files    []string `yaml:"rule_files"`
		Interval string   `yaml:"evaluation_interval"`
		Tests    []struct {
			Name     string        `yaml:"name"`
			Interval string        `yaml:"interval"`
			Series   []any         `yaml:"input_series"`
			Expect   []expectation `yaml:"alert_rule_test"`
		} `yaml:"tests"`
	}
	readYAML(t, "deploy/prometheus/alerts_test.yml", &tests)
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, test := range tests.Tests {
		for _, e := range test.Expect {
			fires[e.Name] = fires[e.Name] || len(e.Alerts) > 0
			quiet[e.Name] = quiet[e.Name] || len(e.Alerts) == 0
		}
	}
	for _, a := range alerts(t) {
		if !fires[a.Name] || !quiet[a.Name] {
			t.Errorf("%s: tested that it fires: %t, that it does not: %t; want both", a.Name, fires[a.Name], quiet[a.Name])
		}
	}
}

func TestEveryAlertSaysWhatItMeansAndWhereToRead(t *testing.T) {
	all := allPages(t)
	for _, a := range alerts(t) {
		if severity := a.Labels["severity"]; severity != "critical" && severity != "warning" {
			t.Errorf("%s: got the severity %q, want critical or warning", a.Name, severity)
		}
		if a.Annotations["summary"] == "" {
			t.Errorf("%s: got no summary, want one", a.Name)
		}
		file, heading, _ := strings.Cut(a.Annotations["docs"], "#")
		if i := slices.IndexFunc(all, func(p page) bool { return p.path == file }); i < 0 || !slices.Contains(all[i].anchors, heading) {
			t.Errorf("%s: got the docs %q, want a heading that exists", a.Name, a.Annotations["docs"])
		}
	}
}

// TestAlertsUseWhatScrapesShow: names of metrics and of their labels, and codes.
func TestAlertsUseWhatScrapesShow(t *testing.T) {
	labels := labelsOfMetrics(t)
	metric := regexp.MustCompile(`(playtoken_[a-z_]+)(?:\{([^}]*)\})?`)
	codes := regexp.MustCompile(`code=~?"([^"]*)"`)
	for _, a := range alerts(t) {
		used := metric.FindAllStringSubmatch(a.Expr, -1)
		if len(used) == 0 {
			t.Errorf("%s: got the expression %s, want a metric of ours in it", a.Name, a.Expr)
		}
		for _, m := range used {
			known, exists := labels[strings.TrimSuffix(m[1], "_bucket")]
			if !exists {
				t.Errorf("%s: got the metric %s, want one that exists", a.Name, m[1])
			}
			for _, matcher := range regexp.MustCompile(`(\w+)(?:=~|!~|!=|=)"`).FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(strings.Split(known, ", "), matcher[1]) {
					t.Errorf("%s: got the label %s of %s, want one of %s", a.Name, matcher[1], m[1], known)
				}
			}
		}
		for _, m := range codes.FindAllStringSubmatch(a.Expr, -1) {
			for _, code := range strings.Split(m[1], "|") {
				if !slices.Contains(keyrotation.TroubleCodes(), keyrotation.TroubleCode(code)) {
					t.Errorf("%s: got the code %s, want one that a finding may have", a.Name, code)
				}
			}
		}
	}
}

// TestTheTableOfAlertsIsThatOfTheRules; with -update it is written.
func TestTheTableOfAlertsIsThatOfTheRules(t *testing.T) {
	var table strings.Builder
	table.WriteString("| alert | severity | it says | read |\n|---|---|---|---|\n")
	values := regexp.MustCompile(`\{\{ *\$(?:labels\.)?(\w+)[^}]*\}\}`)
	for _, a := range alerts(t) {
		page := strings.TrimPrefix(a.Annotations["docs"], "docs/")
		says := values.ReplaceAllString(a.Annotations["summary"], "*$1*")
		file, _, _ := strings.Cut(page, "#")
		fmt.Fprintf(&table, "| [`%s`](runbooks/%s.md) | %s | %s | [%s](%s) |\n", a.Name, a.Name, a.Labels["severity"], says, file, page)
	}
	file := filepath.Join(root, "docs/monitor.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| alert \|.*\n(?:\|.*\n)+`)
	written := rows.ReplaceAllLiteralString(string(text), table.String())
	if *update {
		if err := os.WriteFile(file, []byte(written), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got := rows.FindString(string(text)); got != table.String() {
		t.Errorf("docs/monitor.md has the table\n%s\nwant the one that go test ./docs -run Alerts -update writes:\n%s", got, table.String())
	}
}
