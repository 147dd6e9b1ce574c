package vaultkeys_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/vault/api"

	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
	"playtoken/store/storetest"
	"playtoken/vaultkeys"
	"playtoken/vaultkeys/vaulttest"
)

// root returns a client with the root token, which may change everything.
func root(t testing.TB, server *vaulttest.Server) *api.Logical { return server.Client(t).Logical() }

func write(t testing.TB, l *api.Logical, path string, data map[string]any) {
	t.Helper()
	if _, err := l.WriteWithContext(t.Context(), path, data); err != nil {
		t.Fatal(err)
	}
}

func TestPrivateKeysCannotLeaveVault(t *testing.T) {
	server := vaulttest.Shared(t)
	config := on(t, server)
	s, operator := open(t, config), root(t, server)
	ways := []string{"export/signing-key/%s", "export/signing-key/%s/1", "export/encryption-key/%s", "export/hmac-key/%s", "backup/%s"}
	for _, exportable := range []bool{false, true} {
		name := storetest.ID()
		if _, err := s.Create(t.Context(), name, store.KeySpec{Kind: store.RSA2048, Exportable: exportable}); err != nil {
			t.Fatal(err)
		}
		got := 0
		for _, way := range ways {
			path := config.Transit + "/" + fmt.Sprintf(way, name)
			if answer, err := operator.ReadWithContext(t.Context(), path); err == nil && answer != nil {
				got++
			}
		}
		// The exportable key shows that the requests are valid.
		if exportable != (got > 0) {
			t.Errorf("exportable %v: got the key in %d ways as root, want some only if it is exportable", exportable, got)
		}
	}
}

func TestChangedKeysAreDetected(t *testing.T) {
	server := vaulttest.Shared(t)
	config := on(t, server)
	s, operator := open(t, config), root(t, server)
	key := func() (string, string) {
		name := storetest.ID()
		if _, err := s.Create(t.Context(), name, store.KeySpec{Kind: store.RSA2048}); err != nil {
			t.Fatal(err)
		}
		return name, config.Transit + "/keys/" + name
	}

	rotated, path := key()
	before, err := s.Sign(t.Context(), rotated, signer.RS256, digest(1))
	if err != nil {
		t.Fatal(err)
	}
	write(t, operator, path+"/rotate", nil)
	if k, err := s.Describe(t.Context(), rotated); err != nil || k.Versions != 2 {
		t.Errorf("Describe of a key rotated in Vault = %d versions, %v, want 2", k.Versions, err)
	}
	if after, err := s.Sign(t.Context(), rotated, signer.RS256, digest(1)); err != nil || !bytes.Equal(before.Value, after.Value) {
		t.Errorf("Sign of a key rotated in Vault: another signature than before (%v), want the same", err)
	}
	write(t, operator, path+"/config", map[string]any{"min_encryption_version": 2})
	if _, err := s.Sign(t.Context(), rotated, signer.RS256, digest(1)); !errors.Is(err, signer.ErrUnavailable) {
		t.Errorf("Sign with version 1 disabled = %v, want unavailable", err)
	}

	for _, flag := range []string{"exportable", "allow_plaintext_backup"} {
		name, path := key()
		write(t, operator, path+"/config", map[string]any{flag: true})
		if k, err := s.Describe(t.Context(), name); err != nil || !k.Spec.Exportable {
			t.Errorf("Describe with %s set in Vault = %+v, %v, want an exportable key", flag, k, err)
		}
	}

	name, path := key()
	write(t, operator, path+"/config", map[string]any{"auto_rotate_period": "24h"})
	if _, err := s.Create(t.Context(), name, store.KeySpec{Kind: store.RSA2048}); err == nil {
		t.Error("Create accepted a key that Vault rotates, want an error")
	}

	other := storetest.ID()
	write(t, operator, config.Transit+"/keys/"+other, map[string]any{"type": "ecdsa-p256"})
	if k, err := s.Create(t.Context(), other, store.KeySpec{Kind: store.RSA2048}); err != nil || k.Spec.Kind != store.ECDSAP256 {
		t.Errorf("Create under the name of an ECDSA key: got %+v and %v, want that key as it is", k.Spec, err)
	}
}

func TestDocumentsDeletedInVaultDoNotExist(t *testing.T) {
	server := vaulttest.Shared(t)
	config := on(t, server)
	s, operator := open(t, config), root(t, server)
	for _, remove := range []func(path string) error{
		func(path string) error {
			_, err := operator.DeleteWithContext(t.Context(), config.KV+"/data/"+path)
			return err
		},
		func(path string) error {
			_, err := operator.WriteWithContext(t.Context(), config.KV+"/destroy/"+path, map[string]any{"versions": []int{1, 2}})
			return err
		},
	} {
		name := "ring/" + storetest.ID()
		for version := range int64(2) {
			if _, err := s.Write(t.Context(), name, []byte("old"), version); err != nil {
				t.Fatal(err)
			}
		}
		if err := remove(name); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Read(t.Context(), name); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Read = %v, want ErrNotFound", err)
		}
		if _, err := s.Write(t.Context(), name, []byte("no"), 1); !errors.Is(err, store.ErrConflict) {
			t.Errorf("Write of an old version = %v, want ErrConflict", err)
		}
		if v, err := s.Write(t.Context(), name, []byte("new"), 0); err != nil || v != 3 {
			t.Errorf("Write of a new document = version %d, %v, want 3", v, err)
		}
		if _, err := s.Write(t.Context(), name, []byte("no"), 0); !errors.Is(err, store.ErrConflict) {
			t.Errorf("the same Write again = %v, want ErrConflict", err)
		}
	}
	foreign := "ring/" + storetest.ID()
	write(t, operator, config.KV+"/data/"+foreign, map[string]any{"data": map[string]any{"note": "by hand"}})
	if doc, err := s.Read(t.Context(), foreign); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("Read of an entry that playtoken did not write = %q, %v, want an error other than ErrNotFound", doc.Data, err)
	}
}

