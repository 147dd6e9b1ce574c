package gate_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var caddy = realProxy{
	kind: "caddy", page: "forward-caddy.md", files: map[string]string{"Caddyfile": "caddyfile"},
	replace: []string{
		"{\n  # Addresses", "{\n  admin off\n  # Addresses", "videos.example.com {", "http:// {\n  bind unix/$DIR/socket",
		"/srv/videos", "$DIR/media", "127.0.0.1:8081", "$GATE",
	},
	command: func(dir string) *exec.Cmd {
		cmd := exec.Command("caddy", "run", "--config", filepath.Join(dir, "Caddyfile"), "--adapter", "caddyfile")
		cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
		return cmd
	},
}

func TestARealCaddyAsksTheGate(t *testing.T) { put(t, caddy).serves() }

func TestARealCaddyLogsNoTokens(t *testing.T) { put(t, caddy).keepsSecrets() }
