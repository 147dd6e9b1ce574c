package metrics

import (
	"context"
	"crypto/rsa"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"playtoken/keyrotation"
	"playtoken/signer"
	"playtoken/store"
)

// results are all values of the label result, beside "ok" and "failed". An
// error is the first of the table that it is; one that is none is "failed":
// nobody knows what was done.
var results = []struct {
	err  error
	name string
}{
	{signer.ErrKeyGone, "key_gone"},
	{store.ErrNotFound, "not_found"},
	{store.ErrConflict, "conflict"},
	{keyrotation.ErrRefused, "refused"},
	{keyrotation.ErrUnauthorized, "unauthorized"},
	{keyrotation.ErrThrottled, "throttled"},
	{store.ErrUnavailable, "unavailable"},
	{signer.ErrUnavailable, "unavailable"},
}

func result(err error) string {
	if err == nil {
		return "ok"
	}
	for _, r := range results {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return "failed"
}

// Store is what a store does for the keys and documents.
type Store interface {
	store.Documents
	store.PrivateKeys
	signer.Store
}

// Store measures a store, but for its signatures: see Signing.
func (s *Service) Store(next Store) Store { return measuredStore{next, s.store} }

type measuredStore struct {
	Store
	took *prometheus.HistogramVec
}

// done is to be deferred: it takes the time and the error of the call.
func (m measuredStore) done(operation string, began time.Time, err *error) {
	m.took.WithLabelValues(operation, result(*err)).Observe(time.Since(began).Seconds())
}

func (m measuredStore) Read(ctx context.Context, name string) (_ store.Document, err error) {
	defer m.done("read", time.Now(), &err)
	return m.Store.Read(ctx, name)
}

func (m measuredStore) Write(ctx context.Context, name string, data []byte, version int64) (_ int64, err error) {
	defer m.done("write", time.Now(), &err)
	return m.Store.Write(ctx, name, data, version)
}

func (m measuredStore) Delete(ctx context.Context, name string) (err error) {
	defer m.done("delete", time.Now(), &err)
	return m.Store.Delete(ctx, name)
}

func (m measuredStore) Create(ctx context.Context, name string, spec store.KeySpec) (_ store.KeyInfo, err error) {
	defer m.done("create", time.Now(), &err)
	return m.Store.Create(ctx, name, spec)
}

func (m measuredStore) Describe(ctx context.Context, name string) (_ store.KeyInfo, err error) {
	defer m.done("describe", time.Now(), &err)
	return m.Store.Describe(ctx, name)
}

func (m measuredStore) Destroy(ctx context.Context, name string) (err error) {
	defer m.done("destroy", time.Now(), &err)
	return m.Store.Destroy(ctx, name)
}

func (m measuredStore) Export(ctx context.Context, storeName string) (_ *rsa.PrivateKey, err error) {
	defer m.done("export", time.Now(), &err)
	return m.Store.Export(ctx, storeName)
}

// Signing measures signatures, wherever they are made.
func (s *Service) Signing(next signer.PrivateKeys) signer.PrivateKeys {
	return measuredSigning{next, s.signing}
}

type measuredSigning struct {
	signer.PrivateKeys
	took *prometheus.HistogramVec
}

func (m measuredSigning) SignSHA256(ctx context.Context, storeName string, digest [32]byte) ([]byte, error) {
	began := time.Now()
	signature, err := m.PrivateKeys.SignSHA256(ctx, storeName, digest)
	m.took.WithLabelValues(result(err)).Observe(time.Since(began).Seconds())
	return signature, err
}

// Platform counts the operations on a platform's key API.
func (s *Service) Platform(platform string, next keyrotation.Registrar) keyrotation.Registrar {
	return countedRegistrar{counted{next, platform, s.calls}, next}
}

// Issuer counts the operations on the API of a platform that makes keys.
func (s *Service) Issuer(platform string, next keyrotation.Issuer) keyrotation.Issuer {
	return countedIssuer{counted{next, platform, s.calls}, next}
}

// keyAPI is what all key APIs have.
type keyAPI interface {
	List(ctx context.Context) ([]keyrotation.PlatformKey, error)
	Get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error)
	Delete(ctx context.Context, keyID string) error
}

type counted struct {
	api      keyAPI
	platform string
	calls    *prometheus.CounterVec
}

func (c counted) did(operation string, err error) {
	c.calls.WithLabelValues(c.platform, operation, result(err)).Inc()
}

func (c counted) List(ctx context.Context) ([]keyrotation.PlatformKey, error) {
	keys, err := c.api.List(ctx)
	c.did("list", err)
	return keys, err
}

func (c counted) Get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error) {
	key, err := c.api.Get(ctx, keyID)
	c.did("get", err)
	return key, err
}

func (c counted) Delete(ctx context.Context, keyID string) error {
	err := c.api.Delete(ctx, keyID)
	c.did("delete", err)
	return err
}

type countedRegistrar struct {
	counted
	next keyrotation.Registrar
}

func (c countedRegistrar) Register(ctx context.Context, name, publicKey string) (string, error) {
	keyID, err := c.next.Register(ctx, name, publicKey)
	c.did("register", err)
	return keyID, err
}

type countedIssuer struct {
	counted
	next keyrotation.Issuer
}

func (c countedIssuer) Issue(ctx context.Context, name string) (keyrotation.IssuedKey, error) {
	key, err := c.next.Issue(ctx, name)
	c.did("issue", err)
	return key, err
}
