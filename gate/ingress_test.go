package gate_test

import (
	"regexp"
	"strings"
	"testing"
)

// ingressMakes is what the controller's template makes of the Ingresses of the
// page, as far as it concerns them. Its module headers-more replaces headers;
// here they are hidden and added.
const ingressMakes = `
server {
	listen unix:$DIR/socket;
	server_name videos.example.com;
	location ~* "^{path}" {
		set $cors "true";
		if ($request_method = 'OPTIONS') {
			set $cors ${cors}options;
		}
		if ($cors = "trueoptions") {
			add_header Access-Control-Allow-Origin *;
			add_header Access-Control-Allow-Methods "{cors-allow-methods}";
			add_header Access-Control-Allow-Headers "{cors-allow-headers}";
			add_header Access-Control-Max-Age 1728000;
			return 204;
		}
		auth_request /_external-auth;
		auth_request_set $auth_cookie $upstream_http_set_cookie;
		add_header Set-Cookie $auth_cookie;
		proxy_hide_header Cache-Control;
		add_header Cache-Control "{Cache-Control}" always;
		add_header Access-Control-Allow-Origin * always;
		add_header Access-Control-Expose-Headers "{cors-expose-headers}" always;
		access_log off;
		proxy_http_version 1.1;
		proxy_set_header X-Original-URI $request_uri;
		proxy_set_header X-Forwarded-Proto $scheme;
		proxy_pass http://$FILES;
	}
	location = /_external-auth {
		internal;
		access_log off;
		proxy_pass_request_body off;
		proxy_set_header Content-Length "";
		proxy_set_header X-Forwarded-Proto "";
		proxy_set_header X-Original-URL $scheme://$http_host$request_uri;
		proxy_set_header X-Original-Method $request_method;
		proxy_set_header X-Sent-From "nginx-ingress-controller";
		proxy_http_version 1.1;
		proxy_pass http://$GATE/{auth};
	}
	location / {
		access_log off;
		proxy_http_version 1.1;
		proxy_set_header Host $http_host;
		proxy_pass http://$GATE;
	}
}
`

// ingress is nginx with that, and the level of the page for the log of errors.
func ingress(t *testing.T) realProxy {
	t.Helper()
	page := pageOf(t, "forward-ingress-nginx.md")
	value := func(pattern string) string {
		found := regexp.MustCompile(`(?m)` + pattern).FindStringSubmatch(page)
		if found == nil {
			t.Fatalf("docs/forward-ingress-nginx.md has nothing that fits %s", pattern)
		}
		return found[1]
	}
	site := strings.NewReplacer(
		"{path}", value(`- path: (/\[.*)$`), "{auth}", value(`/auth-url: http://gate[^/]*/(.*)$`),
		"{cors-allow-methods}", value(`/cors-allow-methods: (.*)$`), "{cors-allow-headers}", value(`/cors-allow-headers: (.*)$`),
		"{cors-expose-headers}", value(`/cors-expose-headers: (.*)$`), "{Cache-Control}", value(`^  Cache-Control: (.*)$`)).Replace(ingressMakes)
	p := nginx
	p.kind, p.origin, p.handsOn, p.ownRefusals = "ingress-nginx", true, true, true
	p.files, p.around = nil, map[string]string{
		"nginx.conf":  strings.ReplaceAll(nginxAround, "stderr notice", "$DIR/error.log "+value(`"error-log-level": "(.*?)"`)),
		"videos.conf": site,
	}
	return p
}

func TestNginxAsAnIngressAsksTheGate(t *testing.T) { put(t, ingress(t)).serves() }

func TestNginxAsAnIngressLogsNoTokens(t *testing.T) {
	put(t, ingress(t)).keepsSecrets("error.log")
}
