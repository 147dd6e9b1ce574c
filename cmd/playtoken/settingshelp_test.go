package main

import (
	"regexp"
	"strings"
	"testing"

	"playtoken/cmd/playtoken/manual"
	"playtoken/settings"
)

// ofGate are the settings that a gate reads: its own, and those of its listeners,
// its record, its limits and the store that gates share.
var ofGate = regexp.MustCompile("^(PLAYTOKEN_GATE_.*|PLAYTOKEN_(METRICS_LISTEN|TLS_.*|DRAIN|LOG_.*|AUDIT|REDIS_.*|PLAINTEXT|TRUSTED_PROXIES|STORE_PASSWORD|MAX_STALENESS|VAULT_.*)|VAULT_TOKEN)$")

// TestHelpListsEverySetting: an operator finds a setting in the help of the
// verb that reads it.
func TestHelpListsEverySetting(t *testing.T) {
	t.Parallel()
	serve, gate := manual.Settings("serve"), manual.Settings("gate")
	for _, section := range settings.Table() {
		for _, s := range section.Settings {
			inServe, inGate := strings.Contains(serve, "  "+s.Name+" "), strings.Contains(gate, "  "+s.Name+" ")
			if !inServe && !inGate && s.Name != "PLAYTOKEN_SERVER" { // which is in that of login
				t.Errorf("got help of serve and gate without %s, want it in one of them", s.Name)
			}
			if wantGate := ofGate.MatchString(s.Name); inGate != wantGate {
				t.Errorf("%s in the help of gate = %t, want %t", s.Name, inGate, wantGate)
			}
		}
	}
}
