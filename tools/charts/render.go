package main

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

// release is what the chart is rendered as.
var release = chartutil.ReleaseOptions{Name: "playtoken", Namespace: "playtoken", IsInstall: true, Revision: 1}

// blank fits lines that an empty part of a template leaves.
var blank = regexp.MustCompile(`(?m)^[ \t]*\n`)

// render has Helm render the chart with values of its own, after its schema accepted
// them. It returns the texts by the paths below templates.
func render(top string, values map[string]any) (map[string]string, error) {
	chart, err := loader.Load(filepath.Join(top, "helm/playtoken"))
	if err != nil {
		return nil, fmt.Errorf("load the chart: %w", err)
	}
	all, err := chartutil.ToRenderValues(chart, values, release, nil)
	if err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	strict := engine.Engine{Strict: true}
	texts, err := strict.Render(chart, all)
	if err != nil {
		return nil, fmt.Errorf("render: %w", err)
	}
	files := map[string]string{}
	for name, text := range texts {
		if text = strings.TrimSpace(blank.ReplaceAllString(text, "")); text != "" {
			files[strings.TrimPrefix(name, "playtoken/templates/")] = text + "\n"
		}
	}
	return files, nil
}

// shown are the values that deploy/kubernetes is rendered with: everything on, so that
// a folder can be left out rather than have to be written.
var shown = map[string]any{
	"gate": map[string]any{"enabled": true},
	"monitoring": map[string]any{
		"serviceMonitor": map[string]any{"enabled": true},
		"prometheusRule": map[string]any{"enabled": true},
		"dashboard":      map[string]any{"enabled": true},
	},
}

// headings say at the top of each kustomization what the folder is.
var headings = map[string]string{
	".":          "playtoken in a namespace of its own: serve, and the job that rotates. The folders gate\n# and monitoring are applied apart, where they are wanted.",
	"serve":      "Replicas that mint, with the right to sign alone.",
	"rotate":     "The job that rotates keys, with an account of its own.",
	"gate":       "The self-hosted platform.",
	"monitoring": "For the Prometheus operator and Grafana's sidecar.",
}

// manifests are the files of deploy/kubernetes.
func manifests(top string) (map[string]string, error) {
	rendered, err := render(top, shown)
	if err != nil {
		return nil, err
	}
	files, folders := map[string]string{}, map[string][]string{}
	for name, text := range rendered {
		if path.Ext(name) != ".yaml" {
			continue
		}
		files[name] = strings.ReplaceAll(text, "managed-by: Helm", "managed-by: kustomize")
		folders[path.Dir(name)] = append(folders[path.Dir(name)], path.Base(name))
	}
	folders["."] = []string{"namespace.yaml", "serve", "rotate"}
	files["namespace.yaml"] = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: playtoken\n  labels:\n    # The strictest standard of Kubernetes for pods.\n    pod-security.kubernetes.io/enforce: restricted\n"
	for folder, resources := range folders {
		files[path.Join(folder, "kustomization.yaml")] = kustomization(headings[folder], resources)
	}
	return files, nil
}

// kustomization lists resources.
func kustomization(heading string, resources []string) string {
	slices.Sort(resources)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n", heading)
	for _, name := range resources {
		fmt.Fprintf(&b, "  - %s\n", name)
	}
	return b.String()
}

// names are the keys of a map in order.
func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
