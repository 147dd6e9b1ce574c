package vaultkeys_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"

	"playtoken/secret"
	"playtoken/store"
	"playtoken/store/storetest"
	"playtoken/vaultkeys"
	"playtoken/vaultkeys/vaulttest"
)

// installation is an operator's store on a Vault without mounts.
type installation struct {
	t      *testing.T
	server *vaulttest.Server
	config vaultkeys.Config
	store  *vaultkeys.Store
	wanted vaultkeys.Setup
}

func newInstallation(t *testing.T) *installation {
	t.Helper()
	server, id := vaulttest.Shared(t), storetest.ID()
	i := &installation{t: t, server: server, config: vaultkeys.Config{
		Address: server.Addr, Token: secret.New(server.RootToken), Transit: "deep/transit-" + id, KV: "kv-" + id,
	}}
	i.store = open(t, i.config)
	i.wanted = vaultkeys.Setup{AppRole: "approle-" + id, Kubernetes: "kubernetes-" + id,
		Accounts: map[vaultkeys.Role][]vaultkeys.Account{
			vaultkeys.Rotator: {{Namespace: "video", Name: "playtoken"}, {Namespace: "video", Name: "cron"}},
			vaultkeys.Signer:  {{Namespace: "video", Name: "mint"}},
			vaultkeys.Gate:    {{Namespace: "edge", Name: "gate"}},
		}}
	sys := server.Client(t).Sys()
	t.Cleanup(func() {
		for _, path := range []string{i.config.Transit, i.config.KV} {
			_ = sys.Unmount(path)
		}
		for _, path := range []string{i.wanted.AppRole, i.wanted.Kubernetes} {
			_ = sys.DisableAuth(path)
		}
	})
	return i
}

// setup runs Setup and returns its steps as text.
func (i *installation) setup() (vaultkeys.Report, string) {
	i.t.Helper()
	report, err := i.store.Setup(i.t.Context(), i.wanted)
	if err != nil {
		i.t.Fatal(err)
	}
	var steps []string
	for _, s := range report.Steps {
		steps = append(steps, s.Change+" "+s.What+" "+s.Path+" "+s.Note)
	}
	return report, strings.Join(steps, "\n")
}

