package filekeys_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"playtoken/filekeys"
	"playtoken/secret"
	"playtoken/store"
)

func TestOpenSaysWhatIsWrong(t *testing.T) {
	s, good := create(t)
	newDocument(t, s, "x")
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		make     func(path string) error
		password secret.Value
		want     error
		says     string
	}{
		{"nothing there", func(string) error { return nil }, password, fs.ErrNotExist, "there is no store yet"},
		{"directory", func(p string) error { return os.Mkdir(p, 0o700) }, password, nil, "directory"},
		{"empty file", file(nil, 0o600), password, filekeys.ErrDamaged, "0 bytes"},
		{"text", file([]byte(strings.Repeat("hello ", 10000)), 0o600), password, filekeys.ErrDamaged, "not a store"},
		{"other database", otherDatabase, password, filekeys.ErrDamaged, "not a store"},
		{"newer format", newerFormat(whole), password, nil, `format "2"`},
		{"header gone", noDataKey(whole), password, filekeys.ErrDamaged, "header"},
		{"cut off", file(whole[:len(whole)/2], 0o600), password, filekeys.ErrDamaged, "damaged"},
		{"every user may read", file(whole, 0o604), password, nil, "chmod 600 "},
		{"every user may write", file(whole, 0o602), password, nil, "chmod 600 "},
		{"no password", file(whole, 0o600), secret.Value{}, nil, "password is needed"},
		{"wrong password", file(whole, 0o600), secret.New("tr0ub4dor&3"), filekeys.ErrPassword, "wrong password"},
		{"right", file(whole, 0o600), password, nil, ""},
		{"right, for a group", file(whole, 0o660), password, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "store.db")
			if err := c.make(path); err != nil {
				t.Fatal(err)
			}
			_, err := filekeys.Open(path, c.password, filekeys.Options{})
			refusedBy(t, err, c.want, c.says)
		})
	}
}

func refusedBy(t *testing.T, err, want error, says string) {
	t.Helper()
	switch {
	case says == "":
		if err != nil {
			t.Errorf("Open: %v", err)
		}
	case err == nil || !strings.Contains(err.Error(), says) || want != nil && !errors.Is(err, want):
		t.Errorf("Open: %v; want %v, with %q", err, want, says)
	}
}

func file(data []byte, mode os.FileMode) func(string) error {
	return func(path string) error {
		return errors.Join(os.WriteFile(path, data, mode), os.Chmod(path, mode))
	}
}

func update(path string, change func(tx *bolt.Tx) error) error {
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	return errors.Join(db.Update(change), db.Close())
}

func otherDatabase(path string) error {
	return update(path, func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("other")); return err })
}

func newerFormat(whole []byte) func(string) error {
	return func(path string) error {
		return errors.Join(file(whole, 0o600)(path), update(path, func(tx *bolt.Tx) error {
			return tx.Bucket([]byte("playtoken")).Put([]byte("format"), []byte("2"))
		}))
	}
}

func noDataKey(whole []byte) func(string) error {
	return func(path string) error {
		return errors.Join(file(whole, 0o600)(path), update(path, func(tx *bolt.Tx) error {
			return tx.Bucket([]byte("playtoken")).Delete([]byte("data_key"))
		}))
	}
}

func TestOpenWithoutCreateMakesNoFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := filekeys.Open(filepath.Join(dir, "store.db"), password, filekeys.Options{}); err == nil {
		t.Error("opened what is not there")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestCreatedFileIsPrivate also says what a password guess costs, by the header
// that says so itself.
func TestCreatedFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	if _, err := filekeys.Open(path, password, filekeys.Options{Create: true}); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil || !regexp.MustCompile("-> scrypt \\S+ 15\n").Match(raw) {
		t.Errorf("no scrypt of work factor 15 in the header (%v)", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want mode 0600", info.Mode(), err)
	}
	onlyFile(t, path)
}

func TestCreateKeepsWhatIsThere(t *testing.T) {
	s, path := create(t)
	name := newDocument(t, s, "mine")
	if _, err := filekeys.Open(path, secret.New("another password"), creating); !errors.Is(err, filekeys.ErrPassword) {
		t.Errorf("Open with another password: %v", err)
	}
	again, err := filekeys.Open(path, password, creating)
	if err != nil {
		t.Fatal(err)
	}
	if doc, err := again.Read(t.Context(), name); err != nil || string(doc.Data) != "mine" {
		t.Errorf("Read = %q, %v", doc.Data, err)
	}
}

// TestPermissionsAreRespected acts as another user where the tests run as root,
// for whom permissions do not count.
func TestPermissionsAreRespected(t *testing.T) {
	s, path := create(t)
	name := newDocument(t, s, "x")
	asOtherUser(t, func() {
		_, err := filekeys.Open(path, password, filekeys.Options{})
		refusedBy(t, err, fs.ErrPermission, "permission denied")
		_, err = filekeys.Open(filepath.Join(filepath.Dir(path), "new.db"), password, creating)
		refusedBy(t, err, fs.ErrPermission, "permission denied")
		_, err = s.Again().Read(t.Context(), name)
		if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("Read: %v, want ErrUnavailable, for lack of permission", err)
		}
	}, path, filepath.Dir(path))
}

// asOtherUser runs f as a user without permissions for the paths.
func asOtherUser(t *testing.T, f func(), paths ...string) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		mode := os.FileMode(0)
		if info.IsDir() {
			mode = 0o555
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(path, info.Mode()) })
	}
	parent := filepath.Dir(paths[len(paths)-1])
	if err := os.Chmod(parent, 0o755); err != nil { // of t.TempDir, private to us
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with its identity
		if os.Geteuid() == 0 {
			if err := unix.Setfsuid(65534); err != nil {
				t.Error(err)
				return
			}
		}
		f()
	}()
	<-done
}
