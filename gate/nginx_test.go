package gate_test

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// nginxAround is what Debian's nginx has around a file of its conf.d.
const nginxAround = `
daemon off;
master_process off;
pid $DIR/nginx.pid;
error_log stderr notice;
events {}
http {
	client_body_temp_path $DIR/body;
	proxy_temp_path $DIR/proxy;
	fastcgi_temp_path $DIR/fastcgi;
	uwsgi_temp_path $DIR/uwsgi;
	scgi_temp_path $DIR/scgi;
	include $DIR/videos.conf;
}
`

var nginx = realProxy{
	kind: "nginx", page: "forward-nginx.md", files: map[string]string{"videos.conf": "nginx"},
	around: map[string]string{"nginx.conf": nginxAround},
	replace: []string{
		"listen 443 ssl;", "listen unix:$DIR/socket;",
		"  ssl_certificate /etc/ssl/videos.pem;\n  ssl_certificate_key /etc/ssl/videos.key;\n", "",
		"/var/log/nginx/", "$DIR/", "/srv/videos", "$DIR/media", "127.0.0.1:8081", "$GATE",
	},
	command: func(dir string) *exec.Cmd {
		return exec.Command("nginx", "-p", dir, "-e", "stderr", "-c", filepath.Join(dir, "nginx.conf"))
	},
}

func TestARealNginxAsksTheGate(t *testing.T) { put(t, nginx).serves() }

func TestARealNginxLogsNoTokens(t *testing.T) {
	put(t, nginx).keepsSecrets("videos.log", "videos.error.log")
}
