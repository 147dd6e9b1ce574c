package vaulttest

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
)

// Mount makes a transit engine and a KV version 2 engine that only the caller
// uses, and returns their paths, which are without slashes.
func (s *Server) Mount(t testing.TB) (transit, kv string) {
	t.Helper()
	client := s.Client(t)
	transit, kv = unique("transit"), unique("kv")
	s.mount(t, client, transit, &api.MountInput{Type: "transit"})
	s.mount(t, client, kv, &api.MountInput{Type: "kv", Options: map[string]string{"version": "2"}})
	if err := awaitKV(t.Context(), client, kv); err != nil {
		t.Fatalf("waiting for the mount %s: %v", kv, err)
	}
	return transit, kv
}

func (s *Server) mount(t testing.TB, client *api.Client, path string, input *api.MountInput) {
	t.Helper()
	if err := client.Sys().MountWithContext(t.Context(), path, input); err != nil {
		t.Fatalf("mounting %s: %v", path, err)
	}
	s.tidy(t, func(ctx context.Context) { _ = client.Sys().UnmountWithContext(ctx, path) })
}

// awaitKV returns once a new KV version 2 mount answers: Vault prepares it in
// the background, and refuses reads and writes with 400 until it has.
func awaitKV(ctx context.Context, client *api.Client, path string) error {
	return poll(ctx, func() error {
		_, err := client.Logical().ReadWithContext(ctx, path+"/config")
		var answer *api.ResponseError
		if errors.As(err, &answer) && answer.StatusCode == http.StatusBadRequest {
			return err
		}
		return permanent(err)
	})
}

// Token makes a token that may do what the policy, in Vault's HCL, says and what
// Vault's default policy allows (looking itself up, renewing itself).
func (s *Server) Token(t testing.TB, policyHCL string) string {
	t.Helper()
	client := s.Client(t)
	name := unique("policy")
	if err := client.Sys().PutPolicyWithContext(t.Context(), name, policyHCL); err != nil {
		t.Fatalf("writing the policy %s: %v", name, err)
	}
	s.tidy(t, func(ctx context.Context) { _ = client.Sys().DeletePolicyWithContext(ctx, name) })
	secret, err := client.Auth().Token().CreateWithContext(t.Context(),
		&api.TokenCreateRequest{Policies: []string{name}, TTL: "1h"})
	if err != nil {
		t.Fatalf("making a token: %v", err)
	}
	return secret.Auth.ClientToken
}

// tidy undoes something at the end of t on a Vault that outlives it. What fails
// then is left behind: t was not about that.
func (s *Server) tidy(t testing.TB, undo func(context.Context)) {
	if s.instance != nil {
		return
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		undo(ctx)
	})
}
