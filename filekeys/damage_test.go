package filekeys_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"errors"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"playtoken/filekeys"
	"playtoken/keyrotation"
	"playtoken/signer"
	"playtoken/store"
)

func publicKey(t testing.TB, stored store.KeyInfo) crypto.PublicKey {
	t.Helper()
	key, err := keyrotation.ParsePublicKey(stored.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func public(t testing.TB, stored store.KeyInfo) *rsa.PublicKey {
	t.Helper()
	return publicKey(t, stored).(*rsa.PublicKey)
}

func modulus(t testing.TB, stored store.KeyInfo) []byte { return public(t, stored).N.Bytes() }

// edit changes the file behind the store's back.
func edit(t *testing.T, path string, change func(tx *bolt.Tx) error) {
	t.Helper()
	db, err := bolt.Open(path, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(change); err != nil {
		t.Fatal(err)
	}
}

// move puts a copy of one value in the place of another.
func move(fromBucket, from, toBucket, to string) func(tx *bolt.Tx) error {
	return func(tx *bolt.Tx) error {
		value := bytes.Clone(tx.Bucket([]byte(fromBucket)).Get([]byte(from)))
		return tx.Bucket([]byte(toBucket)).Put([]byte(to), value)
	}
}

func TestExchangedValuesAreNoticed(t *testing.T) {
	s, path := create(t)
	a, _ := newKey(t, s)
	b, _ := newKey(t, s)
	x, y := newDocument(t, s, "x"), newDocument(t, s, "y")
	for _, name := range []string{a, b} { // both are known to s now
		if _, err := s.Sign(t.Context(), name, signer.RS256, make([]byte, 32)); err != nil {
			t.Fatal(err)
		}
	}
	edit(t, path, move("keys", a, "keys", b))
	edit(t, path, move("documents", x, "documents", y))
	damagedKey(t, s, b)
	damagedDocument(t, s, y)
	edit(t, path, move("documents", x, "keys", b))
	edit(t, path, move("keys", a, "documents", y))
	damagedKey(t, s, b)
	damagedDocument(t, s, y)
	if _, err := s.Sign(t.Context(), a, signer.RS256, make([]byte, 32)); err != nil {
		t.Errorf("a key that was not touched: %v", err)
	}
	if _, err := s.Read(t.Context(), x); err != nil {
		t.Errorf("a document that was not touched: %v", err)
	}
}

func TestAlteredValuesAreNoticed(t *testing.T) {
	s, path := create(t)
	for what, alter := range map[string]func([]byte) []byte{
		"first bit": func(v []byte) []byte { v[0] ^= 1; return v },
		"last bit":  func(v []byte) []byte { v[len(v)-1] ^= 0x80; return v },
		"cut off":   func(v []byte) []byte { return v[:len(v)-1] },
		"a stub":    func(v []byte) []byte { return v[:5] },
		"nothing":   func([]byte) []byte { return nil },
		"longer":    func(v []byte) []byte { return append(v, 0) },
		"zeros":     func(v []byte) []byte { return make([]byte, len(v)) },
	} {
		t.Run(what, func(t *testing.T) {
			key, _ := newKey(t, s)
			doc := newDocument(t, s, "x")
			edit(t, path, func(tx *bolt.Tx) error {
				k, d := tx.Bucket([]byte("keys")), tx.Bucket([]byte("documents"))
				return errors.Join(
					k.Put([]byte(key), alter(bytes.Clone(k.Get([]byte(key))))),
					d.Put([]byte(doc), alter(bytes.Clone(d.Get([]byte(doc))))))
			})
			damagedKey(t, s, key)
			damagedDocument(t, s, doc)
		})
	}
}

func damagedKey(t *testing.T, s *filekeys.Store, name string) {
	t.Helper()
	_, err := s.Sign(t.Context(), name, signer.RS256, make([]byte, 32))
	if !errors.Is(err, filekeys.ErrDamaged) || !errors.Is(err, signer.ErrUnavailable) {
		t.Errorf("Sign: %v, want ErrDamaged and signer.ErrUnavailable", err)
	}
	if _, err := s.Describe(t.Context(), name); !errors.Is(err, filekeys.ErrDamaged) {
		t.Errorf("Describe: %v, want ErrDamaged", err)
	}
}

func damagedDocument(t *testing.T, s *filekeys.Store, name string) {
	t.Helper()
	_, err := s.Read(t.Context(), name)
	if !errors.Is(err, filekeys.ErrDamaged) || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Read: %v, want ErrDamaged and ErrUnavailable", err)
	}
	if _, err := s.Write(t.Context(), name, []byte("x"), 1); !errors.Is(err, filekeys.ErrDamaged) {
		t.Errorf("Write: %v, want ErrDamaged", err)
	}
}

// TestShortenedFileIsNoticed cuts the file anywhere, under a store in use.
func TestShortenedFileIsNoticed(t *testing.T) {
	s, path := create(t)
	name := newDocument(t, s, text(1))
	var used int64 // behind this the database keeps space for later
	edit(t, path, func(tx *bolt.Tx) error { used = tx.Size(); return nil })
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := int64(0); size <= used; size += 2048 {
		if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if size == used {
			break
		}
		damagedDocument(t, s.Again(), name)
		if info, err := os.Stat(path); err != nil || info.Size() != size {
			t.Errorf("a file of %d bytes was written to: %v, %v", size, info, err)
		}
	}
	if _, err := s.Read(t.Context(), name); err != nil {
		t.Errorf("with all that is used: %v", err)
	}
}

// FuzzDamagedFile overwrites some bytes anywhere. No call returns a wrong document
// or signature, or crashes.
func FuzzDamagedFile(f *testing.F) {
	s, path := create(f)
	key, stored := newKey(f, s)
	name := newDocument(f, s, "the right document")
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	for page := range len(whole) / 4096 {
		for _, at := range []int{0, 8, 10, 16, 24, 32, 1024} {
			f.Add(uint32(page*4096+at), []byte{0xff, 0xff})
			f.Add(uint32(page*4096+at), []byte{0, 0, 0, 0})
		}
	}
	f.Add(uint32(0), []byte{}) // no damage
	copied := filepath.Join(f.TempDir(), "store.db")
	f.Fuzz(func(t *testing.T, at uint32, over []byte) {
		damaged := bytes.Clone(whole)
		copy(damaged[int(at)%len(damaged):], over)
		if err := os.WriteFile(copied, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		s := s.At(copied)
		doc, err := s.Read(t.Context(), name)
		if err == nil && string(doc.Data) != "the right document" || err != nil && len(over) == 0 {
			t.Errorf("Read = %q, %v", doc.Data, err)
		}
		sig, err := s.Sign(t.Context(), key, signer.RS256, bytes.Repeat([]byte{1}, 32))
		if err == nil && rsa.VerifyPKCS1v15(public(t, stored), crypto.SHA256, bytes.Repeat([]byte{1}, 32), sig.Value) != nil {
			t.Error("a wrong signature")
		}
		s.Write(t.Context(), name, []byte("x"), 1) // may succeed; must return
	})
}
