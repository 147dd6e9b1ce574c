package storetest

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"sync"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"

	"playtoken/keyrotation"
	"playtoken/signer"
	"playtoken/store"
)

func creatingTwiceMakesOneKey(t *testing.T, open func(*testing.T) Store) {
	s := open(t)
	spec := store.KeySpec{Bits: 2048, Exportable: true}
	name, first := newKey(t, s, spec)
	if first.Spec != spec || first.Versions != 1 {
		t.Errorf("Create: %+v, %d versions; want %+v, 1", first.Spec, first.Versions, spec)
	}
	other := store.KeySpec{Bits: 3072}
	again, err := open(t).Create(t.Context(), name, other)
	if err != nil || again != first {
		t.Errorf("Create again: %+v, %v; want the first key, %+v", again, err, first)
	}
	described, err := s.Describe(t.Context(), name)
	if err != nil || described != first {
		t.Errorf("Describe: %+v, %v; want %+v", described, err, first)
	}
}

func creatingAtOnceMakesOneKey(t *testing.T, open func(*testing.T) Store) {
	handles := []Store{open(t), open(t)}
	name := ID()
	destroyLater(t, handles[0], name)
	found := make([]store.KeyInfo, 6)
	var wg sync.WaitGroup
	for i := range found {
		wg.Go(func() {
			var err error
			found[i], err = handles[i%2].Create(t.Context(), name, store.KeySpec{Bits: 2048})
			if err != nil {
				t.Errorf("Create: %v", err)
			}
		})
	}
	wg.Wait()
	for _, k := range found[1:] {
		if k != found[0] {
			t.Errorf("got two keys under one name, want one:\n%+v\n%+v", k, found[0])
		}
	}
}

func unusableSpecMakesNoKey(t *testing.T, open func(*testing.T) Store) {
	s := open(t)
	for _, bits := range []int{-1, 0, 512, 1024, 2047, 2049, 1 << 20} {
		name := ID()
		if _, err := s.Create(t.Context(), name, store.KeySpec{Bits: bits}); err == nil {
			t.Errorf("Create made a key of %d bits, want an error", bits)
		}
		_, err := s.Describe(t.Context(), name)
		want(t, fmt.Sprintf("Describe after Create of %d bits", bits), err, store.ErrNotFound)
	}
}

func unknownKeyIsNotFound(t *testing.T, open func(*testing.T) Store) {
	s, name := open(t), ID()
	_, err := s.Describe(t.Context(), name)
	want(t, "Describe", err, store.ErrNotFound)
	_, err = s.SignSHA256(t.Context(), name, [32]byte{})
	want(t, "SignSHA256", err, signer.ErrKeyGone)
	if err := s.Destroy(t.Context(), name); err != nil {
		t.Errorf("Destroy: %v", err)
	}
}

func signaturesVerify(t *testing.T, open func(*testing.T) Store) {
	s := open(t)
	for _, spec := range []store.KeySpec{
		{Bits: 2048}, {Bits: 2048, Exportable: true}, {Bits: 3072},
	} {
		name, stored := newKey(t, s, spec)
		if stored.Spec != spec {
			t.Errorf("Create of %+v made a key of %+v, want the same", spec, stored.Spec)
		}
		public := parse(t, stored)
		if got := public.N.BitLen(); got != spec.Bits {
			t.Errorf("got a modulus of %d bits, want %d", got, spec.Bits)
		}
		verify(t, s, name, public)
	}
}

// verify has the key sign a token and two other libraries check it.
func verify(t *testing.T, s Store, name string, public *rsa.PublicKey) {
	t.Helper()
	input := "eyJhbGciOiJSUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(name)) // {"alg":"RS256"}
	digest := sha256.Sum256([]byte(input))
	sig, err := s.SignSHA256(t.Context(), name, digest)
	if err != nil {
		t.Fatalf("SignSHA256: %v", err)
	}
	if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], sig.Value); err != nil {
		t.Errorf("crypto/rsa: %v", err)
	}
	compact := input + "." + base64.RawURLEncoding.EncodeToString(sig.Value)
	if _, err := jws.Verify([]byte(compact), jws.WithKey(jwa.RS256, public)); err != nil {
		t.Errorf("jwx: %v", err)
	}
	again, err := s.SignSHA256(t.Context(), name, digest)
	if err != nil || string(again.Value) != string(sig.Value) {
		t.Errorf("signing the same digest again: got another signature (%v), want the same", err)
	}
}

