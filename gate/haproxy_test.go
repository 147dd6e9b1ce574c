package gate_test

import (
	"os/exec"
	"path/filepath"
	"testing"
)

var haproxy = realProxy{
	kind: "haproxy", page: "forward-haproxy.md", origin: true,
	files: map[string]string{"haproxy.cfg": "haproxy", "gate.lua": "lua"},
	replace: []string{
		":443 ssl crt /etc/haproxy/videos.pem", "unix@$DIR/socket", "/etc/haproxy", "$DIR",
		"127.0.0.1:8081", "$GATE", "127.0.0.1:8000", "$FILES",
	},
	command: func(dir string) *exec.Cmd {
		return exec.Command("haproxy", "-V", "-db", "-f", filepath.Join(dir, "haproxy.cfg"))
	},
}

func TestARealHAProxyAsksTheGate(t *testing.T) { put(t, haproxy).serves() }

func TestARealHAProxyLogsNoTokens(t *testing.T) { put(t, haproxy).keepsSecrets() }
