package service

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"playtoken/filekeys"
	"playtoken/keyrotation"
	"playtoken/metrics"
	"playtoken/projects"
	"playtoken/settings"
	"playtoken/store"
	"playtoken/vaultkeys"
)

// Store is everything that a store does.
type Store = metrics.Store

// Storage is the open store of a deployment.
type Storage struct {
	Store Store            // as the metrics measure it
	Vault *vaultkeys.Store // nil: the store is a file
	// Now is the store's own clock.
	Now func(context.Context) (time.Time, error)

	mayRotate func(context.Context) (bool, error) // nil: a process that reads the store may change keys
	close     func()
}

// openStorage opens the store that the settings name. Errors: settings.Error;
// store.ErrUnavailable where another process holds the file.
func openStorage(ctx context.Context, set settings.Settings, options Options, measured *metrics.Service) (*Storage, error) {
	if set.StoreFile != "" {
		return openFile(set, options.CreateStore, measured)
	}
	return openVault(ctx, set, measured, options.Log)
}

func openVault(ctx context.Context, set settings.Settings, measured *metrics.Service, log *slog.Logger) (*Storage, error) {
	v := set.Vault
	vault, err := vaultkeys.Open(ctx, vaultkeys.Config{
		Address: v.Address, Token: v.Token, Transit: v.Transit, KV: v.KV, Log: log,
		Login: vaultkeys.Login{Method: v.Method, Path: v.Path, RoleID: v.RoleID, SecretID: v.SecretID, Role: v.Role, JWTFile: v.JWTFile},
	})
	if err != nil {
		return nil, settings.Error{err} // nothing was sent to Vault yet
	}
	measured.Login(func() metrics.Login { return metrics.Login(vault.Login()) })
	return &Storage{
		Store: measured.Store(vault), Vault: vault, Now: vault.Now, mayRotate: vault.MayRotate, close: vault.Close,
	}, nil
}

func openFile(set settings.Settings, create bool, measured *metrics.Service) (*Storage, error) {
	file, err := filekeys.Open(set.StoreFile, set.StorePassword, filekeys.Options{Create: create})
	switch {
	case errors.Is(err, store.ErrUnavailable):
		return nil, err
	case err != nil:
		return nil, settings.Error{err}
	}
	return &Storage{Store: measured.Store(file), Now: file.Now, close: func() {}}, nil
}

// Answers reads a document that need not exist, and returns nil if the store
// answered.
func (s *Storage) Answers(ctx context.Context) error {
	_, err := s.Store.Read(ctx, keyrotation.RingName(projects.Default))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
