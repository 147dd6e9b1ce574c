package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"playtoken/settings"
)

// project has Compose's own loader read and validate deploy/compose.
func project(t *testing.T) *types.Project {
	t.Helper()
	file, err := filepath.Abs(filepath.Join(top, "compose/compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: filepath.Dir(file), ConfigFiles: []types.ConfigFile{{Filename: file}}, Environment: types.Mapping{},
	}, func(o *loader.Options) { o.SetProjectName("playtoken", true) })
	if err != nil {
		t.Fatalf("compose.yaml: got %v, want a project that Compose accepts", err)
	}
	return p
}

func TestComposeAcceptsTheProject(t *testing.T) {
	p := project(t)
	want := []string{"credentials", "gate", "grafana", "prometheus", "redis", "serve", "setup", "unseal", "vault"}
	if got := p.ServiceNames(); !slices.Equal(got, want) {
		t.Errorf("got the services %v, want %v", got, want)
	}
	for name, s := range p.Services {
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s: got the port %+v, want this machine alone to reach it", name, port)
			}
		}
		for _, v := range s.Volumes {
			if _, err := os.Stat(v.Source); v.Type == types.VolumeTypeBind && filepath.Base(v.Source) != "videos" && err != nil {
				t.Errorf("%s: got the mount %s, want a file that exists", name, v.Source)
			}
		}
	}
}

func TestSettingsOfComposeAreGood(t *testing.T) {
	for _, name := range []string{"serve", "gate"} {
		s := project(t).Services[name]
		secrets := t.TempDir()
		var environ []string
		for variable, value := range s.Environment {
			if strings.HasSuffix(variable, "_FILE") {
				text := variable + "-0123456789abcdef0123456789abcdef"
				*value = filepath.Join(secrets, variable)
				if err := os.WriteFile(*value, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			environ = append(environ, variable+"="+*value)
		}
		_, err := settings.ForService(environ)
		if name == "gate" {
			_, err = settings.ForGate(environ, "")
		}
		if err != nil || !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) {
			t.Errorf("%s: got %v of %q, read-only: %t, want settings that are good and a hardened container", name, err, environ, s.ReadOnly)
		}
	}
}

// TestPrometheusScrapesWhatListens: the ports of prometheus.yml are those of the settings.
func TestPrometheusScrapesWhatListens(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(top, "compose/prometheus.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range project(t).Services {
		if listen := s.Environment["PLAYTOKEN_METRICS_LISTEN"]; listen != nil && !strings.Contains(string(text), `"gate`+*listen+`"`) {
			t.Errorf("%s: got metrics at %s, want a target of prometheus.yml for it: %s", name, *listen, text)
		}
	}
}
