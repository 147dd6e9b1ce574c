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

// The actions. What each needs is the table below.
const (
	Mint      Action = "mint tokens"
	Inspect   Action = "inspect tokens"
	ReadKeys  Action = "read signing keys"
	WriteKeys Action = "change signing keys"
	RotateAll Action = "rotate every project"
)

// needs is the scope that an action asks of an API key. What is not listed is
// for the admin key alone.
var needs = map[Action]Scope{
	Mint:      ScopeMint,
	Inspect:   ScopeMint,
	ReadKeys:  ScopeKeys,
	WriteKeys: ScopeKeys,
}

// Caller is whoever presented a credential. The zero Caller may do nothing.
type Caller struct {
	ID        string // for records: "admin", or an API key's id; not a secret
	Admin     bool
	ProjectID string // an API key's own project
	Scopes    []Scope
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
	switch scope, listed := needs[action]; {
	case c.Admin:
		return nil
	case !listed || c.ProjectID == "":
		return fmt.Errorf("%s: %w", action, ErrForbidden)
	case projectID != c.ProjectID:
		return ErrNotFound
	case !slices.Contains(c.Scopes, scope):
		return fmt.Errorf("%s: %w; it needs the scope %q", action, ErrForbidden, scope)
	}
	return nil
}

// minCredential is the length below which a credential could be guessed.
const minCredential = 32

// Environment is the callers that the environment names: the holder of the
// admin key, and the frontend of the default project. A key that is not set
// is nobody's.
type Environment struct {
	AdminKey secret.Value
	APIKey   secret.Value
}

// Validate reports, all at once, what is wrong with the keys.
func (e Environment) Validate() error {
	var problems []error
	for _, key := range []struct {
		name  string
		value secret.Value
	}{{"admin key", e.AdminKey}, {"API key", e.APIKey}} {
		if n := len(key.value.Reveal()); n > 0 && n < minCredential {
			problems = append(problems, fmt.Errorf("%s: %d characters, want at least %d", key.name, n, minCredential))
		}
	}
	if e.APIKey.Equal(e.AdminKey.Reveal()) {
		problems = append(problems, errors.New("admin key and API key are the same; the frontend must not hold the admin key"))
	}
	return errors.Join(problems...)
}

// Identify returns whose credential this is, or ErrUnknownCaller. Its time
// does not tell how much of a credential was right, or whose it was.
func (e Environment) Identify(_ context.Context, credential secret.Value) (Caller, error) {
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
