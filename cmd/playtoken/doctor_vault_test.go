package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"playtoken/vaultkeys"
)

// token makes one with exactly these policies.
func (w *vaultDeployment) token(request api.TokenCreateRequest) string {
	w.t.Helper()
	request.NoDefaultPolicy = true
	made, err := w.vault.Client(w.t).Auth().Token().CreateWithContext(w.t.Context(), &request)
	if err != nil {
		w.t.Fatal(err)
	}
	return "VAULT_TOKEN=" + made.Auth.ClientToken
}

// policy writes one, and returns its name.
func (w *vaultDeployment) policy(name, text string) string {
	w.t.Helper()
	if err := w.vault.Client(w.t).Sys().PutPolicyWithContext(w.t.Context(), name, text); err != nil {
		w.t.Fatal(err)
	}
	return name
}

func TestDoctorFindsWhatTheCredentialOfVaultMayAndMayNot(t *testing.T) {
	t.Parallel()
	w := newVaultDeployment(t)
	signer, rotator, no := vaultkeys.Signer.Name(), vaultkeys.Rotator.Name(), false
	with := func(policies ...string) string {
		return w.token(api.TokenCreateRequest{Policies: policies, Period: "24h"})
	}
	w.environ = append(w.environ, with(signer))
	w.examined(doctorCase{"a signer comes first", nil, nil, exitFailed, "secrets", "never made", "with a rotator's credential: playtoken rotate", ""})
	w.environ[len(w.environ)-1] = with(rotator)
	w.must(&struct{}{}, "rotate")
	w.healthy()
	w.healthy(with(signer))
	half := w.policy("half", `path "playtoken-transit/keys/+" { capabilities = ["create", "read"] }`)
	engine := w.policy("engine", `path "playtoken-transit/*" { capabilities = ["create", "read", "update", "delete"] }`)
	operator := w.policy("operator", `path "sys/policies/acl/*" { capabilities = ["update", "sudo"] }`)
	const setup = "playtoken vault setup"
	for _, tt := range []doctorCase{
		{"half a rotator", nil, []string{with(signer, half)}, exitFailed, "rights", "update, delete on playtoken-transit/keys/+", setup, ""},
		{"both policies", nil, []string{with(signer, rotator)}, exitFailed, "rights", "create, update on playtoken-kv/data/ring/+", setup, ""},
		{"memory signing", nil, []string{with(signer), "PLAYTOKEN_SIGNING=memory"}, exitFailed, "rights", "read on playtoken-transit/export/signing-key/+/1", setup + " --memory-signing", ""},
		{"root", nil, []string{"VAULT_TOKEN=" + w.vault.RootToken}, exitDone, "rights", "root on *", "policy of " + rotator + " alone", ""},
		{"the whole engine", nil, []string{with(rotator, engine)}, exitDone, "rights", "on playtoken-transit/backup/+ (take private keys", setup, ""},
		{"an operator", nil, []string{with(rotator, operator)}, exitDone, "rights", "sudo, update on sys/policies/acl/+", setup, ""},
		{"a policy by another name", nil, []string{with(rotator, w.policy("more", `path "cubbyhole/x" { capabilities = ["read"] }`))}, exitDone, "rights", "beyond playtoken's: more", setup, ""},
		{"a token that ends", nil, []string{w.token(api.TokenCreateRequest{Policies: []string{rotator}, TTL: "48h", Renewable: &no})}, exitFailed, "login", "cannot be renewed", "vault token create -orphan -no-default-policy -policy=playtoken-rotator -period=24h", ""},
		{"one that ends today", nil, []string{w.token(api.TokenCreateRequest{Policies: []string{signer}, TTL: "1h", ExplicitMaxTTL: "3h"})}, exitFailed, "login", "beyond", "-policy=playtoken-signer", ""},
		{"one that ends some day", nil, []string{w.token(api.TokenCreateRequest{Policies: []string{rotator}, TTL: "1h", ExplicitMaxTTL: "72h"})}, exitDone, "login", "beyond", "vault token create", ""},
		{"an unknown token", nil, []string{"VAULT_TOKEN=hvs.unknown"}, exitDown, "store", "VAULT_TOKEN", "readable with our credential", ""},
	} {
		w.examined(tt)
	}
	w.healthy(strings.Split(strings.Join(w.as(vaultkeys.Rotator), "\n"), "\n")...)
	w.vault.Seal()
	w.examined(doctorCase{"sealed", nil, nil, exitDown, "store", "", "unsealed", ""})
}

// TestDoctorFindsAClockThatIsOff sees Vault's clock through a proxy that turns it
// back.
func TestDoctorFindsAClockThatIsOff(t *testing.T) {
	t.Parallel()
	w := newVaultDeployment(t)
	w.environ = w.as(vaultkeys.Rotator)
	w.must(&struct{}{}, "rotate")
	behind := time.Duration(0)
	to, err := url.Parse(w.vault.Addr)
	if err != nil {
		t.Fatal(err)
	}
	proxy, transport := httputil.NewSingleHostReverseProxy(to), &http.Transport{}
	proxy.Transport = transport
	said := regexp.MustCompile(`"server_time_utc":\d+`)
	proxy.ModifyResponse = func(r *http.Response) error {
		body, err := io.ReadAll(r.Body)
		now := strconv.FormatInt(time.Now().Add(-behind).Unix(), 10)
		text := said.ReplaceAllString(string(body), `"server_time_utc":`+now)
		r.Body = io.NopCloser(strings.NewReader(text))
		r.ContentLength = int64(len(text))
		r.Header.Set("Content-Length", strconv.Itoa(len(text)))
		return err
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(func() { server.Close(); transport.CloseIdleConnections() })
	w.environ = append(w.environ, "VAULT_ADDR="+server.URL)
	w.healthy("PLAYTOKEN_CLOCK_SKEW=5s")
	w.examined(doctorCase{"an hour", func() { behind = time.Hour }, []string{"PLAYTOKEN_CLOCK_SKEW=5s"}, exitFailed, "clock", "off by", "synchronise this machine's clock", ""})
}
