package settings

import (
	"strings"
	"testing"
)

func TestServiceLinksAreToleratedByTheirForm(t *testing.T) {
	for entry, good := range map[string]bool{
		"PLAYTOKEN_GATE_SERVICE_HOST=10.0.0.1": true, "PLAYTOKEN_GATE_SERVICE_HOST=fd00::1": true,
		"PLAYTOKEN_GATE_SERVICE_PORT=8081": true, "PLAYTOKEN_GATE_SERVICE_PORT_HTTP=8081": true,
		"PLAYTOKEN_GATE_PORT=tcp://10.0.0.1:8081": true, "PLAYTOKEN_GATE_PORT_8081_TCP=tcp://[fd00::1]:8081": true,
		"PLAYTOKEN_GATE_PORT_8081_TCP_PROTO=tcp": true, "PLAYTOKEN_GATE_PORT_8081_TCP_PORT=8081": true, "PLAYTOKEN_GATE_PORT_8081_TCP_ADDR=10.0.0.1": true,
		"PLAYTOKEN_GATE_PORT_53_UDP=udp://10.0.0.1:53": true, "PLAYTOKEN_EU_WEST_REDIS_PORT=tcp://10.0.0.1:6379": true,
		"PLAYTOKEN_SERVICE_HOST=10.0.0.1": true, "PLAYTOKEN_PORT=tcp://10.0.0.1:8080": true, "PLAYTOKEN_SERVICE_PORT_METRICS=9090": true,

		"PLAYTOKEN_GATE_SERVICE_HOST=gate": false, "PLAYTOKEN_GATE_SERVICE_PORT=http": false, "PLAYTOKEN_GATE_SERVICE_PORT=0": false,
		"PLAYTOKEN_GATE_PORT=8081": false, "PLAYTOKEN_GATE_PORT=http://10.0.0.1:8081": false, "PLAYTOKEN_GATE_PORT=tcp://10.0.0.1": false,
		"PLAYTOKEN_GATE_PORT_8081_TCP_PROTO=http": false, "PLAYTOKEN_GATE_PORTS=tcp://10.0.0.1:8081": false,
		"PLAYTOKEN_LISTEN_PORT=8080": false, "PLAYTOKEN_GATE_HOST=10.0.0.1": false,
	} {
		for verb, read := range map[string]func([]string) error{
			"serve": func(e []string) error { _, err := ForService(e); return err },
			"gate":  func(e []string) error { _, err := ForGate(e, "/srv"); return err },
		} {
			if err := read(goodEnviron(entry)); (err == nil) != good || err != nil && !strings.Contains(err.Error(), "no such setting") {
				t.Errorf("%s with %s: got %v, want success: %t", verb, entry, err, good)
			}
		}
	}
}

// A file with Windows line ends puts a carriage return after every value.
func TestControlCharactersAreRefusedByName(t *testing.T) {
	for _, section := range Table() {
		for _, row := range section.Settings {
			for _, character := range []string{"\r", "\x00", "\x1b", "\u0085"} {
				if strings.Contains(row.Meaning, "Further") && character == "\r" {
					continue // several lines
				}
				_, err := ForGate(goodEnviron(row.Name+"=x"+character), "")
				if err == nil || !strings.Contains(err.Error(), row.Name+": has a control character") {
					t.Errorf("%s with %q: got %v, want it refused by name", row.Name, character, err)
				}
			}
		}
	}
	for _, entry := range []string{"VAULT_ADDR=https://vault:8200\r", "VAULT_NAMESPACE=team\r", "PLAYTOKEN_ADMIN_KEY_FILE=/run/secrets/key\r"} {
		name, _, _ := strings.Cut(entry, "=")
		if _, err := ForService(goodEnviron(entry)); err == nil || !strings.Contains(err.Error(), name+": has a control character") {
			t.Errorf("%q: got %v, want it refused by name", entry, err)
		}
	}
	for _, entry := range []string{"VAULT_CACERT_BYTES=-----BEGIN CERTIFICATE-----\nAAAA\n", "PATH=a\rb"} {
		if _, err := ForService(goodEnviron(entry)); err != nil {
			t.Errorf("%q: got %v, want it accepted", entry, err)
		}
	}
}

