package filekeys_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"errors"
	"testing"

	"playtoken/signer"
	"playtoken/signer/rsakey"
	"playtoken/store"
	"playtoken/store/storetest"
)

func TestAnExportedKeySignsAsTheStoreDoesAndIsTheCallersAlone(t *testing.T) {
	s, _ := create(t)
	name := storetest.ID()
	if _, err := s.Create(t.Context(), name, store.KeySpec{Bits: 2048, Exportable: true}); err != nil {
		t.Fatal(err)
	}
	digest := [32]byte{1, 2, 3}
	want, err := s.SignSHA256(t.Context(), name, digest)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // what is done to the first one does not show in the second
		key, err := s.Export(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:]); err != nil || !bytes.Equal(got, want.Value) {
			t.Errorf("it signs otherwise than the store (%v)", err)
		}
		rsakey.Wipe(key)
	}
	if got, err := s.SignSHA256(t.Context(), name, digest); err != nil || !bytes.Equal(got.Value, want.Value) {
		t.Errorf("after the exported keys were wiped the store signs otherwise (%v)", err)
	}
}

func TestOnlyExportableKeysThatAreThereAreExported(t *testing.T) {
	s, _ := create(t)
	stays, goes := storetest.ID(), storetest.ID()
	for name, exportable := range map[string]bool{stays: false, goes: true} {
		if _, err := s.Create(t.Context(), name, store.KeySpec{Bits: 2048, Exportable: exportable}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Export(t.Context(), goes); err != nil {
		t.Errorf("the positive control: %v", err)
	}
	if key, err := s.Export(t.Context(), stays); err == nil || key != nil || errors.Is(err, signer.ErrKeyGone) || errors.Is(err, signer.ErrUnavailable) {
		t.Errorf("a key that was made to stay: %v", err)
	}
	if err := s.Destroy(t.Context(), goes); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{goes, storetest.ID()} {
		if _, err := s.Export(t.Context(), name); !errors.Is(err, signer.ErrKeyGone) {
			t.Errorf("a key that is not there: %v", err)
		}
	}
	if _, err := s.Export(t.Context(), "../etc/passwd"); err == nil {
		t.Error("a name that no key has was accepted")
	}
}
