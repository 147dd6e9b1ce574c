package projects_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"playtoken/projects"
	"playtoken/secret"
)

var (
	admin    = strings.Repeat("a", 32)
	frontend = strings.Repeat("f", 32)
	keys     = projects.EnvironmentKeys{AdminKey: secret.New(admin), APIKey: secret.New(frontend)}
)

func TestIdentify(t *testing.T) {
	for _, c := range []struct {
		name       string
		keys       projects.EnvironmentKeys
		credential string
		want       string
	}{
		{"admin", keys, admin, "admin"},
		{"frontend", keys, frontend, "environment"},
		{"longer", keys, admin + "a", ""},
		{"shorter", keys, admin[1:], ""},
		{"empty", keys, "", ""},
		{"empty, and no keys set", projects.EnvironmentKeys{}, "", ""},
		{"placeholder of a secret", keys, "[redacted]", ""},
	} {
		got, err := c.keys.Identify(t.Context(), secret.New(c.credential))
		if got.ID != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: got the caller %q, %v, want %q", c.name, got.ID, err, c.want)
		}
		if err != nil && !errors.Is(err, projects.ErrUnknownCaller) {
			t.Errorf("%s: got %v, want ErrUnknownCaller", c.name, err)
		}
	}
}

// TestMay goes through every action there is, and one that is not.
func TestMay(t *testing.T) {
	const own, other = "project_a", "project_b"
	caller := func(scopes ...projects.Scope) projects.Caller {
		return projects.Caller{ID: "k", ProjectID: own, Scopes: scopes}
	}
	viewer := caller()
	viewer.Viewer = &projects.Viewer{Issuer: "https://id.example", Subject: "v"}
	greedy := caller("mint", "keys", "read")
	greedy.Viewer = viewer.Viewer
	for _, c := range []struct {
		name   string
		caller projects.Caller
		may    []projects.Action // with its own project; nothing with others
	}{
		{"zero caller", projects.Caller{}, nil},
		{"zero caller with scopes", projects.Caller{Scopes: []projects.Scope{"mint", "keys", "read"}}, nil},
		{"viewer without a project", projects.Caller{Viewer: viewer.Viewer}, nil},
		{"mint", caller("mint"), []projects.Action{projects.Mint, projects.Inspect}},
		{"keys", caller("keys"), []projects.Action{projects.ReadKeys, projects.WriteKeys}},
		{"read", caller("read"), []projects.Action{projects.ReadProject}},
		{"all scopes", caller("mint", "keys", "read"), []projects.Action{projects.Mint, projects.Inspect, projects.ReadKeys, projects.WriteKeys, projects.ReadProject}},
		{"no scope", caller(), nil},
		{"empty scope", caller(""), nil},
		{"viewer", viewer, []projects.Action{projects.Mint}},
		{"viewer with scopes", greedy, []projects.Action{projects.Mint}},
	} {
		for _, p := range append(slices.Clone(projects.All), projects.Permission{Action: "something new"}) {
			foreign := projects.ErrForbidden
			if p.Single && c.caller.ProjectID != "" {
				foreign = projects.ErrNotFound
			}
			if err := c.caller.May(p.Action, other); !errors.Is(err, foreign) {
				t.Errorf("%s: %s of another project: %v, want %v", c.name, p.Action, err, foreign)
			}
			if err := c.caller.May(p.Action, ""); err == nil {
				t.Errorf("%s: %s of no project: got no error, want ErrForbidden", c.name, p.Action)
			}
			err := c.caller.May(p.Action, own)
			if want := slices.Contains(c.may, p.Action); (err == nil) != want || err != nil && c.caller.ProjectID != "" && !errors.Is(err, projects.ErrForbidden) {
				t.Errorf("%s: %s: got %v, want no error only if permitted, otherwise ErrForbidden", c.name, p.Action, err)
			}
		}
	}
}

// TestMayByRole goes through every action for every role, and for a word that is not a role.
func TestMayByRole(t *testing.T) {
	reads := []projects.Action{projects.ReadKeys, projects.ListProjects, projects.ReadProject, projects.ReadAPIKeys, projects.ReadAdminKeys, projects.ReadMetrics, projects.ReadApprovals, projects.ReadReadiness, projects.ReadAudit, projects.ListPlatforms, projects.Examine}
	operates := append(slices.Clone(reads), projects.WriteKeys, projects.RotateAll, projects.Approve, projects.CheckRule)
	for role, may := range map[projects.Role][]projects.Action{projects.RoleAuditor: reads, projects.RoleOperator: operates, projects.RoleAdmin: nil, "root": {}} {
		for _, p := range append(slices.Clone(projects.All), projects.Permission{Action: "something new"}) {
			for _, project := range []string{"project_a", ""} {
				err := (projects.Caller{ID: "k", Role: role}).May(p.Action, project)
				if want := may == nil || slices.Contains(may, p.Action); (err == nil) != want || err != nil && !errors.Is(err, projects.ErrForbidden) {
					t.Errorf("%s: %s: got %v, want no error only if permitted, otherwise ErrForbidden", role, p.Action, err)
				}
			}
		}
	}
}

func TestEveryActionHasOnePermission(t *testing.T) {
	seen := map[projects.Action]bool{}
	for _, p := range projects.All {
		if seen[p.Action] || p.Action == "" || !p.Single && (p.Scope != "" || p.Viewer) {
			t.Errorf("permission %+v: want one for each action, and a scope only for a single project", p)
		}
		seen[p.Action] = true
	}
	for _, action := range []projects.Action{projects.Mint, projects.Inspect, projects.ReadKeys, projects.WriteKeys, projects.RotateAll,
		projects.ListProjects, projects.CreateProject, projects.ReadProject, projects.WriteProject, projects.DeleteProject,
		projects.ReadAPIKeys, projects.WriteAPIKeys, projects.ReadMetrics, projects.ReadReadiness} {
		if !seen[action] {
			t.Errorf("action %s: got no row in the table, want one", action)
		}
	}
}
