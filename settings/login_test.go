package settings

import (
	"strings"
	"testing"
)

func TestALoginNeedsAllItsSettings(t *testing.T) {
	with := func(entries ...string) []string { return append(goodEnviron("PLAYTOKEN_STORE=vault"), entries...) }
	for _, c := range []struct {
		environ []string
		problem string // empty: none
	}{
		{with("VAULT_TOKEN=x"), ""},
		{with("PLAYTOKEN_VAULT_AUTH=approle", "PLAYTOKEN_VAULT_ROLE_ID=r", "PLAYTOKEN_VAULT_SECRET_ID=s", "PLAYTOKEN_VAULT_AUTH_PATH=a/b", "VAULT_TOKEN=x"), ""},
		{with("PLAYTOKEN_VAULT_AUTH=kubernetes", "PLAYTOKEN_VAULT_ROLE=r", "PLAYTOKEN_VAULT_JWT_FILE=/x"), ""},
		{with("PLAYTOKEN_VAULT_AUTH=jwt", "PLAYTOKEN_VAULT_ROLE=r", "PLAYTOKEN_VAULT_JWT_FILE=/x"), ""},
		{with("PLAYTOKEN_VAULT_AUTH=cert"), ""},
		{with("PLAYTOKEN_VAULT_AUTH=cert", "PLAYTOKEN_VAULT_ROLE=r"), ""},
		{with("PLAYTOKEN_VAULT_AUTH=jwt", "PLAYTOKEN_VAULT_JWT_FILE=/x"), "PLAYTOKEN_VAULT_ROLE: required"},
		{with("PLAYTOKEN_VAULT_AUTH=jwt", "PLAYTOKEN_VAULT_ROLE=r"), "PLAYTOKEN_VAULT_JWT_FILE: required"},
		{with("PLAYTOKEN_VAULT_AUTH=cert", "PLAYTOKEN_VAULT_JWT_FILE=/x"), "only for PLAYTOKEN_VAULT_AUTH=kubernetes or jwt"},
		{with(), "VAULT_TOKEN: required"},
		{with("PLAYTOKEN_VAULT_AUTH=approle", "PLAYTOKEN_VAULT_ROLE_ID=r"), "PLAYTOKEN_VAULT_SECRET_ID: required"},
		{with("PLAYTOKEN_VAULT_AUTH=approle", "PLAYTOKEN_VAULT_SECRET_ID=s"), "PLAYTOKEN_VAULT_ROLE_ID: required"},
		{with("PLAYTOKEN_VAULT_AUTH=kubernetes"), "PLAYTOKEN_VAULT_ROLE: required"},
		{with("VAULT_TOKEN=x", "PLAYTOKEN_VAULT_ROLE_ID=r"), "only for PLAYTOKEN_VAULT_AUTH=approle"},
		{with("VAULT_TOKEN=x", "PLAYTOKEN_VAULT_ROLE=r"), "only for PLAYTOKEN_VAULT_AUTH=kubernetes"},
	} {
		_, err := ForService(c.environ)
		if c.problem == "" && err != nil || c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)) {
			t.Errorf("ForService(%q): got %v, want the problem %q", c.environ[len(c.environ)-2:], err, c.problem)
		}
	}
}
