// Command charts renders deploy/helm into deploy/kubernetes, and its tests hold
// deploy against the programs that will read it: Helm, Kubernetes, Kustomize, Compose,
// and playtoken's own settings.
//
// The decision a newcomer would get wrong: nothing here imitates one of those
// programs. Each is represented by its own library.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// top is the folder deploy, from this one.
const top = "../../deploy"

func main() {
	if err := write(top); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write brings up to date what is made of other files.
func write(top string) error {
	if err := copyIntoChart(top); err != nil {
		return err
	}
	files, err := manifests(top)
	if err != nil {
		return err
	}
	for name, text := range files {
		path := filepath.Join(top, "kubernetes", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// copied are files of deploy that the chart has to hold itself.
var copied = map[string]string{
	"prometheus/alerts.yml":  "helm/playtoken/files/alerts.yml",
	"grafana/playtoken.json": "helm/playtoken/files/dashboard.json",
}

func copyIntoChart(top string) error {
	for from, to := range copied {
		text, err := os.ReadFile(filepath.Join(top, from))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(top, to), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
