package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"playtoken/filekeys"
	"playtoken/keyrotation"
	"playtoken/metrics"
	"playtoken/projects"
	"playtoken/secret"
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
	File  *filekeys.Store  // nil: the store is Vault
	// Now is the store's own clock.
	Now func(context.Context) (time.Time, error)

	mayRotate func(context.Context) (bool, error) // nil: a process that reads the store may change keys
	close     func()
}

// openStorage opens the store that the settings name. Errors: settings.Error;
// store.ErrUnavailable where another process holds the file.
func openStorage(ctx context.Context, set settings.Settings, options Options, measured *metrics.Service) (*Storage, error) {
	if set.StoreFile != "" {
		return openFile(set, options, measured)
	}
	return openVault(ctx, set, measured, options.Log)
}

func openVault(ctx context.Context, set settings.Settings, measured *metrics.Service, log *slog.Logger) (*Storage, error) {
	vault, err := OpenVault(ctx, set.Vault, log)
	if err != nil {
		return nil, err
	}
	measured.Login(func() metrics.Login { return metrics.Login(vault.Login()) })
	return &Storage{
		Store: measured.Store(vault), Vault: vault, Now: vault.Now, mayRotate: vault.MayRotate, close: vault.Close,
	}, nil
}

// OpenVault opens the Vault that the settings name, without a call to it.
// Errors: settings.Error.
func OpenVault(ctx context.Context, v settings.Vault, log *slog.Logger) (*vaultkeys.Store, error) {
	vault, err := vaultkeys.Open(ctx, vaultkeys.Config{
		Address: v.Address, Token: v.Token, Transit: v.Transit, KV: v.KV, Log: log,
		Login: vaultkeys.Login{Method: v.Method, Path: v.Path, RoleID: v.RoleID, SecretID: v.SecretID, Role: v.Role, JWTFile: v.JWTFile},
	})
	if err != nil {
		return nil, settings.Error{fmt.Errorf("VAULT_ADDR, or another of Vault's own variables: %w", err)}
	}
	return vault, nil
}

// OpenFile opens an encrypted file. Errors: settings.Error; store.ErrUnavailable
// where another process holds the file.
func OpenFile(path string, password secret.Value, create bool) (*filekeys.Store, error) {
	file, err := filekeys.Open(path, password, filekeys.Options{Create: create})
	switch {
	case errors.Is(err, store.ErrUnavailable):
		return nil, err
	case err != nil:
		return nil, settings.Error{WithFolder("PLAYTOKEN_STORE", path, withSetting(err))}
	}
	return file, nil
}

// withSetting names the setting that has to be corrected.
func withSetting(err error) error {
	name := "PLAYTOKEN_STORE"
	if errors.Is(err, filekeys.ErrPassword) || errors.Is(err, filekeys.ErrShort) {
		name = "PLAYTOKEN_STORE_PASSWORD"
	}
	return fmt.Errorf("%s: %w", name, err)
}

// WithFolder names the setting and the folder of a file that cannot be opened, if
// that is because the folder does not exist.
func WithFolder(setting, path string, err error) error {
	folder := filepath.Dir(path)
	if _, missing := os.Stat(folder); err == nil || !errors.Is(missing, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%s: the folder %s does not exist; make it: mkdir -p %[2]s", setting, folder)
}

func openFile(set settings.Settings, options Options, measured *metrics.Service) (*Storage, error) {
	file, err := OpenFile(set.StoreFile, set.StorePassword, options.CreateStore)
	if err != nil {
		return nil, err
	}
	if err := filekeys.LongEnough(set.StorePassword); err != nil {
		options.Log.Warn("the store's password is short", "error", err)
	}
	return &Storage{Store: measured.Store(file), File: file, Now: file.Now, close: func() {}}, nil
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

// warnOfRoot logs a warning if the token of Vault is a root token.
func (s *Service) warnOfRoot(ctx context.Context) {
	if s.Storage.Vault == nil {
		return
	}
	root, err := s.Storage.Vault.Root(ctx)
	for err != nil && pause(ctx, askUnsure) {
		root, err = s.Storage.Vault.Root(ctx)
	}
	if root {
		s.log.WarnContext(ctx, "the token of Vault is a root token, which may do everything, and so may a thief of it: "+
			"log in with the policy "+vaultkeys.Rotator.Name()+" alone, as playtoken vault setup says")
	}
}
