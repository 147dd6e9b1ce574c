package filekeys

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"playtoken/keyrotation"
	"playtoken/signer"
	"playtoken/store"
)

var (
	_ store.PrivateKeys  = (*Store)(nil)
	_ signer.PrivateKeys = (*Store)(nil)
)

// privateKey is the plain value of a key in the file.
type privateKey struct {
	exportable bool
	der        []byte // PKCS #8
}

// sealedKey is the encrypted value of a key in the file. No two are equal, because
// each is encrypted with a nonce of its own.
type sealedKey struct {
	name, value string
	by          *sealing
}

// Create implements [store.PrivateKeys]. The name of a destroyed key can be used
// again.
func (s *Store) Create(ctx context.Context, name string, spec store.KeySpec) (store.KeyInfo, error) {
	stored, err := s.describe(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		if err = s.generate(ctx, name, spec); err == nil {
			// The key exists, created by this call or by another one.
			stored, err = s.describe(ctx, name)
		}
	}
	if err != nil {
		return store.KeyInfo{}, fmt.Errorf("create key %.60q: %w", name, err)
	}
	return stored, nil
}

// generate stores a new key unless the name has one by then. Making a large key
// takes up to seconds, in which the file is not locked.
func (s *Store) generate(ctx context.Context, name string, spec store.KeySpec) error {
	key, err := spec.Kind.NewKey()
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return s.update(ctx, func(tx *bolt.Tx, by *sealing) error {
		sealed, err := get(tx, bucketKeys, name)
		if err != nil || sealed != nil {
			return err
		}
		return put(tx, bucketKeys, name, by.sealKey(name, privateKey{exportable: spec.Exportable, der: der}))
	})
}

// Describe implements [store.PrivateKeys].
func (s *Store) Describe(ctx context.Context, name string) (store.KeyInfo, error) {
	stored, err := s.describe(ctx, name)
	if err != nil {
		return store.KeyInfo{}, fmt.Errorf("describe key %.60q: %w", name, err)
	}
	return stored, nil
}

func (s *Store) describe(ctx context.Context, name string) (store.KeyInfo, error) {
	sealed, err := s.find(ctx, name)
	if err != nil {
		return store.KeyInfo{}, err
	}
	stored, err := sealed.open()
	if err != nil {
		return store.KeyInfo{}, err
	}
	key, err := s.parse(sealed)
	if err != nil {
		return store.KeyInfo{}, err
	}
	kind, err := store.KindOf(key.Public())
	if err != nil {
		return store.KeyInfo{}, fmt.Errorf("%w: %s is %w", ErrDamaged, name, err)
	}
	public, err := keyrotation.EncodePublicKey(key.Public())
	if err != nil {
		return store.KeyInfo{}, err
	}
	return store.KeyInfo{
		Spec:      store.KeySpec{Kind: kind, Exportable: stored.exportable},
		PublicKey: public,
		Versions:  1,
	}, nil
}

// Destroy implements [store.PrivateKeys]. Once it returns, no process that uses
// the file signs with the key.
func (s *Store) Destroy(ctx context.Context, name string) error {
	err := checkName(keyName, name)
	if err == nil {
		err = s.update(context.WithoutCancel(ctx), func(tx *bolt.Tx, by *sealing) error {
			sealed, err := get(tx, bucketKeys, name)
			if err != nil || sealed == nil {
				return err
			}
			s.parsed.Remove(sealedKey{name: name, value: string(sealed), by: by})
			return remove(tx, bucketKeys, name)
		})
	}
	if err != nil {
		return fmt.Errorf("destroy key %.60q: %w", name, err)
	}
	return nil
}

// forSigner translates the errors of a store to those of package signer.
func forSigner(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return signer.ErrKeyGone
	case errors.Is(err, store.ErrUnavailable):
		return fmt.Errorf("%w: %w", signer.ErrUnavailable, err)
	}
	return err
}

// Sign implements signer.PrivateKeys.
func (s *Store) Sign(ctx context.Context, storeName string, scheme signer.Scheme, input []byte) (signer.Signature, error) {
	signature, err := s.sign(ctx, storeName, scheme, input)
	if err != nil {
		return signer.Signature{}, fmt.Errorf("sign with key %.60q: %w", storeName, forSigner(err))
	}
	return signer.Signature{Value: signature}, nil
}

func (s *Store) sign(ctx context.Context, name string, scheme signer.Scheme, input []byte) ([]byte, error) {
	sealed, err := s.find(ctx, name)
	if err != nil {
		return nil, err
	}
	// The file had the key a moment ago. A Destroy that starts now has not
	// returned when this signature is made.
	key, err := s.parse(sealed)
	if err != nil {
		return nil, err
	}
	return scheme.Sign(key, input)
}

// find reads the encrypted value of a key. Errors: store.ErrNotFound.
func (s *Store) find(ctx context.Context, name string) (sealedKey, error) {
	if err := checkName(keyName, name); err != nil {
		return sealedKey{}, err
	}
	found := sealedKey{name: name}
	err := s.view(ctx, func(tx *bolt.Tx, by *sealing) error {
		value, err := get(tx, bucketKeys, name)
		if err == nil && value == nil {
			err = store.ErrNotFound
		}
		found.value, found.by = string(value), by
		return err
	})
	return found, err
}

// parse decrypts and parses a key, or takes it from the cache.
func (s *Store) parse(sealed sealedKey) (crypto.Signer, error) {
	if key, ok := s.parsed.Get(sealed); ok {
		return key, nil
	}
	stored, err := sealed.open()
	if err != nil {
		return nil, err
	}
	key, err := stored.parse(sealed.name)
	if err != nil {
		return nil, err
	}
	s.parsed.Add(sealed, key)
	return key, nil
}

// sealKey encrypts a key. A first byte other than 0 marks it as exportable.
func (s *sealing) sealKey(name string, k privateKey) []byte {
	text := []byte{0}
	if k.exportable {
		text[0] = 1
	}
	return s.seal(place(bucketKeys, name), append(text, k.der...))
}

func (k privateKey) parse(name string) (crypto.Signer, error) {
	parsed, err := x509.ParsePKCS8PrivateKey(k.der)
	key, ok := parsed.(crypto.Signer)
	if err != nil || !ok {
		return nil, fmt.Errorf("%w: %s is not a private key", ErrDamaged, name)
	}
	return key, nil
}

func (k sealedKey) open() (privateKey, error) {
	text, err := k.by.unseal(place(bucketKeys, k.name), []byte(k.value))
	if err != nil {
		return privateKey{}, err
	}
	if len(text) == 0 {
		return privateKey{}, fmt.Errorf("%w: %s is empty", ErrDamaged, k.name)
	}
	return privateKey{exportable: text[0] != 0, der: text[1:]}, nil
}
