package settings

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/settings.md anew")

const docs = "../docs/settings.md"

const introduction = `# Settings

<!-- Made from the table in settings/table.go: go test ./settings -run Docs -update -->

Every setting is an environment variable. A value that cannot be used is an error, and so is a name that begins with ` + "`PLAYTOKEN_`" + ` and is not listed here; all problems are reported at once, before anything starts. The variables that Kubernetes adds for a Service whose name begins with playtoken are ignored.

Vault's own client reads its own variables too: ` + "`VAULT_ADDR`, `VAULT_NAMESPACE`, `VAULT_CACERT`" + ` and the others that Vault documents.

A secret can be in a file: ` + "`PLAYTOKEN_ADMIN_KEY_FILE=/run/secrets/admin`" + ` in place of ` + "`PLAYTOKEN_ADMIN_KEY`" + `. ` + "`serve` and `gate`" + ` read it again when it changes and use the new secret within three seconds, without a restart. A file that is empty, cannot be read, or has a value that would be refused at start changes nothing, and the log has a warning. ` + "`SIGHUP`" + ` has every such file read at once, and the log says which were replaced and which need a restart. All other settings need a restart.

Durations are written like ` + "`90s`, `10m` or `720h`" + `.

` + "`playtoken settings`" + ` prints the value in force of each one; of a secret, only whether it is set.

In the column "Used by", *all* means ` + "`serve`" + ` and every verb that opens its store; *vault* means ` + "`playtoken vault setup` and `playtoken vault policy`" + `.
`

// page renders the table of settings for people.
func page() string {
	var b strings.Builder
	b.WriteString(introduction)
	for _, section := range Table() {
		fmt.Fprintf(&b, "\n## %s\n\n| setting | default | meaning | used by |\n|---|---|---|---|\n", section.Title)
		for _, s := range section.Settings {
			meaning := s.Meaning
			if s.Secret {
				meaning += ". Secret"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.Name, code(s.Default), meaning, s.UsedBy)
		}
	}
	return b.String()
}

func code(text string) string {
	if text == "" {
		return "–"
	}
	return "`" + text + "`"
}

func TestDocsAreMadeFromTheTable(t *testing.T) {
	if *update {
		if err := os.WriteFile(docs, []byte(page()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != page() {
		t.Errorf("got another docs/settings.md than the table makes; want what `go test ./settings -run Docs -update` writes")
	}
}

func TestEverySettingIsDescribed(t *testing.T) {
	for _, section := range Table() {
		for _, s := range section.Settings {
			if s.Meaning == "" || s.UsedBy == "" || strings.HasSuffix(s.Meaning, ".") || s.Secret && s.Default != "" {
				t.Errorf("got %+v, want a meaning without a full stop, a verb that uses it, and no default for a secret", s)
			}
		}
	}
}

func TestInForce(t *testing.T) {
	values, err := InForce([]string{"PLAYTOKEN_ADMIN_KEY=short", "PLAYTOKEN_API_KEY=" + frontendKey, "PLAYTOKEN_KEY_BITS=4096",
		"PLAYTOKEN_LISTEN=" + password, "PLAYTOKEN_NO_SETTING=1"})
	if problems, _ := err.(Error); len(problems) != 3 {
		t.Errorf("got the problems %v, want one about the admin key, the address and the unknown name each", err)
	}
	want := map[string]string{
		"PLAYTOKEN_ADMIN_KEY": "invalid", "PLAYTOKEN_API_KEY": "set", "VAULT_TOKEN": "unset", "PLAYTOKEN_LISTEN": "invalid",
		"PLAYTOKEN_KEY_BITS": "4096", "PLAYTOKEN_STORE": "vault", "PLAYTOKEN_GATE_URL": "",
	}
	for _, v := range values {
		if w, ok := want[v.Name]; ok && v.InForce != w {
			t.Errorf("InForce of %s = %q, want %q", v.Name, v.InForce, w)
		}
		delete(want, v.Name)
	}
	if len(want) > 0 {
		t.Errorf("got no values of %v, want them", want)
	}
	fromFile, err := InForce([]string{"VAULT_TOKEN_FILE=docs_test.go"})
	if err == nil || fromFile == nil {
		t.Errorf("a file that is no secret: got %v, want an error and the values", err)
	}
}
