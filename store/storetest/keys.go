package storetest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
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
	spec := store.KeySpec{Kind: store.RSA2048, Exportable: true}
	name, first := newKey(t, s, spec)
	if first.Spec != spec || first.Versions != 1 {
		t.Errorf("Create: %+v, %d versions; want %+v, 1", first.Spec, first.Versions, spec)
	}
	other := store.KeySpec{Kind: store.RSA3072}
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
			found[i], err = handles[i%2].Create(t.Context(), name, store.KeySpec{Kind: store.RSA2048})
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
	for _, kind := range []store.Kind{"", "rsa-1024", "rsa-2049", "RSA-2048", "ecdsa-p224", "aes256-gcm96", "hmac"} {
		name := ID()
		if _, err := s.Create(t.Context(), name, store.KeySpec{Kind: kind}); err == nil {
			t.Errorf("Create made a key of kind %q, want an error", kind)
		}
		_, err := s.Describe(t.Context(), name)
		want(t, fmt.Sprintf("Describe after Create of kind %q", kind), err, store.ErrNotFound)
	}
}

func unknownKeyIsNotFound(t *testing.T, open func(*testing.T) Store) {
	s, name := open(t), ID()
	_, err := s.Describe(t.Context(), name)
	want(t, "Describe", err, store.ErrNotFound)
	_, err = s.Sign(t.Context(), name, signer.RS256, make([]byte, 32))
	want(t, "Sign", err, signer.ErrKeyGone)
	if err := s.Destroy(t.Context(), name); err != nil {
		t.Errorf("Destroy: %v", err)
	}
}

func signaturesVerify(t *testing.T, open func(*testing.T) Store) {
	s := open(t)
	specs := []store.KeySpec{{Kind: store.RSA2048, Exportable: true}}
	for _, kind := range store.Kinds() {
		if kind != store.RSA4096 || !testing.Short() { // making one takes seconds
			specs = append(specs, store.KeySpec{Kind: kind})
		}
	}
	for _, spec := range specs {
		name, stored := newKey(t, s, spec)
		if stored.Spec != spec {
			t.Errorf("Create of %+v made a key of %+v, want the same", spec, stored.Spec)
		}
		public := parse(t, stored)
		if got, err := store.KindOf(public); got != spec.Kind {
			t.Errorf("the public key is of kind %q (%v), want %q", got, err, spec.Kind)
		}
		for _, scheme := range signer.Schemes() {
			if scheme.Fits(spec.Kind) {
				verify(t, s, name, scheme, public)
			}
		}
	}
}

// verify has the key sign a token, or the bytes of one, and other libraries check
// it.
func verify(t *testing.T, s Store, name string, scheme signer.Scheme, public crypto.PublicKey) {
	t.Helper()
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + string(scheme) + `"}`))
	message := []byte(header + "." + base64.RawURLEncoding.EncodeToString([]byte(name)))
	signature := sign(t, s, name, scheme, message)
	if err := check(public, scheme, message, signature); err != nil {
		t.Errorf("%s: got a signature that does not verify, want a good one: %v", scheme, err)
	}
	switch public.(type) {
	case *ecdsa.PublicKey: // whose signatures differ each time
	default:
		if again := sign(t, s, name, scheme, message); !bytes.Equal(again, signature) {
			t.Errorf("%s: signing the same message again: got another signature, want the same", scheme)
		}
	}
}

func sign(t *testing.T, s Store, name string, scheme signer.Scheme, message []byte) []byte {
	t.Helper()
	signature, err := s.Sign(t.Context(), name, scheme, scheme.Input(message))
	if err != nil {
		t.Fatalf("Sign %s: %v", scheme, err)
	}
	return signature.Value
}

// check verifies with crypto what is no JWT, and a JWT with jwx.
func check(public crypto.PublicKey, scheme signer.Scheme, message, signature []byte) error {
	bad := errors.New("crypto: the signature does not verify")
	switch scheme {
	case signer.RSASHA1:
		digest := sha1.Sum(message)
		return rsa.VerifyPKCS1v15(public.(*rsa.PublicKey), crypto.SHA1, digest[:], signature)
	case signer.ECDSASHA1:
		if digest := sha1.Sum(message); !ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), digest[:], signature) {
			return bad
		}
		return nil
	case signer.ECDSASHA256:
		if digest := sha256.Sum256(message); !ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), digest[:], signature) {
			return bad
		}
		return nil
	}
	compact := string(message) + "." + base64.RawURLEncoding.EncodeToString(signature)
	_, err := jws.Verify([]byte(compact), jws.WithKey(jwa.SignatureAlgorithm(scheme), public))
	return err
}

