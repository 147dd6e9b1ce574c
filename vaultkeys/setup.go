package vaultkeys

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/store"
)

// Setup says what playtoken is to have in a Vault, beside its two mounts and
// two policies.
type Setup struct {
	MemorySigning bool
	AppRole       string    // where the method is, or will be, mounted; empty: no roles there
	Kubernetes    string    // the same
	Accounts      []Account // that may log in with Kubernetes, as signer or rotator
	Audience      string    // that Kubernetes tokens must be made for; empty: any
}

// Account is a Kubernetes service account.
type Account struct{ Namespace, Name string }

// Step is one thing that was looked at.
type Step struct {
	What   string `json:"what"`
	Path   string `json:"path"`
	Change string `json:"change"` // "created", "updated", "unchanged"
	Note   string `json:"note,omitempty"`
}

// Report is what Setup did.
type Report struct {
	Steps   []Step
	RoleIDs map[Role]string // of AppRole roles; no secrets
	// KubernetesUnconfigured: the method does not know its cluster yet.
	KubernetesUnconfigured bool
}

// How long a token of the roles lives without renewal, and at most, in
// seconds: short enough to be worth little when it leaks, and long enough that
// a Vault that is down for lunch logs nobody out.
const (
	tokenTTL    = 60 * 60
	tokenMaxTTL = 24 * 60 * 60
)

// ours begins the description of mounts that Setup made. The settings of a
// mount that somebody else made are left alone: it may hold more than we know.
const ours = "playtoken: "

// engine is a mount that has to be there.
type engine struct {
	what, table, path string // table lists what is mounted: sys/mounts or sys/auth
	kind, purpose     string
	options           map[string]string
	setting           string // with which another path can be chosen
}

type mounted struct {
	Type        string            `json:"type"`
	Description string            `json:"description"`
	Options     map[string]string `json:"options"`
}

// setup is one run.
type setup struct {
	*Store
	Setup
	report Report
}

// Setup makes what is missing and corrects what differs; a second run changes
// nothing. It needs an operator's token. Nothing is changed if a mount is not
// what it has to be. Errors: ErrForbidden names the path and the capability
// that the token lacks; store.ErrUnavailable, after which it can be run
// again.
func (s *Store) Setup(ctx context.Context, wanted Setup) (Report, error) {
	run := &setup{Store: s, Setup: wanted, report: Report{RoleIDs: map[Role]string{}}}
	err := run.run(ctx)
	if err != nil {
		err = fmt.Errorf("vault setup: %w", err)
	}
	return run.report, err
}

func (s *setup) run(ctx context.Context) error {
	names, namespaces, err := s.accounts()
	if err != nil {
		return err
	}
	missing, err := s.inspect(ctx)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return s.mountAll(ctx, missing) },
		s.configureKV, s.policies, s.appRoles,
		func(ctx context.Context) error { return s.kubernetesRoles(ctx, names, namespaces) },
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *setup) engines() []engine {
	const secrets, login = "secrets engine", "login method"
	all := []engine{
		{secrets, "sys/mounts", s.transit, "transit", "private keys", nil, "PLAYTOKEN_VAULT_TRANSIT"},
		{secrets, "sys/mounts", s.kv, "kv", "documents", map[string]string{"version": "2"}, "PLAYTOKEN_VAULT_KV"},
	}
	if s.AppRole != "" {
		all = append(all, engine{login, "sys/auth", s.AppRole, "approle", "logins", nil, "--approle=PATH"})
	}
	if s.Kubernetes != "" {
		all = append(all, engine{login, "sys/auth", s.Kubernetes, "kubernetes", "logins", nil, "--kubernetes=PATH"})
	}
	return all
}

// inspect returns the mounts that are missing, or why one that is there will
// not do.
func (s *setup) inspect(ctx context.Context) (missing []engine, err error) {
	tables := map[string]map[string]mounted{}
	for _, e := range s.engines() {
		if !mountName.MatchString(e.path) {
			return nil, fmt.Errorf("path %.80q: want one like %s, without slashes at its ends", e.path, e.kind)
		}
		if tables[e.table] == nil {
			r := request{method: http.MethodGet, path: e.table, timeout: s.timeout}
			body, err := s.send(ctx, r)
			if err != nil {
				return nil, err
			}
			if tables[e.table], err = decode[map[string]mounted](r, body); err != nil {
				return nil, err
			}
		}
		there, ok := tables[e.table][e.path+"/"]
		if !ok {
			missing = append(missing, e)
		} else if err := e.check(there); err != nil {
			return nil, err
		} else {
			s.done(e.what, e.path, "unchanged", e.note(there))
		}
	}
	return missing, nil
}

func (e engine) check(there mounted) error {
	switch {
	case there.Type != e.kind:
		return fmt.Errorf("%s: there is a %s of type %.40q, not %s; choose another path with %s", e.path, e.what, there.Type, e.kind, e.setting)
	case e.kind == "kv" && there.Options["version"] != e.options["version"]:
		return fmt.Errorf("%s: this KV engine is of version 1, and check-and-set needs version 2; "+
			"choose another path with %s, or convert it with: vault kv enable-versioning %s", e.path, e.setting, e.path)
	}
	return nil
}

func (e engine) note(there mounted) string {
	if e.what == "secrets engine" && !strings.HasPrefix(there.Description, ours) {
		return "not made here, so its settings are left as they are; it must hold nothing but playtoken's"
	}
	return ""
}

