package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"playtoken/metrics"
)

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "What this binary was built from", Args: arguments(),
		RunE: func(*cobra.Command, []string) error {
			return a.print(buildVersion())
		},
	}
}

type versionView struct {
	Version  string `json:"version"`
	Revision string `json:"revision"` // "unknown" outside a checkout; "+" at its end: with uncommitted changes
	Go       string `json:"go"`
}

func (v versionView) table(w io.Writer) {
	fmt.Fprintf(w, "playtoken %s %s %s\n", v.Version, v.Revision, v.Go)
}

// build is what metrics say about this binary.
func (v versionView) build() metrics.Build {
	return metrics.Build{Version: v.Version, Revision: v.Revision}
}

func buildVersion() versionView {
	v := versionView{Version: "devel", Revision: "unknown", Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	changed := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			v.Revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+"
		}
	}
	v.Revision += changed
	return v
}
