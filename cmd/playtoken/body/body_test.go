package body_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"playtoken/cmd/playtoken/body"
)

// TestFlagsBecomeABody: what was not given is not there, flags go before the file,
// and no error repeats a credential that was given in place of a file.
func TestFlagsBecomeABody(t *testing.T) {
	t.Parallel()
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, change := file("key", "canary\n"), file("change", `{"name":"a","token_policy":{"max_ttl":60}}`)
	type object = map[string]any
	for _, c := range []struct {
		args, stdin string
		want        object
		wrong       string // a part of the error
	}{
		{want: object{}},
		{args: "--name x --platform gate --unchecked", want: object{"name": "x", "platform": "gate", "unchecked": true}},
		{args: "--setting url=http://a=b --setting site=1", want: object{"platform_settings": map[string]string{"url": "http://a=b", "site": "1"}}},
		{args: "--credential api_key=" + key, want: object{"platform_credential": map[string]string{"api_key": "canary"}}},
		{args: "--from " + change + " --name b", want: object{"name": "b", "token_policy": object{"max_ttl": 60.0}}},
		{args: "--from -", stdin: `{"name":"piped"}`, want: object{"name": "piped"}},
		{args: "--credential canary", wrong: "want name=FILE"},
		{args: "--credential api_key=canary", wrong: "--credential: api_key"},
		{args: "--from -", stdin: `{"platform_credential":{"api_key":"canary`, wrong: "invalid at byte"},
		{args: "--from -", stdin: `[]`, wrong: "want one JSON object"},
		{args: "--from -", stdin: strings.Repeat(" ", body.MaxFrom+1), wrong: "longer than"},
		{args: "--from /nowhere/canary", wrong: "no such file"},
	} {
		cmd := &cobra.Command{}
		flags := body.ProjectFlags(cmd, strings.NewReader(c.stdin), "gate", true, errors.New)
		if err := cmd.ParseFlags(strings.Fields(c.args)); err != nil {
			t.Fatal(err)
		}
		got, err := flags.Body()
		switch {
		case c.wrong != "":
			if err == nil || !strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%s: got the error %v, want %q in it, and no credential", c.args, err, c.wrong)
			}
		case err != nil || !reflect.DeepEqual(got, c.want):
			t.Errorf("%s: got %v, %v, want %v", c.args, got, err, c.want)
		}
	}
}

// TestAReasonIsAMember: also of a request that has no other.
func TestAReasonIsAMember(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args        []string
		given, want map[string]any
	}{
		{nil, nil, nil},
		{nil, map[string]any{"name": "x"}, map[string]any{"name": "x"}},
		{[]string{"--reason", "why"}, nil, map[string]any{"reason": "why"}},
		{[]string{"--reason", "why"}, map[string]any{"name": "x"}, map[string]any{"name": "x", "reason": "why"}},
	} {
		cmd := body.ReasonFlag(&cobra.Command{})
		if err := cmd.ParseFlags(c.args); err != nil {
			t.Fatal(err)
		}
		if got := body.Because(cmd, c.given); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v with %v: got %v, want %v", c.args, c.given, got, c.want)
		}
	}
}
