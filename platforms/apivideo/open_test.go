package apivideo_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"playtoken/platforms/apivideo"
	"playtoken/platforms/apivideo/apivideotest"
)

type members = map[string]string

func TestAccountsThatMakeNoSense(t *testing.T) {
	w := newWorld(t)
	given, admin := members{"api_key": "given-key-of-the-account"}, members{"admin_key": "admin-key-of-the-account"}
	for name, c := range map[string]struct {
		settings, credential members
		says                 string // empty: it can be opened
	}{
		"a key":                        {nil, given, ""},
		"a key for the sandbox":        {members{"environment": "sandbox"}, given, ""},
		"a key for Basic":              {members{"authentication": "basic"}, given, ""},
		"an admin key":                 {members{"project_id": apivideotest.Project}, admin, ""},
		"another place":                {members{"url": "https://video.example.com/api", "admin_url": "https://video.example.com/admin"}, given, ""},
		"nothing":                      {nil, nil, "api_key"},
		"both":                         {members{"project_id": apivideotest.Project}, members{"api_key": "given-key", "admin_key": "admin-key"}, "admin_key"},
		"an admin key of no project":   {nil, admin, "project_id"},
		"a project's id of a path":     {members{"project_id": "../x"}, admin, "project_id"},
		"a project without an admin":   {members{"project_id": apivideotest.Project}, given, "project_id"},
		"an unknown environment":       {members{"environment": "staging"}, given, "environment"},
		"an unknown way to log in":     {members{"authentication": "digest"}, given, "authentication"},
		"http":                         {members{"url": "http://video.example.com"}, given, "url"},
		"http for the Admin API":       {members{"admin_url": "http://video.example.com", "project_id": apivideotest.Project}, admin, "admin_url"},
		"a password in the URL":        {members{"url": "https://u:hunter2@video.example.com"}, given, "url"},
		"a key with a line end":        {nil, members{"api_key": "given-key-of-the-account\n"}, "credential"},
		"an admin key with a line end": {members{"project_id": apivideotest.Project}, members{"admin_key": "admin-key\r"}, "credential"},
	} {
		p, err := apivideo.Open(w.with(c.settings, c.credential))
		if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "-key-of")) {
			t.Errorf("%s: Open = %v, want an error with %q, or none if that is empty", name, err, c.says)
		}
		if err == nil && (p.Issuer != nil) != (c.credential["admin_key"] != "") {
			t.Errorf("%s: issuer %v", name, p.Issuer)
		}
	}
}

func TestCheckSaysWhoseWordItIs(t *testing.T) {
	for settings, says := range map[string]string{"": "127.0.0.1", "issued": apivideotest.Project} {
		w := newWorld(t, settings, "x")
		if health, err := w.platform.Check(t.Context()); err != nil || !strings.Contains(health.Detail, says) {
			t.Errorf("Check = %+v, %v, want %q in the detail", health, err, says)
		}
	}
}

// A token that was handed out still works after it was inspected.
func TestInspectingUsesNothingUp(t *testing.T) {
	w := newWorld(t)
	token := w.must(t)
	for text, code := range map[string]string{token.Value: "not_verifiable", strings.ToUpper(token.Value): "not_verifiable", "": "token_malformed", "h.c.s": "token_malformed", token.Value + "\n": "token_malformed"} {
		verdict, err := w.platform.Inspect(t.Context(), text, film, time.Now())
		if err != nil || len(verdict.Reasons) != 1 || verdict.Reasons[0].Code != code {
			t.Errorf("Inspect(%q) = %+v, %v, want the reason %s", text, verdict, err, code)
		}
	}
	if verdict, err := w.platform.Inspect(t.Context(), token.Value, "li123", time.Now()); err != nil || verdict.Reasons[0].Code != "video_not_allowed" {
		t.Errorf("Inspect for a live stream = %+v, %v, want video_not_allowed", verdict, err)
	}
	if status := w.get(t, fmt.Sprintf("http://127.0.0.1/vod/%s?token=%s", film, token.Value)); status != 200 {
		t.Errorf("GET with the inspected token = %d, want 200", status)
	}
}