// as opens a store that logs in as a role.
func (i *installation) as(t *testing.T, role vaultkeys.Role, report vaultkeys.Report) *vaultkeys.Store {
	t.Helper()
	path := "auth/" + i.wanted.AppRole + "/role/" + role.Name() + "/secret-id"
	made, err := root(t, i.server).WriteWithContext(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	config := i.config
	config.Token = secret.Value{}
	config.Login = vaultkeys.Login{Method: "approle", Path: i.wanted.AppRole, RoleID: report.RoleIDs[role],
		SecretID: secret.New(made.Data["secret_id"].(string))}
	return open(t, config)
}

func TestSetupCreatesEverythingOnce(t *testing.T) {
	i := newInstallation(t)
	i.wanted.MemorySigning = true // the suite below makes exportable keys, too
	report, first := i.setup()
	if strings.Contains(first, "unchanged secrets") || !strings.Contains(first, "created login role auth/"+i.wanted.Kubernetes+"/role/playtoken-rotator") || !report.KubernetesUnconfigured {
		t.Errorf("the steps of the first run are\n%s\nand the report %+v, want everything created", first, report)
	}
	write(t, root(t, i.server), "auth/"+i.wanted.Kubernetes+"/config", map[string]any{"kubernetes_host": "https://127.0.0.1:1", "disable_local_ca_jwt": true})
	again, second := i.setup()
	if strings.Contains(second, "created") || strings.Contains(second, "updated") || again.KubernetesUnconfigured || len(again.Steps) != 15 {
		t.Errorf("the steps of the second run are\n%s\nwant 15, all unchanged", second)
	}
	if again.RoleIDs[vaultkeys.Signer] != report.RoleIDs[vaultkeys.Signer] || report.RoleIDs[vaultkeys.Signer] == report.RoleIDs[vaultkeys.Rotator] {
		t.Errorf("the role ids are %v, then %v; want the same, two different ones", report.RoleIDs, again.RoleIDs)
	}
	// A store works with these rights.
	storetest.Run(t, func(t *testing.T) storetest.Store { return i.as(t, vaultkeys.Rotator, report) })
	for role, want := range map[vaultkeys.Role]bool{vaultkeys.Signer: false, vaultkeys.Rotator: true} {
		if may, err := i.as(t, role, report).MayRotate(t.Context()); may != want || err != nil {
			t.Errorf("MayRotate as %s = %v, %v, want %v", role, may, err, want)
		}
	}
}

func TestSetupCorrectsWhatDiffers(t *testing.T) {
	i := newInstallation(t)
	i.setup()
	operator := root(t, i.server)
	write(t, operator, "sys/policies/acl/playtoken-signer", map[string]any{"policy": `path "*" { capabilities = ["sudo"] }`})
	write(t, operator, i.config.KV+"/config", map[string]any{"cas_required": false, "delete_version_after": "1h"})
	write(t, operator, "auth/"+i.wanted.AppRole+"/role/playtoken-signer", map[string]any{"token_policies": "root"})
	_, steps := i.setup()
	if n := strings.Count(steps, "updated "); n != 3 || strings.Contains(steps, "created") {
		t.Errorf("got %d corrections, want 3:\n%s", n, steps)
	}
	if config, err := operator.ReadWithContext(t.Context(), i.config.KV+"/config"); err != nil || config.Data["delete_version_after"] != "0s" {
		t.Errorf("the KV engine: got %v, %v, want documents that do not end by themselves", config, err)
	}
	if _, steps := i.setup(); strings.Contains(steps, "updated ") {
		t.Errorf("once more: got the steps\n%s\nwant everything unchanged", steps)
	}
	i.wanted.MemorySigning = true
	if _, steps = i.setup(); strings.Count(steps, "updated policy") != 2 {
		t.Errorf("the steps with memory signing are\n%s\nwant two updated policies", steps)
	}
}

// TestSetupKeepsWhatAnOperatorTuned: a second run, as after an upgrade.
func TestSetupKeepsWhatAnOperatorTuned(t *testing.T) {
	i := newInstallation(t)
	write(t, root(t, i.server), "sys/auth/"+i.wanted.AppRole, map[string]any{"type": "approle"}) // by the operator
	_, steps := i.setup()
	if want := "unchanged lockout sys/auth/" + i.wanted.AppRole + "/tune Vault locks a role"; !strings.Contains(steps, want) ||
		!strings.Contains(steps, "vault auth tune -user-lockout-disable=true "+i.wanted.AppRole+"/") {
		t.Errorf("the steps on a mount of the operator are\n%s\nwant %q and the command", steps, want)
	}
	tuned := map[string]any{
		"secret_id_ttl": json.Number("86400"), "secret_id_num_uses": json.Number("5"), "token_ttl": json.Number("600"),
		"token_max_ttl": json.Number("1200"), "token_num_uses": json.Number("7"), "token_bound_cidrs": []any{"127.0.0.1"},
	}
	path := "auth/" + i.wanted.AppRole + "/role/playtoken-rotator"
	write(t, root(t, i.server), path, tuned)
	if _, steps := i.setup(); strings.Contains(steps, "updated") || strings.Contains(steps, "created") {
		t.Errorf("the steps of a second run are\n%s\nwant all unchanged", steps)
	}
	got, err := root(t, i.server).ReadWithContext(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range tuned {
		if !reflect.DeepEqual(got.Data[name], want) {
			t.Errorf("%s = %v after a second run, want %v, as the operator tuned it", name, got.Data[name], want)
		}
	}
}

func TestSetupDisablesTheLockoutOnceOfMountsThatItMade(t *testing.T) {
	i := newInstallation(t)
	if _, steps := i.setup(); !strings.Contains(steps, "updated lockout") {
		t.Errorf("the steps of the first run are\n%s\nwant the lockout updated", steps)
	}
	disabled := func() any {
		got, err := root(t, i.server).ReadWithContext(t.Context(), "sys/auth/"+i.wanted.AppRole+"/tune")
		if err != nil {
			t.Fatal(err)
		}
		return got.Data["user_lockout_disable"]
	}
	if got := disabled(); got != true {
		t.Errorf("user_lockout_disable = %v, want true", got)
	}
	// The operator wants it, on purpose.
	write(t, root(t, i.server), "sys/auth/"+i.wanted.AppRole+"/tune", map[string]any{"user_lockout_config": map[string]any{"lockout_disable": false}})
	if _, steps := i.setup(); disabled() != false || !strings.Contains(steps, "unchanged lockout") || !strings.Contains(steps, "vault auth tune") {
		t.Errorf("user_lockout_disable = %v after the steps\n%s\nwant false, as the operator tuned it, and the command", disabled(), steps)
	}
}

// TestSetupReportsASharedServiceAccount: earlier versions gave the signer's role
// the accounts of the rotator's.
func TestSetupReportsASharedServiceAccount(t *testing.T) {
	i := newInstallation(t)
	i.wanted.Accounts[vaultkeys.Signer] = nil
	i.setup()
	path := "auth/" + i.wanted.Kubernetes + "/role/playtoken-signer"
	write(t, root(t, i.server), path, map[string]any{"bound_service_account_names": "cron", "bound_service_account_namespaces": "*"})
	_, steps := i.setup()
	if want := "unchanged login role " + path + " it admits a service account that may log in as playtoken-rotator too"; !strings.Contains(steps, want) {
		t.Errorf("the steps are\n%s\nwant %q", steps, want)
	}
	i.wanted.Accounts[vaultkeys.Signer] = []vaultkeys.Account{{Namespace: "video", Name: "mint"}}
	if _, steps := i.setup(); !strings.Contains(steps, "updated login role "+path) || strings.Contains(steps, "too:") {
		t.Errorf("the steps with an account of its own are\n%s\nwant the role updated", steps)
	}
}

func TestSetupDoesNotChangeMountsItDidNotCreate(t *testing.T) {
	i := newInstallation(t)
	err := i.server.Client(t).Sys().MountWithContext(t.Context(), i.config.KV, &api.MountInput{Type: "kv", Options: map[string]string{"version": "2"}})
	if err != nil {
		t.Fatal(err)
	}
	_, steps := i.setup()
	if strings.Contains(steps, "/config") || !strings.Contains(steps, "unchanged secrets engine "+i.config.KV+" not created by this setup") {
		t.Errorf("the steps are\n%s\nwant the KV engine unchanged, with a note", steps)
	}
}

func TestSetupRefusesUnusableMountsAndChangesNothing(t *testing.T) {
	mount := func(path, kind, version string) func(*installation) error {
		return func(i *installation) error {
			path := strings.NewReplacer("TRANSIT", i.config.Transit, "KV", i.config.KV).Replace(path)
			return i.server.Client(t).Sys().Mount(path, &api.MountInput{Type: kind, Options: map[string]string{"version": version}})
		}
	}
	for what, c := range map[string]struct {
		before func(*installation) error
		want   string
	}{
		"another type":     {mount("TRANSIT", "kv", "2"), `type "kv", want transit`},
		"KV version 1":     {mount("KV", "kv", "1"), "version 1, want version 2"},
		"transit for KV":   {mount("KV", "transit", ""), `type "transit", want kv`},
		"another login":    {func(i *installation) error { i.wanted.AppRole = "token"; return nil }, `type "token", want approle`},
		"a bad path":       {func(i *installation) error { i.wanted.AppRole = "../sys"; return nil }, `"../sys"`},
		"no accounts":      {func(i *installation) error { i.wanted.Accounts[vaultkeys.Rotator] = nil; return nil }, "want at least one"},
		"half an account":  {func(i *installation) error { i.wanted.Accounts[vaultkeys.Rotator][0].Namespace = ""; return nil }, "namespace and a name"},
		"all accounts":     {func(i *installation) error { i.wanted.Accounts[vaultkeys.Rotator][0].Name = "*"; return nil }, "without wildcards"},
		"more than listed": {func(i *installation) error { i.wanted.Accounts[vaultkeys.Rotator][0].Namespace = "other"; return nil }, "other accounts too"},
		"two roles": {func(i *installation) error {
			i.wanted.Accounts[vaultkeys.Signer] = i.wanted.Accounts[vaultkeys.Rotator][:1]
			return nil
		}, "each role needs accounts of its own"},
		"two roles, a gate's": {func(i *installation) error {
			i.wanted.Accounts[vaultkeys.Gate] = i.wanted.Accounts[vaultkeys.Signer]
			return nil
		}, "each role needs accounts of its own"},
	} {
		i := newInstallation(t)
		if err := c.before(i); err != nil {
			t.Fatal(err)
		}
		report, err := i.store.Setup(t.Context(), i.wanted)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Setup = %v, want an error with %q", what, err, c.want)
		}
		var wrong *vaultkeys.WrongMount
		if errors.As(err, &wrong) != strings.Contains(c.want, ", want ") {
			t.Errorf("%s: Setup = %#v, want a *WrongMount for mounts only", what, err)
		}
		for _, step := range report.Steps {
			if step.Change != "unchanged" {
				t.Errorf("%s: step %+v, want no change", what, step)
			}
		}
	}
}

func TestSetupNeedsAnOperator(t *testing.T) {
	i := newInstallation(t)
	i.config.Token = secret.New(i.server.Token(t, `path "sys/mounts" { capabilities = ["read"] }`))
	_, err := open(t, i.config).Setup(t.Context(), vaultkeys.Setup{})
	if !errors.Is(err, vaultkeys.ErrForbidden) || !strings.Contains(err.Error(), `"sys/mounts/deep/`) {
		t.Errorf("Setup without rights = %v, want ErrForbidden that names the path", err)
	}
	i.config.Token = secret.New("hvs.unknown")
	s := open(t, i.config)
	if _, err := s.Setup(t.Context(), vaultkeys.Setup{}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Setup with an unknown token = %v, want unavailable", err)
	}
	if may, err := s.MayRotate(t.Context()); !errors.Is(err, store.ErrUnavailable) || may {
		t.Errorf("MayRotate = %v, %v, want unavailable", may, err)
	}
}
