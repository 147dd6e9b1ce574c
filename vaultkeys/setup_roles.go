package vaultkeys

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"playtoken/store"
)

// The lifetimes of tokens of new roles, without renewal and at most, in seconds.
// A short lifetime limits the damage of a leaked token. An hour is long enough
// for a process to stay logged in while Vault restarts.
const (
	tokenTTL    = 60 * 60
	tokenMaxTTL = 24 * 60 * 60
)

// with returns the settings and more of them.
func with(settings, more map[string]any) map[string]any {
	all := maps.Clone(settings)
	maps.Copy(all, more)
	return all
}

// token returns the settings that a role has for any login method, and those that
// it has at first.
func (r Role) token() (settings, initially map[string]any) {
	return map[string]any{"token_policies": []string{r.Name()}, "token_no_default_policy": true},
		map[string]any{"token_ttl": tokenTTL, "token_max_ttl": tokenMaxTTL, "token_num_uses": 0}
}

// lockout has Vault not lock the roles of an AppRole method that Setup created. A
// secret id is too long to be guessed, so a lock protects nothing; and every
// process that knows a role id, or has an old secret id, could keep all others
// out. What an operator tuned stays as it is.
func (s *setup) lockout(ctx context.Context) error {
	if s.wanted.AppRole == "" {
		return nil
	}
	r := request{method: http.MethodGet, path: "sys/auth/" + s.wanted.AppRole + "/tune", timeout: s.store.timeout}
	body, err := s.store.send(ctx, r)
	if err != nil {
		return err
	}
	tuned, err := decode[struct {
		Description string `json:"description"`
		Disabled    *bool  `json:"user_lockout_disable"` // nil: never tuned
	}](r, body)
	switch {
	case err != nil:
		return err
	case tuned.Disabled != nil && *tuned.Disabled:
		s.done("lockout", r.path, "unchanged", "")
		return nil
	case tuned.Disabled != nil || !strings.HasPrefix(tuned.Description, ours):
		s.done("lockout", r.path, "unchanged", "Vault locks a role for all processes after five refused logins of one that has an old secret id; "+
			"a secret id cannot be guessed, so switch that off: vault auth tune -user-lockout-disable=true "+s.wanted.AppRole+"/")
		return nil
	}
	_, err = s.store.send(ctx, request{
		method: http.MethodPut, path: r.path, timeout: s.store.timeout,
		body: map[string]any{"user_lockout_config": map[string]any{"lockout_disable": true}},
	})
	if err == nil {
		s.done("lockout", r.path, "updated", "")
	}
	return err
}

func (s *setup) appRoles(ctx context.Context) error {
	if s.wanted.AppRole == "" {
		return nil
	}
	for _, role := range Roles() {
		path := "auth/" + s.wanted.AppRole + "/role/" + role.Name()
		settings, initially := role.token()
		settings["bind_secret_id"] = true
		// A secret id with an end would lock its process out at that time.
		initially = with(initially, map[string]any{"secret_id_num_uses": 0, "secret_id_ttl": 0})
		if err := s.ensureNew(ctx, "login role", path, settings, initially); err != nil {
			return err
		}
		r := request{method: http.MethodGet, path: path + "/role-id", timeout: s.store.timeout}
		body, err := s.store.send(ctx, r)
		if err != nil {
			return err
		}
		id, err := decode[struct {
			RoleID string `json:"role_id"`
		}](r, body)
		if err != nil {
			return err
		}
		s.report.RoleIDs[role] = id.RoleID
	}
	return nil
}

func (s *setup) kubernetesRoles(ctx context.Context, bound map[Role]binding) error {
	if s.wanted.Kubernetes == "" {
		return nil
	}
	_, err := s.store.send(ctx, request{method: http.MethodGet, path: "auth/" + s.wanted.Kubernetes + "/config", timeout: s.store.timeout})
	s.report.KubernetesUnconfigured = errors.Is(err, store.ErrNotFound)
	if err != nil && !s.report.KubernetesUnconfigured {
		return err
	}
	for _, role := range Roles() {
		path := "auth/" + s.wanted.Kubernetes + "/role/" + role.Name()
		b, ok := bound[role]
		if !ok {
			if err := s.leftOver(ctx, path, bound); err != nil {
				return err
			}
			continue
		}
		settings, initially := role.token()
		settings["bound_service_account_names"], settings["bound_service_account_namespaces"] = b.names, b.namespaces
		if s.wanted.Audience != "" {
			settings["audience"] = s.wanted.Audience
		}
		if err := s.ensureNew(ctx, "login role", path, settings, initially); err != nil {
			return err
		}
	}
	return nil
}

// leftOver reports a role that exists although no account was named for it, and
// that admits an account of another role: earlier versions made it so.
func (s *setup) leftOver(ctx context.Context, path string, bound map[Role]binding) error {
	r := request{method: http.MethodGet, path: path, timeout: s.store.timeout}
	body, err := s.store.send(ctx, r)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	there, err := decode[struct {
		Names      []string `json:"bound_service_account_names"`
		Namespaces []string `json:"bound_service_account_namespaces"`
	}](r, body)
	if err != nil {
		return err
	}
	for role, b := range bound {
		if b.shares(binding{names: there.Names, namespaces: there.Namespaces}) {
			s.done("login role", path, "unchanged", "it admits a service account that may log in as "+role.Name()+
				" too: name accounts of its own for it, or remove it with: vault delete "+path)
		}
	}
	return nil
}

// binding is which accounts a role admits: each of the names in each of the
// namespaces.
type binding struct{ names, namespaces []string }

// shares reports whether an account has both bindings.
func (b binding) shares(other binding) bool {
	common := func(a, b []string) bool {
		return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) || slices.Contains(b, "*") })
	}
	return common(b.names, other.names) && common(b.namespaces, other.namespaces)
}

// bindings returns the accounts of each role that has some. No account has two
// roles: a process could log in with the one that may do more.
func (s *setup) bindings() (map[Role]binding, error) {
	if s.wanted.Kubernetes == "" {
		return nil, nil
	}
	bound := map[Role]binding{}
	for _, role := range Roles() {
		if len(s.wanted.Accounts[role]) == 0 && role != Rotator {
			continue
		}
		b, err := bind(s.wanted.Accounts[role])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", role.Name(), err)
		}
		for other, theirs := range bound {
			if b.shares(theirs) {
				return nil, fmt.Errorf("service accounts: one is named for both %s and %s, and could log in as either; each role needs accounts of its own", other.Name(), role.Name())
			}
		}
		bound[role] = b
	}
	return bound, nil
}

// bind returns the binding of accounts. It is an error if that would admit other
// accounts too.
func bind(accounts []Account) (b binding, err error) {
	all := slices.Clone(accounts)
	slices.SortFunc(all, func(a, b Account) int { return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name) })
	all = slices.Compact(all)
	for _, a := range all {
		if a.Name == "" || a.Namespace == "" || strings.Contains(a.Name+a.Namespace, "*") {
			return b, errors.New("service account: want a namespace and a name, without wildcards")
		}
		b.names, b.namespaces = append(b.names, a.Name), append(b.namespaces, a.Namespace)
	}
	slices.Sort(b.names)
	b.names, b.namespaces = slices.Compact(b.names), slices.Compact(b.namespaces)
	switch {
	case len(all) == 0:
		return b, errors.New("service accounts: want at least one that may log in with Kubernetes")
	case len(b.names)*len(b.namespaces) != len(all):
		return b, errors.New("service accounts: Vault admits each name in each namespace, which would admit other accounts too; use one namespace, or the same names in each")
	}
	return b, nil
}
