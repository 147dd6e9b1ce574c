package main

import (
	"strings"
	"testing"

	"playtoken/settings"
)

// TestHelpListsEverySetting: an operator finds a setting in the help of the
// verb that reads it.
func TestHelpListsEverySetting(t *testing.T) {
	t.Parallel()
	serve, gate := settingsHelp("serve"), settingsHelp("gate")
	for _, section := range settings.Table() {
		for _, s := range section.Settings {
			inServe, inGate := strings.Contains(serve, "  "+s.Name+" "), strings.Contains(gate, "  "+s.Name+" ")
			if !inServe && !inGate {
				t.Errorf("got help of serve and gate without %s, want it in one of them", s.Name)
			}
			if wantGate := strings.HasPrefix(s.Name, "PLAYTOKEN_GATE_") || s.Name == "PLAYTOKEN_METRICS_LISTEN" || s.Name == "PLAYTOKEN_LOG_REQUESTS"; inGate != wantGate {
				t.Errorf("%s in the help of gate = %t, want %t", s.Name, inGate, wantGate)
			}
		}
	}
}
