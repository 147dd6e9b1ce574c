// Package projects stores projects and API keys, identifies callers, and decides
// what a caller may do.
//
// The decision a newcomer would get wrong: a caller never learns whether another
// project exists. Every request about a project that is not the caller's own fails
// with ErrNotFound, and [Caller.May] returns that before the store is read.
// ErrForbidden is only for the caller's own project.
package projects

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"playtoken/secret"
)

// Default is the id of the project that the environment defines.
const Default = "default"

// LocalOperator is the id of the person or program that runs a verb beside the
// store; the caller's name is that of the user of the operating system.
const LocalOperator = "cli"

// Errors of Identify and May.
var (
	// ErrUnknownCaller: the credential belongs to no caller.
	ErrUnknownCaller = errors.New("unknown credential")
	// ErrNotFound: the project does not exist, or is not the caller's.
	ErrNotFound = errors.New("no such project")
	// ErrNoKeys: the project exists and has no signing keys.
	ErrNoKeys = errors.New("this project has no signing keys: its platform does not use any")
	// ErrForbidden: the caller lacks the permission for its own project.
	ErrForbidden = errors.New("this credential lacks the permission")
	// ErrUnchecked: a platform did not say whether a new credential is good.
	ErrUnchecked = errors.New("nothing was saved, because the platform does not say whether it accepts the new credential: try again, or save it unchecked")
)

// Unusable is a project that is stored and cannot be opened: another version of
// the program, or of the platform's rules, took its settings.
type Unusable struct {
	Project string
	Cause   error // names the setting, and contains no credential
}

func (u *Unusable) Error() string {
	return fmt.Sprintf("project %s cannot be used as it is stored, and an operator has to correct it: %s", u.Project, strings.Join(strings.Fields(u.Cause.Error()), " "))
}

func (u *Unusable) Unwrap() error { return u.Cause }

// Scope is a permission of an API key.
type Scope string

// The scopes.
const (
	ScopeMint Scope = "mint" // mint and inspect playback tokens
	ScopeKeys Scope = "keys" // signing keys and rotation
	ScopeRead Scope = "read" // read its own project
)

// Role is what an operator may do. Each role may do what the ones before it may.
type Role string

// The roles, the one with fewer rights first.
const (
	RoleAuditor  Role = "auditor"  // read everything
	RoleOperator Role = "operator" // and change signing keys and rotation
	RoleAdmin    Role = "admin"    // and everything else
)

var roles = []Role{RoleAuditor, RoleOperator, RoleAdmin}

// covers reports whether a role may do what another one is needed for.
func (r Role) covers(needed Role) bool {
	return slices.Index(roles, r) >= slices.Index(roles, needed)
}

// Action is something that a caller needs a permission for.
type Action string

// The actions; [All] lists their permissions.
const (
	Mint          Action = "mint tokens"
	Inspect       Action = "inspect tokens"
	ReadKeys      Action = "read signing keys"
	WriteKeys     Action = "change signing keys"
	RotateAll     Action = "rotate every project"
	ListProjects  Action = "list projects"
	CreateProject Action = "create a project"
	ReadProject   Action = "read a project"
	WriteProject  Action = "change a project"
	DeleteProject Action = "delete a project"
	ReadAPIKeys   Action = "read API keys"
	WriteAPIKeys  Action = "change API keys"
	ReadMetrics   Action = "read metrics"
	ReadReadiness Action = "read the readiness of a project"

	ReadAdminKeys  Action = "read admin keys"
	WriteAdminKeys Action = "change admin keys"

	EndOperators Action = "end operators' sessions"

	ReadAudit Action = "read the audit log"

	ListPlatforms Action = "list platforms"

	CheckRule Action = "check a rule"

	Examine Action = "examine the deployment or a project"

	ReadApprovals Action = "read what waits for an approval"
	Approve       Action = "approve"
)

// Permission is what an action requires. An admin may do everything.
type Permission struct {
	Action Action
	Role   Role  // the role that an operator needs; empty: admin
	Scope  Scope // the scope that an API key needs; empty: API keys may not do this
	Viewer bool  // viewers may do this
	Single bool  // the action concerns one project, which must be the caller's own
}