func parse(t *testing.T, stored store.KeyInfo) crypto.PublicKey {
	t.Helper()
	public, err := keyrotation.ParsePublicKey(stored.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

// eachSignatureIsOfItsOwnInput: a store may sign much at once, for many callers,
// keys and schemes, and some callers cancel; each gets its own signature.
func eachSignatureIsOfItsOwnInput(t *testing.T, open func(*testing.T) Store) {
	s := open(t)
	schemes := []signer.Scheme{signer.RS256, signer.RSASHA1, signer.ES256, signer.ECDSASHA256, signer.EdDSA}
	kinds := []store.Kind{store.RSA2048, store.ECDSAP256, store.Ed25519}
	names, publics := map[store.Kind]string{}, map[store.Kind]crypto.PublicKey{}
	for _, kind := range kinds {
		name, stored := newKey(t, s, store.KeySpec{Kind: kind})
		names[kind], publics[kind] = name, parse(t, stored)
	}
	var wg sync.WaitGroup
	for i := range 64 {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		scheme := schemes[i%len(schemes)]
		kind := kinds[slices.IndexFunc(kinds, scheme.Fits)]
		wg.Go(func() {
			message := fmt.Appendf(nil, "%s.%d", base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"`+scheme+`"}`)), 1000+i)
			signature, err := s.Sign(ctx, names[kind], scheme, scheme.Input(message))
			switch gaveUp := i%7 == 6; {
			case err == nil:
				if err := check(publics[kind], scheme, message, signature.Value); err != nil {
					t.Errorf("%s: got a signature that does not verify, want the caller's own: %v", scheme, err)
				}
			case gaveUp:
				want(t, "Sign of a caller that cancelled", err, context.Canceled)
			default:
				t.Errorf("Sign beside callers that cancelled: %v", err)
			}
		})
		if i%7 == 6 {
			cancel()
		}
	}
	wg.Wait()
}

func destroyedKeySignsNowhere(t *testing.T, open func(*testing.T) Store) {
	here, there := open(t), open(t)
	digest := make([]byte, sha256.Size)
	name, _ := newKey(t, here, store.KeySpec{Kind: store.RSA2048})
	kept, _ := newKey(t, here, store.KeySpec{Kind: store.RSA2048})
	for _, s := range []Store{here, there} { // a store that caches keys has it now
		if _, err := s.Sign(t.Context(), name, signer.RS256, digest); err != nil {
			t.Fatalf("Sign: %v", err)
		}
	}
	for range 2 {
		if err := there.Destroy(t.Context(), name); err != nil {
			t.Fatalf("Destroy: %v", err)
		}
	}
	for _, s := range []Store{here, there} {
		_, err := s.Sign(t.Context(), name, signer.RS256, digest)
		want(t, "Sign after Destroy", err, signer.ErrKeyGone)
		_, err = s.Describe(t.Context(), name)
		want(t, "Describe after Destroy", err, store.ErrNotFound)
		if _, err := s.Sign(t.Context(), kept, signer.RS256, digest); err != nil {
			t.Errorf("Sign by another key: %v", err)
		}
	}
}

// destroyedKeyNeverComesBack: names are never used twice, so a store may
// refuse one that it has destroyed, or not know it any more; but the key under
// it is not the old one.
func destroyedKeyNeverComesBack(t *testing.T, open func(*testing.T) Store) {
	s := open(t)
	name, first := newKey(t, s, store.KeySpec{Kind: store.RSA2048})
	if err := s.Destroy(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	second, err := s.Create(t.Context(), name, store.KeySpec{Kind: store.RSA2048})
	if err != nil {
		_, err = s.Describe(t.Context(), name)
		want(t, "Describe after a refused Create", err, store.ErrNotFound)
		return
	}
	if keyrotation.Fingerprint(second.PublicKey) == keyrotation.Fingerprint(first.PublicKey) {
		t.Error("Create brought a destroyed key back")
	}
	verify(t, s, name, signer.RS256, parse(t, second)) // not by the old one out of a cache
}
