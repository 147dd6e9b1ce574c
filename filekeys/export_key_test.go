package filekeys_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
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
	for _, kind := range []store.Kind{store.RSA2048, store.ECDSAP256, store.ECDSAP384, store.Ed25519} {
		name, scheme := storetest.ID(), signer.JWTScheme(kind)
		made, err := s.Create(t.Context(), name, store.KeySpec{Kind: kind, Exportable: true})
		if err != nil {
			t.Fatal(err)
		}
		public, input := publicKey(t, made), scheme.Input([]byte("film"))
		for range 2 { // what is done to the first one does not show in the second
			key, err := s.Export(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := scheme.Sign(key, input); err != nil || scheme.Verify(public, input, got) != nil {
				t.Errorf("%s: it signs otherwise than the store (%v)", kind, err)
			}
			spoil(key)
		}
		if got, err := s.Sign(t.Context(), name, scheme, input); err != nil || scheme.Verify(public, input, got.Value) != nil {
			t.Errorf("%s: after the exported keys were wiped the store signs otherwise (%v)", kind, err)
		}
	}
}

// spoil overwrites the numbers of a private key.
func spoil(private crypto.Signer) {
	switch key := private.(type) {
	case *rsa.PrivateKey:
		rsakey.Wipe(key)
	case *ecdsa.PrivateKey:
		//lint:ignore SA1019 no other way leads to the number
		key.D.SetInt64(1)
	case ed25519.PrivateKey:
		clear(key)
	}
}

func TestOnlyExportableKeysThatAreThereAreExported(t *testing.T) {
	s, _ := create(t)
	stays, goes := storetest.ID(), storetest.ID()
	for name, exportable := range map[string]bool{stays: false, goes: true} {
		if _, err := s.Create(t.Context(), name, store.KeySpec{Kind: store.RSA2048, Exportable: exportable}); err != nil {
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
