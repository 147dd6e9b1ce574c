package metrics

import (
	"context"
	"crypto"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"playtoken/keyrotation"
	"playtoken/signer"
	"playtoken/store"
)

// results lists the values of the label result, besides "ok" and "failed". The
// first row that matches an error counts. An error that matches no row is
// "failed": whether the operation took effect is unknown.
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

// Store is a store of documents and private keys that can also sign.
type Store interface {
	store.Documents
	store.PrivateKeys
	signer.Store
}

// Store returns next with its operations measured. Signatures are left out:
// Signing measures them, in a store or in memory.
func (s *Service) Store(next Store) Store { return measuredStore{Store: next, took: s.store} }

// measuredStore embeds the store so that Sign is the store's own.
type measuredStore struct {
	Store
	took *prometheus.HistogramVec
}

// done records the duration and the result of an operation. Methods defer it.
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

func (m measuredStore) Export(ctx context.Context, storeName string) (_ crypto.Signer, err error) {
	defer m.done("export", time.Now(), &err)
	return m.Store.Export(ctx, storeName)
}

// Signing returns next with its signatures measured.
func (s *Service) Signing(next signer.PrivateKeys) signer.PrivateKeys {
	return measuredSigning{next: next, took: s.signing}
}

type measuredSigning struct {
	next signer.PrivateKeys
	took *prometheus.HistogramVec
}

func (m measuredSigning) Sign(ctx context.Context, storeName string, scheme signer.Scheme, input []byte) (signer.Signature, error) {
	began := time.Now()
	signature, err := m.next.Sign(ctx, storeName, scheme, input)
	m.took.WithLabelValues(result(err)).Observe(time.Since(began).Seconds())
	return signature, err
}

// Platform returns next, with which a project's keys are managed, with its
// operations counted.
func (s *Service) Platform(project, platform string, next keyrotation.Registrar) keyrotation.Registrar {
	return countedRegistrar{counted: s.counted(project, platform, next), next: next}
}

// Issuer does the same for an Issuer.
func (s *Service) Issuer(project, platform string, next keyrotation.Issuer) keyrotation.Issuer {
	return countedIssuer{counted: s.counted(project, platform, next), next: next}
}

// Sessions does the same for a SessionEnder; nil stays nil.
func (s *Service) Sessions(project, platform string, next keyrotation.SessionEnder) keyrotation.SessionEnder {
	if next == nil {
		return nil
	}
	return countedSessions{counted: s.counted(project, platform, nil), next: next}
}

func (s *Service) counted(project, platform string, api keyAPI) counted {
	return counted{api: api, did: func(operation string, err error) {
		s.projects.count(project, &platformCalls, platform, operation, result(err))
	}}
}

type countedSessions struct {
	counted counted
	next    keyrotation.SessionEnder
}

func (c countedSessions) ViewerName(id string) string { return c.next.ViewerName(id) }

func (c countedSessions) DeleteAndEnd(ctx context.Context, keyID string) error {
	err := c.next.DeleteAndEnd(ctx, keyID)
	c.counted.did("delete", err)
	return err
}

func (c countedSessions) EndSessions(ctx context.Context, which keyrotation.Sessions, reason string) error {
	err := c.next.EndSessions(ctx, which, reason)
	c.counted.did("end_sessions", err)
	return err
}

// keyAPI has the methods that a Registrar and an Issuer share.
type keyAPI interface {
	List(ctx context.Context) ([]keyrotation.PlatformKey, error)
	Get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error)
	Delete(ctx context.Context, keyID string) error
}

type counted struct {
	api keyAPI
	did func(operation string, err error) // counts it
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