func TestLongestDocumentIsStored(t *testing.T) {
	s := open(t, on(t, vaulttest.Shared(t)))
	for _, char := range []string{"x", "<", "\x00", "\xff"} { // in JSON: 1 byte, 6 bytes, 6 bytes; not text
		name, data := "test/"+storetest.ID(), []byte(strings.Repeat(char, 512<<10))
		if _, err := s.Write(t.Context(), name, data, 0); err != nil {
			t.Errorf("Write of %q… = %v, want success", char, err)
			continue
		}
		if doc, err := s.Read(t.Context(), name); err != nil || !bytes.Equal(doc.Data, data) {
			t.Errorf("Read of %q… = %d bytes, %v, want what was written", char, len(doc.Data), err)
		}
		if _, err := s.Write(t.Context(), name, append(data, 'x'), 1); err == nil || unavailable(err) {
			t.Errorf("Write of one byte more = %v, want a refusal", err)
		}
	}
}

// A mount that is missing, or of another type, is an error and not an empty
// store.
func TestWrongMountsAreErrors(t *testing.T) {
	server := vaulttest.Shared(t)
	right := on(t, server)
	wrong := map[string]vaultkeys.Config{}
	for what, mounts := range map[string][2]string{
		"none": {"no-transit", "no-kv"}, "swapped": {right.KV, right.Transit}, "inside": {right.Transit + "/x", right.KV + "/x"},
		"KV version 1": {right.Transit, "kv1-" + storetest.ID()},
	} {
		config := right
		config.Transit, config.KV = mounts[0], mounts[1]
		wrong[what] = config
	}
	sys, kv1 := server.Client(t).Sys(), wrong["KV version 1"].KV
	if err := sys.MountWithContext(t.Context(), kv1, &api.MountInput{Type: "kv"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sys.UnmountWithContext(context.Background(), kv1) })
	for what, config := range wrong {
		s := open(t, config)
		for _, op := range operations {
			onKV := op.name == "Read" || op.name == "Write" || op.name == "Delete"
			if op.name == "Now" || what == "KV version 1" && (!onKV || op.name != "Write") {
				continue // an engine of version 1 responds that the entry does not exist
			}
			err := op.do(t.Context(), s)
			if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, signer.ErrKeyGone) || errors.Is(err, store.ErrConflict) {
				t.Errorf("%s on wrong mounts (%s) = %v, want an error that says nothing about a key or document", op.name, what, err)
			}
		}
	}
}

func TestForbiddenOperationsAreErrForbidden(t *testing.T) {
	server := vaulttest.Shared(t)
	config := on(t, server)
	s, key := open(t, config), storetest.ID()
	if _, err := s.Create(t.Context(), key, store.KeySpec{Kind: store.RSA2048}); err != nil {
		t.Fatal(err)
	}
	config.Token = secret.New(server.Token(t, fmt.Sprintf(
		`path "%s/sign/+/sha2-256" { capabilities = ["update"] }`, config.Transit)))
	limited := open(t, config)
	if _, err := limited.Sign(t.Context(), key, signer.RS256, digest(1)); err != nil {
		t.Errorf("Sign = %v, want success", err)
	}
	for _, op := range operations[:6] {
		if err := op.do(t.Context(), limited); !errors.Is(err, vaultkeys.ErrForbidden) || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s without the right = %v, want ErrForbidden", op.name, err)
		}
	}
	if _, err := limited.Now(t.Context()); err != nil {
		t.Errorf("Now without any right = %v, want success", err)
	}
	config.Token = secret.New("hvs.revoked")
	for _, op := range operations[:7] {
		if err := op.do(t.Context(), open(t, config)); !unavailable(err) {
			t.Errorf("%s with a revoked token = %v, want unavailable", op.name, err)
		}
	}
}

func TestManySignaturesTakeFewRequests(t *testing.T) {
	config := on(t, vaulttest.Shared(t))
	var requests atomic.Int64
	base := config.Transport
	config.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		if strings.Contains(r.URL.Path, "/sign/") {
			requests.Add(1)
		}
		return base.RoundTrip(r)
	})
	s, key := open(t, config), storetest.ID()
	if _, err := s.Create(t.Context(), key, store.KeySpec{Kind: store.RSA2048}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			if _, err := s.Sign(t.Context(), key, signer.RS256, digest(i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := requests.Load(); n > 60 {
		t.Errorf("got %d requests for 200 concurrent signatures, want 60 at most", n)
	}
}
