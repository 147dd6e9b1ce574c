package vaultkeys

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"playtoken/store"
)

// Setup is what playtoken shall have in a Vault besides its two mounts and the
// policy of each role.
type Setup struct {
	MemorySigning bool
	AppRole       string // path of the login method's mount; empty: no AppRole roles
	Kubernetes    string // path of the login method's mount; empty: no Kubernetes roles
	// Accounts are those that may log in with Kubernetes, by role: a rotator's are
	// required, and no account has two roles.
	Accounts map[Role][]Account
	Audience string // of the tokens of Kubernetes; empty: any
}

// Account is a Kubernetes service account.
type Account struct{ Namespace, Name string }

// Step is the outcome for one mount, policy or role.
type Step struct {
	What   string `json:"what"`
	Path   string `json:"path"`
	Change string `json:"change"` // "created", "updated", "unchanged"
	Note   string `json:"note,omitempty"`
}

// Report is what Setup found and changed.
type Report struct {
	Steps   []Step
	RoleIDs map[Role]string // of AppRole roles; they are not secret
	// KubernetesUnconfigured means that the login method has no cluster yet.
	KubernetesUnconfigured bool
}

// WrongMount is the error of a mount that exists and cannot be used. The operator
// chooses another path for the engine or, where OldKV is set, upgrades it.
type WrongMount struct {
	Engine string // that Setup needs: transit, kv, approle or kubernetes
	Path   string
	Type   string // that the mount has
	OldKV  bool   // it is a KV engine of version 1
}

func (w *WrongMount) Error() string {
	if w.OldKV {
		return fmt.Sprintf("%s: the KV engine there has version 1, want version 2, which has check-and-set", w.Path)
	}
	return fmt.Sprintf("%s: the mount there has type %.40q, want %s", w.Path, w.Type, w.Engine)
}

// ours begins the description of mounts that Setup created. It does not change
// the settings of other mounts, which may serve other programs too.
const ours = "playtoken: "

// engine is a mount that playtoken needs.
type engine struct {
	what, table, path string // table lists the mounts: sys/mounts or sys/auth
	kind, purpose     string
	options           map[string]string
}

type mounted struct {
	Type        string            `json:"type"`
	Description string            `json:"description"`
	Options     map[string]string `json:"options"`
}

// setup is one run of Setup.
type setup struct {
	store  *Store
	wanted Setup
	report Report
}

// Setup creates what is missing and corrects what differs. A second run changes
// nothing. It needs the token of an operator. Errors: *WrongMount, before
// anything is changed; ErrForbidden, which names the path and the capability
// that the token lacks; store.ErrUnavailable, after which it can be run again.
func (s *Store) Setup(ctx context.Context, wanted Setup) (Report, error) {
	run := &setup{store: s, wanted: wanted, report: Report{RoleIDs: map[Role]string{}}}
	err := run.run(ctx)
	if err != nil {
		err = fmt.Errorf("vault setup: %w", err)
	}
	return run.report, err
}

func (s *setup) run(ctx context.Context) error {
	bound, err := s.bindings()
	if err != nil {
		return err
	}
	missing, err := s.inspect(ctx)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return s.mountAll(ctx, missing) },
		s.configureKV, s.policies, s.lockout, s.appRoles,
		func(ctx context.Context) error { return s.kubernetesRoles(ctx, bound) },
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
		{what: secrets, table: "sys/mounts", path: s.store.transit, kind: "transit", purpose: "private keys"},
		{what: secrets, table: "sys/mounts", path: s.store.kv, kind: "kv", purpose: "documents", options: map[string]string{"version": "2"}},
	}
	if s.wanted.AppRole != "" {
		all = append(all, engine{what: login, table: "sys/auth", path: s.wanted.AppRole, kind: "approle", purpose: "logins"})
	}
	if s.wanted.Kubernetes != "" {
		all = append(all, engine{what: login, table: "sys/auth", path: s.wanted.Kubernetes, kind: "kubernetes", purpose: "logins"})
	}
	return all
}

// inspect returns the mounts that are missing. Errors: *WrongMount.
func (s *setup) inspect(ctx context.Context) (missing []engine, err error) {
	tables := map[string]map[string]mounted{}
	for _, e := range s.engines() {
		if !mountName.MatchString(e.path) {
			return nil, fmt.Errorf("path %.80q: want one like %s, without slashes at its ends", e.path, e.kind)
		}
		if tables[e.table] == nil {
			r := request{method: http.MethodGet, path: e.table, timeout: s.store.timeout}
			body, err := s.store.send(ctx, r)
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
	oldKV := e.kind == "kv" && there.Type == e.kind && there.Options["version"] != e.options["version"]
	if there.Type != e.kind || oldKV {
		return &WrongMount{Engine: e.kind, Path: e.path, Type: there.Type, OldKV: oldKV}
	}
	return nil
}

func (e engine) note(there mounted) string {
	if e.what == "secrets engine" && !strings.HasPrefix(there.Description, ours) {
		return "not created by this setup, so its settings are not changed; only playtoken may use it"
	}
	return ""
}

func (s *setup) mountAll(ctx context.Context, missing []engine) error {
	for _, e := range missing {
		_, err := s.store.send(ctx, request{
			method: http.MethodPut, path: e.table + "/" + e.path, timeout: s.store.timeout,
			body: mounted{Type: e.kind, Description: ours + e.purpose, Options: e.options},
		})
		if err != nil {
			return err
		}
		s.done(e.what, e.path, "created", "")
	}
	return nil
}

// configureKV makes the KV engine keep no old versions, some of which may hold
// replaced credentials, refuse every write without check-and-set, and delete no
// document by itself: without its ring a project has no key.
func (s *setup) configureKV(ctx context.Context) error {
	for _, step := range s.report.Steps {
		if step.Path == s.store.kv && step.Note != "" {
			return nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.store.timeout)
	defer cancel()
	for {
		err := s.ensure(ctx, "settings", s.store.kv+"/config", map[string]any{"max_versions": 1, "cas_required": true, "delete_version_after": "0s"})
		if !errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		select { // a new KV mount is not ready at once
		case <-ctx.Done():
			return err
		case <-time.After(firstPause):
		}
	}
}

func (s *setup) policies(ctx context.Context) error {
	access := Access{Transit: s.store.transit, KV: s.store.kv, MemorySigning: s.wanted.MemorySigning}
	for _, role := range Roles() {
		err := s.ensure(ctx, "policy", "sys/policies/acl/"+role.Name(), map[string]any{"policy": access.Policy(role)})
		if err != nil {
			return err
		}
	}
	return nil
}

// ensure writes the settings unless the path has them already. It does not change
// other settings of the path.
func (s *setup) ensure(ctx context.Context, what, path string, settings map[string]any) error {
	return s.ensureNew(ctx, what, path, settings, nil)
}

// ensureNew is ensure, and a path that does not exist yet gets further settings,
// which an operator may change.
func (s *setup) ensureNew(ctx context.Context, what, path string, settings, initially map[string]any) error {
	r := request{method: http.MethodGet, path: path, timeout: s.store.timeout}
	body, err := s.store.send(ctx, r)
	change := "updated"
	switch {
	case errors.Is(err, store.ErrNotFound):
		change, settings = "created", with(settings, initially)
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
	if _, err := s.store.send(ctx, request{method: http.MethodPut, path: path, body: settings, timeout: s.store.timeout}); err != nil {
		return err
	}
	s.done(what, path, change, "")
	return nil
}

// includes compares JSON values, so that the types of numbers do not matter.
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
