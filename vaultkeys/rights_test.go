package vaultkeys_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"playtoken/secret"
	"playtoken/vaultkeys"
)

// holding opens a store whose token has these policies, and no others.
func (i *installation) holding(t *testing.T, request api.TokenCreateRequest) *vaultkeys.Store {
	t.Helper()
	request.NoDefaultPolicy = true
	made, err := i.server.Client(t).Auth().Token().CreateWithContext(t.Context(), &request)
	if err != nil {
		t.Fatal(err)
	}
	config := i.config
	config.Token = secret.New(made.Auth.ClientToken)
	return open(t, config)
}

// policy creates a policy for the time of the test.
func (i *installation) policy(t *testing.T, name, text string) string {
	t.Helper()
	sys := i.server.Client(t).Sys()
	if err := sys.PutPolicyWithContext(t.Context(), name, text); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sys.DeletePolicy(name) })
	return name
}

func listed(rights []vaultkeys.Right) string {
	var all []string
	for _, r := range rights {
		all = append(all, fmt.Sprintf("%s on %s", strings.Join(r.Capabilities, "+"), r.Path))
	}
	return strings.Join(all, ", ")
}

func TestRightsAreComparedWithThoseOfARole(t *testing.T) {
	i := newInstallation(t)
	i.setup()
	signer, rotator := vaultkeys.Signer.Name(), vaultkeys.Rotator.Name()
	T, K := i.config.Transit, i.config.KV
	extra := func(name, text string) string { return i.policy(t, name+"-"+K, text) }
	for _, tt := range []struct {
		name            string
		policies        []string
		role            vaultkeys.Role
		missing, excess string // beginnings; empty: none
	}{
		{"signer", []string{signer}, vaultkeys.Signer, "", ""},
		{"rotator", []string{rotator}, vaultkeys.Rotator, "", ""},
		{"nothing", []string{extra("nothing", `path "sys/capabilities-self" { capabilities = ["update"] }`)}, vaultkeys.Signer,
			"update on " + T + "/sign/+/sha2-256", ""},
		{"a rotator that cannot destroy", []string{signer, extra("half", `path "`+T+`/keys/+" { capabilities = ["create", "update", "read"] }`)},
			vaultkeys.Rotator, "delete on " + T + "/keys/+, update on " + T + "/keys/+/config, create+update on " + K + "/data/ring/+", ""},
		{"both at once, of which the more specific counts", []string{signer, rotator}, vaultkeys.Rotator, "create+update on " + K + "/data/ring/+", ""},
		{"everything", []string{extra("everything", `path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }`)},
			vaultkeys.Rotator, "", "create+delete+list+read+sudo+update on *"},
		{"root", []string{"root"}, vaultkeys.Rotator, "", "root on *"},
		{"all of the engine", []string{rotator, extra("engine", `path "`+T+`/*" { capabilities = ["create", "read", "update"] }`)}, vaultkeys.Rotator, "",
			"create+read+update on " + T + "/backup/+, create+read+update on " + T + "/restore/+"},
		{"policies", []string{signer, extra("sudo", `path "sys/policies/acl/*" { capabilities = ["update", "sudo"] }`)}, vaultkeys.Signer, "",
			"sudo+update on sys/policies/acl/+"},
		{"another engine", []string{signer, extra("other", `path "cubbyhole/*" { capabilities = ["update"] }
			path "`+otherEngine(t, i)+`/data/x" { capabilities = ["update"] }`)}, vaultkeys.Signer, "", " on other-" + K + "/"},
	} {
		rights, err := i.holding(t, api.TokenCreateRequest{Policies: tt.policies}).Rights(t.Context(), false)
		if err != nil {
			t.Errorf("%s: Rights = %v, want success", tt.name, err)
			continue
		}
		missing, excess := listed(rights.Missing), listed(rights.Excess)
		if rights.Role != tt.role || (missing == "") != (tt.missing == "") || !strings.HasPrefix(missing, tt.missing) ||
			(excess == "") != (tt.excess == "") || !strings.HasPrefix(excess, tt.excess) {
			t.Errorf("%s: got role %s, missing %q, excess %q; want %s, %q, %q", tt.name, rights.Role, missing, excess, tt.role, tt.missing, tt.excess)
		}
	}
}

