package filekeys_test

import (
	"path/filepath"
	"strings"
	"testing"

	"playtoken/filekeys"
	"playtoken/signer"
)

func BenchmarkSign(b *testing.B) {
	s, _ := create(b)
	name, _ := newKey(b, s)
	for b.Loop() {
		if _, err := s.Sign(b.Context(), name, signer.RS256, make([]byte, 32)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignParallel(b *testing.B) {
	s, _ := create(b)
	name, _ := newKey(b, s)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := s.Sign(b.Context(), name, signer.RS256, make([]byte, 32)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	s, _ := create(b)
	name := newDocument(b, s, strings.Repeat("x", 4096))
	for b.Loop() {
		if _, err := s.Read(b.Context(), name); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	s, _ := create(b)
	name, version := newDocument(b, s, ""), int64(1)
	data := []byte(strings.Repeat("x", 4096))
	for b.Loop() {
		v, err := s.Write(b.Context(), name, data, version)
		if err != nil {
			b.Fatal(err)
		}
		version = v
	}
}

func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "store.db")
	for b.Loop() { // the first one creates it
		if _, err := filekeys.Open(path, password, filekeys.Options{Create: true}); err != nil {
			b.Fatal(err)
		}
	}
}
