// Package projects knows who may call and decides what a caller may do.
//
// The decision a newcomer would get wrong: a caller never learns whether
// another project exists. Whatever is asked of a project that is not the
// caller's own is "not found", and [Caller.May] says so before anybody has
// looked; "forbidden" is only ever said about what is the caller's own.
package projects

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"playtoken/secret"
)

// Default is the id of the project that the environment describes.
const Default = "default"

// Errors of Identify and May.
var (
	// ErrUnknownCaller: the credential is nobody's.
	ErrUnknownCaller = errors.New("credential not accepted")
	// ErrNotFound: there is no such project, or it is somebody else's.
	ErrNotFound = errors.New("no such project")
	// ErrNoKeys: the project exists and has no signing keys.
	ErrNoKeys = errors.New("this project has no signing keys: its platform neither takes nor makes any")
	// ErrForbidden: the caller's own project, but not a thing this caller does.
	ErrForbidden = errors.New("this credential may not do that")
)

// Scope is what an API key was given.
type Scope string

// The scopes.
const (
	ScopeMint Scope = "mint" // playback tokens, inspecting them
	ScopeKeys Scope = "keys" // signing keys and rotation
	ScopeRead Scope = "read" // looking at its own project
)

// Action is what a caller wants to do, as far as permission is concerned.
type Action string

// The actions. What each needs is in [All].
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
)

// Permission is what an action needs. The admin key needs nothing.
type Permission struct {
	Action Action
	Scope  Scope // of an API key; empty: API keys never do this
	Viewer bool  // viewers do this
	Single bool  // it is about one project, which has to be the caller's own
}

// All is every action there is. Whatever is not in it is for the admin key
// alone.
var All = []Permission{
	{Action: Mint, Scope: ScopeMint, Viewer: true, Single: true},
	{Action: Inspect, Scope: ScopeMint, Single: true},
	{Action: ReadKeys, Scope: ScopeKeys, Single: true},
	{Action: WriteKeys, Scope: ScopeKeys, Single: true},
	{Action: RotateAll},
	{Action: ListProjects},
	{Action: CreateProject},
	{Action: ReadProject, Scope: ScopeRead, Single: true},
	{Action: WriteProject, Single: true},
	{Action: DeleteProject, Single: true},
	{Action: ReadAPIKeys, Single: true},
	{Action: WriteAPIKeys, Single: true},
}

// Caller is whoever presented a credential. The zero Caller may do nothing.
type Caller struct {
	ID        string // for records: "admin", or an API key's id; not a secret
	Admin     bool
	ProjectID string // an API key's or a viewer's own project
	Scopes    []Scope
	Viewer    *Viewer // nil, unless a viewer calls for herself
}

// Viewer is who a viewer is, in the words of an OpenID provider.
type Viewer struct {
	Issuer, Subject string
	Claims          map[string]any
}

// Home is the project that is meant when the caller names none.
func (c Caller) Home() string {
	if c.Admin {
		return Default
	}
	return c.ProjectID
}

// May reports whether the caller may do something with a project; an action
// that is about no single project has the id "". Errors: ErrNotFound,
// ErrForbidden. It does not look whether the project exists.
func (c Caller) May(action Action, projectID string) error {
	needs := permission(action)
	switch {
	case c.Admin:
		return nil
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

// EnvironmentKeys is the callers that the environment names: the holder of the
// admin key, and the frontend of the default project. A key that is not set
// is nobody's.
type EnvironmentKeys struct {
	AdminKey secret.Value
	APIKey   secret.Value
}

// Identify returns whose credential this is, or ErrUnknownCaller. Its time
// does not tell how much of a credential was right, or whose it was.
func (e EnvironmentKeys) Identify(_ context.Context, credential secret.Value) (Caller, error) {
	presented := credential.Reveal()
	admin, api := e.AdminKey.Equal(presented), e.APIKey.Equal(presented)
	switch {
	case admin:
		return Caller{ID: "admin", Admin: true}, nil
	case api:
		return Caller{ID: "environment", ProjectID: Default, Scopes: []Scope{ScopeMint}}, nil
	}
	return Caller{}, ErrUnknownCaller
}