// All lists every action. Only an admin may do what is not listed.
var All = []Permission{
	{Action: Mint, Scope: ScopeMint, Viewer: true, Single: true},
	{Action: Inspect, Scope: ScopeMint, Single: true},
	{Action: ReadKeys, Role: RoleAuditor, Scope: ScopeKeys, Single: true},
	{Action: WriteKeys, Role: RoleOperator, Scope: ScopeKeys, Single: true},
	{Action: RotateAll, Role: RoleOperator},
	{Action: ListProjects, Role: RoleAuditor},
	{Action: CreateProject},
	{Action: ReadProject, Role: RoleAuditor, Scope: ScopeRead, Single: true},
	{Action: WriteProject, Single: true},
	{Action: DeleteProject, Single: true},
	{Action: ReadAPIKeys, Role: RoleAuditor, Single: true},
	{Action: WriteAPIKeys, Single: true},
	{Action: ReadMetrics, Role: RoleAuditor},
	{Action: ReadReadiness, Role: RoleAuditor},
	{Action: ListPlatforms, Role: RoleAuditor},
	{Action: CheckRule, Role: RoleOperator, Single: true},
	{Action: ReadAdminKeys, Role: RoleAuditor},
	{Action: WriteAdminKeys},
	{Action: EndOperators},
	{Action: ReadAudit, Role: RoleAuditor},
	{Action: Examine, Role: RoleAuditor, Single: true},
	{Action: ReadApprovals, Role: RoleAuditor},
	{Action: Approve, Role: RoleOperator}, // and what is approved needs its own
}

// Caller is an identified caller. The zero Caller may do nothing.
type Caller struct {
	ID        string // for the audit log: "admin", or a key's id; not a secret
	Name      string // of an operator, for the audit log; may be empty
	Role      Role   // an operator's; empty: the caller is not an operator
	ProjectID string // an API key's or a viewer's own project
	Scopes    []Scope
	Bounds    Bounds  // of the credential
	Viewer    *Viewer // set if a viewer calls with their own token
}

// Viewer is a viewer as an OpenID provider identifies them.
type Viewer struct {
	Issuer, Subject string
	Claims          map[string]any
}

// Operates reports whether the caller is an operator, who has a role and no project.
func (c Caller) Operates() bool { return c.Role != "" }

// Home is the project of a request that names no project.
func (c Caller) Home() string {
	if c.Operates() {
		return Default
	}
	return c.ProjectID
}

// May returns nil if the caller may do something with a project; the id is "" for
// an action that does not concern a single project. It does not check whether the
// project exists. Errors: ErrNotFound, ErrForbidden.
func (c Caller) May(action Action, projectID string) error {
	needs := permission(action)
	switch {
	case c.Operates() && c.Role.covers(cmp.Or(needs.Role, RoleAdmin)):
		return nil
	case c.Operates():
		return fmt.Errorf("%s: %w; it needs the role %q", action, ErrForbidden, cmp.Or(needs.Role, RoleAdmin))
	case !needs.Single || c.ProjectID == "":
		return fmt.Errorf("%s: %w", action, ErrForbidden)
	case projectID != c.ProjectID:
		return ErrNotFound
	case c.Viewer != nil && needs.Viewer:
		return nil
	case c.Viewer != nil || needs.Scope == "":
		return fmt.Errorf("%s: %w", action, ErrForbidden)
	case !slices.Contains(c.Scopes, needs.Scope):
		return fmt.Errorf("%s: %w; it needs the scope %q", action, ErrForbidden, needs.Scope)
	}
	return nil
}

func permission(action Action) Permission {
	for _, p := range All {
		if p.Action == action {
			return p
		}
	}
	return Permission{}
}

// EnvironmentKeys identifies the callers whose keys the environment sets: the
// admin, and the front end of the default project. A key that is not set identifies
// no caller.
type EnvironmentKeys struct {
	AdminKey secret.Value
	APIKey   secret.Value
}

// Identify returns the caller of a credential, or ErrUnknownCaller. How long it
// takes does not reveal how much of a credential was right, or whose it was.
func (e EnvironmentKeys) Identify(_ context.Context, credential secret.Value) (Caller, error) {
	presented := credential.Reveal()
	admin, api := e.AdminKey.Equal(presented), e.APIKey.Equal(presented)
	switch {
	case admin:
		return Caller{ID: EnvironmentAdmin, Role: RoleAdmin}, nil
	case api:
		return Caller{ID: "environment", ProjectID: Default, Scopes: []Scope{ScopeMint}}, nil
	}
	return Caller{}, ErrUnknownCaller
}

// Operator returns the operator of the admin key, and a mark that any other value
// of the key would not have. The error is ErrNotFound where no admin key is set.
func (e EnvironmentKeys) Operator() (Caller, []byte, error) {
	if e.AdminKey.IsZero() {
		return Caller{}, nil, ErrNotFound
	}
	mark := sha256.Sum256([]byte(e.AdminKey.Reveal()))
	return Caller{ID: EnvironmentAdmin, Role: RoleAdmin}, mark[:], nil
}