func TestQuotesArePointedOut(t *testing.T) {
	s, err := ForService(goodEnviron(`PLAYTOKEN_ADMIN_KEY="`+adminKey+`"`, `PLAYTOKEN_API_KEY='`+frontendKey+`'`))
	if err != nil || len(s.Doubts) != 2 || !strings.HasPrefix(s.Doubts[0], "PLAYTOKEN_ADMIN_KEY: the quotes") || strings.Contains(s.Doubts[0], adminKey) {
		t.Errorf("got %q, %v, want a doubt about each key, without it", s.Doubts, err)
	}
	if _, err := ForService(goodEnviron(`PLAYTOKEN_TOKEN_TTL="10m"`)); err == nil || !strings.Contains(err.Error(), "quotes") {
		t.Errorf("got %v, want an error that speaks of the quotes", err)
	}
	if s, err := ForService(goodEnviron(`PLAYTOKEN_ADMIN_KEY="` + adminKey)); err != nil || len(s.Doubts) != 0 {
		t.Errorf("one quote: got %q, %v, want no doubt", s.Doubts, err)
	}
}

func TestCredentialsThatTravelUnencrypted(t *testing.T) {
	const file = "PLAYTOKEN_STORE=file:/srv/play.db"
	for _, c := range []struct {
		name    string
		environ []string
		doubt   string // the setting; empty: there is no doubt
	}{
		{"Vault", []string{"VAULT_ADDR=http://vault:8200"}, "VAULT_ADDR"},
		{"Vault's agent on another machine", []string{"VAULT_ADDR=https://vault:8200", "VAULT_AGENT_ADDR=http://10.0.0.1:8100"}, "VAULT_ADDR"},
		{"Vault, by TLS", []string{"VAULT_ADDR=https://vault:8200"}, ""},
		{"Vault here", []string{"VAULT_ADDR=http://127.0.0.1:8200"}, ""},
		{"Vault here by name", []string{"VAULT_ADDR=http://localhost:8200"}, ""},
		{"Vault here, IPv6", []string{"VAULT_ADDR=http://[::1]:8200"}, ""},
		{"a Vault that is not used", []string{"VAULT_ADDR=http://vault:8200", file}, ""},
		{"Redis", []string{file, "PLAYTOKEN_REDIS_URL=redis://:canary@redis:6379"}, "PLAYTOKEN_REDIS_URL"},
		{"Redis with a user", []string{file, "PLAYTOKEN_REDIS_URL=redis://me:canary@10.0.0.1"}, "PLAYTOKEN_REDIS_URL"},
		{"Redis without a password", []string{file, "PLAYTOKEN_REDIS_URL=redis://redis:6379"}, ""},
		{"Redis by TLS", []string{file, "PLAYTOKEN_REDIS_URL=rediss://:canary@redis:6379"}, ""},
		{"Sentinels", []string{file, "PLAYTOKEN_REDIS_URL=redis+sentinel://:canary@redis?master_name=m"}, "PLAYTOKEN_REDIS_URL"},
		{"Sentinels, one of them on another machine", []string{file, "PLAYTOKEN_REDIS_URL=redis+sentinel://localhost?master_name=m&addr=10.0.0.1:26379&sentinel_password=canary"}, "PLAYTOKEN_REDIS_URL"},
		{"Sentinels by TLS", []string{file, "PLAYTOKEN_REDIS_URL=rediss+sentinel://:canary@redis?master_name=m"}, ""},
		{"a cluster", []string{file, "PLAYTOKEN_REDIS_URL=redis+cluster://:canary@redis"}, "PLAYTOKEN_REDIS_URL"},
		{"a cluster here", []string{file, "PLAYTOKEN_REDIS_URL=redis+cluster://:canary@127.0.0.1:1?addr=127.0.0.1:2"}, ""},
		{"Redis here", []string{file, "PLAYTOKEN_REDIS_URL=redis://:canary@127.0.0.1:6379"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := goodEnviron(append([]string{"PLAYTOKEN_STORE=vault", "VAULT_TOKEN=x"}, c.environ...)...)
			s, err := ForService(base)
			doubts := strings.Join(s.Doubts, "\n")
			if err != nil || (c.doubt == "") != (doubts == "") || !strings.HasPrefix(doubts, c.doubt) || strings.Contains(doubts, "canary") {
				t.Errorf("got the doubts %q, %v, want one about %q", doubts, err, c.doubt)
			}
			_, err = ForService(append(base, "PLAYTOKEN_PLAINTEXT=refuse"))
			if (err != nil) != (c.doubt != "") || err != nil && !strings.Contains(err.Error(), c.doubt+": ") {
				t.Errorf("with PLAYTOKEN_PLAINTEXT=refuse: got %v, want refused: %t", err, c.doubt != "")
			}
		})
	}
	for _, plaintext := range []string{"warn", "refuse"} {
		_, err := ForOperator([]string{"VAULT_ADDR=http://vault:8200", "PLAYTOKEN_PLAINTEXT=" + plaintext})
		if (err != nil) != (plaintext == "refuse") {
			t.Errorf("an operator of Vault, %s: got %v", plaintext, err)
		}
	}
}
