package projects_test

import (
	"errors"
	"strings"
	"testing"

	"playtoken/projects"
	"playtoken/secret"
)

var (
	admin    = strings.Repeat("a", 32)
	frontend = strings.Repeat("f", 32)
	keys     = projects.Environment{AdminKey: secret.New(admin), APIKey: secret.New(frontend)}
)

func TestIdentify(t *testing.T) {
	for _, c := range []struct {
		name       string
		keys       projects.Environment
		credential string
		want       string
	}{
		{"admin", keys, admin, "admin"},
		{"frontend", keys, frontend, "environment"},
		{"longer", keys, admin + "a", ""},
		{"shorter", keys, admin[1:], ""},
		{"empty", keys, "", ""},
		{"empty, and no keys set", projects.Environment{}, "", ""},
		{"placeholder of a secret", keys, "[redacted]", ""},
	} {
		got, err := c.keys.Identify(t.Context(), secret.New(c.credential))
		if got.ID != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v", c.name, got.ID, err)
		}
		if err != nil && !errors.Is(err, projects.ErrUnknownCaller) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestMay(t *testing.T) {
	all := []projects.Action{projects.Mint, projects.Inspect, projects.ReadKeys, projects.WriteKeys, projects.RotateAll, "something new"}
	none, notFound, forbidden := error(nil), projects.ErrNotFound, projects.ErrForbidden
	caller := func(scopes ...projects.Scope) projects.Caller {
		return projects.Caller{ID: "k", ProjectID: "project_a", Scopes: scopes}
	}
	for _, c := range []struct {
		name    string
		caller  projects.Caller
		project string
		want    []error // by action, in the order of all
	}{
		{"admin", projects.Caller{Admin: true}, "project_a", []error{none, none, none, none, none, none}},
		{"nobody", projects.Caller{}, "", []error{forbidden, forbidden, forbidden, forbidden, forbidden, forbidden}},
		{"nobody with scopes", projects.Caller{Scopes: []projects.Scope{"mint", "keys"}}, "", []error{forbidden, forbidden, forbidden, forbidden, forbidden, forbidden}},
		{"mint", caller("mint"), "project_a", []error{none, none, forbidden, forbidden, forbidden, forbidden}},
		{"keys", caller("keys"), "project_a", []error{forbidden, forbidden, none, none, forbidden, forbidden}},
		{"read", caller("read"), "project_a", []error{forbidden, forbidden, forbidden, forbidden, forbidden, forbidden}},
		{"no scope", caller(), "project_a", []error{forbidden, forbidden, forbidden, forbidden, forbidden, forbidden}},
		{"another's project", caller("mint", "keys"), "project_b", []error{notFound, notFound, notFound, notFound, forbidden, forbidden}},
		{"no project", caller("mint", "keys"), "", []error{notFound, notFound, notFound, notFound, forbidden, forbidden}},
	} {
		for i, action := range all {
			if got := c.caller.May(action, c.project); !errors.Is(got, c.want[i]) || (got == nil) != (c.want[i] == nil) {
				t.Errorf("%s: %s: %v, want %v", c.name, action, got, c.want[i])
			}
		}
	}
}

func TestValidate(t *testing.T) {
	short := secret.New("short-canary")
	for name, c := range map[string]struct {
		keys projects.Environment
		want string
	}{
		"good":  {keys, ""},
		"none":  {projects.Environment{}, ""},
		"short": {projects.Environment{AdminKey: short, APIKey: short}, "admin key: 12 characters, want at least 32\nAPI key: 12 characters, want at least 32\nadmin key and API key are the same; the frontend must not hold the admin key"},
	} {
		got := ""
		if err := c.keys.Validate(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
