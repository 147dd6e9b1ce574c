package filekeys_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"playtoken/filekeys"
	"playtoken/secret"
	"playtoken/signer"
	"playtoken/store"
)

var newPassword = secret.New("another horse, another battery")

// opens reports with which of the two passwords a file opens.
func opens(t *testing.T, path string) (old, changed bool) {
	t.Helper()
	with := func(p secret.Value) bool {
		_, err := filekeys.Open(path, p, filekeys.Options{})
		if err != nil && !errors.Is(err, filekeys.ErrPassword) {
			t.Fatalf("open the store: got %v, want success or a wrong password", err)
		}
		return err == nil
	}
	return with(password), with(newPassword)
}

// holds fails unless the store has this document and this key.
func holds(t *testing.T, s *filekeys.Store, document, text, key string, info store.KeyInfo) {
	t.Helper()
	doc, err := s.Read(t.Context(), document)
	if err != nil || string(doc.Data) != text || doc.Version != 1 {
		t.Errorf("read the document: got %q at version %d, %v, want %q at version 1", doc.Data, doc.Version, err, text)
	}
	got, err := s.Describe(t.Context(), key)
	if err != nil || got.PublicKey != info.PublicKey || got.Spec != info.Spec {
		t.Errorf("describe the key: got %+v, %v, want %+v", got, err, info)
	}
}

func TestRekeyKeepsEverythingUnderTheNewPasswordAlone(t *testing.T) {
	s, path := create(t)
	document := newDocument(t, s, "kept")
	key, info := newKey(t, s)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := s.Rekey(t.Context(), newPassword); err != nil {
		t.Fatal(err)
	}
	if old, changed := opens(t, path); old || !changed {
		t.Errorf("after the change: opens with the old password %t, with the new one %t; want false, true", old, changed)
	}
	holds(t, s, document, "kept", key, info) // the handle that changed it
	again, err := filekeys.Open(path, newPassword, filekeys.Options{})
	if err != nil {
		t.Fatal(err)
	}
	holds(t, again, document, "kept", key, info)
	if _, err := again.Sign(t.Context(), key, signer.RS256, bytes.Repeat([]byte{1}, 32)); err != nil {
		t.Errorf("sign with a key of a store with a new password: %v", err)
	}
	if mode := modeOf(t, path); mode != 0o640 {
		t.Errorf("mode of the file: got %04o, want that of before, 0640", mode)
	}
	onlyFile(t, path)
}

func modeOf(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// TestNothingOfTheOldKeyIsLeft: a thief of the old password and of the new file
// reads nothing, not even from pages that are free.
func TestNothingOfTheOldKeyIsLeft(t *testing.T) {
	s, path := create(t)
	var before []byte
	read := func(tx *bolt.Tx) error {
		before = append(before, tx.Bucket([]byte("playtoken")).Get([]byte("data_key"))...)
		return nil
	}
	if err := update(path, read); err != nil {
		t.Fatal(err)
	}
	if err := s.Rekey(t.Context(), newPassword); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(before) < 100 || contains(whole, before[100:164]) {
		t.Error("the file with the new password still contains the key that the old one opens")
	}
}

func contains(whole, part []byte) bool {
	for i := range len(whole) - len(part) {
		if string(whole[i:i+len(part)]) == string(part) {
			return true
		}
	}
	return false
}

func TestRekeyThatFailsChangesNothing(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, path string) secret.Value{
		"short password": func(*testing.T, string) secret.Value { return secret.New("short") },
		"damaged value": func(t *testing.T, path string) secret.Value {
			edit(t, path, func(tx *bolt.Tx) error {
				return tx.Bucket([]byte("documents")).Put([]byte("test/damaged"), []byte("x"))
			})
			return newPassword
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, path := create(t)
			document := newDocument(t, s, "kept")
			if err := s.Rekey(t.Context(), spoil(t, path)); err == nil {
				t.Error("change the password: got success, want an error")
			}
			unchanged(t, s, path, document)
		})
	}
}