func otherEngine(t *testing.T, i *installation) string {
	t.Helper()
	path, sys := "other-"+i.config.KV, i.server.Client(t).Sys()
	if err := sys.MountWithContext(t.Context(), path, &api.MountInput{Type: "kv"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sys.Unmount(path) })
	return path
}

func TestRightsForMemorySigning(t *testing.T) {
	i := newInstallation(t)
	i.setup()
	tight := i.holding(t, api.TokenCreateRequest{Policies: []string{vaultkeys.Signer.Name()}})
	i.wanted.MemorySigning = true
	for _, tt := range []struct {
		memory          bool
		missing, excess string
	}{
		{false, "", ""},
		{true, "read on " + i.config.Transit + "/export/signing-key/+/1", ""},
	} {
		rights, err := tight.Rights(t.Context(), tt.memory)
		if err != nil || listed(rights.Missing) != tt.missing || listed(rights.Excess) != tt.excess {
			t.Errorf("Rights(memory signing: %t) = %+v, %v, want missing %q", tt.memory, rights, err, tt.missing)
		}
	}
	i.setup() // with the right to export
	rights, err := tight.Rights(t.Context(), false)
	if err != nil || !strings.HasPrefix(listed(rights.Excess), "read on "+i.config.Transit+"/export") {
		t.Errorf("Rights without memory signing = %+v, %v, want the export in excess", rights, err)
	}
}

func TestRightsHaveTheLifeOfTheToken(t *testing.T) {
	i := newInstallation(t)
	report, _ := i.setup()
	no := false
	policies := []string{vaultkeys.Signer.Name()}
	for _, tt := range []struct {
		name string
		made api.TokenCreateRequest
		want vaultkeys.TokenLife
	}{
		{"periodic", api.TokenCreateRequest{Policies: policies, Period: "24h"}, vaultkeys.TokenLife{ExpiresAt: time.Now().Add(24 * time.Hour), Renewable: true}},
		{"not renewable", api.TokenCreateRequest{Policies: policies, TTL: "2h", Renewable: &no}, vaultkeys.TokenLife{ExpiresAt: time.Now().Add(2 * time.Hour)}},
		{"up to a time", api.TokenCreateRequest{Policies: policies, TTL: "1h", ExplicitMaxTTL: "3h"},
			vaultkeys.TokenLife{ExpiresAt: time.Now().Add(time.Hour), Renewable: true, Until: time.Now().Add(3 * time.Hour)}},
		{"root", api.TokenCreateRequest{Policies: []string{"root"}}, vaultkeys.TokenLife{}},
	} {
		rights, err := i.holding(t, tt.made).Rights(t.Context(), false)
		got := rights.Token
		if err != nil || got.Replaced || got.Renewable != tt.want.Renewable || !near(got.ExpiresAt, tt.want.ExpiresAt) || !near(got.Until, tt.want.Until) {
			t.Errorf("%s: token life %+v, %v, want %+v", tt.name, got, err, tt.want)
		}
	}
	rights, err := i.as(t, vaultkeys.Signer, report).Rights(t.Context(), false)
	if err != nil || !rights.Token.Replaced || len(rights.Policies) != 0 {
		t.Errorf("Rights of an AppRole = %+v, %v, want a token that is replaced, without other policies", rights, err)
	}
	more := i.policy(t, "more-"+i.config.KV, `path "cubbyhole/*" { capabilities = ["read"] }`)
	rights, err = i.holding(t, api.TokenCreateRequest{Policies: append(policies, more)}).Rights(t.Context(), false)
	if err != nil || !slices.Equal(rights.Policies, []string{more}) || len(rights.Excess) != 0 {
		t.Errorf("Rights = %+v, %v, want the other policy and no excess", rights, err)
	}
}

// near allows for whole seconds in Vault and for a slow machine.
func near(a, b time.Time) bool { return a.IsZero() == b.IsZero() && a.Sub(b).Abs() < 5*time.Minute }