func (s *setup) mountAll(ctx context.Context, missing []engine) error {
	for _, e := range missing {
		_, err := s.send(ctx, request{
			method: http.MethodPut, path: e.table + "/" + e.path, timeout: s.timeout,
			body: mounted{Type: e.kind, Description: ours + e.purpose, Options: e.options},
		})
		if err != nil {
			return err
		}
		s.done(e.what, e.path, "created", "")
	}
	return nil
}

// configureKV keeps no old versions, which nobody reads and some of which held
// credentials, and refuses writes without check-and-set, whoever makes them.
func (s *setup) configureKV(ctx context.Context) error {
	for _, step := range s.report.Steps {
		if step.Path == s.kv && step.Note != "" {
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	for {
		err := s.ensure(ctx, "settings", s.kv+"/config", map[string]any{"max_versions": 1, "cas_required": true})
		if !errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		select { // a new KV mount takes a moment to be ready
		case <-ctx.Done():
			return err
		case <-time.After(firstPause):
		}
	}
}

func (s *setup) policies(ctx context.Context) error {
	access := Access{Transit: s.transit, KV: s.kv, MemorySigning: s.MemorySigning}
	for _, role := range Roles() {
		err := s.ensure(ctx, "policy", "sys/policies/acl/"+role.Name(), map[string]any{"policy": access.Policy(role)})
		if err != nil {
			return err
		}
	}
	return nil
}

// token is how tokens of a role are made at any login method.
func (r Role) token(more map[string]any) map[string]any {
	settings := map[string]any{
		"token_policies": []string{r.Name()}, "token_no_default_policy": true,
		"token_ttl": tokenTTL, "token_max_ttl": tokenMaxTTL, "token_num_uses": 0,
	}
	maps.Copy(settings, more)
	return settings
}

func (s *setup) appRoles(ctx context.Context) error {
	if s.AppRole == "" {
		return nil
	}
	for _, role := range Roles() {
		path := "auth/" + s.AppRole + "/role/" + role.Name()
		// A secret id that wears out would end the logins of a process one day.
		settings := role.token(map[string]any{"bind_secret_id": true, "secret_id_num_uses": 0, "secret_id_ttl": 0})
		if err := s.ensure(ctx, "login role", path, settings); err != nil {
			return err
		}
		r := request{method: http.MethodGet, path: path + "/role-id", timeout: s.timeout}
		body, err := s.send(ctx, r)
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

func (s *setup) kubernetesRoles(ctx context.Context, names, namespaces []string) error {
	if s.Kubernetes == "" {
		return nil
	}
	_, err := s.send(ctx, request{method: http.MethodGet, path: "auth/" + s.Kubernetes + "/config", timeout: s.timeout})
	s.report.KubernetesUnconfigured = errors.Is(err, store.ErrNotFound)
	if err != nil && !s.report.KubernetesUnconfigured {
		return err
	}
	for _, role := range Roles() {
		settings := role.token(map[string]any{"bound_service_account_names": names, "bound_service_account_namespaces": namespaces})
		if s.Audience != "" {
			settings["audience"] = s.Audience
		}
		if err := s.ensure(ctx, "login role", "auth/"+s.Kubernetes+"/role/"+role.Name(), settings); err != nil {
			return err
		}
	}
	return nil
}

// accounts splits them as Vault binds them: any of the names in any of the
// namespaces. Where that would let in others, there is no role for them.
func (s *setup) accounts() (names, namespaces []string, err error) {
	if s.Kubernetes == "" {
		return nil, nil, nil
	}
	all := slices.Clone(s.Accounts)
	slices.SortFunc(all, func(a, b Account) int { return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name) })
	all = slices.Compact(all)
	for _, a := range all {
		if a.Name == "" || a.Namespace == "" || strings.Contains(a.Name+a.Namespace, "*") {
			return nil, nil, errors.New("service account: want NAMESPACE/NAME")
		}
		names, namespaces = append(names, a.Name), append(namespaces, a.Namespace)
	}
	slices.Sort(names)
	names, namespaces = slices.Compact(names), slices.Compact(namespaces)
	switch {
	case len(all) == 0:
		return nil, nil, errors.New("which service accounts may log in with Kubernetes?")
	case len(names)*len(namespaces) != len(all):
		return nil, nil, errors.New("service accounts: Vault lets in any of the names in any of the namespaces, which would be others too; use one namespace, or the same names in each")
	}
	return names, namespaces, nil
}

// ensure writes settings unless they are so already. Settings that are not
// named are left as they are.
func (s *setup) ensure(ctx context.Context, what, path string, settings map[string]any) error {
	r := request{method: http.MethodGet, path: path, timeout: s.timeout}
	body, err := s.send(ctx, r)
	change := "updated"
	switch {
	case errors.Is(err, store.ErrNotFound):
		change = "created"
	case err != nil:
		return err
	default:
		now, err := decode[map[string]any](r, body)
		if err != nil {
			return err
		}
		if includes(now, settings) {
			s.done(what, path, "unchanged", "")
			return nil
		}
	}
	if _, err := s.send(ctx, request{method: http.MethodPut, path: path, body: settings, timeout: s.timeout}); err != nil {
		return err
	}
	s.done(what, path, change, "")
	return nil
}

// includes compares as JSON does, in which all numbers are of one type.
func includes(now, wanted map[string]any) bool {
	text, err := json.Marshal(wanted)
	var plain map[string]any
	if err != nil || json.Unmarshal(text, &plain) != nil {
		return false
	}
	for name, value := range plain {
		if !reflect.DeepEqual(now[name], value) {
			return false
		}
	}
	return true
}

func (s *setup) done(what, path, change, note string) {
	s.report.Steps = append(s.report.Steps, Step{What: what, Path: path, Change: change, Note: note})
}