func unchanged(t *testing.T, s *filekeys.Store, path, document string) {
	t.Helper()
	if old, changed := opens(t, path); !old || changed {
		t.Errorf("opens with the old password %t, with the new one %t; want true, false", old, changed)
	}
	if _, err := s.Read(t.Context(), document); err != nil {
		t.Errorf("read after a change that failed: %v", err)
	}
	onlyFile(t, path)
}

// TestRekeyNeedsItsDirectory: the new file is made beside the old one.
func TestRekeyNeedsItsDirectory(t *testing.T) {
	s, path := create(t)
	document := newDocument(t, s, "kept")
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	asOtherUser(t, func() { refusedBy(t, s.Rekey(t.Context(), newPassword), fs.ErrPermission, "permission denied") }, filepath.Dir(path))
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	unchanged(t, s, path, document)
}

// rekeyForever changes the password forth and back.
func rekeyForever(ctx context.Context, path string) error {
	s, err := filekeys.Open(path, password, filekeys.Options{WorkFactor: 2})
	for to := newPassword; err == nil; {
		fmt.Println("1")
		if err = s.Rekey(ctx, to); err == nil {
			fmt.Println("2")
			err = s.Rekey(ctx, password)
		}
	}
	return err
}

// TestKilledRekeyLeavesOldOrNew kills a process that changes the password, with
// SIGKILL at random moments.
func TestKilledRekeyLeavesOldOrNew(t *testing.T) {
	s, path := create(t)
	document := newDocument(t, s, text(1))
	for range 20 {
		killWriter(t, "rekey", path, "")
		old, changed := opens(t, path)
		if old == changed {
			t.Fatalf("after a kill: opens with the old password %t, with the new one %t; want exactly one", old, changed)
		}
		now := password
		if changed {
			now = newPassword
		}
		s, err := filekeys.Open(path, now, filekeys.Options{WorkFactor: 2})
		if err != nil {
			t.Fatal(err)
		}
		if doc, err := s.Read(t.Context(), document); err != nil || string(doc.Data) != text(1) {
			t.Fatalf("after a kill: got %d bytes, %v, want the document", len(doc.Data), err)
		}
		if err := s.Rekey(t.Context(), password); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOtherProcessesAreToldOfANewPassword: they neither see damage nor write into
// a file that is not there any more.
func TestOtherProcessesAreToldOfANewPassword(t *testing.T) {
	s, _ := create(t)
	other := s.Again()
	document := newDocument(t, other, "before")
	if err := s.Rekey(t.Context(), newPassword); err != nil {
		t.Fatal(err)
	}
	_, err := other.Read(t.Context(), document)
	refusedBy(t, err, filekeys.ErrRekeyed, "restart it with the new one")
	_, err = other.Write(t.Context(), document, []byte("lost"), 1)
	refusedBy(t, err, filekeys.ErrRekeyed, "changed while this process ran")
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a store with a new password: got %v, want an unavailable store", err)
	}
	if doc, err := s.Read(t.Context(), document); err != nil || string(doc.Data) != "before" {
		t.Errorf("read: got %q, %v, want what was there", doc.Data, err)
	}
}

// TestAProcessThatIsGivenThePasswordGoesOn, whether that happens before the change or
// after it.
func TestAProcessThatIsGivenThePasswordGoesOn(t *testing.T) {
	s, _ := create(t)
	document := newDocument(t, s, "kept")
	before, after := s.Again(), s.Again()
	before.ReplacePassword(newPassword)
	if doc, err := before.Read(t.Context(), document); err != nil || string(doc.Data) != "kept" {
		t.Errorf("before the change: got %q, %v", doc.Data, err)
	}
	if err := s.Rekey(t.Context(), newPassword); err != nil {
		t.Fatal(err)
	}
	if doc, err := before.Read(t.Context(), document); err != nil || string(doc.Data) != "kept" {
		t.Errorf("given the password before the change: got %q, %v", doc.Data, err)
	}
	after.ReplacePassword(secret.New("not the password either"))
	for range 3 {
		_, err := after.Read(t.Context(), document)
		refusedBy(t, err, filekeys.ErrRekeyed, "put that into the file")
	}
	after.ReplacePassword(newPassword)
	if doc, err := after.Read(t.Context(), document); err != nil || string(doc.Data) != "kept" {
		t.Errorf("given the password after the change: got %q, %v", doc.Data, err)
	}
}

// TestRekeyUnderLoad: no write that was confirmed is lost when the file is
// replaced under its writers.
func TestRekeyUnderLoad(t *testing.T) {
	s, path := create(t)
	var writers sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for range 3 {
		document := newDocument(t, s, "1")
		writer, err := filekeys.Open(path, password, filekeys.Options{})
		if err != nil {
			t.Fatal(err)
		}
		writer.ReplacePassword(newPassword)
		writers.Go(func() {
			version := int64(1)
			for ctx.Err() == nil {
				next, err := writer.Write(t.Context(), document, []byte("x"), version)
				if err != nil {
					t.Errorf("write version %d: %v", version+1, err)
					return
				}
				version = next
			}
			if doc, err := s.Read(t.Context(), document); err != nil || doc.Version != version {
				t.Errorf("after %d confirmed writes: got version %d, %v", version, doc.Version, err)
			}
		})
	}
	for range 10 {
		if err := s.Rekey(t.Context(), newPassword); err != nil {
			t.Error(err)
		}
		time.Sleep(rand.N(5 * time.Millisecond))
	}
	stop()
	writers.Wait()
}

func TestBackupIsAWholeStoreOfThatMoment(t *testing.T) {
	s, path := create(t)
	document := newDocument(t, s, "backed up")
	key, info := newKey(t, s)
	gone, _ := newKey(t, s)
	if err := s.Destroy(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "backup.db")
	if err := s.Backup(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(t.Context(), document, []byte("later"), 1); err != nil {
		t.Fatal(err)
	}
	restored, err := filekeys.Open(to, password, filekeys.Options{})
	if err != nil {
		t.Fatal(err)
	}
	holds(t, restored, document, "backed up", key, info)
	if mode := modeOf(t, to); mode != 0o600 {
		t.Errorf("mode of the backup: got %04o, want 0600", mode)
	}
	refusedBy(t, s.Backup(t.Context(), to), fs.ErrExist, "exists")
	onlyFile(t, to)
	onlyFile(t, path)
}

func TestBackupThatFailsLeavesNoFile(t *testing.T) {
	s, path := create(t)
	edit(t, path, func(tx *bolt.Tx) error { return tx.Bucket([]byte("keys")).Put([]byte("damaged"), []byte("x")) })
	to := filepath.Join(t.TempDir(), "backup.db")
	refusedBy(t, s.Backup(t.Context(), to), filekeys.ErrDamaged, "keys/damaged")
	if left, err := os.ReadDir(filepath.Dir(to)); err != nil || len(left) > 0 {
		t.Errorf("after a backup that failed: got %v, %v, want no file", left, err)
	}
	missing := filepath.Join(t.TempDir(), "no")
	refusedBy(t, s.Backup(t.Context(), filepath.Join(missing, "backup.db")), fs.ErrNotExist, "make a file in the folder "+missing+":")
}

// TestBackupWhileOthersWrite: every backup opens, and has a document that was
// whole at some moment.
func TestBackupWhileOthersWrite(t *testing.T) {
	s, path := create(t)
	document := newDocument(t, s, text(1))
	cmd := process(t.Context(), "write", path, document)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	last := int64(0)
	for range 20 {
		to := filepath.Join(t.TempDir(), "backup.db")
		if err := s.Backup(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		doc, err := s.At(to).Read(t.Context(), document)
		if err != nil || string(doc.Data) != text(doc.Version) || doc.Version < last {
			t.Fatalf("a backup taken during writes: got version %d after %d with %d bytes, %v, want a whole and no older one", doc.Version, last, len(doc.Data), err)
		}
		last = doc.Version
	}
}
