package tracing

import (
	"context"
	"crypto"

	"playtoken/keyrotation"
	"playtoken/signer"
	"playtoken/store"
)

// Store is a store of documents and private keys that can also sign.
type Store interface {
	store.Documents
	store.PrivateKeys
	signer.Store
}

// Store returns next with a span for each operation. Signatures are left out:
// Signing traces them, in a store or in memory.
func (t *Tracer) Store(next Store) Store {
	if t == nil {
		return next
	}
	return tracedStore{Store: next, t: t}
}

// tracedStore embeds the store so that Sign is the store's own.
type tracedStore struct {
	Store
	t *Tracer
}

// of begins the span of an operation, which done ends with the error that err points to.
func (s tracedStore) of(ctx context.Context, operation string, err *error) (_ context.Context, done func()) {
	ctx, end := s.t.Start(ctx, "store "+operation, "")
	return ctx, func() { end(*err) }
}

func (s tracedStore) Read(ctx context.Context, name string) (_ store.Document, err error) {
	ctx, done := s.of(ctx, "read", &err)
	defer done()
	return s.Store.Read(ctx, name)
}

func (s tracedStore) Write(ctx context.Context, name string, data []byte, version int64) (_ int64, err error) {
	ctx, done := s.of(ctx, "write", &err)
	defer done()
	return s.Store.Write(ctx, name, data, version)
}

func (s tracedStore) Delete(ctx context.Context, name string) (err error) {
	ctx, done := s.of(ctx, "delete", &err)
	defer done()
	return s.Store.Delete(ctx, name)
}

func (s tracedStore) Create(ctx context.Context, name string, spec store.KeySpec) (_ store.KeyInfo, err error) {
	ctx, done := s.of(ctx, "create", &err)
	defer done()
	return s.Store.Create(ctx, name, spec)
}

func (s tracedStore) Describe(ctx context.Context, name string) (_ store.KeyInfo, err error) {
	ctx, done := s.of(ctx, "describe", &err)
	defer done()
	return s.Store.Describe(ctx, name)
}

func (s tracedStore) Destroy(ctx context.Context, name string) (err error) {
	ctx, done := s.of(ctx, "destroy", &err)
	defer done()
	return s.Store.Destroy(ctx, name)
}

func (s tracedStore) Export(ctx context.Context, storeName string) (_ crypto.Signer, err error) {
	ctx, done := s.of(ctx, "export", &err)
	defer done()
	return s.Store.Export(ctx, storeName)
}

// Signing returns next with a span for each signature. A signature that several
// requests share is in the trace of the first.
func (t *Tracer) Signing(next signer.PrivateKeys) signer.PrivateKeys {
	if t == nil {
		return next
	}
	return tracedSigning{next: next, t: t}
}

type tracedSigning struct {
	next signer.PrivateKeys
	t    *Tracer
}

func (s tracedSigning) Sign(ctx context.Context, storeName string, scheme signer.Scheme, input []byte) (signer.Signature, error) {
	ctx, done := s.t.Start(ctx, "store sign", "")
	signature, err := s.next.Sign(ctx, storeName, scheme, input)
	done(err)
	return signature, err
}

// Minter returns next with a span for each token of a project.
func (t *Tracer) Minter(project string, next signer.Minter) signer.Minter {
	if t == nil {
		return next
	}
	return tracedMinter{next: next, project: project, t: t}
}

type tracedMinter struct {
	next    signer.Minter
	project string
	t       *Tracer
}

func (m tracedMinter) Mint(ctx context.Context, req signer.Request) (signer.Token, error) {
	ctx, done := m.t.Start(ctx, "mint", m.project)
	token, err := m.next.Mint(ctx, req)
	done(err)
	return token, err
}

// Platform returns next, with which a project's keys are managed, with a span for
// each call.
func (t *Tracer) Platform(project string, next keyrotation.Registrar) keyrotation.Registrar {
	if t == nil {
		return next
	}
	return tracedRegistrar{tracedKeys: tracedKeys{api: next, project: project, t: t}, next: next}
}

// Issuer does the same for an Issuer.
func (t *Tracer) Issuer(project string, next keyrotation.Issuer) keyrotation.Issuer {
	if t == nil {
		return next
	}
	return tracedIssuer{tracedKeys: tracedKeys{api: next, project: project, t: t}, next: next}
}

// keyAPI has the methods that a Registrar and an Issuer share.
type keyAPI interface {
	List(ctx context.Context) ([]keyrotation.PlatformKey, error)
	Get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error)
	Delete(ctx context.Context, keyID string) error
}

type tracedKeys struct {
	api     keyAPI
	project string
	t       *Tracer
}

func (k tracedKeys) of(ctx context.Context, operation string) (context.Context, func(error)) {
	return k.t.Start(ctx, "platform "+operation, k.project)
}

func (k tracedKeys) List(ctx context.Context) ([]keyrotation.PlatformKey, error) {
	ctx, done := k.of(ctx, "list")
	keys, err := k.api.List(ctx)
	done(err)
	return keys, err
}

func (k tracedKeys) Get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error) {
	ctx, done := k.of(ctx, "get")
	key, err := k.api.Get(ctx, keyID)
	done(err)
	return key, err
}

func (k tracedKeys) Delete(ctx context.Context, keyID string) error {
	ctx, done := k.of(ctx, "delete")
	err := k.api.Delete(ctx, keyID)
	done(err)
	return err
}

type tracedRegistrar struct {
	tracedKeys
	next keyrotation.Registrar
}

func (r tracedRegistrar) Register(ctx context.Context, name, publicKey string) (string, error) {
	ctx, done := r.of(ctx, "register")
	keyID, err := r.next.Register(ctx, name, publicKey)
	done(err)
	return keyID, err
}

type tracedIssuer struct {
	tracedKeys
	next keyrotation.Issuer
}

func (i tracedIssuer) Issue(ctx context.Context, name string) (keyrotation.IssuedKey, error) {
	ctx, done := i.of(ctx, "issue")
	key, err := i.next.Issue(ctx, name)
	done(err)
	return key, err
}

// Sessions does the same for a SessionEnder; nil stays nil.
func (t *Tracer) Sessions(project string, next keyrotation.SessionEnder) keyrotation.SessionEnder {
	if t == nil || next == nil {
		return next
	}
	return tracedSessions{keys: tracedKeys{project: project, t: t}, next: next}
}

type tracedSessions struct {
	keys tracedKeys
	next keyrotation.SessionEnder
}

func (s tracedSessions) ViewerName(id string) string { return s.next.ViewerName(id) }

func (s tracedSessions) DeleteAndEnd(ctx context.Context, keyID string) error {
	ctx, done := s.keys.of(ctx, "delete")
	err := s.next.DeleteAndEnd(ctx, keyID)
	done(err)
	return err
}

func (s tracedSessions) EndSessions(ctx context.Context, which keyrotation.Sessions, reason string) error {
	ctx, done := s.keys.of(ctx, "end_sessions")
	err := s.next.EndSessions(ctx, which, reason)
	done(err)
	return err
}
