package main

import (
	"context"

	"playtoken/keyrotation"
)

// platformError is an error that came from the platform's side. What a
// platform's client returns tells apart what happened there; that it happened
// there, and not in the store, is only known here.
type platformError struct{ cause error }

func (e platformError) Error() string { return e.cause.Error() }
func (e platformError) Unwrap() error { return e.cause }
func (e platformError) OfPlatform()   {} // tells [handlers] whose trouble it is

func mark(err error) error {
	if err == nil {
		return nil
	}
	return platformError{err}
}

// marked is a Registrar whose errors are platformErrors; markedIssuer is the
// same of an Issuer.
type (
	marked       struct{ keyrotation.Registrar }
	markedIssuer struct{ keyrotation.Issuer }
)

func (m marked) Register(ctx context.Context, name, publicKey string) (string, error) {
	keyID, err := m.Registrar.Register(ctx, name, publicKey)
	return keyID, mark(err)
}

func (m marked) List(ctx context.Context) ([]keyrotation.PlatformKey, error) {
	keys, err := m.Registrar.List(ctx)
	return keys, mark(err)
}

func (m marked) Get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error) {
	key, err := m.Registrar.Get(ctx, keyID)
	return key, mark(err)
}

func (m marked) Delete(ctx context.Context, keyID string) error {
	return mark(m.Registrar.Delete(ctx, keyID))
}

func (m markedIssuer) Issue(ctx context.Context, name string) (keyrotation.IssuedKey, error) {
	key, err := m.Issuer.Issue(ctx, name)
	return key, mark(err)
}

func (m markedIssuer) List(ctx context.Context) ([]keyrotation.PlatformKey, error) {
	keys, err := m.Issuer.List(ctx)
	return keys, mark(err)
}

func (m markedIssuer) Get(ctx context.Context, keyID string) (keyrotation.PlatformKey, error) {
	key, err := m.Issuer.Get(ctx, keyID)
	return key, mark(err)
}

func (m markedIssuer) Delete(ctx context.Context, keyID string) error {
	return mark(m.Issuer.Delete(ctx, keyID))
}
