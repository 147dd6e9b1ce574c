package gate_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"playtoken/gate"
)

// caddyfile is the long form of Caddy's forward_auth, because the short one
// does not hand the gate's cookie on to the viewer.
const caddyfile = `
{
	admin off
	auto_https off
}
http:// {
	bind unix/%[2]s
	reverse_proxy %[3]s {
		method GET
		rewrite /auth
		header_up X-Forwarded-Method {method}
		header_up X-Forwarded-Uri {uri}
		@allowed status 2xx
		handle_response @allowed {
			header Set-Cookie {rp.header.Set-Cookie}
			header Cache-Control private
			root * %[1]s/media
			file_server
		}
	}
}
`

func TestARealCaddyAsksTheGate(t *testing.T) {
	binary, err := exec.LookPath("caddy")
	if err != nil {
		t.Skip("NOT TESTED: forward-auth with a real Caddy, because there is no caddy on this machine")
	}
	w := open(t, films(), func(c *gate.Config) { c.Forward, c.PublicURL = "caddy", "http://films.localhost" })
	dir := files(t)
	conf, socket := filepath.Join(dir, "Caddyfile"), filepath.Join(dir, "socket")
	if err := os.WriteFile(conf, fmt.Appendf(nil, caddyfile, dir, socket, w.server.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "run", "--config", conf, "--adapter", "caddyfile")
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	run(t, cmd, "serving initial configuration")
	w.visit(t, socket, "X-Forwarded-Uri")
}