func parse(t *testing.T, stored store.KeyInfo) *rsa.PublicKey {
	t.Helper()
	public, err := keyrotation.ParsePublicKey(stored.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

// eachSignatureIsOfItsOwnDigest: a store may sign many digests at once, for many
// callers and keys, and some callers cancel; each gets its own signature.
func eachSignatureIsOfItsOwnDigest(t *testing.T, open func(*testing.T) Store) {
	s := open(t)
	var names [2]string
	var publics [2]*rsa.PublicKey
	for i := range names {
		var stored store.KeyInfo
		names[i], stored = newKey(t, s, store.KeySpec{Bits: 2048})
		publics[i] = parse(t, stored)
	}
	var wg sync.WaitGroup
	for i := range 64 {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		wg.Go(func() {
			var digest [32]byte
			rand.Read(digest[:])
			sig, err := s.SignSHA256(ctx, names[i%2], digest)
			switch gaveUp := i%5 == 4; {
			case err == nil:
				if err := rsa.VerifyPKCS1v15(publics[i%2], crypto.SHA256, digest[:], sig.Value); err != nil {
					t.Errorf("got a signature that does not verify, want the caller's own: %v", err)
				}
			case gaveUp:
				want(t, "SignSHA256 of a caller that cancelled", err, context.Canceled)
			default:
				t.Errorf("SignSHA256 beside callers that cancelled: %v", err)
			}
		})
		if i%5 == 4 {
			cancel()
		}
	}
	wg.Wait()
}

func destroyedKeySignsNowhere(t *testing.T, open func(*testing.T) Store) {
	here, there := open(t), open(t)
	name, _ := newKey(t, here, store.KeySpec{Bits: 2048})
	kept, _ := newKey(t, here, store.KeySpec{Bits: 2048})
	for _, s := range []Store{here, there} { // a store that caches keys has it now
		if _, err := s.SignSHA256(t.Context(), name, [32]byte{1}); err != nil {
			t.Fatalf("SignSHA256: %v", err)
		}
	}
	for range 2 {
		if err := there.Destroy(t.Context(), name); err != nil {
			t.Fatalf("Destroy: %v", err)
		}
	}
	for _, s := range []Store{here, there} {
		_, err := s.SignSHA256(t.Context(), name, [32]byte{1})
		want(t, "SignSHA256 after Destroy", err, signer.ErrKeyGone)
		_, err = s.Describe(t.Context(), name)
		want(t, "Describe after Destroy", err, store.ErrNotFound)
		if _, err := s.SignSHA256(t.Context(), kept, [32]byte{1}); err != nil {
			t.Errorf("SignSHA256 by another key: %v", err)
		}
	}
}

// destroyedKeyNeverComesBack: names are never used twice, so a store may
// refuse one that it has destroyed, or not know it any more; but the key under
// it is not the old one.
func destroyedKeyNeverComesBack(t *testing.T, open func(*testing.T) Store) {
	s := open(t)
	name, first := newKey(t, s, store.KeySpec{Bits: 2048})
	if err := s.Destroy(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	second, err := s.Create(t.Context(), name, store.KeySpec{Bits: 2048})
	if err != nil {
		_, err = s.Describe(t.Context(), name)
		want(t, "Describe after a refused Create", err, store.ErrNotFound)
		return
	}
	if keyrotation.Fingerprint(second.PublicKey) == keyrotation.Fingerprint(first.PublicKey) {
		t.Error("Create brought a destroyed key back")
	}
	verify(t, s, name, parse(t, second)) // not by the old one out of a cache
}
