package keyrotation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"playtoken/store"
)

// source makes keys. There are two: our store makes a pair and the platform
// takes its public half, or the platform makes a key and our store keeps its
// value. Nothing else about a key's life differs, except for what the planner
// asks [Key.Issued].
type source interface {
	// prepare makes ready what a request needs, and returns the identity that
	// the platform's list will show (and the PEM, if the key has one). After a
	// lost response it is called again; after errUnfit that is of no use.
	prepare(ctx context.Context, k Key) (fingerprint, publicKey string, err error)

	// request asks the platform for the key, by exactly one request. The
	// value is that of an issued key.
	request(ctx context.Context, k Key) (IssuedKey, error)

	// keep stores what only the response to the request contained.
	keep(ctx context.Context, k Key, made IssuedKey) error

	// holds describes what the store holds of the key, or returns
	// store.ErrNotFound if that is nothing usable.
	holds(ctx context.Context, k Key) (store.KeyInfo, error)

	// destroy succeeds if the store holds nothing.
	destroy(ctx context.Context, k Key) error
}

func (r *Rotator) source() source {
	if r.Issuer != nil {
		return platformMade{platform: r.Issuer, documents: r.Documents}
	}
	return storeMade{platform: r.registrar(), keys: r.Keys}
}

// account is the part of a platform that is the same for both sources: its list
// of keys.
type account struct {
	platform interface {
		List(ctx context.Context) ([]PlatformKey, error)
		Get(ctx context.Context, keyID string) (PlatformKey, error)
		Delete(ctx context.Context, keyID string) error
	}
	issued bool // its keys are identified by their names
	own    bool // it is the ring itself: what fails is the store
}

// registrar takes our public keys.
func (r *Rotator) registrar() Registrar {
	if r.ownAccount() {
		return publication{documents: r.Documents, project: r.Project, carried: r.Policy.Carried}
	}
	return r.Platform
}

func (r *Rotator) account() account {
	if r.Issuer != nil {
		return account{platform: r.Issuer, issued: true}
	}
	return account{platform: r.registrar(), own: r.ownAccount()}
}

// ownAccount reports whether the ring itself is the account, because there is no key
// API to call.
func (r *Rotator) ownAccount() bool { return r.Policy.Fetched || r.Policy.Carried }

// failed marks an error of a call to the platform.
func (a account) failed(err error) error {
	if a.own {
		return err
	}
	return fromPlatform(err)
}

func (a account) list(ctx context.Context) ([]PlatformKey, error) {
	list, err := a.platform.List(ctx)
	if err != nil {
		return nil, a.failed(err)
	}
	identified := make([]PlatformKey, 0, len(list))
	for _, k := range list {
		identified = append(identified, a.identified(k))
	}
	return identified, nil
}

func (a account) get(ctx context.Context, keyID string) (PlatformKey, error) {
	k, err := a.platform.Get(ctx, keyID)
	return a.identified(k), a.failed(err)
}

func (a account) delete(ctx context.Context, keyID string) error {
	return a.failed(a.platform.Delete(ctx, keyID))
}

func (a account) identified(k PlatformKey) PlatformKey {
	if a.issued {
		k.Fingerprint = identity(k.Name)
	}
	return k
}

// errUnfit: the store holds another key under this name than was asked for, and
// always will. For instance, an operator rotated it inside the store, so that
// more than one private key can sign in its name.
var errUnfit = errors.New("the store has another key than was asked for")

// storeMade: the store makes a pair, and the platform takes its public half.
type storeMade struct {
	platform Registrar
	keys     store.PrivateKeys
}

// prepare finds a key that an earlier call made whose response was lost: the
// name is in the ring before the key is made.
func (s storeMade) prepare(ctx context.Context, k Key) (fingerprint, publicKey string, err error) {
	stored, err := s.keys.Create(ctx, k.StoreName, k.storeSpec())
	if err != nil {
		return "", "", err
	}
	fingerprint = Fingerprint(stored.PublicKey)
	if fingerprint == "" || stored.Spec != k.storeSpec() || stored.Versions != 1 {
		return "", "", fmt.Errorf("%w (%s, exportable %t, versions %d)", errUnfit, stored.Spec.Kind, stored.Spec.Exportable, stored.Versions)
	}
	return fingerprint, stored.PublicKey, nil
}

func (s storeMade) request(ctx context.Context, k Key) (IssuedKey, error) {
	id, err := s.platform.Register(ctx, k.Name, k.PublicKey)
	return IssuedKey{ID: id}, fromPlatform(err)
}

// keep has nothing to store: a lost id is found again by the public key.
func (s storeMade) keep(context.Context, Key, IssuedKey) error { return nil }

func (s storeMade) holds(ctx context.Context, k Key) (store.KeyInfo, error) {
	return s.keys.Describe(ctx, k.StoreName)
}

func (s storeMade) destroy(ctx context.Context, k Key) error { return s.keys.Destroy(ctx, k.StoreName) }

// platformMade: the platform makes a key, and the store keeps its value.
type platformMade struct {
	platform  Issuer
	documents store.Documents
}

// identity represents an issued key's name as a fingerprint represents a public
// key. It alone makes the key ours, so the name is random, belongs to one
// generation, and is compared in full.
func identity(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

// prepare creates the empty document for the value. So a store that refuses
// writes is noticed before a value can be lost, and a value that arrives after
// its document was destroyed is not stored again.
func (s platformMade) prepare(ctx context.Context, k Key) (fingerprint, publicKey string, err error) {
	_, err = s.documents.Write(ctx, IssuedName(k.StoreName), IssuedKey{}.encode(), 0)
	if err != nil && !errors.Is(err, store.ErrConflict) { // after a conflict the document exists
		return "", "", err
	}
	return identity(k.Name), "", nil
}

func (s platformMade) request(ctx context.Context, k Key) (IssuedKey, error) {
	made, err := s.platform.Issue(ctx, k.Name)
	if err == nil && (made.ID == "" || len(made.Value) == 0) {
		err = errors.New("the platform's response has no key id or no value")
	}
	return made, fromPlatform(err)
}

func (s platformMade) keep(ctx context.Context, k Key, made IssuedKey) error {
	doc, err := s.documents.Read(ctx, IssuedName(k.StoreName))
	if errors.Is(err, store.ErrNotFound) {
		return errors.New("store its value: its document was destroyed meanwhile")
	}
	if err == nil {
		_, err = s.documents.Write(ctx, IssuedName(k.StoreName), made.encode(), doc.Version)
	}
	if err != nil {
		return fmt.Errorf("store its value: %w", err)
	}
	return nil
}

func (s platformMade) holds(ctx context.Context, k Key) (store.KeyInfo, error) {
	if _, err := ReadIssued(ctx, s.documents, k); err != nil {
		return store.KeyInfo{}, err
	}
	return store.KeyInfo{Spec: k.storeSpec(), Versions: 1}, nil
}

func (s platformMade) destroy(ctx context.Context, k Key) error {
	return s.documents.Delete(ctx, IssuedName(k.StoreName))
}
