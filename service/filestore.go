package service

import (
	"context"
	"errors"
	"fmt"

	"playtoken/audit"
	"playtoken/filekeys"
	"playtoken/secret"
	"playtoken/settings"
)

// What is done to the file store as a whole is no request to the API: only the
// person on the machine who holds the file may have all of it, or decide who can
// open it. It is on record like any other change.

// Rekey gives the file store another password; see [filekeys.Store.Rekey]. Errors:
// settings.Error where the store is no file.
func (s *Service) Rekey(ctx context.Context, password secret.Value) error {
	return s.onFile(ctx, "store.rekey", s.Settings.StoreFile, func(file *filekeys.Store) error { return file.Rekey(ctx, password) })
}

// Backup writes a copy of the file store; see [filekeys.Store.Backup]. Errors:
// settings.Error where the store is no file.
func (s *Service) Backup(ctx context.Context, path string) error {
	return s.onFile(ctx, "store.backup", path, func(file *filekeys.Store) error { return file.Backup(ctx, path) })
}

// onFile does something to the file store, and records it before and after.
func (s *Service) onFile(ctx context.Context, action, subject string, do func(*filekeys.Store) error) error {
	if s.Storage.File == nil {
		return settings.Error{errors.New("PLAYTOKEN_STORE: not a file but Vault, which has commands of its own: vault operator raft snapshot save, vault operator rekey")}
	}
	entry := audit.Entry{Actor: "cli", ActorName: ProcessUser(), Action: action, Subject: subject, Result: "intent"}
	if err := s.audit.Record(ctx, entry); err != nil {
		return fmt.Errorf("put it on record: %w", err)
	}
	err := do(s.Storage.File)
	if entry.Result = "ok"; err != nil {
		entry.Result = "failed"
	}
	_ = s.audit.RecordLazily(entry) // the intent is on record
	return err
}
